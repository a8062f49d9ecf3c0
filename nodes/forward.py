"""The forward process: from a picture to noise, step by step or straight to a step."""

from typing import TYPE_CHECKING, Annotated, NamedTuple

import numpy as np
import torch
from torch import Tensor

from nodegraph import BadInput, Choice, Progress, Range, Seed, Steps, node

from .diffusion.figures import COLOURS, plotted
from .diffusion.noise_schedules import NOISE_SCHEDULES, QUANTITIES, betas, jump, walk
from .plots import Labels, labels
from .types import Image

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NoiseSchedule = Annotated[str, Choice(tuple(NOISE_SCHEDULES)), "how much noise each step adds"]
Times = Annotated[str, "numbers of steps between commas, from 0, which is the picture itself, up to `steps`"]
StepCount = Annotated[int, Range(2, 10000), "T, how many steps there are from the picture to noise"]
ALL_SCHEDULES = ", ".join(NOISE_SCHEDULES)
# Titles, axes with room for a legend where no curve is, and its place there.
AXES = {
    "beta": ("β", (1e-9, 3), "lower right"),
    "alpha_bar": ("ᾱ", (-0.05, 1.05), "upper right"),
    "snr": ("signal-to-noise ratio", (1e-17, 1e7), "lower left"),
    "sigma": ("σ", (1e-3, 1e9), "upper left"),
}
BATCH_AT_ONCE = 25  # steps between two reports of progress


class Jumps(NamedTuple):
    """A picture at some steps of some schedules, row by row, and words for both."""

    image: Image
    schedules: str
    times: str


class Walk(NamedTuple):
    """Pictures after some steps, walked, and jumped to with the walk's own noise; words for the schedule and times."""

    image: Image
    combined: Image
    schedule: str
    times: str


@node("PlotNoiseSchedules", category="forward process")
def plot_noise_schedules(
    schedules: Labels = ALL_SCHEDULES,
    quantity: Annotated[
        str, Choice(tuple(QUANTITIES)), "beta: noise added at t; alpha_bar: share of the picture's variance kept"
    ] = "alpha_bar",
    steps: StepCount = 1000,
) -> Image:
    """Plot what schedules do at each step t: β, ᾱ, the signal-to-noise ratio ᾱ/(1-ᾱ), or σ = √((1-ᾱ)/ᾱ)."""
    title, limits, place = AXES[quantity]
    lines = {name: QUANTITIES[quantity](NOISE_SCHEDULES[name](steps)) for name in known_schedules(schedules)}

    def draw(axes: "Axes") -> None:
        for name, line in lines.items():
            axes.plot(np.arange(1, steps + 1), line, label=name.replace("_", " "))
        axes.set(title=title, xlabel="t", ylim=limits, yscale="linear" if quantity == "alpha_bar" else "log")
        axes.locator_params(axis="x", nbins=5)
        axes.legend(loc=place)

    return Image(plotted(draw)[None])


@node("JumpToSteps", category="forward process")
def jump_to_steps(
    image: Image,
    schedules: Labels = ALL_SCHEDULES,
    times: Times = "0, 250, 500, 750, 1000",
    steps: StepCount = 1000,
    seed: Annotated[int, Seed()] = 0,
) -> Jumps:
    """Noise a picture straight to some steps of some schedules: √ᾱ·x₀ + √(1-ᾱ)·ε (Ho et al. 2020, equation 4).

    x₀ is the picture in -1…1, and ε is the same for all schedules and steps. The result may go beyond 0…1.
    """
    names, wanted = known_schedules(schedules), known_times(times, steps)
    noise = torch.randn(image.pixels.shape, generator=torch.Generator().manual_seed(seed)).to(image.pixels)
    rows = [jump(signed(image), noise, kept) for name in names for kept in kept_at(name, steps, wanted)]
    words = ", ".join(name.replace("_", " ") for name in names)
    return Jumps(shown(rows), words, ", ".join(map(str, wanted)))


@node("WalkToSteps", category="forward process")
def walk_to_steps(
    image: Image,
    schedule: NoiseSchedule = "scaled_linear",
    times: Times = "0, 250, 500, 750, 1000",
    steps: StepCount = 1000,
    seed: Annotated[int, Seed()] = 0,
) -> Steps[Walk]:
    """Noise a picture step by step, x_t = √(1-β_t)·x_{t-1} + √β_t·ε_t, with fresh noise ε_t at every step.

    `combined` jumps to the same steps with one noise each, the weighted sum of those of the steps: the same pictures.
    """
    wanted, generator = known_times(times, steps), torch.Generator().manual_seed(seed)
    clean, kept = signed(image), NOISE_SCHEDULES[schedule](steps)
    walked, combined = {0: clean}, {0: clean}
    for t, (x, noise) in enumerate(walk(clean, kept[: max(wanted)], generator), 1):
        if t in wanted:
            walked[t], combined[t] = x, jump(clean, noise, float(kept[t - 1]))
        if t % BATCH_AT_ONCE == 0:
            yield Progress(t, max(wanted))
    words = ", ".join(map(str, wanted))
    return Walk(shown([walked[t] for t in wanted]), shown([combined[t] for t in wanted]), schedule, words)


@node("PlotNoiseGrowth", category="forward process")
def plot_noise_growth(
    schedule: NoiseSchedule = "scaled_linear",
    steps: StepCount = 1000,
    draws: Annotated[int, Range(100, 1_000_000), "how many numbers are walked"] = 4096,
    seed: Annotated[int, Seed()] = 0,
) -> Image:
    """Plot how far many walks from 0 have spread after t steps, against the sums of what their steps added.

    Variances add; deviations do not.
    """
    kept = NOISE_SCHEDULES[schedule](steps)
    walks = walk(torch.zeros(draws), kept, torch.Generator().manual_seed(seed))
    measured = [float(x.std()) for x, _ in walks]
    variances, deviations = sums_of_steps(kept)
    times = np.arange(1, steps + 1)

    def draw(axes: "Axes") -> None:
        axes.plot(times, deviations, color=COLOURS[1], label="sum of deviations")
        axes.plot(times, variances**0.5, color=COLOURS[0], linewidth=9, label="√(sum of variances)")
        axes.plot(times, measured, color=COLOURS[4], label="measured")
        axes.set(title="deviation of the noise", xlabel="t", yscale="log")
        axes.legend()

    return Image(plotted(draw)[None])


def sums_of_steps(kept: Tensor) -> tuple[Tensor, Tensor]:
    """What the noises of steps 1 … t add up to at t, if their variances add, and if their deviations did: [T] each."""
    variances, deviations, sums = kept.new_zeros(()), kept.new_zeros(()), list[Tensor]()
    for beta in betas(kept):
        variances, deviations = (1 - beta) * variances + beta, (1 - beta).sqrt() * deviations + beta.sqrt()
        sums.append(torch.stack([variances, deviations]))
    both = torch.stack(sums, dim=1)
    return both[0], both[1]


def known_schedules(text: str) -> list[str]:
    """The names of schedules in a list; BadInput where one is none."""
    names = [word.replace(" ", "_") for word in labels(text)]
    if not names or not set(names) <= NOISE_SCHEDULES.keys():
        raise BadInput(f"the schedules have to be some of {', '.join(NOISE_SCHEDULES)}, and are {text!r}")
    return list(dict.fromkeys(names))


def known_times(text: str, steps: int) -> list[int]:
    """The steps in a list, in order; BadInput where one is none."""
    words = labels(text)
    if not words or not all(word.isdecimal() and int(word) <= steps for word in words):
        raise BadInput(f"the times have to be whole numbers from 0 to {steps}, and are {text!r}")
    return sorted({int(word) for word in words})


def kept_at(name: str, steps: int, times: list[int]) -> list[float]:
    """ᾱ after some numbers of steps; 1 after none."""
    table = [1.0, *NOISE_SCHEDULES[name](steps).tolist()]
    return [table[t] for t in times]


def signed(image: Image) -> Tensor:
    """Pixels as models see them, in -1…1."""
    return image.pixels * 2 - 1


def shown(pictures: list[Tensor]) -> Image:
    """Batches of values, -1 black and 1 white, as one of pictures."""
    return Image(torch.cat(pictures) / 2 + 0.5)
