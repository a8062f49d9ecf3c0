"""Tiny checkpoints in the SD1 layout, and files that are not quite checkpoints."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file  # pyright: ignore[reportUnknownVariableType] -- its types are incomplete
from torch import Tensor, nn

from nodes.diffusion.checkpoint import Checkpoint
from nodes.diffusion.devices import Placement, placement
from nodes.diffusion.models import Model, TextEncoder, Tower, Vae
from nodes.diffusion.network import Network
from nodes.diffusion.parameterization import Parameterization
from nodes.diffusion.safetensors_file import read_header, write_safetensors
from nodes.diffusion.saving import save_checkpoint
from nodes.diffusion.text_encoder import TextConfig, TextTower
from nodes.diffusion.tokenizer import Tokenizer
from nodes.diffusion.unet import UNet, UNetConfig
from nodes.diffusion.vae import Autoencoder, VaeConfig

MERGES = ("f r", "o g</w>", "fr og</w>", "r e", "re d</w>")
UNET = UNetConfig(
    model_channels=16, channel_mult=(1, 2), res_blocks=1, depth=(0, 1), context_channels=24, heads=2, groups=4
)
VAE = VaeConfig(widths=(8, 16, 16, 16), res_blocks=1, groups=4)
TEXT = TextConfig(vocabulary=514 + len(MERGES), length=16, channels=24, layers=2, heads=3, width=40)
CPU = placement("cpu", "float32")


def tiny(place: Placement = CPU) -> Checkpoint:
    """A checkpoint with random weights and a vocabulary of its own, in memory."""
    unet, vae, tower = UNet(UNET), Autoencoder(VAE), TextTower(TEXT)
    for part in (unet, vae, tower):
        _randomize(part)
    return Checkpoint(
        Model(Network(unet, place), Parameterization.stable_diffusion()),
        TextEncoder((Tower(Network(tower, place), Tokenizer.from_merges(MERGES, TEXT.length)),)),
        Vae(Network(vae, place), 0.18215),
    )


def _randomize(module: nn.Module) -> None:
    generator = torch.Generator().manual_seed(0)
    for tensor in module.state_dict().values():
        tensor.copy_(torch.randn(tensor.shape, generator=generator) / max(1, tensor[0].numel()) ** 0.5)
    module.requires_grad_(False).eval()


def write_tiny(path: Path, dtype: torch.dtype = torch.float32) -> Path:
    """The same in a file."""
    save_checkpoint(path, *tiny(), dtype)
    return path


@dataclass
class Contents:
    """What is in a safetensors file, to be changed and written again."""

    tensors: dict[str, Tensor]
    metadata: dict[str, str] = field(default_factory=dict[str, str])

    def write(self, path: Path) -> Path:
        write_safetensors({name: tensor.contiguous() for name, tensor in self.tensors.items()}, path, self.metadata)
        return path


def header_of(content: bytes) -> tuple[dict[str, Any], bytes]:
    """The header of a file and the bytes after it."""
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def with_header(header: dict[str, Any] | bytes, data: bytes = b"") -> bytes:
    """A file with this header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def read(path: Path) -> Contents:
    """The contents of a file."""
    return Contents(load_file(path), read_header(path).metadata)
