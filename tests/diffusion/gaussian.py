"""Gaussian data N(MEAN, SPREAD²): the one case in which every answer is known in closed form."""

import math
from collections.abc import Callable, Generator

import torch
from torch import Tensor

MEAN, SPREAD = 0.7, 0.5
SIGMA_MIN, SIGMA_MAX = 0.0291672, 14.6146


def denoise(x: Tensor, sigma: Tensor) -> Tensor:
    """The posterior mean of the data given x = data + sigma·noise."""
    return (SPREAD**2 * x + sigma**2 * MEAN) / (SPREAD**2 + sigma**2)


def flow(x: Tensor, sigma: Tensor, sigma_next: Tensor) -> Tensor:
    """Where the probability flow ODE takes x."""
    return MEAN + (x - MEAN) * ((SPREAD**2 + sigma_next**2) / (SPREAD**2 + sigma**2)).sqrt()


def levels(steps: int, low: float = SIGMA_MIN) -> Tensor:
    """Karras levels in float64 down to `low`, without a final 0, so that the flow stays smooth."""
    ramp = torch.linspace(0, 1, steps + 1, dtype=torch.float64)
    return (SIGMA_MAX ** (1 / 7) + ramp * (low ** (1 / 7) - SIGMA_MAX ** (1 / 7))) ** 7


def finish(walk: Generator[object, None, Tensor]) -> Tensor:
    """What a generator returns."""
    while True:
        try:
            next(walk)
        except StopIteration as end:
            return end.value


def still(sigma: Tensor, sigma_next: Tensor) -> Tensor:
    """No noise, for stochastic samplers."""
    return torch.zeros((), dtype=torch.float64)


def numbers(values: Tensor) -> list[float]:
    """A one-dimensional tensor as a list."""
    return [float(value) for value in values]


Walk = Callable[..., Generator[object, None, Tensor]]


def orders(sampler: Walk, counts: tuple[int, ...] = (20, 40, 80, 160)) -> list[float]:
    """Orders of convergence measured from the errors at one number of steps and the next."""
    errors: list[float] = []
    for count in counts:
        sigmas = levels(count)
        x = torch.tensor([MEAN + 1.3 * SIGMA_MAX], dtype=torch.float64)
        end = finish(sampler(denoise, x, sigmas, still))
        errors.append(abs(float(end - flow(x, sigmas[0], sigmas[-1]))))
    return [
        math.log(a / b) / math.log(n / m) for a, b, m, n in zip(errors, errors[1:], counts, counts[1:], strict=False)
    ]


def moments(sampler: Walk, steps: int, low: float = 0.3) -> tuple[float, float]:
    """The exact mean and variance of a stochastic sampler's result, from the exact marginal at the first level.

    All is linear here, so the result is a sum of responses to unit impulses: of the start and of the random motion
    between any two levels that the sampler asks about, which are the given ones and the middles of the steps by log.
    """
    sigmas = levels(steps, low)
    cuts = torch.cat([sigmas, (sigmas[1:] * sigmas[:-1]).sqrt()]).sort(descending=True).values
    widths = cuts[:-1] - cuts[1:]

    def impulses(sigma: Tensor, sigma_next: Tensor) -> Tensor:
        inside = (cuts[:-1] <= sigma * (1 + 1e-12)) & (cuts[1:] >= sigma_next * (1 - 1e-12))
        return torch.cat([torch.zeros(2, dtype=torch.float64), (inside * widths / (sigma - sigma_next)).sqrt()])

    x = torch.zeros(len(cuts) + 1, dtype=torch.float64)
    x[1] = 1
    end = finish(sampler(denoise, x, sigmas, impulses))
    response = end[1:] - end[0]
    variance = response[0] ** 2 * (SPREAD**2 + sigmas[0] ** 2) + (response[1:] ** 2).sum()
    return float(end[0] + response[0] * MEAN), float(variance)
