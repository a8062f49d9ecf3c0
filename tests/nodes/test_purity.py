"""No node changes what it is given: every node of the pack, called with values made from its description."""

import hashlib
from collections.abc import Callable, Generator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from PIL import Image as Picture
from torch import Tensor, nn

from nodegraph import Document, NodeType, Profile, Registry
from nodegraph.files import find_file
from nodegraph.folders import default_folders
from nodes import (
    comfyui,
    comparing,
    denoise,
    estimates,
    forward,
    guidance,
    histograms,
    image,
    inpainting,
    latent,
    loaders,
    mask,
    models,
    noise,
    plots,
    prompts,
    sampling,
    sdxl,
    text,
)
from nodes.comparing import Psnr
from nodes.diffusion.checkpoint import Checkpoint
from nodes.diffusion.layouts import Extras
from nodes.diffusion.safetensors_file import write_safetensors
from nodes.diffusion.text_encoder import TextConfig, TextTower
from nodes.previews import PreviewDecoders
from nodes.types import Conditioning, Denoiser, Embeddings, Image, Latent, Mask
from tests.diffusion.checkpoints import MERGES
from tests.nodes import values
from tests.nodes.values import CHECKPOINT, levels, write_lora

NODES = Registry.from_modules(
    *(comfyui, comparing, denoise, estimates, forward, guidance, histograms, image, inpainting, latent, loaders),
    *(mask, models, noise, plots, prompts, sampling, sdxl, text),
)
SUPPLIED: Mapping[type, object] = {
    Profile: Profile(),
    Document: Document({"nodegraph": 1, "nodes": {}}),
    Embeddings: Embeddings(),
    PreviewDecoders: PreviewDecoders(),
}
# Few steps, and small pictures: the defaults would take minutes.
SMALL: Mapping[str, object] = {
    "steps": 2,
    "width": 64,
    "height": 64,
    "text": "a red heart",
    "texts": "a red heart\na blue heart",
    "times": "0, 1, 2",
    "numbers": "1, 2",
    "text_g": "a",
    "text_l": "b",
    "sampling": "eps",
    "seed": 3,
    "step": 0,
}


@pytest.fixture
def examples(
    checkpoint: Checkpoint, prompt: Conditioning, denoiser: Denoiser, latent: Latent, picture: Image
) -> dict[str, Callable[[], object]]:
    """A new value of every socket type."""
    return {
        "Model": lambda: checkpoint.model,
        "TextEncoder": lambda: checkpoint.clip,
        "Vae": lambda: checkpoint.vae,
        "Conditioning": lambda: prompt,
        "Denoiser": lambda: denoiser,
        "Image": lambda: Image(picture.pixels.clone()),
        "Mask": lambda: Mask(torch.rand(1, 64, 64)),
        "Latent": lambda: Latent(
            latent.samples.clone(), torch.rand(1, 1, 64, 64), torch.rand_like(latent.samples), latent.samples.clone()
        ),
        "Psnr": lambda: Psnr(torch.tensor([20.0, 30.0])),
        "Sigmas": lambda: levels(3.0, 1.0, 0.0),
    }


def arguments_of(node: NodeType, examples: Mapping[str, Callable[[], object]], folder: Path) -> dict[str, Any]:
    """A value for every input: an example, a small number, the default, or a file."""
    given: dict[str, Any] = {}
    for name, socket in node.description.inputs.items():
        if socket.type in examples:
            given[name] = examples[socket.type]()
        elif socket.type == "Path" and socket.widget and socket.widget.kind == "file":
            given[name] = file_for(name, folder)
        elif socket.type == "Path":
            given[name] = folder / "saved"
        elif name in SMALL:
            given[name] = SMALL[name]
    return given | {name: SUPPLIED[kind] for name, kind in node.supplied.items()}


def file_for(name: str, folder: Path) -> Path:
    if name in ("name", "ckpt_name", "vae_name"):
        return find_file(CHECKPOINT, "checkpoints", default_folders())
    if name in ("unet_name", "clip_name", "clip_name1"):
        return find_file(CHECKPOINT, "checkpoints", default_folders())
    if name == "clip_name2":
        return write_wide_tower(folder / "wide.safetensors")
    if name == "lora_name":
        return write_lora(folder / "lora.safetensors")
    path = folder / "picture.png"
    Picture.new("RGBA", (16, 16), (255, 0, 0, 128)).save(path)
    return path


def write_wide_tower(path: Path) -> Path:
    """A text encoder that can stand for the larger one of SDXL."""
    config = TextConfig(514 + len(MERGES), length=16, channels=192, layers=2, heads=3, width=40, projection=24)
    extras = Extras(text_heads=config.heads, merges=MERGES)
    write_safetensors(dict(TextTower(config).state_dict()), path, extras.to_metadata())
    return path


def fingerprint(value: object) -> str:
    """A hash of every tensor in a value."""
    digest = hashlib.sha256()
    for tensor in tensors_in(value):
        digest.update(repr(tensor.shape).encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def tensors_in(value: object) -> Generator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, nn.Module):
        yield from value.state_dict().values()
    elif isinstance(value, tuple | list):
        for part in cast("tuple[object, ...]", value):
            yield from tensors_in(part)
    elif is_dataclass(value):
        for field in fields(value):
            yield from tensors_in(getattr(value, field.name))


@pytest.mark.parametrize("name", sorted(NODES))
def test_a_node_leaves_its_inputs_as_they_were(name: str, examples: Mapping[str, Callable[[], object]], tmp_path: Path):
    node = NODES[name]
    arguments = arguments_of(node, examples, tmp_path)
    before = {given: fingerprint(value) for given, value in arguments.items()}
    result = node.function(**arguments)
    if node.returns.streams:
        result = values.result_of(result)
    assert {given: fingerprint(value) for given, value in arguments.items()} == before
    node.returns.taken_apart(result)  # it gives what it declares
