"""LoRA files for the tiny checkpoint."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nodes.diffusion.checkpoint import Checkpoint
from nodes.diffusion.lora import with_lora_steps
from nodes.diffusion.models import Model, TextEncoder
from nodes.diffusion.network import Network
from nodes.diffusion.progress import finish
from nodes.diffusion.safetensors_file import write_safetensors

# Layers of the tiny checkpoint, and their names in files.
LAYER = "input_blocks.3.1.transformer_blocks.0.attn2.to_k"  # [32, 24]
PATH = "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k"
KOHYA = f"lora_unet_{PATH.replace('.', '_')}"
CONVOLUTION, LOCON = "input_blocks.2.0.op", "lora_unet_down_blocks_0_downsamplers_0_conv"  # [16, 16, 3, 3]
POINTWISE, PROJECTION = "input_blocks.3.1.proj_in", "lora_unet_down_blocks_1_attentions_0_proj_in"  # [32, 32, 1, 1]
TEXT, TEXT_KOHYA = "text_model.encoder.layers.1.mlp.fc1", "lora_te_text_model_encoder_layers_1_mlp_fc1"  # [40, 24]
RANK, ALPHA = 3, 1.5
Tensors = dict[str, Tensor]


def factors(out: int, *rest: int, name: str = KOHYA, alpha: float | None = ALPHA) -> Tensors:
    """The tensors of a layer under a name, as kohya's scripts write them."""
    generator = torch.Generator().manual_seed(out + len(name))
    up = torch.randn(out, RANK, *[1] * (len(rest) - 1), generator=generator)
    found = {f"{name}.lora_up.weight": up, f"{name}.lora_down.weight": torch.randn(RANK, *rest, generator=generator)}
    return found if alpha is None else found | {f"{name}.alpha": torch.tensor(alpha)}


def product(tensors: Tensors, name: str = KOHYA) -> Tensor:
    return tensors[f"{name}.lora_up.weight"].flatten(1) @ tensors[f"{name}.lora_down.weight"].flatten(1)


def written(
    tensors: Tensors, folder: Path, name: str = "some.safetensors", metadata: dict[str, str] | None = None
) -> Path:
    write_safetensors({key: tensor.contiguous().clone() for key, tensor in tensors.items()}, folder / name, metadata)
    return folder / name


def changed(path: Path, checkpoint: Checkpoint, model: float = 1.0, clip: float = 1.0) -> tuple[Model, TextEncoder]:
    return finish(with_lora_steps(path, checkpoint.model, checkpoint.clip, model, clip))


def weight_of(network: Network[Any], layer: str, leaf: str = "weight") -> Tensor:
    return network.weight(f"{layer}.{leaf}")


def tower_of(clip: TextEncoder, place: int = 0) -> Network[Any]:
    return clip.towers[place].network
