"""Pictures: read, made, resized, put together and saved."""

from pathlib import Path
from typing import Annotated, NamedTuple

import torch

from nodegraph import Artifact, BadInput, Choice, Document, File, Range, SaveName, node

from .diffusion.masks import seam
from .diffusion.pictures import BadPicture, read_picture, write_numbered
from .diffusion.resize import INTERPOLATIONS, center_crop, fitted, missing_side, repeated, resize
from .latent import Crop
from .types import Image, Mask

ImageMethod = Annotated[str, Choice((*INTERPOLATIONS, "lanczos"))]
Side = Annotated[int, Range(1, 16384)]
Place = Annotated[int, Range(0, 16384)]
Margin = Annotated[int, Range(0, 16384, 8)]
WORKFLOW = "nodegraph"  # the text chunk in which a picture carries its workflow


class MaskedImage(NamedTuple):
    """A picture, and a mask: what is transparent in it, or what is to be painted."""

    image: Image
    mask: Mask


@node("LoadImage", category="image")
def load_image(image: Annotated[Path, File("input"), "beside the workflow, or in an input folder"]) -> MaskedImage:
    """Read a picture file; what is transparent in it is the mask.

    PNG, JPEG, WebP, BMP or GIF (its first picture), turned upright as the camera says.
    """
    try:
        pixels, transparent = read_picture(image)
    except BadPicture as error:
        raise BadInput(str(error)) from error
    return MaskedImage(Image(pixels), Mask(transparent))


@node("SaveImage", category="image", effect=True)
def save_image(
    images: Image,
    filename_prefix: Annotated[Path, SaveName("output"), "a number follows it"] = Path("nodegraph"),
    *,
    workflow: Document,
) -> tuple[Artifact, ...]:
    """Save pictures as PNG files that carry the workflow they were made by: `nodegraph run` takes them in its place.

    They are named `prefix_00001_.png` and so on, in the output folder; no file is ever replaced.
    """
    try:
        paths = write_numbered(images.pixels, filename_prefix, {WORKFLOW: workflow.text(), **workflow.texts})
    except OSError as error:
        raise BadInput(f"{filename_prefix}_….png cannot be written: {error.strerror or error}") from error
    return tuple(Artifact(path) for path in paths)


@node("PreviewImage", category="image", effect=True)
def preview_image(
    images: Image, filename_prefix: Annotated[Path, SaveName("temp")] = Path("preview"), *, workflow: Document
) -> tuple[Artifact, ...]:
    """Show pictures: save them in the temporary folder."""
    return save_image(images, filename_prefix, workflow=workflow)


@node("EmptyImage", category="image")
def empty_image(
    width: Side = 512,
    height: Side = 512,
    batch_size: Annotated[int, Range(1, 4096)] = 1,
    color: Annotated[int, Range(0, 0xFFFFFF), "red · 65536 + green · 256 + blue, each 0 to 255"] = 0,
) -> Image:
    """Pictures of one colour."""
    channels = torch.tensor([color >> 16, color >> 8 & 255, color & 255]) / 255
    return Image(channels[:, None, None].repeat(batch_size, 1, height, width))


@node("ImageScale", category="image")
def image_scale(
    image: Image,
    upscale_method: ImageMethod = "nearest-exact",
    width: Annotated[int, Range(0, 16384)] = 512,
    height: Annotated[int, Range(0, 16384)] = 512,
    crop: Crop = "disabled",
) -> Image:
    """Resize pictures; a side of 0 keeps the proportions."""
    rows, columns = image.pixels.shape[-2:]
    width, height = missing_side(width, height, columns, rows)
    cut = center_crop(image.pixels, width, height) if crop == "center" else image.pixels
    return Image(resize(cut, width, height, upscale_method))


@node("ImageScaleBy", category="image")
def image_scale_by(
    image: Image,
    upscale_method: ImageMethod = "nearest-exact",
    scale_by: Annotated[float, Range(0.01, 8, 0.01)] = 1.0,
) -> Image:
    """Resize pictures by a factor."""
    rows, columns = image.pixels.shape[-2:]
    width, height = max(1, round(columns * scale_by)), max(1, round(rows * scale_by))
    return Image(resize(image.pixels, width, height, upscale_method))


@node("ImageCrop", category="image")
def image_crop(image: Image, width: Side = 512, height: Side = 512, x: Place = 0, y: Place = 0) -> Image:
    """Cut a rectangle out of pictures, as much of it as there is."""
    rows, columns = image.pixels.shape[-2:]
    top, left = min(y, rows - 1), min(x, columns - 1)
    return Image(image.pixels[..., top : top + height, left : left + width])


@node("ImageInvert", category="image")
def image_invert(image: Image) -> Image:
    """The negative of a picture."""
    return Image(1 - image.pixels)


@node("ImageBatch", category="image")
def image_batch(image1: Image, image2: Image) -> Image:
    """Put the pictures of two batches into one; the second ones are resized to the first ones' size."""
    return Image(torch.cat([image1.pixels, fitted(image2.pixels, image1.pixels)]))


@node("ImageCompositeMasked", category="image")
def image_composite_masked(
    destination: Image,
    source: Image,
    x: Place = 0,
    y: Place = 0,
    resize_source: Annotated[bool, "stretch the source over the whole of the destination first"] = False,
    mask: Mask | None = None,
) -> Image:
    """Put one picture onto another at (x, y), or only what is inside of a mask.

    The mask may have any size: it is stretched over the source.
    """
    result = destination.pixels.clone()
    rows, columns = result.shape[-2:]
    over = repeated(source.pixels, len(result)).to(result)
    over = resize(over, columns, rows, "bilinear") if resize_source else over
    height, width = min(over.shape[-2], rows - y), min(over.shape[-1], columns - x)
    if height <= 0 or width <= 0:
        return destination
    under, part = result[..., y : y + height, x : x + width], over[..., :height, :width]
    if mask is not None:
        share = resize(repeated(mask.values[:, None], len(result)), over.shape[-1], over.shape[-2], "bilinear")
        share = share[..., :height, :width].to(result)
        part = part * share + under * (1 - share)
    result[..., y : y + height, x : x + width] = part
    return Image(result)


@node("ImagePadForOutpaint", category="image")
def image_pad_for_outpaint(
    image: Image,
    left: Margin = 0,
    top: Margin = 0,
    right: Margin = 0,
    bottom: Margin = 0,
    feathering: Annotated[int, Range(0, 16384), "pixels over which the new part fades into the picture"] = 40,
) -> MaskedImage:
    """Add a gray margin to pictures; the mask says to paint it."""
    batch, channels, rows, columns = image.pixels.shape
    height, width = rows + top + bottom, columns + left + right
    padded = torch.full((batch, channels, height, width), 0.5)
    padded[..., top : top + rows, left : left + columns] = image.pixels
    mask = torch.ones(1, height, width)
    open_sides = (left > 0, top > 0, right > 0, bottom > 0)
    mask[0, top : top + rows, left : left + columns] = seam(rows, columns, open_sides, feathering)
    return MaskedImage(Image(padded), Mask(mask))
