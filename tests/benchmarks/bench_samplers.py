"""Samplers on Gaussian data: their orders of convergence, and the mean and variance of the stochastic ones."""

from collections.abc import Callable
from functools import partial

from nodes.diffusion.noise import seeded_noise
from nodes.diffusion.samplers import SAMPLERS, dpmpp_2m_sde, dpmpp_3m_sde, dpmpp_sde, noise_for
from tests.diffusion.gaussian import MEAN, SPREAD, Walk, denoise, finish, levels, moments, orders

from .figure import Figure

ORDERS: dict[str, tuple[Walk, float]] = {
    "euler": (SAMPLERS["euler"], 1),
    "ddim": (SAMPLERS["ddim"], 1),
    "heun": (SAMPLERS["heun"], 2),
    "dpm_2": (SAMPLERS["dpm_2"], 2),
    "dpmpp_2m": (SAMPLERS["dpmpp_2m"], 2),
    "dpmpp_2m_sde without noise": (partial(dpmpp_2m_sde, eta=0.0), 2),
    "dpmpp_sde without noise": (partial(dpmpp_sde, eta=0.0), 2),
    "dpmpp_3m_sde without noise": (partial(dpmpp_3m_sde, eta=0.0), 1.9),
    "uni_pc": (SAMPLERS["uni_pc"], 2),
    "uni_pc_bh2": (SAMPLERS["uni_pc_bh2"], 2),
}
STOCHASTIC = {"euler_ancestral": 640, "ddpm": 640, "dpmpp_2m_sde": 40, "dpmpp_3m_sde": 40, "dpmpp_sde": 40}  # and steps
SAMPLES, LAST = 50_000, 0.3
VARIANCE = SPREAD**2 + LAST**2


def order(name: str) -> Figure:
    """The order from 80 to 160 steps."""
    sampler, target = ORDERS[name]
    measured = orders(sampler)[-1]
    return Figure(f"{name}: order of convergence", f"{measured:.2f}", f"{target:.1f}", measured > target - 0.05)


def sampled(name: str) -> Figure:
    """Mean and variance over many samples, in standard errors from those of the marginal."""
    sigmas = levels(STOCHASTIC[name], LAST)
    x = MEAN + seeded_noise([SAMPLES], 1).double() * (SPREAD**2 + sigmas[0] ** 2).sqrt()
    end = finish(SAMPLERS[name](denoise, x, sigmas, noise_for(name, x, sigmas, 1)))
    mean = (float(end.mean()) - MEAN) / (VARIANCE / SAMPLES) ** 0.5
    variance = (float(end.var()) / VARIANCE - 1) / (2 / SAMPLES) ** 0.5
    return Figure(
        f"{name}, {STOCHASTIC[name]} steps: mean, variance of {SAMPLES:,} samples",
        f"{mean:+.1f}, {variance:+.1f} standard errors",
        "within 4",
        max(abs(mean), abs(variance)) < 4,
    )


def exact(name: str) -> Figure:
    """How far the exact variance of the result is off, which is the error of the steps alone."""
    off = [moments(SAMPLERS[name], steps, LAST)[1] / VARIANCE - 1 for steps in (160, 320)]
    return Figure(
        f"{name}: exact variance, 160 and 320 steps",
        f"{off[0]:+.4%}, {off[1]:+.4%}",
        "→ 0",
        abs(off[1]) < abs(off[0]) * 0.6,
    )


def figures() -> list[Figure]:
    """All lines of this benchmark."""
    measurements: list[Callable[[], Figure]] = [
        *(partial(order, name) for name in ORDERS),
        *(partial(measure, name) for name in STOCHASTIC for measure in (sampled, exact)),
    ]
    return [measure() for measure in measurements]
