"""The autoencoder between pictures and latents (Kingma & Welling 2014; Esser et al. 2021; Rombach et al. 2022).

Module names follow the CompVis checkpoints. Every width is read from the keys and shapes of a checkpoint.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from .attention import attend
from .naming import numbered

Shapes = Mapping[str, tuple[int, ...]]
Layer = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class VaeConfig:
    """The dimensions of an autoencoder; `widths` has one entry per level, from the finest resolution on."""

    widths: tuple[int, ...] = (128, 256, 512, 512)
    res_blocks: int = 2
    latent_channels: int = 4
    groups: int = 32

    black: ClassVar[float] = -1.0  # in the pictures that the network reads and writes; white is 1

    @property
    def factor(self) -> int:
        """How many pixels one latent pixel covers, each way."""
        return 2 ** (len(self.widths) - 1)

    @property
    def held(self) -> int:
        """How many numbers are in memory at once, for each latent pixel, as measured on a CPU.

        They are most after the last upsampling: a block's input, two steps of its way, and what convolutions copy.
        """
        return 5 * max(self.widths[:2]) * self.factor**2

    @classmethod
    def from_shapes(cls, shapes: Shapes, *, groups: int = 32) -> "VaeConfig":
        """Read the dimensions from the keys and shapes of a decoder (an encoder mirrors it)."""
        levels, blocks = numbered(shapes, "decoder.up."), numbered(shapes, "decoder.up.0.block.")
        widths = tuple(shapes[f"decoder.up.{level}.block.0.conv1.weight"][0] for level in range(levels))
        return cls(widths, blocks - 1, shapes["decoder.conv_in.weight"][1], groups)


def _norm(channels: int, groups: int) -> nn.GroupNorm:
    return nn.GroupNorm(groups, channels, eps=1e-6)


class ResnetBlock(nn.Module):
    """Two normalized convolutions, added to the input."""

    def __init__(self, channels: int, out_channels: int, groups: int) -> None:
        super().__init__()
        self.norm1 = _norm(channels, groups)
        self.conv1 = nn.Conv2d(channels, out_channels, 3, padding=1)
        self.norm2 = _norm(out_channels, groups)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        self.nin_shortcut = nn.Identity() if channels == out_channels else nn.Conv2d(channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.conv1(functional.silu(self.norm1(x)))
        return self.nin_shortcut(x) + self.conv2(functional.silu(self.norm2(hidden)))


class AttnBlock(nn.Module):
    """Self-attention of one head over the pixels, by 1×1 convolutions."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.norm = _norm(channels, groups)
        self.q = nn.Conv2d(channels, channels, 1)
        self.k = nn.Conv2d(channels, channels, 1)
        self.v = nn.Conv2d(channels, channels, 1)
        self.proj_out = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.norm(x)
        query, key, value = (layer(hidden).flatten(2).mT[:, None] for layer in (self.q, self.k, self.v))
        attended = attend(query, key, value)
        return x + self.proj_out(attended[:, 0].mT.unflatten(-1, x.shape[-2:]))


class Middle(nn.Module):
    """Residual block, attention, residual block at the coarsest resolution."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.block_1 = ResnetBlock(channels, channels, groups)
        self.attn_1 = AttnBlock(channels, groups)
        self.block_2 = ResnetBlock(channels, channels, groups)

    @property
    def layers(self) -> list[Layer]:
        """In the order in which they run."""
        return [self.block_1, self.attn_1, self.block_2]


class Resample(nn.Module):
    """Half or twice the resolution, with a convolution after (up) or in it (down)."""

    def __init__(self, channels: int, *, down: bool) -> None:
        super().__init__()
        self.down = down
        self.conv = nn.Conv2d(channels, channels, 3, stride=2 if down else 1, padding=0 if down else 1)

    def forward(self, x: Tensor) -> Tensor:
        if self.down:
            # One column and row at the far side only, as the published encoders were trained.
            return self.conv(functional.pad(x, (0, 1, 0, 1)))
        return self.conv(functional.interpolate(x, scale_factor=2.0, mode="nearest"))


class Stage(nn.Module):
    """The residual blocks of one level; `downsample` or `upsample` follows where there is another level."""

    def __init__(self, channels: int, out_channels: int, count: int, groups: int) -> None:
        super().__init__()
        self.block = nn.ModuleList(
            ResnetBlock(out_channels if index else channels, out_channels, groups) for index in range(count)
        )
        self.downsample: nn.Module | None = None
        self.upsample: nn.Module | None = None

    @property
    def layers(self) -> list[Layer]:
        """In the order in which they run."""
        return [layer for layer in (*self.block, self.downsample, self.upsample) if layer is not None]


class Encoder(nn.Module):
    """Pictures [batch, 3, height, width] in −1…1 → mean and log variance of the latent, before `quant_conv`."""

    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        widths, groups = config.widths, config.groups
        self.conv_in = nn.Conv2d(3, widths[0], 3, padding=1)
        self.down = nn.ModuleList()
        channels = widths[0]
        for level, width in enumerate(widths):
            stage = Stage(channels, width, config.res_blocks, groups)
            channels = width
            if level + 1 < len(widths):
                stage.downsample = Resample(channels, down=True)
            self.down.append(stage)
        self.mid = Middle(channels, groups)
        self.norm_out = _norm(channels, groups)
        self.conv_out = nn.Conv2d(channels, 2 * config.latent_channels, 3, padding=1)

    @property
    def layers(self) -> list[Layer]:
        """In the order in which they run."""
        return [self.conv_in, *_layers_of(self.down), *self.mid.layers, self._last]

    def forward(self, x: Tensor) -> Tensor:
        return _through(self.layers, x)

    def _last(self, x: Tensor) -> Tensor:
        return self.conv_out(functional.silu(self.norm_out(x)))


class Decoder(nn.Module):
    """Latents, after `post_quant_conv`, → pictures [batch, 3, height, width] in about −1…1."""

    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        widths, groups = config.widths, config.groups
        channels = widths[-1]
        self.conv_in = nn.Conv2d(config.latent_channels, channels, 3, padding=1)
        self.mid = Middle(channels, groups)
        stages: list[Stage] = []
        for level in reversed(range(len(widths))):
            stage = Stage(channels, widths[level], config.res_blocks + 1, groups)
            channels = widths[level]
            if level:
                stage.upsample = Resample(channels, down=False)
            stages.insert(0, stage)
        self.up = nn.ModuleList(stages)
        self.norm_out = _norm(channels, groups)
        self.conv_out = nn.Conv2d(channels, 3, 3, padding=1)

    @property
    def layers(self) -> list[Layer]:
        """In the order in which they run."""
        return [self.conv_in, *self.mid.layers, *_layers_of(reversed(self.up)), self._last]

    def forward(self, x: Tensor) -> Tensor:
        return _through(self.layers, x)

    def _last(self, x: Tensor) -> Tensor:
        return self.conv_out(functional.silu(self.norm_out(x)))


def _layers_of(stages: Iterable[nn.Module]) -> list[Layer]:
    return [layer for stage in stages if isinstance(stage, Stage) for layer in stage.layers]


def _through(layers: Iterable[Layer], x: Tensor) -> Tensor:
    for layer in layers:
        x = layer(x)
    return x


class Autoencoder(nn.Module):
    """Encoder and decoder with the 1×1 convolutions beside the latent."""

    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        self.config = config
        channels = config.latent_channels
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.quant_conv = nn.Conv2d(2 * channels, 2 * channels, 1)
        self.post_quant_conv = nn.Conv2d(channels, channels, 1)

    @property
    def encoding(self) -> list[Layer]:
        """The layers that make mean and log variance of a picture, [batch, 8, h/8, w/8], in their order."""
        return [*self.encoder.layers, self.quant_conv]

    @property
    def decoding(self) -> list[Layer]:
        """The layers that make a picture of a latent, in their order."""
        return [self.post_quant_conv, *self.decoder.layers]

    def moments(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of the latents of pictures in −1…1: [batch, 3, h, w] → two of [batch, 4, h/8, w/8]."""
        mean, log_variance = _through(self.encoding, pictures).chunk(2, dim=1)
        return mean, log_variance.clamp(-30.0, 20.0)

    def encode(self, pictures: Tensor, noise: Tensor | None = None) -> Tensor:
        """A latent of each picture: the mean or, with unit `noise` of the latent's shape, a sample."""
        mean, log_variance = self.moments(pictures)
        return mean if noise is None else mean + torch.exp(0.5 * log_variance) * noise

    def decode(self, latents: Tensor) -> Tensor:
        """Pictures, in about −1…1, of latents [batch, 4, h, w]: [batch, 3, 8h, 8w]."""
        return _through(self.decoding, latents)
