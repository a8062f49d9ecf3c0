"""Masks: [batch, 1, height, width] or [batch, height, width], 0…1."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from .resize import repeated


def grown(mask: Tensor, pixels: int) -> Tensor:
    """Every painted spot widened to a square of `pixels` a side: [batch, 1, height, width]."""
    if pixels == 0:
        return mask
    kernel = torch.ones(1, 1, pixels, pixels)
    padding = math.ceil((pixels - 1) / 2)
    spread = functional.conv2d(mask.round(), kernel, padding=padding).clamp(0, 1)
    return spread[..., : mask.shape[-2], : mask.shape[-1]]


def dilated(mask: Tensor, pixels: int, *, tapered: bool) -> Tensor:
    """Each spot spread by so many pixels, or shrunk by as many below 0: [batch, height, width].

    A spot spreads to a square; `tapered` to a diamond, as far along the axes but not to the corners.
    """
    if pixels < 0:
        return 1 - dilated(1 - mask, -pixels, tapered=tapered)
    for _ in range(min(pixels, mask.shape[-2] + mask.shape[-1])):
        mask = torch.maximum(_highest(mask, 1, 3), _highest(mask, 3, 1)) if tapered else _highest(mask, 3, 3)
    return mask


def _highest(mask: Tensor, height: int, width: int) -> Tensor:
    """The highest value in a window of odd sides around each pixel."""
    return functional.max_pool2d(mask, (height, width), stride=1, padding=(height // 2, width // 2))


def feathered(mask: Tensor, left: int, top: int, right: int, bottom: int) -> Tensor:
    """Faded out toward the edges, over so many pixels from each: [batch, height, width]."""
    height, width = mask.shape[-2:]
    across = _ramp(width, left) * _ramp(width, right).flip(0)
    down = _ramp(height, top) * _ramp(height, bottom).flip(0)
    return mask * down[:, None] * across


def seam(height: int, width: int, open_sides: tuple[bool, bool, bool, bool], fade: int) -> Tensor:
    """What to paint of a picture that is continued beyond its left, upper, right or lower side: [height, width].

    1 at those sides, falling to 0 with the square of the distance, over `fade` pixels; 0 if the picture is too small.
    """
    if fade == 0 or 2 * fade >= min(height, width):
        return torch.zeros(height, width)
    down, across = torch.arange(height)[:, None].float(), torch.arange(width)[None].float()
    distances = (across, down, width - across, height - down)
    closest = torch.full((height, width), float(fade))
    for distance, is_open in zip(distances, open_sides, strict=True):
        closest = closest.minimum(distance) if is_open else closest
    return ((fade - closest) / fade) ** 2


def _ramp(length: int, fade: int) -> Tensor:
    """1/fade, 2/fade, … up to 1, then 1 on: [length]. A fade longer than the length is shortened to it."""
    fade = min(fade, length)
    return ((torch.arange(length) + 1) / fade).clamp(max=1) if fade else torch.ones(length)


Operation = Callable[[Tensor, Tensor], Tensor]


def pasted(destination: Tensor, source: Tensor, x: int, y: int, operation: str) -> Tensor:
    """`source` combined with the part of `destination` that lies under it at (x, y): [batch, height, width] each."""
    result = destination.clone()
    bottom, right = min(y + source.shape[-2], result.shape[-2]), min(x + source.shape[-1], result.shape[-1])
    if bottom <= y or right <= x:
        return result
    under, over = result[:, y:bottom, x:right], repeated(source, len(result))[:, : bottom - y, : right - x]
    result[:, y:bottom, x:right] = OPERATIONS[operation](under, over).clamp(0, 1)
    return result


def _rounded(operation: Operation) -> Operation:
    return lambda under, over: operation(under.round().bool(), over.round().bool()).float()


OPERATIONS: dict[str, Operation] = {
    "multiply": lambda under, over: under * over,
    "add": lambda under, over: under + over,
    "subtract": lambda under, over: under - over,
    "and": _rounded(torch.bitwise_and),
    "or": _rounded(torch.bitwise_or),
    "xor": _rounded(torch.bitwise_xor),
}
