"""Noise and noise levels."""

from dataclasses import replace
from typing import Annotated

from nodegraph import Choice, Range, Seed, node

from .diffusion.noise_kinds import NOISE_KINDS, draw_noise
from .diffusion.parameterization import noised
from .diffusion.schedules import SCHEDULES, schedule
from .types import Latent, Model, Sigmas

NoiseKind = Annotated[str, Choice(tuple(NOISE_KINDS))]
Scheduler = Annotated[str, Choice(tuple(SCHEDULES))]


@node("Schedule", category="sampling")
def make_schedule(
    model: Model,
    scheduler: Scheduler = "normal",
    steps: Annotated[int, Range(1, 10000)] = 20,
    denoise: Annotated[float, Range(0, 1, 0.01)] = 1.0,
) -> Sigmas:
    """The noise levels to visit, from the most noise to none; `denoise` below 1 begins further down, for image to image."""
    parameterization = model.parameterization
    return Sigmas(schedule(scheduler, parameterization, steps, denoise), parameterization.sigma_max)


@node("AddNoise", category="latent")
def add_noise(latent: Latent, sigmas: Sigmas, kind: NoiseKind = "gaussian", seed: Annotated[int, Seed()] = 0) -> Latent:
    """Add as much noise to a latent as the first of the noise levels says."""
    if len(sigmas) == 0:
        return latent
    noise = draw_noise(kind, latent.samples.shape, seed)
    samples = noised(latent.samples, noise, sigmas.values[0], starts_at_most=sigmas.starts_at_most)
    return replace(latent, samples=samples, clean=latent.samples, noise=noise)
