"""How good generated pictures are, in numbers and as pictures of numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from ..figures import COLOURS, FAINT, INK, plotted
from ..looks import Look, in_short
from .sample_judge import SampleJudge, covered
from .small import Cost

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Score:
    """What a judge found: classes `covered` of `classes`, the mean `distance` to the nearest real picture (0…1).

    `none` is the share of pictures that show no class, `right` that of those that show what was asked, 0…1; None where
    nothing was asked.
    """

    title: str
    covered: int
    classes: int
    none: float
    distance: float
    right: float | None = None
    cost: Cost | None = None

    def facts(self) -> dict[str, str]:
        """All of it in words, by name, those that there are."""
        said = {} if self.right is None else {"as asked": f"{self.right:.0%}"}
        said |= {"covered": f"{self.covered} of {self.classes}", "show none": f"{self.none:.0%}"}
        said |= {"distance": f"{self.distance:.3f}"}
        if self.cost is None:
            return said
        costs = {"weights": in_short(self.cost.weights)}
        costs |= {"helper": in_short(self.cost.helper)} if self.cost.helper else {}
        costs |= {"training": f"{self.cost.seconds:.1f} s"}
        return costs | said | {"a picture": f"{1000 * self.cost.seconds_per_picture:.2g} ms"}

    def peek(self) -> Look:
        """All of it in words."""
        return Look((("of", self.title), *self.facts().items()))


def scored(
    judge: SampleJudge, pictures: Tensor, title: str, asked: Sequence[str] = (), cost: Cost | None = None
) -> Score:
    """Judge pictures [count, 3, height, width] in 0…1; `asked` are the names of the classes they were to show."""
    counts = judge.counts(pictures)
    right = None
    if asked:
        seen = judge.classes(pictures).tolist()
        right = sum(judge.names.index(name) == found for name, found in zip(asked, seen, strict=True)) / len(seen)
    distance = float(judge.distances(pictures).mean())
    return Score(title, covered(counts), len(judge.names), counts[-1] / len(pictures), distance, right, cost)


def plot_counts(judge: SampleJudge, pictures: Tensor, score: Score) -> Tensor:
    """How many of the pictures show each class, with the fair share as a line: [3, height, width] in 0…1."""
    counts = judge.counts(pictures)
    names = (*judge.names, "none")

    def draw(axes: "Axes") -> None:
        axes.barh(names, counts, color=[COLOURS[0]] * len(judge.names) + [COLOURS[6]])
        axes.axvline(len(pictures) / len(judge.names), color=COLOURS[1], linestyle="--")
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        found = f"{score.covered} of {score.classes} covered"
        axes.set(title=found if score.right is None else f"{score.right:.0%} as asked", xlabel="pictures")

    return plotted(draw, size=(720, max(360, 160 + 38 * len(names))))


def plot_duel(generator: Sequence[float], discriminator: Sequence[float], title: str) -> Tensor:
    """Running means of both losses of a GAN over the steps: [3, height, width] in 0…1."""
    window = max(1, len(generator) // 30)

    def draw(axes: "Axes") -> None:
        for name, losses in (("generator", generator), ("discriminator", discriminator)):
            mean = np.convolve(losses, np.ones(window) / window, mode="valid")
            axes.plot(np.arange(window, len(losses) + 1), mean, label=name)
        # Where neither tells more than chance: log 2 for real ones, and log 2 for made ones.
        axes.axhline(2 * np.log(2), color=COLOURS[6], linestyle="--")
        axes.set(title=title, xlabel="step", ylabel="loss", ylim=(0, None))
        axes.legend()

    return plotted(draw)


def table(scores: Sequence[Score], title: str = "") -> Tensor:
    """Scores side by side, one a column: [3, height, width] in 0…1."""
    facts = [score.facts() for score in scores]
    rows = list(dict.fromkeys(name for each in facts for name in each))

    def draw(axes: "Axes") -> None:
        axes.axis("off")
        axes.set(xlim=(0, 1.1 + len(scores)), ylim=(len(rows) + 0.6, -0.7), title=title)
        for column, score in enumerate(scores):
            axes.text(1.6 + column, -0.1, score.title.replace(" ", "\n", 1), ha="center", va="center", weight="bold")
        for row, name in enumerate(rows, 1):
            axes.axhline(row - 0.5, color=FAINT, linewidth=1.5)
            axes.text(0, row, name, ha="left", va="center", color=INK)
            for column, each in enumerate(facts):
                axes.text(1.6 + column, row, each.get(name, "–"), ha="center", va="center")

    return plotted(draw, size=(200 + 190 * len(scores), 130 + 56 * len(rows)))
