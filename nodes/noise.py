"""Noise and noise levels."""

from dataclasses import replace
from typing import Annotated, NamedTuple

from nodegraph import Choice, Range, Seed, node

from .diffusion.noise_kinds import NOISE_KINDS, draw_noise
from .diffusion.parameterization import noised
from .diffusion.schedules import SCHEDULES, schedule
from .types import Latent, Model, Sigmas

NoiseKind = Annotated[
    str,
    Choice(tuple(NOISE_KINDS)),
    "gaussian is what models learn from; the others show what happens if it is not: uniform and salt_and_pepper have "
    "other values, pink and brown more coarse structure, blue more fine, perlin and pyramid are smooth",
]
Scheduler = Annotated[str, Choice(tuple(SCHEDULES)), "how the levels are spread between much noise and little"]
StepCount = Annotated[int, Range(1, 10000), "more are slower and closer to the exact solution"]
Denoise = Annotated[
    float,
    Range(0, 1, 0.01),
    "how far to go back into the noise: 1 forgets the picture, 0.5 keeps its shapes, 0 keeps all",
]


class SplitLevels(NamedTuple):
    """Two schedules, one after the other."""

    high_sigmas: Sigmas
    low_sigmas: Sigmas


@node("Schedule", category="sampling")
def make_schedule(
    model: Model, scheduler: Scheduler = "normal", steps: StepCount = 20, denoise: Denoise = 1.0
) -> Sigmas:
    """The noise levels to visit, from the most noise to none.

    [steps + 1] values of sigma, the deviation of the noise. `denoise` below 1 begins further down, with as many steps,
    for image to image; 0 gives no levels.
    """
    parameterization = model.parameterization
    return Sigmas(schedule(scheduler, parameterization, steps, denoise), parameterization.sigma_max, model.scale)


@node("SplitSigmas", category="sampling")
def split_sigmas(
    sigmas: Sigmas, step: Annotated[int, Range(0, 10000), "how many steps the first part has"] = 0
) -> SplitLevels:
    """Cut a schedule in two, for two samplers one after the other; the level between them is in both."""
    step = min(step, len(sigmas))
    return SplitLevels(replace(sigmas, values=sigmas.values[: step + 1]), replace(sigmas, values=sigmas.values[step:]))


@node("AddNoise", category="latent")
def add_noise(latent: Latent, sigmas: Sigmas, kind: NoiseKind = "gaussian", seed: Annotated[int, Seed()] = 0) -> Latent:
    """Add as much noise to a latent as the first of the noise levels says.

    latent + sigma · noise: the closed-form jump to that level. A mask on the latent will be kept to by the sampler.
    A latent of a VAE with another scale is brought to that of the model first.
    """
    if len(sigmas) == 0:
        return latent
    latent = latent.at_scale(sigmas.scale)
    noise = draw_noise(kind, latent.samples.shape, seed)
    samples = noised(latent.samples, noise, sigmas.values[0], starts_at_most=sigmas.starts_at_most)
    return replace(latent, samples=samples, clean=latent.samples, noise=noise)
