"""How values are spread: histograms, spectra, and whether two samples are of one distribution."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from nodegraph import BadInput, node

from .diffusion.distributions import kolmogorov_smirnov, radial_spectrum, spectral_slope
from .diffusion.figures import COLOURS, INK, plotted
from .plots import Labels, labels
from .types import Image, Latent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Panels = Annotated[Literal["one", "each"], "one: all curves on it; each: a small square for each latent, for a sheet"]
NARROW = (400, 520)  # pixels of a panel beside others: its letters can still be read if all are as wide as a node
SQUARE = 512  # pixels that a small panel is drawn at; it is shown at half of it
HIGHEST = {"one": 1.0, "each": 0.65}  # of a density's axis, above which spikes are cut off; a legend needs room
Drawer = Callable[["Axes", str, Tensor], None]


@node("PlotHistograms", category="plots")
def plot_histograms(latent: Latent, names: Labels = "", panels: Panels = "one") -> Image:
    """Plot how the values of each latent are spread, against the normal distribution of mean 0 and deviation 1."""

    def histogram(axes: "Axes", name: str, samples: Tensor) -> None:
        density, edges = np.histogram(samples.float().cpu().numpy(), bins=81, range=(-4, 4), density=True)
        axes.stairs(density, edges, label=name, fill=panels == "each", linewidth=3)

    def finish(axes: "Axes") -> None:
        axes.plot(*bell(0, 1), color=INK, linewidth=2, label="normal", zorder=0.5 if panels == "one" else 3)
        axes.set(xlim=(-4, 4), ylim=(0, HIGHEST[panels]), xticks=[-3, 0, 3], yticks=[], title="histogram")

    return each_or_one(latent, names, panels, histogram, finish)


@node("PlotSpectra", category="plots")
def plot_spectra(latent: Latent, names: Labels = "", panels: Panels = "one") -> Image:
    """Plot the power of each latent by frequency, averaged over all directions, on logarithmic axes.

    Frequencies are in cycles per latent pixel, up to ½, the finest there is. A straight line is a power law f^k: k is
    fitted below a quarter, and says nothing of a line that is bent. White noise of deviation 1 has power 1 everywhere.
    """

    def spectrum(axes: "Axes", name: str, samples: Tensor) -> None:
        frequency, power = radial_spectrum(samples)
        slope = f"f^{round(spectral_slope(frequency, power), 1) + 0:.1f}"  # + 0: -0.0 is 0.0
        axes.loglog(frequency, power, label=f"{name}: {slope}" if name else slope)

    def finish(axes: "Axes") -> None:
        axes.set(ylim=(1e-4, 1e4), yticks=[1e-4, 1, 1e4], xlim=(0.01, 0.5), title="power by frequency")
        axes.set_xticks([0.02, 0.1, 0.5], ["0.02", "0.1", "0.5"])
        axes.minorticks_off()

    return each_or_one(latent, names, panels, spectrum, finish)


@node("CompareDistributions", category="plots")
def compare_distributions(
    first: Image, second: Image, groups: Labels = "", names: Labels = "walked, jumped", prefix: str = "t = "
) -> Image:
    """Plot the histograms of two batches of pictures over each other, a panel for each group of them.

    p is that of the two-sample Kolmogorov-Smirnov test: how probable a difference as large is between two samples of
    one distribution. Below 0.01 they hardly are. Values are shown as models see them, -1 for black
    and 1 for white, from -4 to 4.
    """
    titles, words = labels(groups) or [""], labels(names)
    if first.pixels.shape[0] % len(titles) or second.pixels.shape[0] % len(titles) or len(words) != 2:
        raise BadInput("there have to be two names, and as many pictures in each group")
    pairs = list(zip(*(batch.pixels.chunk(len(titles)) for batch in (first, second)), strict=True))

    def draw(*panels: "Axes") -> None:
        for axes, title, pair in zip(panels, titles, pairs, strict=True):
            one, other = ((values * 2 - 1).float().flatten().cpu().numpy() for values in pair)
            _, p = kolmogorov_smirnov(*pair)
            edges = np.linspace(-4, 4, 81).tolist()
            axes.hist(one, edges, density=True, color=COLOURS[5], label=words[0])
            axes.hist(other, edges, density=True, histtype="step", color=COLOURS[1], linewidth=4, label=words[1])
            axes.set(title=f"{prefix}{title}: p = {p:.2g}", yticks=[], xticks=[-3, 0, 3])
        panels[0].legend(loc="upper left")

    return Image(plotted(draw, panels=len(pairs), size=NARROW)[None])


def each_or_one(latent: Latent, names: str, panels: str, drawn: Drawer, finish: Callable[["Axes"], None]) -> Image:
    """The latents of a batch drawn on one panel with a legend, or on a small one each."""
    words = labels(names) or [""] * len(latent.samples)
    if len(words) == 0 or len(latent.samples) % len(words):
        raise BadInput(f"there are {len(words)} names for {len(latent.samples)} latents")
    groups = list(zip(words, latent.samples.chunk(len(words)), strict=True))  # several of one name are one sample

    def draw(*axes: "Axes") -> None:
        for place, (name, samples) in enumerate(groups):
            drawn(axes[place % len(axes)], name.replace("_", " "), samples.flatten(0, 1))
        for each in axes:
            finish(each)
        if panels == "one":
            axes[0].legend()

    if panels == "one":
        return Image(plotted(draw)[None])
    drawings = plotted(draw, panels=len(groups), size=(SQUARE, SQUARE))
    return Image(torch.cat([functional.avg_pool2d(part[None], 2) for part in drawings.chunk(len(groups), dim=-1)]))


def bell(mean: float, deviation: float) -> tuple[np.ndarray, np.ndarray]:
    """Points of the density of a normal distribution, four deviations each way."""
    x = np.linspace(mean - 4 * deviation, mean + 4 * deviation, 161)
    return x, np.exp(-(((x - mean) / deviation) ** 2) / 2) / (deviation * np.sqrt(2 * np.pi))
