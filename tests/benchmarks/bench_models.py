"""Models at full size against diffusers: a step, a picture from a cold process, loading, memory, and half precision.

Everything is measured in one run, on the same weights and with the same threads: a file in the layout of SD1.5 with
random weights in float16. CPU seconds are those of the processor; the least of several counts.
"""

import json
import math
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nodegraph.folders import packs
from nodes.diffusion.checkpoint import Checkpoint, load_checkpoint
from nodes.diffusion.devices import computes_in_bfloat16, placement
from nodes.diffusion.layouts import SD1, UNET_PLACES, VAE_PLACES
from nodes.diffusion.progress import finish
from nodes.diffusion.safetensors_file import write_safetensors
from nodes.diffusion.saving import Stored, write_steps
from nodes.diffusion.text_encoder import TextConfig, TextTower
from nodes.diffusion.unet import UNet, UNetConfig
from nodes.diffusion.vae import Autoencoder, VaeConfig
from nodes.sampling import ksampler
from nodes.text import encode
from nodes.types import Latent
from tests.nodes.values import result_of

from .bench_pictures import COMMAND
from .figure import Figure
from .peer_names import theirs

ROUNDS = 3
SIZES = (32, 64)  # of latents
PROMPTS = ("a red heart on a white background", "a purple frog", "two green pears on a black background", "a blue cat")
WORKFLOW: dict[str, Any] = {
    "nodegraph": 1,
    "nodes": {
        "loader": {"type": "LoadCheckpoint", "values": {"name": "sd15.safetensors"}},
        "yes": {"type": "CLIPTextEncode", "values": {"text": "a frog"}, "links": {"clip": "loader.clip"}},
        "no": {"type": "CLIPTextEncode", "values": {"text": ""}, "links": {"clip": "loader.clip"}},
        "empty": {"type": "EmptyLatent", "values": {"width": 256, "height": 256}},
        "sampler": {
            "type": "KSampler",
            "values": {"steps": 4, "seed": 1, "cfg": 7.0},
            "links": {
                "model": "loader.model", "positive": "yes.conditioning", "negative": "no.conditioning",
                "latent_image": "empty.latent",
            },
        },
        "decode": {"type": "VAEDecode", "links": {"samples": "sampler.latent", "vae": "loader.vae"}},
        "save": {"type": "SaveImage", "links": {"images": "decode.image"}},
    },
}  # fmt: skip
# What a script with diffusers does for the same picture; the weights are found by our table of names.
PEER = """
import sys, warnings; warnings.simplefilter("ignore")
import torch, numpy
from PIL import Image
from safetensors.torch import load_file
from diffusers import AutoencoderKL, EulerDiscreteScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel
torch.set_grad_enabled(False)
def part(name, build):
    with torch.device("meta"): module = build()
    state = {key: tensor.float() for key, tensor in load_file(f"{sys.argv[1]}/{name}.safetensors").items()}
    module.load_state_dict(state, assign=True); return module.eval()
text = part("text", lambda: CLIPTextModel(CLIPTextConfig(vocab_size=49408, hidden_size=768, intermediate_size=3072,
    num_attention_heads=12, hidden_act="quick_gelu")))
ids = torch.full((2, 77), 49407); ids[:, 0] = 49406; ids[0, 1:3] = torch.tensor([320, 5000])
context = text(ids)[0]
unet = part("unet", lambda: UNet2DConditionModel(cross_attention_dim=768, attention_head_dim=8))
scheduler = EulerDiscreteScheduler(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012)
scheduler.set_timesteps(4)
x = torch.randn(1, 4, 32, 32) * scheduler.init_noise_sigma
for t in scheduler.timesteps:
    yes, no = unet(scheduler.scale_model_input(torch.cat([x, x]), t), t, context).sample.chunk(2)
    x = scheduler.step(no + 7 * (yes - no), t, x).prev_sample
names = ["DownEncoderBlock2D"] * 4, ["UpDecoderBlock2D"] * 4
vae = part("vae", lambda: AutoencoderKL(down_block_types=names[0], up_block_types=names[1],
    block_out_channels=(128, 256, 512, 512), layers_per_block=2))
pixels = (vae.decode(x / 0.18215).sample[0].permute(1, 2, 0).clamp(-1, 1) + 1) * 127.5
Image.fromarray(pixels.byte().numpy()).save(f"{sys.argv[1]}/peer.png")
"""
READY = """
import sys, time, pathlib, torch
from nodes.diffusion.checkpoint import load_checkpoint
from nodes.diffusion.devices import placement
began = time.monotonic()
model, clip, _ = load_checkpoint(pathlib.Path(sys.argv[1]), placement("cpu"))
clip.encode("a frog"), clip.encode("")
model.unet.resident()
print(time.monotonic() - began)
"""


def figures() -> list[Figure]:
    """Of SD1.5, on this machine's CPU."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = write_sd15(folder / "checkpoints" / "sd15.safetensors")
        return [*steps(file), *cold(file, folder), *half_precision(file)]


def write_sd15(path: Path) -> Path:
    """A file of 2.1 GB in the layout of SD1.5, with random weights."""
    with torch.device("meta"):
        parts = {
            UNET_PLACES[0]: UNet(UNetConfig()),
            VAE_PLACES[0]: Autoencoder(VaeConfig()),
            SD1.places[0][0]: TextTower(TextConfig()),
        }
    tensors = {
        prefix + name: Stored(tuple(like.shape), partial(drawn, name, tuple(like.shape)))
        for prefix, part in parts.items()
        for name, like in part.state_dict().items()
    }
    finish(write_steps(path, tensors, torch.float16, {}))
    return path


def drawn(name: str, shape: tuple[int, ...]) -> Tensor:
    """A weight of the size that training begins with: a norm's is one, a bias zero."""
    if len(shape) == 1:
        return torch.ones(shape) if name.endswith("weight") else torch.zeros(shape)
    return torch.randn(shape) / math.prod(shape[1:]) ** 0.5


def cpu_seconds(work: Callable[[], object], who: int = resource.RUSAGE_SELF) -> float:
    before = resource.getrusage(who)
    work()
    after = resource.getrusage(who)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def steps(file: Path) -> list[Figure]:
    """A step of the U-Net, two latents at once."""
    diffusers: Any = __import__("diffusers")
    peer = diffusers.UNet2DConditionModel(cross_attention_dim=768, attention_head_dim=8).eval()
    ours = {dtype: load_checkpoint(file, placement("cpu", dtype)).model for dtype in ("float32", "bfloat16")}
    found: list[Figure] = []
    for size in SIZES:
        x, t, context = torch.randn(2, 4, size, size), torch.full((2,), 500.0), torch.randn(2, 77, 768)
        works: dict[str, Callable[[], object]] = {
            "diffusers": lambda x=x, t=t, context=context: peer(x, t, context),
            **{name: lambda m=m, x=x, t=t, c=context: m.predict(x, t, c) for name, m in ours.items()},
        }
        least = dict.fromkeys(works, math.inf)
        with torch.no_grad():
            for _ in range(ROUNDS):
                least = {name: min(least[name], cpu_seconds(work)) for name, work in works.items()}
        found += [
            ratio(f"U-Net step, {size} × {size}, float32", least["float32"], least["diffusers"], 1.0),
            ratio(f"U-Net step, {size} × {size}, bfloat16", least["bfloat16"], least["diffusers"], 0.48),
        ]
    return found


def ratio(what: str, ours: float, theirs: float, reach: float) -> Figure:
    """Ours in proportion to diffusers in float32."""
    said = f"{ours / theirs:.2f} × ({ours:.1f} s to {theirs:.1f} s)"
    binding = reach >= 1 or computes_in_bfloat16()
    return Figure(
        f"{what}: CPU of diffusers' float32", said, f"≤ {reach:g} ×", ours <= reach * theirs if binding else None
    )


def cold(file: Path, folder: Path) -> list[Figure]:
    """A picture of 256 × 256 in 4 steps from a process that begins with nothing, and the same with diffusers."""
    workflow = folder / "workflow.json"
    workflow.write_text(json.dumps(WORKFLOW))
    words = [sys.executable, "-c", COMMAND, "run", str(workflow), "--models", str(folder), "--output", str(folder)]
    for_peer(file, folder)
    peaks: list[int] = []

    def run() -> None:
        done = subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        peaks.append(int(done.stderr.split()[-2]))

    def peer() -> None:
        subprocess.run([sys.executable, "-c", PEER, str(folder)], check=True, stdout=subprocess.DEVNULL)

    ours, others = math.inf, math.inf
    for _ in range(ROUNDS):
        ours = min(ours, cpu_seconds(run, resource.RUSAGE_CHILDREN))
        others = min(others, cpu_seconds(peer, resource.RUSAGE_CHILDREN))
    ready = [sys.executable, "-c", READY, str(file)]
    loading = min(
        float(subprocess.run(ready, check=True, capture_output=True, text=True).stdout) for _ in range(ROUNDS)
    )
    allowed = (1.4 * file.stat().st_size + 0.8e9) / 1e9
    return [
        ratio("256 × 256 in 4 steps, cold process", ours, others, 0.5),
        Figure("peak memory of that", f"{max(peaks) / 1e6:.2f} GB", f"≤ {allowed:.2f} GB", max(peaks) / 1e6 <= allowed),
        Figure("from the file to the first step", f"{loading:.2f} s", "≤ 1.5 s", loading <= 1.5),
    ]


def for_peer(file: Path, folder: Path) -> None:
    """The same weights under diffusers' names, a file for each part."""
    for name, tensors in theirs(file).items():
        write_safetensors(tensors, folder / f"{name}.safetensors")


def half_precision(file: Path) -> list[Figure]:
    """How near pictures in the default type come to those in float32, from the same seed."""
    embedded = next(iter(packs())) / "checkpoints" / "emoji-64.safetensors"
    found: list[Figure] = []
    for what, path, side, count in (("embedded model", embedded, 64, 20), ("SD1.5, random weights", file, 256, 4)):
        worst = math.inf
        exact, fast = (load_checkpoint(path, placement("cpu", dtype)) for dtype in ("float32", "auto"))
        for seed, prompt in enumerate(PROMPTS if side == 64 else PROMPTS[:1]):
            pictures = [picture(each, prompt, seed, side, count) for each in (exact, fast)]
            worst = min(worst, psnr(*pictures))
        said = f"{worst:.1f} dB"
        found.append(Figure(f"default type against float32, {what}: PSNR", said, "≥ 35 dB", worst >= 35))
    return found


def picture(checkpoint: Checkpoint, prompt: str, seed: int, side: int, count: int) -> Tensor:
    """What a KSampler makes of a prompt, [1, 3, side, side]."""
    model, clip, vae = checkpoint
    latent = Latent(torch.zeros(1, 4, side // 8, side // 8))
    done = ksampler(model, encode(prompt, clip), encode("", clip), latent, seed, count, 3.0)
    return vae.decode(result_of(done).samples)


def psnr(first: Tensor, second: Tensor) -> float:
    """Peak signal-to-noise ratio of pictures in 0…1, in dB."""
    return -10 * math.log10(max(float((first - second).square().mean()), 1e-12))
