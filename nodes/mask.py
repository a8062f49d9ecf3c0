"""Masks: where to paint."""

from pathlib import Path
from typing import Annotated, Literal

import torch

from nodegraph import Choice, File, Range, node

from .diffusion.masks import OPERATIONS, pasted
from .diffusion.pictures import read_channel
from .types import Image, Mask

Side = Annotated[int, Range(1, 16384)]
Place = Annotated[int, Range(0, 16384)]


@node("SolidMask", category="mask")
def solid_mask(value: Annotated[float, Range(0, 1, 0.01)] = 1.0, width: Side = 512, height: Side = 512) -> Mask:
    """A mask of one value."""
    return Mask(torch.full((1, height, width), value))


@node("InvertMask", category="mask")
def invert_mask(mask: Mask) -> Mask:
    """Paint where it was kept, and keep where it was painted."""
    return Mask(1 - mask.values)


@node("MaskComposite", category="mask")
def mask_composite(
    destination: Mask, source: Mask, x: Place = 0, y: Place = 0, operation: Annotated[str, Choice(tuple(OPERATIONS))] = "multiply"
) -> Mask:
    """Put one mask onto another at (x, y)."""
    return Mask(pasted(destination.values, source.values, x, y, operation))


@node("MaskToImage", category="mask")
def mask_to_image(mask: Mask) -> Image:
    """A mask as a gray picture."""
    return Image(mask.values[:, None].repeat(1, 3, 1, 1))


@node("ImageToMask", category="mask")
def image_to_mask(image: Image, channel: Literal["red", "green", "blue"] = "red") -> Mask:
    """One colour channel of a picture as a mask."""
    return Mask(image.pixels[:, ("red", "green", "blue").index(channel)])


@node("LoadImageMask", category="mask")
def load_image_mask(
    image: Annotated[Path, File("input")], channel: Literal["alpha", "red", "green", "blue"] = "alpha"
) -> Mask:
    """Read a mask from a channel of a picture file; what is transparent is painted."""
    return Mask(read_channel(image, channel))
