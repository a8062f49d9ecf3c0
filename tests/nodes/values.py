"""Small values to call nodes with."""

from typing import Any, TypeVar

import torch
from torch import Tensor

from nodegraph import Steps
from nodes.denoise import cfg_combine, unet_predict
from nodes.diffusion.checkpoint import Checkpoint
from nodes.types import Conditioning, Denoiser, Sigmas

CHECKPOINT = "emoji-64.safetensors"
T = TypeVar("T")


def noise(*shape: int, seed: int = 7) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def levels(*values: float) -> Sigmas:
    return Sigmas(torch.tensor(values), 14.6146)


def listed(tensor: Tensor) -> list[Any]:
    """A tensor's numbers, as lists in lists."""
    return tensor.tolist()  # pyright: ignore[reportUnknownMemberType,reportUnknownVariableType] -- PyTorch does not say of what


def denoiser_of(checkpoint: Checkpoint, prompt: Conditioning, negative: Conditioning, scale: float = 3.0) -> Denoiser:
    return cfg_combine(unet_predict(checkpoint.model, prompt), unet_predict(checkpoint.model, negative), scale)


def result_of(steps: Steps[T]) -> T:
    """What a long node returns at its end."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value
