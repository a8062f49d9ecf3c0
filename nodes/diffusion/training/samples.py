"""A few pictures that come with the package, so that the lessons on training need no download.

`python -m nodes.diffusion.training.samples data/node_modules/@iconify-json` draws the sheet again from what `make data`
fetched. Whose pictures they are stands in samples.md.
"""

import sys
from pathlib import Path

from PIL import Image
from torch import Tensor

from ..pictures import read_picture, to_picture
from .concepts import CONCEPTS, STYLES
from .render import render_sprites

SHEET = Path(__file__).with_name("samples.png")
SIZE = 64
NAMES = (
    "avocado", "cactus", "crab", "diamond", "duck", "eggplant", "frog", "heart",
    "lemon", "moon", "mushroom", "octopus", "penguin", "pig", "pizza", "tree",
)  # fmt: skip
PACKS = {"noto": "noto", "flat": "twemoji", "fluent": "fluent-emoji-flat"}


def sample_pictures(names: tuple[str, ...] = NAMES, styles: tuple[str, ...] = tuple(PACKS)) -> Tensor:
    """The pictures of some of `NAMES` on white, in some styles of `PACKS`: [names, styles, 3, 64, 64] in 0…1."""
    sheet = read_picture(SHEET)[0][0]
    cells = sheet.unfold(1, SIZE, SIZE).unfold(2, SIZE, SIZE)  # [3, styles, names, 64, 64]
    rows, columns = ([every.index(each) for each in some] for every, some in ((list(PACKS), styles), (NAMES, names)))
    return cells.permute(2, 1, 0, 3, 4)[columns][:, rows].contiguous()


def draw_sheet(packs: Path, file: Path = SHEET) -> None:
    """Render the pictures from the icon packs, a column for each name, and save them in 256 colours."""
    sprites, _ = render_sprites({style: packs / pack / "icons.json" for style, pack in PACKS.items()}, SIZE)
    chosen = sprites[[list(CONCEPTS).index(name) for name in NAMES]].float() / 255
    colour, alpha = chosen.split((3, 1), dim=2)
    rows = (colour * alpha + 1 - alpha).permute(2, 1, 3, 0, 4)  # [3, styles, height, names, width]
    sheet = to_picture(rows.reshape(3, len(STYLES) * SIZE, len(NAMES) * SIZE))
    sheet.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(file, optimize=True)


if __name__ == "__main__":
    draw_sheet(Path(sys.argv[1]))
