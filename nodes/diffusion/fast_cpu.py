"""oneDNN for inference on a CPU, where PyTorch itself would call something slower.

PyTorch leaves float32 products to MKL, which takes twice as long as oneDNN on AMD's processors; it reorders the
weights of a convolution on every call, which takes longer than a small convolution itself; and its fused attention is
no faster in bfloat16 than in float32. The product of matrices that torch.compile calls helps with all three. It has no
gradients and is not documented: where it is not to be had, the functions here call PyTorch's own.
"""

from functools import cache
from itertools import product

import torch
from torch import Tensor, nn
from torch.nn import functional

_MOST_SCORES = 1 << 21  # of a block of queries, in one head: 8 MB, which stay in the cache
_FEWEST_SCORES = 1 << 19  # of all queries, in one head: below, the fused attention is faster
_MOST_PIXELS = 768  # in a batch: above, reordering the weights takes less than gathering the pixels


def usable(x: Tensor) -> bool:
    """Whether oneDNN's product can compute with x: on a CPU, without gradients, in a type that it has here."""
    if torch.compiler.is_compiling():  # it has its own ways, and cannot look through these
        return False
    return x.device.type == "cpu" and not torch.is_grad_enabled() and _multiplies(x.dtype)


@cache
def _multiplies(dtype: torch.dtype) -> bool:
    if dtype not in (torch.float32, torch.bfloat16):
        return False
    ones = torch.ones(2, 2, dtype=dtype)
    try:
        return bool((gated(_product(ones, ones, ones[0]), ones, ones[0]) > 0).all())
    except (AttributeError, RuntimeError, TypeError):  # another PyTorch, or a processor that has no such instructions
        return False


def _product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")


def gated(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """A linear layer, its first half of outputs multiplied by the GELU of the second: [..., n] → [..., m/2].

    Only where `usable`. Gate and product are computed as the layer's outputs are, before these are in memory.
    """
    values, gates = zip(weight.chunk(2), bias.chunk(2), strict=True)
    gate = torch.ops.mkldnn._linear_pointwise(x, *gates, "gelu", [], "none")
    return torch.ops.mkldnn._linear_pointwise.binary(x, gate, *values, "mul")


def linear(layer: nn.Module, x: Tensor) -> Tensor:
    """A linear layer: [..., n] → [..., m]."""
    assert isinstance(layer, nn.Linear)
    return _product(x, layer.weight, layer.bias) if usable(x) else layer(x)


def convolution(layer: nn.Module, x: Tensor) -> Tensor:
    """A square convolution that pads by half its kernel: [batch, channels, height, width] each.

    Of few pixels it is a product of matrices, with the weights where they are, their channels first or last; its output
    has the channels last.
    """
    assert isinstance(layer, nn.Conv2d)
    kernel, stride = layer.kernel_size[0], layer.stride[0]
    if x[:, 0].numel() > _MOST_PIXELS * stride**2 or not usable(x):
        return layer(x)
    around = kernel // 2
    padded = functional.pad(x.permute(0, 2, 3, 1), (0, 0, around, around, around, around))
    windows = padded.unfold(1, kernel, stride).unfold(2, kernel, stride)
    pixels, weight = windows.permute(0, 1, 2, 4, 5, 3).flatten(3, 4), layer.weight.permute(0, 2, 3, 1)
    if layer.weight.is_contiguous():  # then the channels come first; a second copy is faster than both at once
        pixels, weight = pixels.mT, layer.weight
    return _product(pixels.flatten(3), weight.flatten(1), layer.bias).permute(0, 3, 1, 2)


def attends(query: Tensor, key: Tensor) -> bool:
    """Whether `attention` is the faster one for them."""
    return query.shape[-2] * key.shape[-2] >= _FEWEST_SCORES and usable(query)


def attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Scaled dot-product attention: [batch, heads, tokens, width] each, and back. Only where `usable`.

    It computes in float32 whatever the type: a product in bfloat16 would leave 8 bits of the scores.
    """
    batch, heads, tokens, width = query.shape
    attended = query.new_empty(batch, tokens, heads, width).transpose(1, 2)
    query, key, value = (
        (query.float() * width**-0.5).contiguous(),
        key.float().contiguous(),
        value.float().mT.contiguous(),
    )
    rows = max(64, _MOST_SCORES // key.shape[-2])
    for head in product(range(batch), range(heads)):
        for block, filled in zip(query[head].split(rows), attended[head].split(rows), strict=True):
            scores = _product(block, key[head])
            torch.softmax(scores, -1, out=scores)
            filled.copy_(_product(scores, value[head]))
    return attended
