"""Looking into the prediction: one step at chosen times, every step of a sampler, and how far off they are."""

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Literal, NamedTuple

import torch
from torch import Tensor

from nodegraph import BadInput, Progress, Range, Steps, node

from .denoise import Noise, estimate_original, predict_noise
from .diffusion.figures import plot_lines
from .diffusion.noise_kinds import draw_noise
from .diffusion.parameterization import noised
from .diffusion.samplers import Step
from .diffusion.schedules import schedule
from .diffusion.told import Told
from .noise import Scheduler
from .noise import add_noise as noise_added
from .plots import Labels, labels
from .sampling import Method, RandomSeed, walked
from .types import Denoiser, Image, Latent, Model, Sigmas

Measure = Annotated[Literal["size", "detail"], "of each latent: how large its numbers are, or how rough it is"]
Times = Annotated[str, "steps of the training schedule, between commas: 0 is the cleanest, mostly 999 the noisiest"]
Numbers = Annotated[Labels, "where the latents stand on the x axis; without, they are counted from 1"]


class Levels(NamedTuple):
    """Noise levels, and the time steps that they belong to, as words for a contact sheet or a plot."""

    sigmas: Sigmas
    times: str


class Estimates(NamedTuple):
    """What is known of a picture at each noise level, one after the other; latents of one batch stay together."""

    noisy: Latent
    noise: Latent
    predicted: Latent
    original: Latent


class Way(NamedTuple):
    """The latents that a sampler went through, and its estimates of the original; of one batch they stay together."""

    noisy: Latent
    original: Latent


@node("LevelsAt", category="one step")
def levels_at(model: Model, times: Times = "600") -> Levels:
    """The noise levels at some time steps, from the most noise to the least, and then none.

    σ² = (1-ᾱ)/ᾱ of the model's own schedule. They can be sampled along, as any schedule can.
    """
    known, words = len(model.parameterization.sigmas), labels(times)
    if not words or not all(word.isdecimal() and int(word) < known for word in words):
        raise BadInput(f"the time steps have to be whole numbers from 0 to {known - 1}, and are {times!r}")
    steps = sorted({int(word) for word in words}, reverse=True)
    values = torch.cat([model.parameterization.sigmas[steps], torch.zeros(1)])
    return Levels(Sigmas(values, model.parameterization.sigma_max, model.scale), ", ".join(map(str, steps)))


@node("ToldTime", category="one step")
def told_time(
    model: Model, factor: Annotated[float, Range(0, 1000, 0.05), "1 is the truth, 0 says that there is no noise"] = 1.0
) -> Model:
    """Tell a model another time step than the true one: `factor` · t, as far as its table goes.

    All arithmetic keeps to the true noise level; only what the network is told is wrong.
    """
    return Told.wrong(model, factor)


@node("AddedNoise", category="one step")
def added_noise(latent: Latent) -> Noise:
    """The noise that AddNoise has added to a latent: the answer that a prediction of the noise is measured by."""
    if latent.noise is None:
        raise BadInput("no noise was added to the latent", hint="connect it to AddNoise")
    return Latent(latent.noise, colors=latent.colors, scale=latent.scale)


@node("EstimateAtLevels", category="one step")
def estimate_at_levels(denoiser: Denoiser, latent: Latent, sigmas: Sigmas, seed: RandomSeed = 0) -> Steps[Estimates]:
    """Noise a picture to each of some levels, and estimate it back from each in a single step.

    It is the same Gaussian noise ε at all levels. `noisy` is x_t = √ᾱ·x₀ + √(1-ᾱ)·ε (Ho et al. 2020, eq. 4): of
    deviation about 1, as the network sees it. Level 0, if there is one, is left out.
    """
    latent = latent.at_scale(sigmas.scale)
    noise = draw_noise("gaussian", latent.samples.shape, seed).to(latent.samples)
    levels = sigmas.values[sigmas.values > 0]
    if len(levels) == 0:
        raise BadInput("there is no level with noise among the levels")
    rows: list[tuple[Tensor, ...]] = []
    plain = Latent(latent.samples, colors=latent.colors, scale=latent.scale)
    for number, sigma in enumerate(levels):
        noisy = replace(plain, samples=noised(latent.samples, noise, sigma))
        predicted = predict_noise(denoiser, noisy, sigmas, number)
        original = estimate_original(noisy, predicted, sigmas, number)
        rows.append((as_seen(noisy.samples, sigma), noise, predicted.samples, original.samples))
        yield Progress(number + 1, len(levels))
    return Estimates(*(replace(plain, samples=torch.cat(batches)) for batches in zip(*rows, strict=True)))


@node("SamplerSteps", category="one step")
def sampler_steps(
    denoiser: Denoiser, latent: Latent, sigmas: Sigmas, method: Method = "euler", seed: RandomSeed = 0
) -> Steps[Way]:
    """What a Sampler goes through: the latent before each step and after the last, and each step's estimate.

    `noisy` is in the units of the network, x / √(1 + σ²), where all are of deviation about 1. Where the levels end at
    0 its last is what Sampler gives, bit for bit.
    """
    if len(sigmas) == 0:
        raise BadInput("the schedule has no steps to look at")
    steps: list[Step] = []
    final = yield from walked(denoiser, latent, sigmas, method, seed, record=steps)
    seen = [*(as_seen(step.x, step.sigma) for step in steps), as_seen(final.samples, sigmas.values[-1])]
    plain = replace(final, mask=None)
    originals = torch.cat([step.denoised for step in steps])
    return Way(replace(plain, samples=torch.cat(seen)), replace(plain, samples=originals))


@node("SampleStepCounts", category="sampling")
def sample_step_counts(
    model: Model,
    denoiser: Denoiser,
    latent: Latent,
    counts: Annotated[Labels, "how many steps, for one picture after the other"] = "1, 2, 3, 5, 10, 20",
    scheduler: Scheduler = "normal",
    method: Method = "euler",
    seed: RandomSeed = 0,
) -> Steps[Latent]:
    """Sample from the same noise with several numbers of steps: Schedule, AddNoise and Sampler for each of them."""
    words = labels(counts)
    if not words or not all(word.isdecimal() and 0 < int(word) <= 10000 for word in words):
        raise BadInput(f"the numbers of steps have to be whole numbers from 1 to 10000, and are {counts!r}")
    found: list[Latent] = []
    for count in map(int, words):
        values = schedule(scheduler, model.parameterization, count, method=method)
        sigmas = Sigmas(values, model.parameterization.sigma_max, model.scale)
        noisy = noise_added(latent, sigmas, seed=seed)
        found.append((yield from walked(denoiser, noisy, sigmas, method, seed)))
    return replace(found[0], samples=torch.cat([each.samples for each in found]), mask=None)


@node("PlotLatents", category="plots")
def plot_latents(
    latents: Latent,
    latents2: Latent | None = None,
    latents3: Latent | None = None,
    measure: Measure = "size",
    x: Numbers = "",
    names: Labels = "",
    title: Annotated[str, "of up to about 28 characters"] = "",
    x_label: str = "",
) -> Image:
    """Plot how large each latent of a batch is, or how much detail it has: a curve for each batch.

    size is the root mean square of all its numbers, on a logarithmic axis: that of a difference is an error. detail is
    the root mean square of the differences between neighbours. Several latents for one place on the x axis count
    together.
    """
    batches = [each.samples for each in (latents, latents2, latents3) if each is not None]
    words, heads = labels(x), labels(names)
    try:
        places = [float(word) for word in words] or [float(n) for n in range(1, len(batches[0]) + 1)]
    except ValueError as error:
        raise BadInput(f"the places on the x axis have to be numbers, and are {x!r}") from error
    heads += [str(number) for number in range(len(heads) + 1, len(batches) + 1)]
    lines: dict[str, tuple[list[float], list[float]]] = {}
    for name, batch in zip(heads, batches, strict=False):
        if len(batch) % len(places):
            raise BadInput(f"{len(batch)} latents cannot be shared out over {len(places)} places on the x axis")
        lines[name] = (places, MEASURES[measure](batch, len(places)))
    return Image(plot_lines(lines, title=title, x=x_label, y=measure, log=measure == "size")[None])


def size_of(batch: Tensor, places: int) -> list[float]:
    """The root mean square of each of `places` parts of a batch [rows, channels, height, width]."""
    return [float(part.double().pow(2).mean().sqrt()) for part in batch.chunk(places)]


def detail_of(batch: Tensor, places: int) -> list[float]:
    """The root mean square of the steps to the next row and to the next column, for each of `places` parts."""
    down, right = batch.diff(dim=-2).flatten(1), batch.diff(dim=-1).flatten(1)
    return [float(part.double().pow(2).mean().sqrt()) for part in torch.cat([down, right], dim=1).chunk(places)]


MEASURES: dict[str, Callable[[Tensor, int], list[float]]] = {"size": size_of, "detail": detail_of}


def as_seen(x: Tensor, sigma: Tensor) -> Tensor:
    """x = x₀ + σ·ε in the units of the network, x / √(1 + σ²); with σ = 0 the very same."""
    return x / (1 + sigma**2).sqrt()
