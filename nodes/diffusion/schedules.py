"""Which noise levels to visit: sequences of sigmas from the most noise to none.

A schedule is a function of a parameterization (the sigmas a model knows) and a number of steps. It returns float32
sigmas that decrease and end in 0. Step i goes from sigma i to sigma i+1, so there is one sigma more than steps;
`ddim_uniform` and `beta` may come out a step longer or shorter, as they visit whole steps of the table only.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from .parameterization import Parameterization

Schedule = Callable[[Parameterization, int], Tensor]

# These samplers evaluate the model beside the given levels and gain nothing from a last small step: ComfyUI's KSampler
# plans a step more for them and leaves out the level before the final 0.
SKIP_PENULTIMATE = frozenset({"dpm_2", "dpm_2_ancestral", "uni_pc", "uni_pc_bh2"})


def schedule(
    name: str, parameterization: Parameterization, steps: int, denoise: float = 1.0, method: str | None = None
) -> Tensor:
    """The sigmas of a named schedule, float32 of shape [steps + 1], or empty if `denoise` is 0.

    `denoise` below 1 keeps the last `steps` of a schedule of `int(steps / denoise)`: the same number of steps, from a
    lower level. `method` is the sampler they are meant for, see SKIP_PENULTIMATE; leave it out to get them unchanged.
    """
    if steps < 1 or denoise <= 0:
        return torch.empty(0)
    whole = denoise > 0.9999
    planned = steps if whole else int(steps / denoise)
    if method in SKIP_PENULTIMATE:
        sigmas = SCHEDULES[name](parameterization, planned + 1)
        sigmas = torch.cat([sigmas[:-2], sigmas[-1:]])
    else:
        sigmas = SCHEDULES[name](parameterization, planned)
    return sigmas if whole else sigmas[-(steps + 1) :]


def normal(parameterization: Parameterization, steps: int) -> Tensor:
    """Evenly spaced in t, both ends of the table included."""
    return _ending(parameterization.sigma(torch.linspace(_last(parameterization), 0, steps)))


def sgm_uniform(parameterization: Parameterization, steps: int) -> Tensor:
    """Evenly spaced in t without the lowest level: `normal` with one step more, whose last sigma is left out."""
    return _ending(parameterization.sigma(torch.linspace(_last(parameterization), 0, steps + 1)[:-1]))


def simple(parameterization: Parameterization, steps: int) -> Tensor:
    """Every (T / steps)-th entry of the table, from the top down; no more steps than the table has."""
    table = parameterization.sigmas
    steps = min(steps, len(table))
    stride = len(table) / steps
    return _ending(table[[-1 - int(i * stride) for i in range(steps)]])


def ddim_uniform(parameterization: Parameterization, steps: int) -> Tensor:
    """Every (T // steps)-th entry of the table, from index 1 up, as DDIM's authors did (Song et al. 2021).

    The stride is rounded down, so there may be more levels than steps: 7 for 6 steps of 1000.
    """
    table = parameterization.sigmas
    return _ending(table[1 :: max(len(table) // steps, 1)].flip(0))


def karras(parameterization: Parameterization, steps: int, rho: float = 7.0) -> Tensor:
    """Evenly spaced in σ^(1/ρ) (Karras et al. 2022, equation 5): short steps where there is little noise."""
    ramp = torch.linspace(0, 1, steps)
    low, high = parameterization.sigma_min ** (1 / rho), parameterization.sigma_max ** (1 / rho)
    return _ending((high + ramp * (low - high)) ** rho)


def exponential(parameterization: Parameterization, steps: int) -> Tensor:
    """Evenly spaced in log σ."""
    low, high = math.log(parameterization.sigma_min), math.log(parameterization.sigma_max)
    return _ending(torch.linspace(high, low, steps).exp())


def linear(parameterization: Parameterization, steps: int) -> Tensor:
    """Evenly spaced in σ itself: nearly all steps where there is much noise. Here to be compared with the others."""
    return _ending(torch.linspace(parameterization.sigma_max, parameterization.sigma_min, steps))


def cosine(parameterization: Parameterization, steps: int, offset: float = 0.008) -> Tensor:
    """Evenly spaced in the time u of ᾱ = cos²((u+s)/(1+s)·π/2) / cos²(s/(1+s)·π/2) (Nichol & Dhariwal 2021)."""
    start = math.cos(offset / (1 + offset) * math.pi / 2)

    def angle(sigma: float) -> float:
        return math.acos(start / math.sqrt(1 + sigma**2))

    angles = torch.linspace(
        angle(parameterization.sigma_max), angle(parameterization.sigma_min), steps, dtype=torch.float64
    )
    return _ending(((start / angles.cos()) ** 2 - 1).sqrt().float())


def kl_optimal(parameterization: Parameterization, steps: int) -> Tensor:
    """Evenly spaced in arctan σ (Sabour et al. 2024, Align Your Steps, equation 8).

    It is the cosine schedule without its offset, as ᾱ = cos²(arctan σ).
    """
    low, high = math.atan(parameterization.sigma_min), math.atan(parameterization.sigma_max)
    return _ending(torch.linspace(high, low, steps, dtype=torch.float64).tan().float())


def linear_quadratic(parameterization: Parameterization, steps: int, threshold: float = 0.025) -> Tensor:
    """From σ_max: half the steps remove the first `threshold` of it evenly, the rest follow a parabola (Mochi 1)."""
    half = steps // 2
    if half == 0:
        return torch.tensor([parameterization.sigma_max, 0.0])
    rest = steps - half
    slope = threshold / half  # of the straight part; the parabola starts with this slope and ends at 1
    bend = (1 - slope * steps) / rest**2
    removed = [slope * i + bend * max(i - half, 0) ** 2 for i in range(steps)]
    return _ending((1 - torch.tensor(removed)) * parameterization.sigma_max)


def beta(parameterization: Parameterization, steps: int, alpha: float = 0.6) -> Tensor:
    """Whole t at the quantiles of a symmetric beta distribution (Lee et al. 2024): dense at both ends.

    A step of the table that several quantiles fall on is visited once.
    """
    last = len(parameterization.sigmas) - 1
    quantiles = 1 - torch.arange(steps, dtype=torch.float64) / steps
    # A quantile rounded to a whole step is the number of bounds between steps whose distribution value is up to it.
    bounds = (torch.arange(last, dtype=torch.float64) + 0.5) / last
    t = torch.searchsorted(_symmetric_beta_cdf(bounds, alpha), quantiles, right=True)
    return _ending(parameterization.sigmas[t.unique_consecutive()])


def _symmetric_beta_cdf(x: Tensor, alpha: float, terms: int = 60) -> Tensor:
    """The distribution function of Beta(α, α) at x in (0, 1): the power series up to ½, mirrored beyond."""

    def series(x: Tensor) -> Tensor:  # B_x(α, α) = Σ (1-α)_n / n! · x^(n+α) / (n+α)
        total, factor = torch.zeros_like(x), 1.0
        for n in range(terms):
            total = total + factor * x ** (n + alpha) / (n + alpha)
            factor *= (n + 1 - alpha) / (n + 1)
        return total

    lower = series(x.minimum(1 - x)) / (2 * series(torch.tensor(0.5, dtype=torch.float64)))
    return torch.where(x <= 0.5, lower, 1 - lower)


def _last(parameterization: Parameterization) -> int:
    return len(parameterization.sigmas) - 1


def _ending(sigmas: Tensor) -> Tensor:
    return torch.cat([sigmas, sigmas.new_zeros(1)])


SCHEDULES: dict[str, Schedule] = {
    "normal": normal,
    "karras": karras,
    "exponential": exponential,
    "simple": simple,
    "ddim_uniform": ddim_uniform,
    "sgm_uniform": sgm_uniform,
    "beta": beta,
    "linear": linear,
    "cosine": cosine,
    "kl_optimal": kl_optimal,
    "linear_quadratic": linear_quadratic,
}
