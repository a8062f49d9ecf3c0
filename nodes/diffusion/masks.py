"""Masks: [batch, 1, height, width] or [batch, height, width], 0…1."""

import math

import torch
from torch import Tensor
from torch.nn import functional


def grown(mask: Tensor, pixels: int) -> Tensor:
    """Every painted spot widened to a square of `pixels` a side: [batch, 1, height, width]."""
    if pixels == 0:
        return mask
    kernel = torch.ones(1, 1, pixels, pixels)
    padding = math.ceil((pixels - 1) / 2)
    spread = functional.conv2d(mask.round(), kernel, padding=padding).clamp(0, 1)
    return spread[..., : mask.shape[-2], : mask.shape[-1]]


def pasted(destination: Tensor, source: Tensor, x: int, y: int, operation: str) -> Tensor:
    """`source` combined with the part of `destination` that lies under it at (x, y): [batch, height, width] each."""
    result = destination.clone()
    bottom, right = min(y + source.shape[-2], result.shape[-2]), min(x + source.shape[-1], result.shape[-1])
    under, over = result[:, y:bottom, x:right], source[:, : max(0, bottom - y), : max(0, right - x)]
    result[:, y:bottom, x:right] = OPERATIONS[operation](under, over).clamp(0, 1)
    return result


def _rounded(operation):  # noqa: ANN001, ANN202 -- a table of small functions
    return lambda under, over: operation(under.round().bool(), over.round().bool()).float()


OPERATIONS = {
    "multiply": lambda under, over: under * over,
    "add": lambda under, over: under + over,
    "subtract": lambda under, over: under - over,
    "and": _rounded(torch.bitwise_and),
    "or": _rounded(torch.bitwise_or),
    "xor": _rounded(torch.bitwise_xor),
}
