"""Small values to call nodes with."""

from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from nodegraph import Steps
from nodes.denoise import cfg_combine, unet_predict
from nodes.diffusion.checkpoint import Checkpoint
from nodes.diffusion.safetensors_file import write_safetensors
from nodes.types import Conditioning, Denoiser, Sigmas

CHECKPOINT = "emoji-64.safetensors"
# Of the embedded checkpoint: the shapes of the two weights that `write_lora` has a change for.
UNET_LAYER, TEXT_LAYER = (128, 128, 3, 3), (512, 128)
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


def write_lora(path: Path, size: float = 1.0) -> Path:
    """A LoRA for one layer of the embedded checkpoint's U-Net, and one of its text encoder."""
    names = {
        "lora_unet_mid_block_resnets_0_conv1": UNET_LAYER,
        "lora_te_text_model_encoder_layers_0_mlp_fc1": TEXT_LAYER,
    }
    tensors = {
        f"{name}.lora_{part}.weight": noise(*shape) * size
        for name, (out, *rest) in names.items()
        for part, shape in (("up", (out, 4)), ("down", (4, *rest)))
    }
    write_safetensors(tensors, path)
    return path


def result_of(steps: Steps[T]) -> T:
    """What a long node returns at its end."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value
