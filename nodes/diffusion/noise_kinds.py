"""Kinds of noise, all with mean 0 and deviation 1: what sampling may start from, or may not.

Diffusion models are trained on Gaussian noise, independent from pixel to pixel; the others are here to be compared.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

Draw = Callable[[Sequence[int], torch.Generator], Tensor]


def gaussian(shape: Sequence[int], generator: torch.Generator) -> Tensor:
    """Normally distributed, white."""
    return torch.randn(tuple(shape), generator=generator)


def uniform(shape: Sequence[int], generator: torch.Generator) -> Tensor:
    """Evenly distributed from -√3 to √3, white."""
    return (torch.rand(tuple(shape), generator=generator) * 2 - 1) * 3**0.5


def salt_and_pepper(shape: Sequence[int], generator: torch.Generator, share: float = 0.1) -> Tensor:
    """Zero but for a `share` of pixels that are as far up or down as gives deviation 1."""
    draw = torch.rand(tuple(shape), generator=generator)
    return ((draw < share / 2).float() - (draw > 1 - share / 2).float()) / share**0.5


def colored(exponent: float) -> Draw:
    """Gaussian noise whose power falls with frequency as f^exponent: pink -2, brown -4, blue 2 in two dimensions."""

    def draw(shape: Sequence[int], generator: torch.Generator) -> Tensor:
        height, width = shape[-2:]
        spectrum = torch.fft.rfft2(gaussian(shape, generator))
        frequency = (torch.fft.fftfreq(height)[:, None] ** 2 + torch.fft.rfftfreq(width)[None] ** 2).sqrt()
        frequency[0, 0] = 1 / max(height, width)
        return _standardized(torch.fft.irfft2(spectrum * frequency ** (exponent / 2), s=(height, width)))

    return draw


def pyramid(shape: Sequence[int], generator: torch.Generator, discount: float = 0.8) -> Tensor:
    """Gaussian noise at every scale from the pixel to the picture, the coarser the fainter (Whitaker 2023)."""
    total, factor, strength = gaussian(shape, generator), 2, discount
    while factor < 2 * min(shape[-2:]):
        coarse = gaussian([*shape[:-2], max(1, shape[-2] // factor), max(1, shape[-1] // factor)], generator)
        total = total + strength * functional.interpolate(coarse, size=tuple(shape[-2:]), mode="bilinear")
        factor, strength = 2 * factor, strength * discount
    return _standardized(total)


def perlin(shape: Sequence[int], generator: torch.Generator, cell: int = 4) -> Tensor:
    """Smooth noise between random slopes on a lattice of `cell` pixels (Perlin 1985)."""
    *batch, height, width = shape
    rows, columns = -(-height // cell) + 1, -(-width // cell) + 1
    angle = torch.rand((*batch, rows, columns), generator=generator) * 2 * torch.pi
    y, x = (torch.arange(height) + 0.5) / cell, (torch.arange(width) + 0.5) / cell
    row, column = y.long(), x.long()
    total = torch.zeros(tuple(shape))
    for down in (0, 1):
        for right in (0, 1):
            slope = angle[..., row + down, :][..., column + right]
            dy, dx = (y - row - down)[:, None], (x - column - right)[None]
            weight = _fade(1 - dy.abs()) * _fade(1 - dx.abs())
            total = total + weight * (slope.cos() * dx + slope.sin() * dy)
    return _standardized(total)


def _fade(t: Tensor) -> Tensor:
    return t**3 * (t * (t * 6 - 15) + 10)


def _standardized(noise: Tensor) -> Tensor:
    """Mean 0 and deviation 1 over each picture's channels."""
    axes = tuple(range(1, noise.ndim))
    return (noise - noise.mean(axes, keepdim=True)) / noise.std(axes, keepdim=True).clamp(min=1e-8)


NOISE_KINDS: dict[str, Draw] = {
    "gaussian": gaussian,
    "uniform": uniform,
    "salt_and_pepper": salt_and_pepper,
    "perlin": perlin,
    "pyramid": pyramid,
    "pink": colored(-2),
    "brown": colored(-4),
    "blue": colored(2),
}


def draw_noise(kind: str, shape: Sequence[int], seed: int) -> Tensor:
    """Noise of a kind, [batch, channels, height, width], float32, from the CPU generator with a seed."""
    return NOISE_KINDS[kind](shape, torch.Generator().manual_seed(seed))
