"""What is worth knowing of a value at a glance: facts in words, a thumbnail, a curve."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .devices import Placement
from .pictures import to_png
from .resize import resize

LONGEST_SIDE, MOST_PICTURES, GAP = 192, 4, 2  # the sides and the gap in pixels

Facts = tuple[tuple[str, str], ...]


class Look(NamedTuple):
    """Facts by name, a small PNG file, and numbers to draw as a curve."""

    facts: Facts
    picture: bytes | None = None
    curve: Sequence[float] | None = None


def shape_of(tensor: Tensor) -> str:
    """The shape as people write it: 1 × 4 × 8 × 8."""
    return " × ".join(map(str, tensor.shape))


@torch.no_grad()
def facts_of(tensor: Tensor) -> Facts:
    """Shape, type, range, mean and deviation of some numbers, and where they are if that is not the CPU."""
    kind = str(tensor.dtype).removeprefix("torch.")
    facts = (("shape", shape_of(tensor)), ("dtype", kind))
    if tensor.device.type != "cpu":
        facts += (("device", str(tensor.device)),)
    if not tensor.numel():
        return facts
    numbers = tensor.float()
    low, high = torch.aminmax(numbers)
    deviation, mean = torch.std_mean(numbers, correction=0)
    spread = f"{float(mean):.3g} ± {float(deviation):.3g}"
    return (*facts, ("range", f"{float(low):.4g} … {float(high):.4g}"), ("mean ± deviation", spread))


def network_facts(network: nn.Module, placement: Placement | None = None) -> Facts:
    """How many weights a network has, of which type and where; `placement` says what it computes in."""
    weights = list(network.parameters())
    kinds = sorted({str(weight.dtype).removeprefix("torch.") for weight in weights})
    facts = (("parameters", in_short(sum(weight.numel() for weight in weights))), ("dtype", ", ".join(kinds)))
    if placement is None:
        return facts
    computes = str(placement.dtype).removeprefix("torch.")
    return (*facts, ("computed in", f"{computes} on {placement.device}"))


def in_short(count: int) -> str:
    """A large number in three digits: 859 M."""
    for size, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if count >= size:
            return f"{count / size:.3g} {letter}"
    return str(count)


@torch.no_grad()
def thumbnail(pictures: Tensor) -> bytes | None:
    """The first pictures of a batch side by side, as a PNG file of at most 192 pixels a side; None for no picture.

    Pictures are [batch, 1 or 3, height, width] in 0…1, at most four of them are shown. Small ones are enlarged, in
    whole steps, so that their pixels can be seen.
    """
    shown = pictures[:MOST_PICTURES]
    if not shown.numel():
        return None
    room = (LONGEST_SIDE - GAP * (len(shown) - 1)) // len(shown)
    height, width = shown.shape[-2:]
    scale = min(room / width, LONGEST_SIDE / height)
    scale = max(1, int(scale)) if scale >= 1 else scale
    # So many pixels of a large picture are enough, and are much faster averaged than all.
    stride = max(1, int(1 / scale) // 4)
    few = shown[..., ::stride, ::stride].float().cpu().nan_to_num().clamp(0, 1).expand(-1, 3, -1, -1)
    size = max(1, int(width * scale)), max(1, int(height * scale))
    small = resize(few, *size, "area" if scale < 1 else "nearest-exact")
    gap = torch.ones(3, size[1], GAP)
    strip = [part for picture in small for part in (gap, picture)][1:]
    return to_png(torch.cat(strip, dim=2), {})
