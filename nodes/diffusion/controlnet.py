"""ControlNet: a second way down through a U-Net, which reads a picture and steers the first (Zhang et al. 2023).

The picture, called the hint, shows what is to be where: edges, depths, poses. What the ControlNet makes of it and of
the noisy latent is added to what the U-Net carries from its way down to its way up.
"""

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor, nn

from .looks import Look, network_facts
from .network import Network
from .parameterization import Parameterization, Scalar
from .resize import center_crop, repeated, resize
from .unet import Shapes, UNetConfig, UNetEncoder

HINT_CHANNELS = (3, 16, 16, 32, 32, 96, 96, 256)  # of what each convolution of the hint reads, in the published files


class ControlEncoder(UNetEncoder):
    """The way down and the middle of a U-Net, with convolutions for the hint before and one after every block.

    `hint_channels` are the widths of what the hint's convolutions read; every second one but the first halves the
    resolution, so that eight of them make one pixel of 8 × 8. Of the middle's blocks the smallest published files have
    the first only: `middle_blocks`, or None for all.
    """

    def __init__(
        self, config: UNetConfig, hint_channels: Sequence[int] = HINT_CHANNELS, middle_blocks: int | None = None
    ) -> None:
        super().__init__(config)
        self.middle_block = self.middle_block[:middle_blocks]
        layers: list[nn.Module] = []
        for number, (channels, out_channels) in enumerate(pairwise((*hint_channels, config.model_channels))):
            stride = 2 if number and number % 2 == 0 else 1
            layers += [nn.Conv2d(channels, out_channels, 3, stride=stride, padding=1), nn.SiLU()]
        self.input_hint_block = nn.Sequential(*layers[:-1])
        self.zero_convs = nn.ModuleList(
            nn.Sequential(nn.Conv2d(channels, channels, 1)) for channels in self.skip_channels
        )
        widest = self.skip_channels[-1]
        self.middle_block_out = nn.Sequential(nn.Conv2d(widest, widest, 1))

    @property
    def factor(self) -> int:
        """How many pixels of the hint one pixel of a latent covers, each way."""
        return 2 ** ((len(self.input_hint_block) // 2 + 1) // 2 - 1)

    def forward(
        self, x: Tensor, timesteps: Tensor, context: Tensor, hint: Tensor, y: Tensor | None = None
    ) -> list[Tensor]:
        """What is to be added to the output of every block on a U-Net's way down, and at last to that of the middle.

        hint: [1 or batch, 3, 8 · height, 8 · width], RGB in 0…1; the others as a U-Net takes them.
        """
        _, skips, middle = self.encode(x, timesteps, context, y, self.input_hint_block(hint))
        beside = [convolution(skip) for convolution, skip in zip(self.zero_convs, skips, strict=True)]
        return [*beside, self.middle_block_out(middle)]


def hint_channels(shapes: Shapes) -> list[int]:
    """The widths of what the convolutions of the hint read, by a ControlNet's shapes; they are every second layer."""
    layers = [int(found[1]) for name in shapes if (found := re.fullmatch(r"input_hint_block\.(\d+)\.weight", name))]
    return [shapes[f"input_hint_block.{layer}.weight"][1] for layer in range(0, max(layers) + 1, 2)]


@dataclass(frozen=True, eq=False)
class ControlNet:
    """A ControlNet with its weights, and where it is computed."""

    network: Network[ControlEncoder]

    def misfit(self, unet: UNetConfig) -> str | None:
        """Why it cannot steer a U-Net of these dimensions, if so."""
        own: UNetConfig = self.network.config
        if own.context_channels not in (0, unet.context_channels):
            why = f"it reads texts {own.context_channels} wide, the model {unet.context_channels}"
        elif own.label_channels not in (None, unet.label_channels):
            why = f"it reads {own.label_channels} numbers beside the text, the model {unet.label_channels or 'none'}"
        elif _widths(own) != _widths(unet):
            why = f"its blocks are {_widths(own)} wide, those of the model {_widths(unet)}"
        else:
            return None
        return f"the ControlNet is of another family than the model: {why}"

    @torch.no_grad()
    def outputs(self, x: Tensor, t: Tensor, context: Tensor, hint: Tensor, y: Tensor | None) -> list[Tensor]:
        """What it adds to the U-Net's blocks, in its own type and on its own device.

        The hint may be of any size: it is cropped to x's proportions and resized. The others are what the U-Net gets,
        without the further channels that a model for inpainting reads.
        """
        module, place = self.network.resident(), self.network.placement
        config: UNetConfig = self.network.config
        height, width = (side * module.factor for side in x.shape[-2:])
        fitting = resize(center_crop(hint, width, height), width, height, "nearest-exact")
        labels = None if config.label_channels is None else y
        x, context, fitting = (tensor.to(place.device, place.dtype) for tensor in (x, context, fitting))
        return module(x, t.to(place.device), context, fitting, None if labels is None else labels.to(x))

    @property
    def nbytes(self) -> int:
        """The size of the weights, for caches."""
        return self.network.nbytes

    def peek(self) -> Look:
        """What the network is, and which models it fits."""
        config: UNetConfig = self.network.config
        reads = f"{config.in_channels} in, {config.context_channels} of text"
        labels = () if config.label_channels is None else (("reads beside the text", f"{config.label_channels}"),)
        facts = network_facts(self.network.module, self.network.placement)
        return Look((*facts, ("channels", reads), *labels))


def _widths(config: UNetConfig) -> list[int]:
    return [mult * config.model_channels for mult in config.channel_mult for _ in range(config.res_blocks)]


@dataclass(frozen=True, eq=False)
class Control:
    """A ControlNet with the hint that it follows: [1 or batch, 3, height, width] in 0…1, of any size.

    `strength` multiplies what it adds; it counts from `start` to `end` of the way (0 is pure noise, 1 the picture).
    With `both` it is meant for the other prompt of a guidance too, where that has none of its own.
    """

    net: ControlNet
    hint: Tensor
    strength: float = 1.0
    start: float = 0.0
    end: float = 1.0
    both: bool = False

    @property
    def key(self) -> Hashable:
        """What two controls have in common if they do the same."""
        return id(self.net), id(self.hint), self.strength, self.start, self.end

    def active(self, levels: Parameterization, sigma: Scalar) -> bool:
        """Whether it counts at this level (that of the first row, if there are several)."""
        level = float(torch.as_tensor(sigma).flatten()[0])
        return levels.sigma_at(self.end) <= level <= levels.sigma_at(self.start)

    def spread(self, rows: int, copies: int) -> "Control":
        """The same for a batch of so many copies of so many rows: hints in turn; one hint for all stays one."""
        if len(self.hint) == 1:
            return self
        return replace(self, hint=repeated(self.hint, rows).repeat(copies, 1, 1, 1))

    @property
    def nbytes(self) -> int:
        """The size of the hint, for caches; the network's is counted where it was loaded."""
        return self.hint.nbytes

    @property
    def in_words(self) -> str:
        """How strongly and when it counts."""
        said = f"a ControlNet at strength {self.strength:g}"
        return said + (f" from {self.start:.0%} to {self.end:.0%}" if self.start > 0 or self.end < 1 else "")


def added(controls: Sequence[Control], x: Tensor, t: Tensor, context: Tensor, y: Tensor | None) -> list[Tensor]:
    """What several ControlNets add together to each of the U-Net's blocks, as x's type; nothing where there are none.

    x, t, context and y are what the U-Net gets.
    """
    total: list[Tensor] = []
    for control in controls:
        outputs = [each.to(x) * control.strength for each in control.net.outputs(x, t, context, control.hint, y)]
        total = [one + other for one, other in zip(total, outputs, strict=True)] if total else outputs
    return total
