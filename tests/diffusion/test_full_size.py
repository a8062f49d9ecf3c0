"""Every family at full size against diffusers and transformers, one after the other: `make test-full`.

The largest file has 7 GB. It is written tensor by tensor, and the U-Nets of both sides are never in memory together.
"""

import gc
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
import torch
from torch import Tensor

from nodes.diffusion.checkpoint import load_checkpoint
from nodes.diffusion.layouts import family_of
from nodes.diffusion.saving import Stored, write_steps
from nodes.diffusion.tokenizer import Tokenizer
from tests.diffusion.checkpoints import CPU
from tests.diffusion.families import (
    FULL,
    UNET_PLACE,
    VAE_PLACE,
    Layout,
    References,
    conditioned,
    open_clip,
    references,
)
from tests.diffusion.ldm_names import State, ldm_text, ldm_unet, ldm_vae
from tests.diffusion.references import TOLERANCE, largest_difference, noise, random_weight, tower_of

PROMPT = "a red frog on a rock"
X, T = noise(1, 4, 16, 16), torch.tensor([601.0])
PICTURES = noise(1, 3, 64, 48).sigmoid()
# The others differ from these in the channels that they read.
NAMES = ("sd15", "sd15_inpaint", "sd21_v", "sdxl_base", "sdxl_refiner")

pytestmark = pytest.mark.slow


def weight(name: str, like: Tensor, dtype: torch.dtype) -> Tensor:
    """A random weight that follows from its name, and that the file's type can hold; in float32."""
    return random_weight(name, like, torch.Generator().manual_seed(crc32(name.encode()))).to(dtype).float()


def weights(module: Any, dtype: torch.dtype) -> State:
    """All weights of a module of the references."""
    return {name: weight(name, like, dtype) for name, like in module.state_dict().items()}


def filled(module: Any, dtype: torch.dtype) -> Any:
    module.load_state_dict(weights(module, dtype), assign=True)
    return module.requires_grad_(requires_grad=False).eval()


def towers(layout: Layout) -> tuple[Any, ...]:
    return tuple(filled(tower_of(config), layout.dtype) for config in layout.towers)


def write_random(layout: Layout, path: Path) -> None:
    """A file in the published layout, whose tensors are made one at a time where they are many."""
    found = references(layout)
    tensors: dict[str, Stored] = {}
    for place, module, renamed in ((UNET_PLACE, found.unet, ldm_unet), (VAE_PLACE, found.vae, ldm_vae)):
        theirs = module.state_dict()
        for (name, like), (ours, shaped) in zip(theirs.items(), renamed(theirs).items(), strict=True):
            read = lambda name=name, like=like: weight(name, like, layout.dtype)  # noqa: E731
            tensors[place + ours] = Stored(tuple(shaped.shape), read)
    for place, tower in zip(layout.places, towers(layout), strict=True):
        text = ldm_text(tower.state_dict())
        text = text if place.endswith("transformer.") else open_clip(text)
        tensors |= {place + key: Stored(tuple(kept.shape), lambda kept=kept: kept) for key, kept in text.items()}
    for _ in write_steps(path, tensors, layout.dtype, {}):
        pass


def ours(layout: Layout, path: Path, beside: Tensor | None) -> list[Tensor]:
    """The embedded prompt, the prediction for it, the latents of a picture and the picture of latents."""
    model, clip, vae = load_checkpoint(path, CPU)
    assert family_of(model.unet.config).name == layout.family
    assert model.unet.config == layout.unet
    conditioning = clip.encode(PROMPT)
    read = conditioning if beside is None else conditioning.beside(beside)
    predicted = model.predict(X, T, read.context, (), **model.inputs(read, X))
    return [conditioning.context, predicted, vae.encode(PICTURES), vae.decode(X)]


@torch.no_grad()
def theirs(layout: Layout, beside: Tensor | None) -> list[Tensor]:
    found = references(layout)
    words = Tokenizer.clip().ids(PROMPT)
    given = conditioned(References(layout, None, None, towers(layout)), words, side=X.shape[-1] * 8)
    unet = filled(found.unet, layout.dtype)
    predicted = unet(X if beside is None else torch.cat([X, beside], dim=1), T, **given).sample
    vae = filled(found.vae, layout.dtype)
    latents = vae.encode(PICTURES * 2 - 1).latent_dist.mean * layout.scale
    decoded = (vae.decode(X / layout.scale).sample / 2 + 0.5).clamp(0, 1)
    return [given["encoder_hidden_states"], predicted, latents, decoded]


def differences(layout: Layout, path: Path) -> list[float]:
    """How far each of them is from that of the references."""
    more = layout.unet.in_channels - X.shape[1]
    beside = noise(1, more, *X.shape[-2:], seed=5) if more else None
    write_random(layout, path)
    gc.collect()
    found = ours(layout, path, beside)
    path.unlink()
    gc.collect()
    return [largest_difference(mine, other) for mine, other in zip(found, theirs(layout, beside), strict=True)]


@pytest.mark.parametrize("name", NAMES)
def test_a_full_size_checkpoint_gives_the_numbers_of_the_references(name: str, tmp_path: Path) -> None:
    assert max(differences(FULL[name], tmp_path / "full.safetensors")) <= TOLERANCE
