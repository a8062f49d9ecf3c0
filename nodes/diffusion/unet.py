"""The U-Net that predicts the noise: Ho et al. 2020 with cross-attention to text (Rombach et al. 2022).

Module names follow the CompVis checkpoints, so a state dict loads without a table of names. `UNetConfig.from_shapes`
reads every dimension from the keys and shapes of a checkpoint; what no key tells (the number of heads and of
normalization groups) follows from the family or is given.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from .attention import SpatialTransformer
from .fast_cpu import convolution, usable
from .naming import numbered

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class UNetConfig:
    """The dimensions of a U-Net; tuples have one entry per level, from the finest resolution to the coarsest."""

    in_channels: int = 4
    out_channels: int = 4
    model_channels: int = 320
    channel_mult: tuple[int, ...] = (1, 2, 4, 4)
    res_blocks: int = 2
    depth: tuple[int, ...] = (1, 1, 1, 0)
    middle_depth: int = 1
    context_channels: int = 768
    heads: int | None = 8
    head_channels: int | None = None
    linear: bool = False
    label_channels: int | None = None
    groups: int = 32

    def heads_at(self, channels: int) -> int:
        """Attention heads of a block of so many channels: a fixed number (SD1) or a fixed width (SD2, SDXL)."""
        return self.heads if self.heads is not None else max(1, channels // (self.head_channels or 64))

    @classmethod
    def from_shapes(cls, shapes: Shapes, *, heads: int | None = None, groups: int = 32) -> "UNetConfig":
        """Read the dimensions from a U-Net's keys and shapes.

        `heads` is None where the family decides: 8 heads where the projections are convolutions (SD1), heads of 64
        channels where they are linear (SD2, SDXL).
        """
        model_channels, in_channels = shapes["input_blocks.0.0.weight"][:2]
        widths: list[list[int]] = [[]]
        depths: list[int] = [0]
        for block in range(1, numbered(shapes, "input_blocks.")):
            if f"input_blocks.{block}.0.op.weight" in shapes:
                widths.append([])
                depths.append(0)
            else:
                widths[-1].append(shapes[f"input_blocks.{block}.0.in_layers.2.weight"][0])
                depths[-1] = numbered(shapes, f"input_blocks.{block}.1.transformer_blocks.")
        context = next((shape[1] for key, shape in shapes.items() if key.endswith("attn2.to_k.weight")), 0)
        projections = [shape for key, shape in shapes.items() if key.endswith("proj_in.weight")]
        labels = shapes.get("label_emb.0.0.weight")
        linear = bool(projections) and len(projections[0]) == 2
        by_family = 8 if projections and not linear else None
        return cls(
            in_channels=in_channels,
            out_channels=shapes["out.2.weight"][0] if "out.2.weight" in shapes else in_channels,
            model_channels=model_channels,
            channel_mult=tuple(level[0] // model_channels for level in widths),
            res_blocks=len(widths[0]),
            depth=tuple(depths),
            middle_depth=numbered(shapes, "middle_block.1.transformer_blocks."),
            context_channels=context,
            heads=heads if heads is not None else by_family,
            head_channels=None if heads is not None or by_family is not None else 64,
            linear=linear,
            label_channels=labels[1] if labels else None,
            groups=groups,
        )


def timestep_embedding(timesteps: Tensor, channels: int) -> Tensor:
    """Sinusoids of the time step, cosines first: [batch] → [batch, channels] (Ho et al. 2020, appendix B)."""
    half = channels // 2
    frequencies = torch.exp(-math.log(10000) * torch.arange(half, dtype=torch.float32, device=timesteps.device) / half)
    angles = timesteps.float()[:, None] * frequencies
    embedding = torch.cat([angles.cos(), angles.sin()], dim=-1)
    return functional.pad(embedding, (0, channels % 2))


class ResBlock(nn.Module):
    """Two normalized convolutions, with the time added between them and the input added at the end."""

    def __init__(self, channels: int, out_channels: int, time_channels: int, groups: int) -> None:
        super().__init__()
        self.in_layers = nn.Sequential(
            nn.GroupNorm(groups, channels), nn.SiLU(), nn.Conv2d(channels, out_channels, 3, padding=1)
        )
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(time_channels, out_channels))
        # Slot 2 was dropout's.
        self.out_layers = nn.Sequential(
            nn.GroupNorm(groups, out_channels),
            nn.SiLU(),
            nn.Identity(),
            nn.Conv2d(out_channels, out_channels, 3, padding=1),
        )
        self.skip_connection = nn.Identity() if channels == out_channels else nn.Conv2d(channels, out_channels, 1)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        hidden = _normalized(self.in_layers, x) + self.emb_layers(time)[:, :, None, None]
        skip = x if isinstance(self.skip_connection, nn.Identity) else convolution(self.skip_connection, x)
        return skip + _normalized(self.out_layers, hidden)


def _normalized(layers: nn.Sequential, x: Tensor) -> Tensor:
    *before, last = layers
    for layer in before:
        x = layer(x)
    return convolution(last, x)


class Downsample(nn.Module):
    """Half the resolution by a strided convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.op = nn.Conv2d(channels, channels, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return convolution(self.op, x)


class Upsample(nn.Module):
    """Twice the resolution (or `size`, where an odd size was halved): nearest neighbours, then a convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        return convolution(self.conv, functional.interpolate(x, size=size, mode="nearest"))


class UNetEncoder(nn.Module):
    """The way down and the middle of a U-Net; a ControlNet has them too."""

    UNITS = (ResBlock, SpatialTransformer)

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        base, time_channels = config.model_channels, 4 * config.model_channels
        self.time_embed = nn.Sequential(
            nn.Linear(base, time_channels), nn.SiLU(), nn.Linear(time_channels, time_channels)
        )
        if config.label_channels is not None:
            self.label_emb = nn.Sequential(
                nn.Sequential(
                    nn.Linear(config.label_channels, time_channels), nn.SiLU(), nn.Linear(time_channels, time_channels)
                )
            )
        self.input_blocks = nn.ModuleList([nn.ModuleList([nn.Conv2d(config.in_channels, base, 3, padding=1)])])
        self.skip_channels = self._build_input(base, time_channels)
        widest = base * config.channel_mult[-1]
        middle = [self._transformer(widest, config.middle_depth)] if config.middle_depth else []
        self.middle_block = nn.ModuleList(
            [
                ResBlock(widest, widest, time_channels, config.groups),
                *middle,
                ResBlock(widest, widest, time_channels, config.groups),
            ]
        )

    def _transformer(self, channels: int, depth: int) -> SpatialTransformer:
        config = self.config
        heads = config.heads_at(channels)
        return SpatialTransformer(
            channels, config.context_channels, heads, depth, linear=config.linear, groups=config.groups
        )

    def _build_input(self, channels: int, time_channels: int) -> list[int]:
        config = self.config
        skips = [channels]
        for level, (mult, depth) in enumerate(zip(config.channel_mult, config.depth, strict=True)):
            for _ in range(config.res_blocks):
                block = nn.ModuleList([ResBlock(channels, mult * config.model_channels, time_channels, config.groups)])
                channels = mult * config.model_channels
                if depth:
                    block.append(self._transformer(channels, depth))
                self.input_blocks.append(block)
                skips.append(channels)
            if level + 1 < len(config.channel_mult):
                self.input_blocks.append(nn.ModuleList([Downsample(channels)]))
                skips.append(channels)
        return skips

    def encode(
        self, x: Tensor, timesteps: Tensor, context: Tensor, y: Tensor | None, hint: Tensor | None = None
    ) -> tuple[Tensor, list[Tensor], Tensor]:
        """The embedding of time and labels, the output of every block on the way down, and that of the middle.

        `hint`, [batch, model_channels, height, width], is added to the output of the first block.
        """
        time = self.time_embed(timestep_embedding(timesteps, self.config.model_channels).to(x.dtype))
        if y is not None:
            time = time + self.label_emb(y.to(x.dtype))
        if usable(x):
            x = x.contiguous(memory_format=torch.channels_last)  # stays so, and then pixels are tokens without a copy
        skips: list[Tensor] = []
        for block in self.input_blocks:
            x = _run(block, x, time, context)
            if hint is not None and not skips:
                x = x + hint
            skips.append(x)
        return time, skips, _run(self.middle_block, x, time, context)


class UNet(UNetEncoder):
    """Predicts, from a noisy latent, its time step and the text, the noise (or v, as the checkpoint was trained)."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__(config)
        base = config.model_channels
        self.output_blocks = nn.ModuleList()
        self._build_output(base * config.channel_mult[-1], list(self.skip_channels), 4 * base)
        self.out = nn.Sequential(
            nn.GroupNorm(config.groups, base), nn.SiLU(), nn.Conv2d(base, config.out_channels, 3, padding=1)
        )

    def _build_output(self, channels: int, skips: list[int], time_channels: int) -> None:
        config = self.config
        for level, (mult, depth) in reversed(list(enumerate(zip(config.channel_mult, config.depth, strict=True)))):
            for index in range(config.res_blocks + 1):
                out_channels = mult * config.model_channels
                block = nn.ModuleList([ResBlock(channels + skips.pop(), out_channels, time_channels, config.groups)])
                channels = out_channels
                if depth:
                    block.append(self._transformer(channels, depth))
                if level and index == config.res_blocks:
                    block.append(Upsample(channels))
                self.output_blocks.append(block)

    def forward(
        self,
        x: Tensor,
        timesteps: Tensor,
        context: Tensor,
        y: Tensor | None = None,
        control: Sequence[Tensor] = (),
    ) -> Tensor:
        """Predict for a batch.

        x: [batch, in_channels, height, width]; timesteps: [batch], 0–999; context: [batch, words, context_channels];
        y: [batch, label_channels] for families that have it; control: what a ControlNet adds to the output of every
        block on the way down, and at last to that of the middle. Returns [batch, out_channels, height, width].
        """
        time, skips, x = self.encode(x, timesteps, context, y)
        if control:
            *beside, middle = control
            skips = [skip + added for skip, added in zip(skips, beside, strict=True)]
            x = x + middle
        for block in self.output_blocks:
            x = torch.cat([x, skips.pop()], dim=1)
            size = skips[-1].shape[-2:] if skips else x.shape[-2:]
            x = _run(block, x, time, context, (size[0], size[1]))
        return self.out(x).contiguous()


def _run(block: nn.Module, x: Tensor, time: Tensor, context: Tensor, size: tuple[int, int] | None = None) -> Tensor:
    assert isinstance(block, nn.ModuleList)
    for module in block:
        if isinstance(module, ResBlock):
            x = module(x, time)
        elif isinstance(module, SpatialTransformer):
            x = module(x, context)
        elif isinstance(module, Upsample):
            x = module(x, size)
        else:
            x = module(x)
    return x
