"""How numbers are spread: whether two samples are of one distribution, and the spectrum of a picture."""

import math
from statistics import linear_regression

import torch
from torch import Tensor


def kolmogorov_smirnov(first: Tensor, second: Tensor) -> tuple[float, float]:
    """The two-sample Kolmogorov-Smirnov test: the largest gap D between the distributions of all elements, and its p.

    p is the probability of a gap as large or larger if both are samples of one continuous distribution, by the
    asymptotic series with Stephens' correction (1970).
    """
    a, b = (sample.double().flatten().sort().values for sample in (first, second))
    both = torch.cat([a, b])
    gaps = torch.searchsorted(a, both, right=True) / len(a) - torch.searchsorted(b, both, right=True) / len(b)
    gap, root = float(gaps.abs().max()), math.sqrt(len(a) * len(b) / (len(a) + len(b)))
    scaled = (root + 0.12 + 0.11 / root) * gap
    if scaled < 0.2:  # the series converges too slowly there, and p differs from 1 by less than 1e-12
        return gap, 1.0
    return gap, min(1.0, max(0.0, 2 * sum((-1) ** (k - 1) * math.exp(-2 * (k * scaled) ** 2) for k in range(1, 101))))


def radial_spectrum(picture: Tensor) -> tuple[list[float], list[float]]:
    """The power at each frequency, in cycles per pixel, averaged over directions and channels of [channels, h, w].

    Each ring is one cycle per shorter side wide; white noise of deviation 1 has power 1 at all frequencies.
    """
    height, width = picture.shape[-2:]
    side = min(height, width)
    power = torch.fft.fft2(picture.double().cpu()).abs().square().mean(0) / (height * width)
    frequency = torch.hypot(torch.fft.fftfreq(height)[:, None].double(), torch.fft.fftfreq(width)[None].double())
    ring = (frequency * side).round().long().flatten()
    count = torch.bincount(ring).double()
    inside = slice(1, side // 2 + 1)
    mean, place = (torch.bincount(ring, of.flatten()) / count for of in (power, frequency))
    return place[inside].tolist(), mean[inside].tolist()


def spectral_slope(frequency: list[float], power: list[float]) -> float:
    """The k of power ~ frequency^k, by least squares on logarithms from two rings up to a quarter cycle per pixel."""
    inside = [(math.log(f), math.log(p)) for f, p in zip(frequency[1:], power[1:], strict=True) if f <= 0.25 and p > 0]
    return linear_regression(*zip(*inside, strict=True)).slope if len(inside) > 1 else math.nan
