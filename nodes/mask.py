"""Masks: where to paint."""

from pathlib import Path
from typing import Annotated, Literal

import torch

from nodegraph import BadInput, Choice, File, Range, node

from .diffusion.masks import OPERATIONS, dilated, feathered, pasted
from .diffusion.pictures import BadPicture, read_channel
from .types import Image, Mask

Side = Annotated[int, Range(1, 16384)]
Place = Annotated[int, Range(0, 16384)]
Fade = Annotated[int, Range(0, 16384), "pixels over which the mask fades out toward this edge"]
Operation = Annotated[
    str, Choice(tuple(OPERATIONS)), "and, or and xor take everything from one half up as 1, and all else as 0"
]


@node("SolidMask", category="mask")
def solid_mask(value: Annotated[float, Range(0, 1, 0.01)] = 1.0, width: Side = 512, height: Side = 512) -> Mask:
    """A mask of one value, in pixels."""
    return Mask(torch.full((1, height, width), value))


@node("InvertMask", category="mask")
def invert_mask(mask: Mask) -> Mask:
    """Paint where it was kept, and keep where it was painted."""
    return Mask(1 - mask.values)


@node("CropMask", category="mask")
def crop_mask(mask: Mask, x: Place = 0, y: Place = 0, width: Side = 512, height: Side = 512) -> Mask:
    """Cut a rectangle out of a mask, as much of it as there is."""
    rows, columns = mask.values.shape[-2:]
    top, left = min(y, rows - 1), min(x, columns - 1)
    return Mask(mask.values[:, top : top + height, left : left + width])


@node("GrowMask", category="mask")
def grow_mask(
    mask: Mask,
    expand: Annotated[int, Range(-16384, 16384), "in pixels; below 0 the mask shrinks"] = 0,
    tapered_corners: Annotated[bool, "spread as a diamond, and not as a square"] = True,
) -> Mask:
    """Spread or shrink what is to be painted."""
    return Mask(dilated(mask.values, expand, tapered=tapered_corners))


@node("FeatherMask", category="mask")
def feather_mask(mask: Mask, left: Fade = 0, top: Fade = 0, right: Fade = 0, bottom: Fade = 0) -> Mask:
    """Fade a mask out toward the edges of the picture."""
    return Mask(feathered(mask.values, left, top, right, bottom))


@node("MaskComposite", category="mask")
def mask_composite(
    destination: Mask, source: Mask, x: Place = 0, y: Place = 0, operation: Operation = "multiply"
) -> Mask:
    """Combine one mask with another that lies on it at (x, y), in pixels from the left upper corner."""
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
    """Read a mask from a channel of a picture file; of alpha, what is transparent is painted."""
    try:
        return Mask(read_channel(image, channel))
    except BadPicture as error:
        raise BadInput(str(error)) from error
