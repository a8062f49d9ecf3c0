"""Noise and noise levels."""

from dataclasses import replace
from typing import Annotated, NamedTuple

import torch

from nodegraph import BadInput, Choice, Range, Seed, node

from .diffusion.noise_kinds import NOISE_KINDS, draw_noise
from .diffusion.parameterization import noised
from .diffusion.resize import repeated
from .diffusion.schedules import SCHEDULES, schedule
from .latent import FACTOR, Pixels
from .plots import Labels, labels
from .types import Latent, Model, Sigmas

ALL_KINDS = ", ".join(NOISE_KINDS)
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


class KindsOfNoise(NamedTuple):
    """Noise of one or more kinds, one after the other, and their names."""

    latent: Latent
    kinds: str


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


@node("Noise", category="latent")
def make_noise(
    kinds: Labels = ALL_KINDS,
    width: Pixels = 512,
    height: Pixels = 512,
    channels: Annotated[int, Range(1, 64), "4 for a latent of Stable Diffusion; 1 to look at"] = 4,
    batch_size: Annotated[int, Range(1, 4096), "of each kind"] = 1,
    seed: Annotated[int, Seed()] = 0,
) -> KindsOfNoise:
    """Noise by itself, of mean 0 and deviation 1, in as many kinds as there are names.

    [kinds · batch_size, channels, height / 8, width / 8]. Every kind is drawn from the same seed.
    """
    names = [word.replace(" ", "_") for word in labels(kinds)]
    if not names or not set(names) <= NOISE_KINDS.keys():
        raise BadInput(f"the kinds of noise have to be some of {', '.join(NOISE_KINDS)}, and are {kinds!r}")
    shape = (batch_size, channels, height // FACTOR, width // FACTOR)
    samples = torch.cat([draw_noise(name, shape, seed) for name in names])
    return KindsOfNoise(Latent(samples), ", ".join(name.replace("_", " ") for name in names))


@node("AddNoise", category="latent")
def add_noise(
    latent: Latent,
    sigmas: Sigmas,
    kind: NoiseKind = "gaussian",
    seed: Annotated[int, Seed()] = 0,
    noise: Annotated[Latent | None, "is added instead, if there is one, to one latent or to as many"] = None,
) -> Latent:
    """Add as much noise to a latent as the first of the noise levels says.

    latent + sigma · noise: the closed-form jump to that level. A mask on the latent will be kept to by the sampler.
    A latent of a VAE with another scale is brought to that of the model first.
    """
    if len(sigmas) == 0:
        return latent
    latent = latent.at_scale(sigmas.scale)
    if noise is None:
        added = draw_noise(kind, latent.samples.shape, seed)
    else:
        latent, added = for_noise(latent, noise), noise.samples
    samples = noised(latent.samples, added, sigmas.values[0], starts_at_most=sigmas.starts_at_most)
    return replace(latent, samples=samples, clean=latent.samples, noise=added)


def for_noise(latent: Latent, noise: Latent) -> Latent:
    """One latent as often as there are noises, or as many as there are; BadInput where the sizes differ."""
    if latent.samples.shape[1:] != noise.samples.shape[1:] or len(latent.samples) not in (1, len(noise.samples)):
        sizes = " and ".join("×".join(map(str, each.samples.shape)) for each in (latent, noise))
        raise BadInput(f"the latent and the noise are of different sizes: {sizes}")
    return replace(latent, samples=repeated(latent.samples, len(noise.samples)))
