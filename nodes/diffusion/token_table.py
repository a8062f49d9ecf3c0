"""A prompt as the text encoder gets it, as a picture: tokens with their ids, in the style of the plots."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from tokenizers import decoders
from torch import Tensor

from .figures import COLOURS, FAINT, INK, plotted
from .prompt import Chunk
from .tokenizer import WORD_END, Tokenizer

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = 4
CELL = (180, 96)  # pixels
START, WORD, END, PADDING = FAINT, COLOURS[5], COLOURS[4], "#e3e6ea"


class Cell(NamedTuple):
    """A token in the table: what it stands for, its id with a weight that is not 1, and its colour."""

    text: str
    number: str
    colour: str


def token_cells(tokenizer: Tokenizer, sequences: Sequence[Chunk]) -> list[Cell]:
    """The tokens of some sequences in order, the padding as one. A part of a word that goes on ends in a hyphen."""
    cells: list[Cell] = []
    for sequence in sequences:
        end = sequence.ids.index(tokenizer.end)
        cells.append(Cell("start", str(tokenizer.start), START))
        for place in range(1, end):
            weight = sequence.weights[place]
            number = "vector" if place in sequence.vectors else str(sequence.ids[place])
            text = "embedding" if place in sequence.vectors else spelled(tokenizer, sequence.ids[place])
            cells.append(Cell(text, number if weight == 1 else f"{number} × {weight:.3g}", WORD))
        cells.append(Cell("end", str(tokenizer.end), END))
        if padding := len(sequence.ids) - end - 1:
            cells.append(Cell(f"{padding} × pad", str(tokenizer.pad), PADDING))
    return cells


def spelled(tokenizer: Tokenizer, token: int) -> str:
    """The letters of a token, with a hyphen where the word goes on after it."""
    symbol = tokenizer.backend.id_to_token(token) or ""
    letters = decoders.ByteLevel().decode([symbol.removesuffix(WORD_END)])
    return letters if symbol.endswith(WORD_END) else f"{letters}-"


def token_table(cells: Sequence[Cell]) -> Tensor:
    """Tokens in rows of four, each with its id below: [3, height, width] in 0…1."""
    rows = -(-len(cells) // COLUMNS)

    def draw(axes: "Axes") -> None:
        axes.set(xlim=(0, COLUMNS), ylim=(rows, 0))
        axes.axis("off")
        for index, cell in enumerate(cells):
            row, column = divmod(index, COLUMNS)
            axes.bar(column + 0.5, 0.88, 0.94, bottom=row + 0.06, color=cell.colour)
            size = min(29, 29 * 8 / len(cell.text)) if cell.text else 29
            options = {"ha": "center", "va": "center", "color": INK, "parse_math": False}
            axes.text(column + 0.5, row + 0.34, cell.text, fontsize=size, weight="bold", **options)
            axes.text(column + 0.5, row + 0.7, cell.number, fontsize=24, **options)

    return plotted(draw, size=(COLUMNS * CELL[0], rows * CELL[1]))
