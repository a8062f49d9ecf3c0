"""Emoji of several icon packs (Iconify JSON, SVG) and plain shapes, rendered to sprites."""

import io
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .concepts import CONCEPTS, SHAPES, STYLES

MARGIN = 3


class BadPack(ValueError):
    """A file that is no icon pack, or one without an icon that is needed."""


def render_sprites(packs: Mapping[str, Path], size: int = 64) -> tuple[Tensor, Tensor]:
    """Render every concept in every style, and every shape.

    `packs` has the `icons.json` of an `@iconify-json` package for each style. Returns RGBA sprites in 0–255, uint8:
    [concepts, styles, 4, size, size] and [shapes, 4, size, size].
    """
    icons = {style: _read(packs[style]) for style in STYLES}
    rows = [[_icon(icons[style], name, size) for style in STYLES] for name in CONCEPTS.values()]
    shapes = [_render(body, 64, 64, size) for body in SHAPES.values()]
    return torch.stack([torch.stack(row) for row in rows]), torch.stack(shapes)


def _read(path: Path) -> dict:
    try:
        pack = json.loads(path.read_text("utf-8"))
        missing = [name for name in CONCEPTS.values() if name not in pack["icons"]]
    except (ValueError, KeyError, TypeError) as error:
        raise BadPack(f"{path.name}: this is no Iconify icon pack: {error}") from error
    if missing:
        raise BadPack(f"{path.name}: {pack.get('prefix', 'the pack')} has no icon named {missing[0]!r}")
    return pack


def _icon(pack: dict, name: str, size: int) -> Tensor:
    icon = pack["icons"][name]
    width = icon.get("width", pack.get("width", 16))
    height = icon.get("height", pack.get("height", 16))
    return _render(icon["body"], width, height, size)


def _render(body: str, width: int, height: int, size: int) -> Tensor:
    import resvg_py  # here, since it comes with the extra `train` only

    inner = size - 2 * MARGIN
    spaces = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    svg = f'<svg {spaces} viewBox="0 0 {width} {height}">{body}</svg>'
    # Rendered large and reduced: the renderer's own small pictures are less smooth.
    png = bytes(resvg_py.svg_to_bytes(svg_string=svg, width=4 * inner, height=4 * inner))
    large = Image.open(io.BytesIO(png)).convert("RGBa").resize((inner, inner), Image.Resampling.BOX).convert("RGBA")
    sprite = Image.new("RGBA", (size, size))
    sprite.paste(large, (MARGIN, MARGIN))
    return torch.from_numpy(np.array(sprite)).permute(2, 0, 1)
