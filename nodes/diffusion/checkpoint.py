"""Reading and writing whole checkpoints: one safetensors file with U-Net, VAE and text tower.

Modules are built on the meta device and take the file's memory-mapped tensors, so nothing is initialized and nothing is
copied unless the type changes. Tiny and full-size files differ in numbers only.
"""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from .devices import Placement
from .layouts import SD1, Extras, Layout, UnknownLayout, below, identify
from .models import Model, TextEncoder, Vae
from .parameterization import Parameterization
from .safetensors_file import BadCheckpoint, Header, read_header, write_safetensors
from .text_encoder import TextConfig, TextTower
from .tokenizer import Tokenizer
from .unet import UNet, UNetConfig
from .vae import Autoencoder, VaeConfig


class Checkpoint(NamedTuple):
    """The parts of a checkpoint."""

    model: Model
    clip: TextEncoder
    vae: Vae


def load_checkpoint(path: Path, placement: Placement) -> Checkpoint:
    """Load a checkpoint of any family in `layouts`; BadCheckpoint names the file, the key and the reason.

    The VAE and the text tower are computed in float32 where the placement is a CPU's bfloat16 or a GPU's float16: they
    run once a picture, and float16 overflows in the VAE.
    """
    header = read_header(path)
    try:
        layout, extras = identify(header.shapes), Extras.from_metadata(header.metadata)
        modules = _build(layout, extras, header)
    except UnknownLayout as error:
        raise BadCheckpoint(f"{path.name}: {error}") from error
    except (KeyError, ValueError, TypeError, RuntimeError, ZeroDivisionError, IndexError) as error:
        raise BadCheckpoint(f"{path.name}: its keys and shapes make no model: {error}") from error
    exact = replace(placement, dtype=torch.float32)
    places = {layout.unet: placement, layout.vae: exact, layout.text: exact}
    for prefix, module in modules.items():
        _fill(module, prefix, path, places[prefix])
    tokenizer = (
        Tokenizer.clip()
        if extras.merges is None
        else Tokenizer.from_merges(extras.merges, length=modules[layout.text].config.length)
    )
    if tokenizer.vocabulary_size > modules[layout.text].config.vocabulary:
        raise BadCheckpoint(f"{path.name}: the text tower has fewer rows than its vocabulary has tokens")
    return Checkpoint(
        Model(modules[layout.unet], Parameterization.stable_diffusion(), placement),
        TextEncoder(modules[layout.text], tokenizer, exact),
        Vae(modules[layout.vae], layout.scale, exact),
    )


def _build(layout: Layout, extras: Extras, header: Header) -> dict[str, nn.Module]:
    unet, vae, text = (below(header.shapes, prefix) for prefix in (layout.unet, layout.vae, layout.text))
    with torch.device("meta"):
        return {
            layout.unet: UNet(UNetConfig.from_shapes(unet, heads=extras.unet_heads, groups=extras.unet_groups)),
            layout.vae: Autoencoder(VaeConfig.from_shapes(vae, groups=extras.vae_groups)),
            layout.text: TextTower(TextConfig.from_shapes(text, heads=extras.text_heads)),
        }


def _fill(module: nn.Module, prefix: str, path: Path, placement: Placement) -> None:
    wanted = module.state_dict()
    tensors: dict[str, Tensor] = {}
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            present = set(file.keys())
            missing = [prefix + name for name in wanted if prefix + name not in present]
            if missing:
                more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
                raise BadCheckpoint(f"{path.name}: tensors are missing: {', '.join(missing[:3])}{more}")
            for name, like in wanted.items():
                tensors[name] = _fitting(file.get_tensor(prefix + name), like, prefix + name, path).to(
                    placement.device, placement.dtype
                )
    except SafetensorError as error:
        raise BadCheckpoint(f"{path.name}: {error}") from error
    module.load_state_dict(tensors, assign=True)
    module.requires_grad_(False).eval()


def _fitting(tensor: Tensor, like: Tensor, name: str, path: Path) -> Tensor:
    # The VAE's attention is 1×1 convolutions in the original files, and linear in some that were saved again.
    if tensor.shape != like.shape and tensor.numel() == like.numel():
        squeezed = [size for size in like.shape if size != 1]
        if [size for size in tensor.shape if size != 1] == squeezed:
            return tensor.reshape(like.shape)
    if tensor.shape != like.shape or not tensor.is_floating_point():
        expected, got = list(like.shape), f"{tensor.dtype} {list(tensor.shape)}".removeprefix("torch.")
        raise BadCheckpoint(f"{path.name}: tensor {name!r}: expected float {expected}, got {got}")
    return tensor


def save_checkpoint(path: Path, model: Model, clip: TextEncoder, vae: Vae, dtype: torch.dtype) -> None:
    """Write a checkpoint in the SD1 layout: whole or not at all."""
    unet, text, autoencoder = model.unet.config, clip.tower.config, vae.autoencoder.config
    extras = Extras(
        unet_heads=unet.heads,
        unet_groups=unet.groups,
        vae_groups=autoencoder.groups,
        text_heads=text.heads,
        merges=clip.tokenizer.merges,
    )
    parts = {SD1.unet: model.unet, SD1.vae: vae.autoencoder, SD1.text: clip.tower}
    tensors = {
        prefix + name: tensor.detach().to("cpu", dtype).contiguous().clone()
        for prefix, module in parts.items()
        for name, tensor in module.state_dict().items()
    }
    write_safetensors(tensors, path, extras.to_metadata())
