"""The picture of a shipped workflow in the gallery, from pictures that it has made: `workflows/pictures/NAME.png`.

    python -m tests.benchmarks.sheet OUT.png COLUMNS PICTURE…

They are laid out in rows, enlarged or reduced smoothly; the sheet is 256 pixels wide and at most 40 KB.
"""

import io
import sys
from pathlib import Path

from PIL import Image

WIDTH, GAP, LARGEST = 256, 4, 40 << 10


def sheet(pictures: list[Image.Image], columns: int) -> Image.Image:
    width = (WIDTH - GAP * (columns - 1)) // columns
    sizes = [(width, round(each.height * width / each.width)) for each in pictures]
    height = max(tall for _, tall in sizes)
    result = Image.new("RGB", (WIDTH, -(-len(pictures) // columns) * (height + GAP) - GAP), "white")
    for place, (picture, size) in enumerate(zip(pictures, sizes, strict=True)):
        down, right = divmod(place, columns)
        enlarged = picture.resize(size, Image.Resampling.LANCZOS)
        result.paste(enlarged, (right * (width + GAP), down * (height + GAP)))
    return result


def packed(picture: Image.Image) -> bytes:
    """A PNG of all colours, or of fewer if it is too large with all."""
    for version in (picture, picture.quantize(256), picture.quantize(128), picture.quantize(64)):
        file = io.BytesIO()
        version.save(file, "PNG", optimize=True)
        if file.tell() <= LARGEST:
            break
    return file.getvalue()


if __name__ == "__main__":
    out, columns, *names = sys.argv[1:]
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    Path(out).write_bytes(packed(sheet([Image.open(name).convert("RGB") for name in names], int(columns))))
