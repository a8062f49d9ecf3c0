"""One prediction and one picture of a tiny checkpoint, ours and that of diffusers."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor

from nodes.diffusion.checkpoint import Checkpoint, load_checkpoint
from nodes.diffusion.conditioning import Conditioning
from nodes.diffusion.models import Model, TextEncoder, Vae
from nodes.diffusion.tokenizer import Tokenizer
from tests.diffusion.checkpoints import CPU, Contents
from tests.diffusion.families import (
    TINY,
    References,
    conditioned,
    published,
    tiny,
    write,
)
from tests.diffusion.references import largest_difference, noise

PROMPT = "a red frog on a rock"
WORDS = Tokenizer.clip().ids(PROMPT)
X, T = noise(1, 4, 8, 8), torch.tensor([601.0])
MAIN = ("sd15", "sd21_v", "sdxl_base", "sdxl_refiner")


def load(contents: Contents) -> Checkpoint:
    with TemporaryDirectory() as folder:  # what is mapped stays, without the file
        return load_checkpoint(write(contents, Path(folder) / "tiny.safetensors"), CPU)


@cache
def loaded(name: str) -> Checkpoint:
    return load(published(name))


@torch.no_grad()
def theirs(found: References, beside: Tensor | None = None, **facts: Any) -> Tensor:
    x = X if beside is None else torch.cat([X, beside], dim=1)
    return found.unet(x, T, **conditioned(found, WORDS, **facts)).sample


def ours(model: Model, conditioning: Conditioning) -> Tensor:
    return model.predict(X, T, conditioning.context, (), **model.inputs(conditioning, X))


def beside(name: str) -> Tensor | None:
    more = TINY[name].unet.in_channels - 4
    return noise(1, more, 8, 8, seed=5) if more else None


def step(name: str, model: Model, clip: TextEncoder) -> float:
    """How far one prediction is from that of diffusers."""
    further = beside(name)
    conditioning = clip.encode(PROMPT)
    conditioning = conditioning if further is None else conditioning.beside(further)
    return largest_difference(ours(model, conditioning), theirs(tiny(name), further))


def vae_differences(vae: Vae, found: References) -> list[float]:
    """How far latents and pictures are from those of diffusers."""
    pictures, scale = noise(1, 3, 32, 24).sigmoid(), found.layout.scale
    with torch.no_grad():
        latents = found.vae.encode(pictures * 2 - 1).latent_dist.mean * scale
        decoded = found.vae.decode(X * scale / scale / scale).sample / 2 + 0.5
    return [
        largest_difference(vae.encode(pictures), latents),
        largest_difference(vae.decode(X), decoded.clamp(0, 1)),
    ]
