"""Plots as pictures, in one style: dark ink on opaque paper, so that they look the same on a light and a dark canvas.

matplotlib is imported when something is drawn, since that takes longer than most nodes take to run.
"""

import io
import textwrap
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PAPER, INK, FAINT = "#fbfaf7", "#1f2328", "#b9bec6"
# Okabe and Ito (2008): told apart by people who see colours differently, too.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f", "#000000")
# The letters are a twenty-fifth of the width of one panel: as wide as a node, they can still be read.
PANEL = (720, 520)
TITLE = 36  # letters in a line of a title
_STYLE: dict[Any, Any] = {  # matplotlib's names
    "font.size": 29,
    "axes.titlesize": 31,
    "axes.labelsize": 29,
    "legend.fontsize": 26,
    "legend.edgecolor": "none",
    "legend.facecolor": PAPER,
    "figure.facecolor": PAPER,
    "axes.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "lines.linewidth": 4,
    "axes.grid": True,
    "grid.color": FAINT,
    "grid.alpha": 0.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.major.pad": 8,
    "ytick.major.pad": 8,
}


def plotted(draw: Callable[..., None], *, panels: int = 1, size: tuple[int, int] = PANEL) -> Tensor:
    """What `draw(axes, …)` draws on one or more panels side by side, each of `size`: [3, height, width] in 0…1."""
    from cycler import cycler
    from matplotlib import rc_context, rcParamsDefault
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with rc_context({**rcParamsDefault, **_STYLE, "axes.prop_cycle": cycler(color=COLOURS), "backend": "agg"}):
        figure = Figure(figsize=(panels * size[0] / 72, size[1] / 72), dpi=72, layout="constrained")
        FigureCanvasAgg(figure)
        axes: list[Axes] = list(figure.subplots(1, panels, squeeze=False)[0])
        draw(*axes)
        file = io.BytesIO()
        figure.savefig(file, format="png")
    return torch.from_numpy(np.array(Image.open(file).convert("RGB"))).permute(2, 0, 1).float() / 255


def plot_lines(
    lines: Mapping[str, tuple[list[float], list[float]]],
    *,
    title: str = "",
    x: str = "",
    y: str = "",
    log: bool = False,
) -> Tensor:
    """Named curves of (x, y) values on one panel: [3, height, width] in 0…1. `log` is for the y axis."""

    def draw(axes: "Axes") -> None:
        for name, (across, up) in lines.items():
            axes.plot(across, up, label=name)
        axes.set(title=title, xlabel=x, ylabel=y, yscale="log" if log else "linear")
        if len(lines) > 1:
            axes.legend()

    return plotted(draw)


def plot_losses(losses: list[float], title: str) -> Tensor:
    """Every step's loss, faintly, and their running mean, on a logarithmic axis: [3, height, width] in 0…1."""
    window = max(1, len(losses) // 50)

    def draw(axes: "Axes") -> None:
        axes.plot(np.arange(1, len(losses) + 1), losses, color=FAINT, linewidth=1.5, label="each step")
        if len(losses) >= window:
            mean = np.convolve(losses, np.ones(window) / window, mode="valid")
            axes.plot(np.arange(window, len(losses) + 1), mean, color=COLOURS[0], label=f"mean of {window}")
        scale = "log" if min(losses, default=0) > 0 else "linear"
        axes.set(title="\n".join(textwrap.wrap(title, TITLE)), xlabel="step", ylabel="loss", yscale=scale)
        axes.legend()

    return plotted(draw)
