"""The forward process: how a picture drowns in noise, step by step or in one jump, under the schedules of the papers.

A step is x_t = √(1-β_t)·x_{t-1} + √β_t·ε_t; since Gaussians add, x_t = √ᾱ_t·x₀ + √(1-ᾱ_t)·ε with ᾱ_t = Π (1-β_s)
(Ho et al. 2020, equations 2 and 4). t counts the steps taken, from 0 (the picture) to T; values are about -1…1.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from .parameterization import BETAS


def sigmoid(count: int, start: float = -3.0, end: float = 3.0, smallest: float = 1e-9) -> Tensor:
    """ᾱ along a sigmoid of time, from 1 to `smallest` (Jabri et al. 2023; Chen 2023), float64 [count]."""
    time = torch.linspace(0, 1, count + 1, dtype=torch.float64)[1:]
    high, low = (torch.tensor(bound, dtype=torch.float64).sigmoid() for bound in (end, start))
    return ((high - (start + time * (end - start)).sigmoid()) / (high - low)).clamp(min=smallest)


def karras(count: int, lowest: float = 0.002, highest: float = 80.0, rho: float = 7.0) -> Tensor:
    """σ evenly spaced in σ^(1/ρ) (Karras et al. 2022, equation 5) as ᾱ = 1 / (1 + σ²), float64 [count].

    Theirs is a spacing of the levels to sample at: for training they draw σ at random.
    """
    ramp = torch.linspace(0, 1, count, dtype=torch.float64)
    sigma = (lowest ** (1 / rho) + ramp * (highest ** (1 / rho) - lowest ** (1 / rho))) ** rho
    return 1 / (1 + sigma**2)


def constant(count: int) -> Tensor:
    """The same β at each step, such that it ends where the linear schedule does; float64 [count]."""
    last = _from_betas("linear")(count)[-1]
    return last ** (torch.arange(1, count + 1, dtype=torch.float64) / count)


def _from_betas(name: str) -> Callable[[int], Tensor]:
    return lambda count: (1 - BETAS[name](count)).cumprod(0)


NOISE_SCHEDULES: dict[str, Callable[[int], Tensor]] = {
    "constant": constant,
    "linear": _from_betas("linear"),
    "scaled_linear": _from_betas("scaled_linear"),
    "cosine": _from_betas("cosine"),
    "sigmoid": sigmoid,
    "karras": karras,
}
"""ᾱ_1 … ᾱ_T by the number of steps: float64 [T], falling, within (0, 1)."""


def betas(alphas_cumprod: Tensor) -> Tensor:
    """β_t = 1 - ᾱ_t / ᾱ_{t-1}, the variance that step t adds: [T]."""
    return 1 - alphas_cumprod / torch.cat([alphas_cumprod.new_ones(1), alphas_cumprod[:-1]])


QUANTITIES: dict[str, Callable[[Tensor], Tensor]] = {
    "beta": betas,
    "alpha_bar": lambda kept: kept,
    "snr": lambda kept: kept / (1 - kept),
    "sigma": lambda kept: ((1 - kept) / kept).sqrt(),
}
"""What is plotted of a schedule, [T] from ᾱ [T]: β, ᾱ, the signal-to-noise ratio ᾱ/(1-ᾱ), and σ = 1/√SNR."""


def jump(clean: Tensor, noise: Tensor, kept: float) -> Tensor:
    """Straight to where ᾱ is `kept`, √ᾱ·x₀ + √(1-ᾱ)·ε: of the shape of both."""
    return kept**0.5 * clean + (1 - kept) ** 0.5 * noise


def walk(clean: Tensor, alphas_cumprod: Tensor, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
    """Step by step, with fresh noise at each; after every step, x_t and the one noise that would lead to it at once.

    That noise is Σ_s √(β_s·ᾱ_t/ᾱ_s)·ε_s / √(1-ᾱ_t): again of deviation 1, as the squares of its weights sum to 1.
    """
    x, gathered = clean, torch.zeros_like(clean)
    for beta, kept in zip(betas(alphas_cumprod).tolist(), alphas_cumprod.tolist(), strict=True):
        noise = torch.randn(clean.shape, generator=generator).to(clean)
        x = (1 - beta) ** 0.5 * x + beta**0.5 * noise
        gathered = (1 - beta) ** 0.5 * gathered + beta**0.5 * noise
        yield x, gathered / (1 - kept) ** 0.5
