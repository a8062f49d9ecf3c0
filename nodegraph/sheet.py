"""Contact sheets: pictures in rows and columns with a word on each, in the style of the plots.

Pillow is imported when one is drawn, so that whoever draws none does not wait for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from .errors import BadInput

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont, ImageFont

PAPER, INK = "#fbfaf7", "#1f2328"  # as the plots have them
SMALLEST_CELL = 128  # pixels; smaller pictures are enlarged by whole factors, or no label fits above them
GAP, LETTERS = 4, 18
LINE = LETTERS + GAP
WIDEST_WORDS = 256  # pixels of the words of a row


def arranged(count: int, rows: int, columns: int) -> tuple[int, int]:
    """Rows and columns for so many pictures, where 0 means as many as needed; BadInput if they do not hold them."""
    if rows and columns and rows * columns < count:
        raise BadInput(
            f"{rows} rows of {columns} hold {rows * columns} pictures, and there are {count}",
            hint="write as many words as there are rows and columns, or none",
        )
    columns = columns or (-(-count // rows) if rows else next(n for n in range(1, count + 1) if n * n >= count))
    return max(rows, -(-count // columns)), columns


def contact_sheet(
    pictures: Sequence[Image], rows: Sequence[str] = (), columns: Sequence[str] = (), title: str = ""
) -> Image:
    """Pictures (at least one) as one RGB picture, row by row, with the words of the rows and columns.

    Without words the sheet is about square; with those of one side the other has as many as are needed. A cell is as
    large as the largest picture, and smaller ones stand in the middle of theirs. BadInput if there are too few words.
    """
    from PIL import Image, ImageDraw, ImageFont

    down, across = arranged(len(pictures), len(rows), len(columns))
    width, height = (max(picture.size[side] for picture in pictures) for side in (0, 1))
    factor = max(1, -(-SMALLEST_CELL // min(width, height)))
    width, height = width * factor, height * factor
    font = ImageFont.load_default(LETTERS)
    asides = [_wrapped(word, font, WIDEST_WORDS) for word in rows]
    heads = [_wrapped(word, font, width) for word in columns]
    left = max((round(font.getlength(line)) for aside in asides for line in aside.split("\n")), default=0)
    left += 3 * GAP if rows else GAP
    named = _wrapped(title, font, left + across * (width + GAP)) if title else ""
    above = (named.count("\n") + 1) * LINE + GAP if title else 0
    top = above + (max(head.count("\n") + 1 for head in heads) * LINE + GAP if heads else GAP)
    sheet = Image.new("RGB", (left + across * (width + GAP), top + down * (height + GAP)), PAPER)
    pen = ImageDraw.Draw(sheet)
    if title:
        pen.multiline_text((GAP, GAP), named, INK, font, spacing=GAP)
    for place, head in enumerate(heads):
        middle = left + place * (width + GAP) + width / 2
        pen.multiline_text((middle, top - GAP), head, INK, font, anchor="md", align="center", spacing=GAP)
    for place, aside in enumerate(asides):
        middle = top + place * (height + GAP) + height / 2
        pen.multiline_text((left - 2 * GAP, middle), aside, INK, font, anchor="rm", align="right", spacing=GAP)
    for place, picture in enumerate(pictures):
        row, column = divmod(place, across)
        enlarged = picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)
        x, y = left + column * (width + GAP), top + row * (height + GAP)
        sheet.paste(enlarged, (x + (width - enlarged.width) // 2, y + (height - enlarged.height) // 2))
    return sheet


def _wrapped(text: str, font: FreeTypeFont | ImageFont, width: float) -> str:
    """The text in lines of at most `width` pixels, broken at spaces, and within words that are longer than a line."""
    lines: list[str] = []
    for word in _broken(text.split(), font, width):
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return "\n".join(lines)


def _broken(words: Iterable[str], font: FreeTypeFont | ImageFont, width: float) -> Iterator[str]:
    """The words, those that are wider than a line in parts of as many letters as fit."""
    for word in words:
        while font.getlength(word) > width and len(word) > 1:
            fits = next((n for n in range(len(word) - 1, 1, -1) if font.getlength(word[:n]) <= width), 1)
            yield word[:fits]
            word = word[fits:]
        yield word
