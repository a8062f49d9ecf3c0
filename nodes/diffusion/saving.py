"""Saving a checkpoint in the published single-file layout of its family, whatever changes of weights included."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from .devices import DTYPES
from .layouts import OPEN_CLIP_BIG_G, OPEN_CLIP_H, SDXL, UNET_PLACES, VAE_PLACES, Extras, family_of
from .models import Model, TextEncoder, Tower, Vae
from .naming import THIRDS, TO_OPEN_CLIP, replaced
from .network import Network
from .progress import Done, Work, finish, stops
from .safetensors_file import TYPES, written_whole

QUERY = re.compile(r"^(text_model\.encoder\.layers\.\d+)\.self_attn\.q_proj\.(weight|bias)$")
CODES = {dtype: code for code, dtype in TYPES.items()}


class Stored(NamedTuple):
    """A tensor to be written: its shape, and how to get it when its turn comes."""

    shape: tuple[int, ...]
    read: Callable[[], Tensor]


def save_checkpoint(path: Path, model: Model, clip: TextEncoder, vae: Vae, dtype: torch.dtype) -> None:
    """Write a checkpoint, whole or not at all; OSError where there is no room."""
    finish(save_checkpoint_steps(path, model, clip, vae, dtype))


def save_checkpoint_steps(path: Path, model: Model, clip: TextEncoder, vae: Vae, dtype: torch.dtype) -> Work[None]:
    """The same, some tensors at a time: never more than one of them is in memory.

    ValueError where the parts do not belong to one family.
    """
    family = family_of(model.unet.config)
    if len(clip.towers) != len(family.towers):
        raise ValueError(f"the model is of {family.name}, and the text encoder of another family")
    if vae.scale is None:
        raise ValueError("a tiny autoencoder cannot stand for the VAE of a checkpoint")
    tensors = {UNET_PLACES[0] + name: stored for name, stored in _plain(model.unet)}
    tensors |= {VAE_PLACES[0] + name: stored for name, stored in _plain(vae.autoencoder)}
    for tower, kind, places in zip(clip.towers, family.towers, family.places, strict=True):
        parts = _open_clip(tower) if kind in (OPEN_CLIP_H, OPEN_CLIP_BIG_G) else _plain(tower.network)
        tensors |= {places[0] + name: stored for name, stored in parts}
    if family is SDXL and model.parameterization.prediction == "v":
        tensors |= {mark: Stored((0,), lambda: torch.zeros(0)) for mark in _marks(model)}
    metadata = _extras(model, clip, vae).to_metadata()
    metadata["modelspec.prediction_type"] = "v" if model.parameterization.prediction == "v" else "epsilon"
    if _ends_in_noise(model):
        metadata["modelspec.ztsnr"] = "true"
    yield from write_steps(path, tensors, dtype, metadata)


def _ends_in_noise(model: Model) -> bool:
    return model.parameterization.sigma_max > 1000


def _marks(model: Model) -> tuple[str, ...]:
    """The empty tensors by which other programs know SDXL models that predict the velocity."""
    return ("v_pred", "ztsnr") if _ends_in_noise(model) else ("v_pred",)


def _plain(network: Network) -> Iterator[tuple[str, Stored]]:
    for name, tensor in network.stored.items():
        yield name, Stored(tuple(tensor.shape), lambda name=name: network.weight(name))


def _open_clip(tower: Tower) -> Iterator[tuple[str, Stored]]:
    for name, (shape, read) in _plain(tower.network):
        if query := QUERY.match(name):
            layer, kind = query.groups()
            names = [f"{layer}.self_attn.{third}.{kind}" for third in THIRDS]
            joint = replaced(f"{layer}.attn.in_proj_{kind}", TO_OPEN_CLIP)
            yield joint, Stored((3 * shape[0], *shape[1:]), lambda names=names: _joined(tower.network, names))
        elif name == "text_projection.weight":
            yield replaced(name, TO_OPEN_CLIP), Stored(shape[::-1], lambda read=read: read().mT)
        elif ".self_attn.k_proj." not in name and ".self_attn.v_proj." not in name:
            yield replaced(name, TO_OPEN_CLIP), Stored(shape, read)


def _joined(network: Network, names: list[str]) -> Tensor:
    return torch.cat([network.weight(name) for name in names])


def _extras(model: Model, clip: TextEncoder, vae: Vae) -> Extras:
    """What no key tells, where it is not what the family has."""
    unet, text = model.unet.config, clip.towers[0].network.config
    return Extras(
        unet_heads=unet.heads if not unet.linear and unet.heads != 8 else None,
        unet_groups=unet.groups,
        vae_groups=vae.autoencoder.config.groups,
        text_heads=text.heads if text.heads != max(1, text.channels // 64) else None,
        merges=clip.towers[0].tokenizer.merges,
    )


def write_steps(
    path: Path, tensors: Mapping[str, Stored], dtype: torch.dtype, metadata: Mapping[str, str]
) -> Work[None]:
    """Write a safetensors file in which every tensor is of this type, one after the other."""
    assert dtype in DTYPES.values()
    header: dict[str, object] = {"__metadata__": dict(metadata)}
    sizes = [torch.Size(stored.shape).numel() * dtype.itemsize for stored in tensors.values()]
    ends = list(accumulate(sizes))
    for (name, stored), size, end in zip(tensors.items(), sizes, ends, strict=True):
        header[name] = {"dtype": CODES[dtype], "shape": stored.shape, "data_offsets": [end - size, end]}
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    pauses = stops(sizes)
    with written_whole(path) as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for done, stored in enumerate(tensors.values(), 1):
            tensor = stored.read().detach().to("cpu", dtype).contiguous()
            file.write(tensor.flatten().view(torch.uint8).numpy().data)
            if done in pauses:
                yield Done(done, len(tensors))
