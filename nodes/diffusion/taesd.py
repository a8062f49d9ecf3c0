"""The tiny autoencoder (TAESD, Boer Bohan 2023): pictures of latents in a moment, and nearly those of the VAE.

Its latents are in the U-Net's scale, its pictures in 0…1. Modules are numbered as in the published files.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from .devices import Placement
from .network import Network
from .safetensors_file import BadCheckpoint, Weights
from .vae import Layer

Shapes = Mapping[str, tuple[int, ...]]
LEVELS, BLOCKS = 3, 3  # how often the resolution is halved, and the blocks between
WIDEST = 128  # channels; the published ones have 64 and, in their latents, 4 or 16
# Where encoder and decoder are in a file, and how much less the decoder's numbers are there.
FORMS = (
    ("encoder.layers.", "decoder.layers.", 1),  # diffusers: the decoder's first module, without weights, is left out
    ("taesd_encoder.", "taesd_decoder.", 0),
    ("encoder.", "decoder.", 0),
    ("", "", 0),
)


@dataclass(frozen=True)
class TinyConfig:
    """The dimensions of a tiny autoencoder, and which of its halves there are."""

    width: int = 64
    latent_channels: int = 4
    encodes: bool = True
    decodes: bool = True

    factor: ClassVar[int] = 2**LEVELS
    black: ClassVar[float] = 0.0

    @property
    def held(self) -> int:
        """How many numbers are in memory at once, for each latent pixel."""
        return 5 * self.width * self.factor**2


class Block(nn.Module):
    """Three convolutions, added to the input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        layers = [_conv(width, width), nn.ReLU(), _conv(width, width), nn.ReLU(), _conv(width, width)]
        self.conv = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.conv(x) + x)


class Bounded(nn.Module):
    """Latents within ±3, softly."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(x / 3) * 3


def _conv(channels: int, out_channels: int, *, stride: int = 1, bias: bool = True) -> nn.Conv2d:
    return nn.Conv2d(channels, out_channels, 3, stride=stride, padding=1, bias=bias)


def _encoder(config: TinyConfig) -> Iterator[nn.Module]:
    width = config.width
    yield from (_conv(3, width), Block(width))
    for _ in range(LEVELS):
        yield _conv(width, width, stride=2, bias=False)
        yield from (Block(width) for _ in range(BLOCKS))
    yield _conv(width, config.latent_channels)


def _decoder(config: TinyConfig) -> Iterator[nn.Module]:
    width = config.width
    yield from (Bounded(), _conv(config.latent_channels, width), nn.ReLU())
    for _ in range(LEVELS):
        yield from (Block(width) for _ in range(BLOCKS))
        yield from (nn.Upsample(scale_factor=2), _conv(width, width, bias=False))
    yield from (Block(width), _conv(width, 3))


class TinyAutoencoder(nn.Module):
    """Pictures [batch, 3, 8h, 8w] in 0…1 to latents [batch, channels, h, w] in the U-Net's scale, and back.

    A half that there is not has no layers.
    """

    def __init__(self, config: TinyConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = nn.Sequential(*(_encoder(config) if config.encodes else ()))
        self.decoder = nn.Sequential(*(_decoder(config) if config.decodes else ()))

    @property
    def encoding(self) -> list[Layer]:
        """The layers that make latents of pictures, in their order."""
        return list(self.encoder)

    @property
    def decoding(self) -> list[Layer]:
        """The layers that make pictures of latents, in their order."""
        return list(self.decoder)


def is_tiny(shapes: Shapes) -> bool:
    """Whether a file with these keys has a tiny autoencoder, or half of one."""
    return any(_halves(shapes, form) for form in FORMS)


def tiny_autoencoder(weights: Weights, placement: Placement) -> Network[TinyAutoencoder]:
    """The tiny autoencoder of a file, or the half of it that is there; BadCheckpoint where there is none."""
    shapes = weights.header.shapes
    form = next((form for form in FORMS if _halves(shapes, form)), None)
    if form is None:
        raise BadCheckpoint(f"{weights.name}: there is no tiny autoencoder in it")
    halves = _halves(shapes, form)
    width, channels = halves.get("decoder") or halves["encoder"]
    if (most := max(width, channels)) > WIDEST:
        raise BadCheckpoint(f"{weights.name}: {most} channels, and a tiny autoencoder has {WIDEST} at most")
    module = TinyAutoencoder(TinyConfig(width, channels, "encoder" in halves, "decoder" in halves))
    own = {name: _fitting(weights, _key(name, form), like) for name, like in module.state_dict().items()}
    module.load_state_dict(own, assign=True)
    return Network(module.requires_grad_(False).eval(), placement, origin=weights.name)


def _halves(shapes: Shapes, form: tuple[str, str, int]) -> dict[str, tuple[int, int]]:
    """Width and latent channels of the halves that are where a form has them."""
    encoder, decoder, less = form
    found: dict[str, tuple[int, int]] = {}
    match shapes.get(f"{encoder}0.weight"), shapes.get(f"{encoder}{2 + LEVELS * (BLOCKS + 1)}.weight"):
        case (int(width), 3, 3, 3), (int(channels), *_):
            found["encoder"] = width, channels
    match shapes.get(f"{decoder}{1 - less}.weight"), shapes.get(f"{decoder}{3 - less}.conv.0.weight"):
        case (int(width), int(channels), 3, 3), (*_,):
            found["decoder"] = width, channels
    return found


def _key(name: str, form: tuple[str, str, int]) -> str:
    """A file's key of a weight of `TinyAutoencoder`."""
    half, number, rest = name.split(".", 2)
    encoder, decoder, less = form
    return f"{encoder}{number}.{rest}" if half == "encoder" else f"{decoder}{int(number) - less}.{rest}"


def _fitting(weights: Weights, key: str, like: Tensor) -> Tensor:
    if key not in weights.header.shapes:
        raise BadCheckpoint(f"{weights.name}: tensor {key!r} is missing")
    tensor = weights.tensor(key)
    if tensor.shape != like.shape or not tensor.is_floating_point():
        got = f"{tensor.dtype} {list(tensor.shape)}".removeprefix("torch.")
        raise BadCheckpoint(f"{weights.name}: tensor {key!r}: expected float {list(like.shape)}, got {got}")
    return tensor
