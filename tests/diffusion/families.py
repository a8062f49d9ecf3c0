"""The published layouts, at full size and tiny: what their files hold, made from reference modules."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file  # pyright: ignore[reportUnknownVariableType] -- its types are incomplete
from torch import Tensor

from nodes.diffusion.text_encoder import TextConfig
from nodes.diffusion.unet import UNetConfig
from nodes.diffusion.vae import VaeConfig
from tests.diffusion.checkpoints import Contents, read
from tests.diffusion.ldm_names import State, ldm_text, ldm_unet, ldm_vae
from tests.diffusion.references import randomize, tower_of, unet_of, vae_of

CLIP_L_PLACE, OPEN_CLIP_PLACE = "cond_stage_model.transformer.", "cond_stage_model.model."
XL_PLACES = ("conditioner.embedders.0.transformer.", "conditioner.embedders.1.model.")
REFINER_PLACE = "conditioner.embedders.0.model."
UNET_PLACE, VAE_PLACE = "model.diffusion_model.", "first_stage_model."
SCHEDULE = (
    "betas", "alphas_cumprod", "alphas_cumprod_prev", "sqrt_alphas_cumprod", "sqrt_one_minus_alphas_cumprod",
    "log_one_minus_alphas_cumprod", "sqrt_recip_alphas_cumprod", "sqrt_recipm1_alphas_cumprod", "posterior_variance",
    "posterior_log_variance_clipped", "posterior_mean_coef1", "posterior_mean_coef2",
)  # fmt: skip
# Where the text towers are in diffusers' folders.
FOLDERS = {1: ("text_encoder",), 2: ("text_encoder", "text_encoder_2")}
# The spread of these biases tells SD2's two kinds of output apart.
TELLING = "output_blocks.11.1.transformer_blocks.0.norm1.bias"
VAE = VaeConfig()


@dataclass(frozen=True)
class Layout:
    """What a published file holds; `places` are the prefixes of its text towers.

    The last layer of OpenCLIP-H is never used, and diffusers leaves it out.
    """

    family: str
    unet: UNetConfig
    towers: tuple[TextConfig, ...]
    places: tuple[str, ...]
    vae: VaeConfig = VAE
    scale: float = 0.18215
    dtype: torch.dtype = torch.float32
    prediction: str = "eps"
    schedule: bool = True

    @property
    def folders(self) -> tuple[str, ...]:
        """What diffusers calls its text towers."""
        return ("text_encoder_2",) if self.family == "SDXL refiner" else FOLDERS[len(self.towers)]


UNET_2 = UNetConfig(context_channels=1024, heads=None, head_channels=64, linear=True)
UNET_XL = replace(
    UNET_2, channel_mult=(1, 2, 4), depth=(0, 2, 10), middle_depth=10, context_channels=2048, label_channels=2816
)
UNET_REFINER = replace(
    UNET_2, model_channels=384, depth=(0, 4, 4, 0), middle_depth=4, context_channels=1280, label_channels=2560
)
CLIP_L = TextConfig()
OPEN_CLIP_H = TextConfig(channels=1024, layers=24, heads=16, width=4096, projection=1024, exact=True)
BIG_G = TextConfig(channels=1280, layers=32, heads=20, width=5120, projection=1280, exact=True)

SD15 = Layout("SD1", UNetConfig(), (CLIP_L,), (CLIP_L_PLACE,))
SD21 = Layout("SD2", UNET_2, (OPEN_CLIP_H,), (OPEN_CLIP_PLACE,))
SDXL = Layout("SDXL", UNET_XL, (CLIP_L, BIG_G), XL_PLACES, scale=0.13025, dtype=torch.float16, schedule=False)
REFINER = replace(SDXL, family="SDXL refiner", unet=UNET_REFINER, towers=(BIG_G,), places=(REFINER_PLACE,))


def of_channels(layout: Layout, channels: int) -> Layout:
    """The same with another number of channels that the U-Net reads."""
    return replace(layout, unet=replace(layout.unet, in_channels=channels))


FULL = {
    "sd14": replace(SD15, schedule=False),
    "sd15": SD15,
    "sd15_pix2pix": of_channels(SD15, 8),
    "sd15_inpaint": of_channels(SD15, 9),
    "sd21_base": SD21,
    "sd21_v": replace(SD21, prediction="v"),
    "sd2_inpaint": of_channels(SD21, 9),
    "sd2_depth": of_channels(SD21, 5),
    "sdxl_base": SDXL,
    "sdxl_inpaint": of_channels(SDXL, 9),
    "sdxl_refiner": REFINER,
}


def shrunk(layout: Layout) -> Layout:
    """The same layout with few channels: heads of 64 channels and groups of 32 stay, which no key tells."""
    towers = tuple(
        replace(
            tower,
            channels=width,
            heads=width // 64,
            width=96,
            layers=24 if layout.family == "SD2" else 3,  # SD2's missing layer is told by their number
            projection=tower.projection and width,
        )
        for tower, width in zip(layout.towers, (64, 128)[-len(layout.towers) :], strict=True)
    )
    context = sum(tower.channels for tower in towers)
    labels = layout.unet.label_channels
    unet = replace(
        layout.unet,
        model_channels=32,
        context_channels=context,
        depth=tuple(min(depth, 2) for depth in layout.unet.depth),
        middle_depth=min(layout.unet.middle_depth, 2),
        label_channels=labels and labels - layout.towers[-1].channels + towers[-1].channels,
    )
    return replace(layout, unet=unet, towers=towers, vae=VaeConfig((32, 32, 64, 64)))


TINY = {name: shrunk(layout) for name, layout in FULL.items() if name != "sd14"}


@dataclass(frozen=True)
class References:
    """The modules of diffusers and transformers that a layout is made from."""

    layout: Layout
    unet: Any
    vae: Any
    towers: tuple[Any, ...]


def references(layout: Layout) -> References:
    """The modules without weights."""
    with torch.device("meta"):
        towers = tuple(tower_of(config).eval() for config in layout.towers)
        return References(layout, reference_unet(layout.unet).eval(), vae_of(layout.vae).eval(), towers)


def reference_unet(config: UNetConfig) -> Any:
    """A U-Net that reads sizes where it has labels, as SDXL's do."""
    sizes = {"addition_embed_type": "text_time", "addition_time_embed_dim": 256} if config.label_channels else {}
    return unet_of(config, **sizes)


@cache
def tiny(name: str) -> References:
    """Those of a tiny layout with random weights, which its type can hold; nobody changes them."""
    layout = TINY[name]
    towers = tuple(_filled(tower_of, config, layout.dtype) for config in layout.towers)
    unet = _filled(reference_unet, layout.unet, layout.dtype, telling=layout.prediction)
    return References(layout, unet, _filled(vae_of, layout.vae, layout.dtype), towers)


@cache
def _filled(build: Callable[[Any], Any], config: Any, dtype: torch.dtype, telling: str = "") -> Any:
    if build is tower_of:
        module = build(config)  # its position ids are no weights, and are filled here
    else:
        with torch.device("meta"):
            module = build(config)
        module = module.to_empty(device="cpu")
    module.requires_grad_(requires_grad=False)
    randomize(module)
    for tensor in module.state_dict().values():
        tensor.copy_(tensor.to(dtype))
    told = ldm_unet(module.state_dict()).get(TELLING) if telling == "eps" else None
    if told is not None:
        told.mul_(0.1)
    return module.eval()


def write(contents: Contents, path: Path) -> Path:
    """Write a file that nobody minds losing: `Contents.write` waits until the disk has it."""
    tensors = {name: tensor.contiguous() for name, tensor in contents.tensors.items()}
    save_file(tensors, path, contents.metadata)
    return path


def open_clip(state: State) -> State:
    """The weights of a Hugging Face text tower as OpenCLIP has them: queries, keys and values are one matrix."""
    new = {
        "positional_embedding": state["text_model.embeddings.position_embedding.weight"],
        "token_embedding.weight": state["text_model.embeddings.token_embedding.weight"],
        "ln_final.weight": state["text_model.final_layer_norm.weight"],
        "ln_final.bias": state["text_model.final_layer_norm.bias"],
        "text_projection": state["text_projection.weight"].T,
        "logit_scale": torch.tensor(4.6),
    }
    pairs = {"ln_1": "layer_norm1", "ln_2": "layer_norm2", "mlp.c_fc": "mlp.fc1", "mlp.c_proj": "mlp.fc2"}
    pairs["attn.out_proj"] = "self_attn.out_proj"
    for layer in {name.split(".")[3] for name in state if ".layers." in name}:
        old, place = f"text_model.encoder.layers.{layer}.", f"transformer.resblocks.{layer}."
        for kind in ("weight", "bias"):
            joint = [state[f"{old}self_attn.{part}_proj.{kind}"] for part in "qkv"]
            new[f"{place}attn.in_proj_{kind}"] = torch.cat(joint)
            new |= {f"{place}{name}.{kind}": state[f"{old}{theirs}.{kind}"] for name, theirs in pairs.items()}
    return new


def leftovers(layout: Layout) -> State:
    """What the published files have beside the weights of their parts."""
    found: State = {}
    if layout.schedule:
        found |= {name: torch.zeros(1000) for name in SCHEDULE}
        found |= {"model_ema.decay": torch.tensor(0.9999), "model_ema.num_updates": torch.tensor(9, dtype=torch.int32)}
    if CLIP_L in layout.towers or layout.family in ("SD1", "SDXL"):
        found[f"{layout.places[0]}text_model.embeddings.position_ids"] = torch.arange(77)[None]
    return found


def weights_of(found: References) -> State:
    """The weights of a published file, leftovers aside, as they are in the modules."""
    layout = found.layout
    state = {UNET_PLACE + name: tensor for name, tensor in ldm_unet(found.unet.state_dict()).items()}
    state |= {VAE_PLACE + name: tensor for name, tensor in ldm_vae(found.vae.state_dict()).items()}
    for place, tower in zip(layout.places, found.towers, strict=True):
        text = ldm_text(tower.state_dict())
        text = text if place.endswith("transformer.") else open_clip(text)
        state |= {place + name: tensor for name, tensor in text.items()}
    return state


def published(name: str) -> Contents:
    """All of a tiny file in its published layout."""
    found = tiny(name)
    state = {key: tensor.to(found.layout.dtype) for key, tensor in weights_of(found).items()}
    return Contents(state | leftovers(found.layout))


def diffusers_parts(found: References) -> Iterator[tuple[str, State]]:
    """The weights of each folder as diffusers saves them."""
    yield "unet", found.unet.state_dict()
    yield "vae", found.vae.state_dict()
    for folder, tower in zip(found.layout.folders, found.towers, strict=True):
        state = ldm_text(tower.state_dict())
        if found.layout.family == "SD2":
            left_out = ("text_projection.", f"text_model.encoder.layers.{tower.config.num_hidden_layers - 1}.")
            state = {name: tensor for name, tensor in state.items() if not name.startswith(left_out)}
        yield folder, state


def write_folder(folder: Path, parts: Mapping[str, State], settings: Mapping[str, object], variant: str = "") -> Path:
    """A folder as diffusers saves it; the path of its model_index.json."""
    for part, state in parts.items():
        (folder / part).mkdir(parents=True)
        name = "model" if part.startswith("text") else "diffusion_pytorch_model"
        write(Contents(state), folder / part / f"{name}{variant}.safetensors")
    (folder / "scheduler").mkdir()
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps(settings))
    index = folder / "model_index.json"
    index.write_text(json.dumps({"_class_name": "StableDiffusionPipeline"}))
    return index


def shard(folder: Path, name: str, variant: str = "") -> None:
    """Make two files, and an index, of the file of a part."""
    whole = folder / f"{name}{variant}.safetensors"
    tensors = read(whole).tensors
    halves = [f"{name}{variant}-0000{number}-of-00002.safetensors" for number in (1, 2)]
    placed = {key: halves[position % 2] for position, key in enumerate(sorted(tensors))}
    for half in halves:
        write(Contents({key: tensor for key, tensor in tensors.items() if placed[key] == half}), folder / half)
    (folder / f"{name}.safetensors.index{variant}.json").write_text(json.dumps({"weight_map": placed}))
    whole.unlink()


# Conditioning, computed by the facts about each family


def ids_of(words: list[int], pad: int) -> Tensor:
    """Token ids as a tower reads them."""
    ids = [49406, *words, 49407]
    return torch.tensor([[*ids, *[pad] * (77 - len(ids))]])


def conditioned(found: References, words: list[int], score: float = 6.0, side: int = 64) -> dict[str, Any]:
    """What diffusers' U-Net reads for a prompt of these ids and an uncropped picture of this side."""
    family = found.layout.family
    if family == "SD1":
        return {"encoder_hidden_states": found.towers[0](ids_of(words, 49407)).last_hidden_state}
    padding = {"SD2": (0,), "SDXL": (49407, 0), "SDXL refiner": (0,)}[family]
    outputs = [
        tower(ids_of(words, pad), output_hidden_states=True) for tower, pad in zip(found.towers, padding, strict=True)
    ]
    hidden = [output.hidden_states[-2] for output in outputs]
    if family == "SD2":
        return {"encoder_hidden_states": found.towers[0].text_model.final_layer_norm(hidden[0])}
    sizes = [side, side, 0, 0, *([score] if family == "SDXL refiner" else [side, side])]
    more = {"text_embeds": outputs[-1].text_embeds, "time_ids": torch.tensor([sizes], dtype=torch.float32)}
    return {"encoder_hidden_states": torch.cat(hidden, dim=-1), "added_cond_kwargs": more}
