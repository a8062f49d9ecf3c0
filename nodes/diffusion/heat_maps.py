"""Tables of numbers as heat maps, in the style of the plots."""

from typing import TYPE_CHECKING

from torch import Tensor

from .figures import INK, PAPER, plotted

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WRITTEN = 8  # cells: with more rows or columns the numbers would be too small to read
CELL, LETTER, HEAD = 84, 16, 60  # pixels: a cell, the width of a letter of the labels, the title or a line of labels
DARK = 0.6  # of the range: above it a colour is so dark that ink on it cannot be read


def heat_map(values: Tensor, rows: list[str], columns: list[str], title: str = "") -> Tensor:
    """A table [rows, columns] of numbers, pale for the least and dark for the most: [3, height, width] in 0…1.

    Up to 8 × 8 the numbers are written into the cells, with two decimals. Words that are longer than a column is wide
    stand upright above it.
    """
    table = values.detach().float().cpu()
    least, most = float(table.min()), float(table.max())
    longest = max(len(line) for name in columns for line in name.split("\n"))
    upright = longest * LETTER > CELL
    left = LETTER * max(len(line) for name in rows for line in name.split("\n"))
    above = (LETTER * longest + CELL // 2 if upright else HEAD) + (HEAD if title else 0)

    def draw(axes: "Axes") -> None:
        axes.imshow(table.numpy(), cmap="Blues", aspect="auto", vmin=least, vmax=most if most > least else least + 1)
        axes.set_title(title, pad=18)
        axes.set_xticks(range(len(columns)), columns, rotation=90 if upright else 0, parse_math=False)
        axes.set_yticks(range(len(rows)), rows, parse_math=False)
        axes.tick_params(length=0, labeltop=True, labelbottom=False)
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        if max(table.shape) > WRITTEN:
            return
        for row, line in enumerate(table.tolist()):
            for column, value in enumerate(line):
                dark = value > least + DARK * (most - least)
                axes.text(column, row, f"{value:.2f}", ha="center", va="center", color=PAPER if dark else INK)

    return plotted(draw, size=(left + CELL * len(columns) + CELL // 2, above + CELL * len(rows)))
