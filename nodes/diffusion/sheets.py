"""Contact sheets: pictures in rows and columns with a word on each, in the style of the plots."""

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from .figures import INK, PAPER
from .pictures import to_picture
from .resize import fitted

SMALLEST_CELL = 128  # pixels; smaller pictures are enlarged by whole factors, or no label fits above them
GAP, LETTERS = 4, 18


class BadSheet(ValueError):
    """Labels that do not go with the number of pictures."""


def arranged(count: int, rows: int, columns: int) -> tuple[int, int]:
    """Rows and columns for so many pictures, where 0 means as many as needed; BadSheet if they do not hold them."""
    if rows and columns and rows * columns < count:
        raise BadSheet(f"{rows} rows of {columns} hold {rows * columns} pictures, and there are {count}")
    columns = columns or (-(-count // rows) if rows else next(n for n in range(1, count + 1) if n * n >= count))
    return max(rows, -(-count // columns)), columns


def contact_sheet(pictures: Tensor, rows: Sequence[str] = (), columns: Sequence[str] = (), title: str = "") -> Tensor:
    """Pictures [count, 3, height, width] in 0…1, row by row, with the words of the rows and columns: [3, …] in 0…1.

    Without words the sheet is about square; with those of one side the other has as many as are needed.
    """
    down, across = arranged(len(pictures), len(rows), len(columns))
    factor = max(1, -(-SMALLEST_CELL // min(pictures.shape[-2:])))
    height, width = (side * factor for side in pictures.shape[-2:])
    font = ImageFont.load_default(LETTERS)
    left = max((round(font.getlength(word)) for word in rows), default=0) + (3 * GAP if rows else GAP)
    heads = [_wrapped(word, font, width) for word in columns]
    line = LETTERS + GAP
    named = _wrapped(title, font, left + across * (width + GAP)) if title else ""
    above = (named.count("\n") + 1) * line + GAP if title else 0
    top = above + (max(head.count("\n") + 1 for head in heads) * line + GAP if heads else GAP)
    sheet = Image.new("RGB", (left + across * (width + GAP), top + down * (height + GAP)), PAPER)
    pen = ImageDraw.Draw(sheet)
    if title:
        pen.multiline_text((GAP, GAP), named, INK, font, spacing=GAP)
    for place, head in enumerate(heads):
        middle = left + place * (width + GAP) + width / 2
        pen.multiline_text((middle, top - GAP), head, INK, font, anchor="md", align="center", spacing=GAP)
    for place, word in enumerate(rows):
        pen.text((left - 2 * GAP, top + place * (height + GAP) + height / 2), word, INK, font, anchor="rm")
    for place, picture in enumerate(pictures):
        row, column = divmod(place, across)
        enlarged = to_picture(picture).resize((width, height), Image.Resampling.NEAREST)
        sheet.paste(enlarged, (left + column * (width + GAP), top + row * (height + GAP)))
    return torch.from_numpy(np.array(sheet)).permute(2, 0, 1).float() / 255


def batched(pictures: Sequence[Tensor]) -> Tensor:
    """Batches of pictures as one, resized to the size of the first."""
    return torch.cat([pictures[0], *(fitted(each, pictures[0]) for each in pictures[1:])])


def _wrapped(text: str, font: "ImageFont.FreeTypeFont | ImageFont.ImageFont", width: float) -> str:
    """The text in lines of at most `width` pixels, broken at spaces."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return "\n".join(lines)
