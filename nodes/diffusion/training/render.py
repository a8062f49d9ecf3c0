"""Emoji of several icon packs (Iconify JSON, SVG) and plain shapes, rendered to sprites."""

import io
import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .concepts import CONCEPTS, SHAPES, STYLES

MARGIN = 3


def render_sprites(packs: Path, size: int = 64) -> tuple[Tensor, Tensor]:
    """Render every concept in every style, and every shape.

    `packs` is the folder of the installed `@iconify-json` packages. Returns RGBA sprites in 0–255, uint8:
    [concepts, styles, 4, size, size] and [shapes, 4, size, size].
    """
    icons = {style: json.loads((packs / folder / "icons.json").read_text("utf-8")) for style, folder in STYLES.items()}
    rows = [[_icon(icons[style], name, size) for style in STYLES] for name in CONCEPTS.values()]
    shapes = [_render(body, 64, 64, size) for body in SHAPES.values()]
    return torch.stack([torch.stack(row) for row in rows]), torch.stack(shapes)


def _icon(pack: dict, name: str, size: int) -> Tensor:
    icon = pack["icons"][name]
    width = icon.get("width", pack.get("width", 16))
    height = icon.get("height", pack.get("height", 16))
    return _render(icon["body"], width, height, size)


def _render(body: str, width: int, height: int, size: int) -> Tensor:
    import resvg_py

    inner = size - 2 * MARGIN
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 {width} {height}">{body}</svg>'
    # Rendered large and reduced: the renderer's own small pictures are less smooth.
    png = bytes(resvg_py.svg_to_bytes(svg_string=svg, width=4 * inner, height=4 * inner))
    large = Image.open(io.BytesIO(png)).convert("RGBa").resize((inner, inner), Image.Resampling.BOX).convert("RGBA")
    sprite = Image.new("RGBA", (size, size))
    sprite.paste(large, (MARGIN, MARGIN))
    return torch.from_numpy(np.array(sprite)).permute(2, 0, 1)
