"""Pictures: read, resized and saved."""

from pathlib import Path
from typing import Annotated, NamedTuple

from nodegraph import Artifact, BadInput, Choice, Document, File, Range, SaveName, node

from .diffusion.pictures import BadPicture, read_picture, write_numbered
from .diffusion.resize import INTERPOLATIONS, center_crop, missing_side, resize
from .latent import Crop
from .types import Image, Mask

ImageMethod = Annotated[str, Choice((*INTERPOLATIONS, "lanczos"))]
WORKFLOW = "nodegraph"  # the text chunk in which a picture carries its workflow


class LoadedImage(NamedTuple):
    """A picture and what is transparent in it."""

    image: Image
    mask: Mask


@node("LoadImage", category="image")
def load_image(image: Annotated[Path, File("input")]) -> LoadedImage:
    """Read a picture file; what is transparent in it is the mask."""
    try:
        pixels, transparent = read_picture(image)
    except BadPicture as error:
        raise BadInput(str(error)) from error
    return LoadedImage(Image(pixels), Mask(transparent))


@node("SaveImage", category="image", effect=True)
def save_image(
    images: Image, filename_prefix: Annotated[Path, SaveName("output")] = Path("nodegraph"), *, workflow: Document
) -> tuple[Artifact, ...]:
    """Save pictures as PNG files that carry the workflow they were made by."""
    paths = write_numbered(images.pixels, filename_prefix, {WORKFLOW: workflow.text()})
    return tuple(Artifact(path) for path in paths)


@node("PreviewImage", category="image", effect=True)
def preview_image(
    images: Image, filename_prefix: Annotated[Path, SaveName("temp")] = Path("preview"), *, workflow: Document
) -> tuple[Artifact, ...]:
    """Show pictures: save them in the temporary folder."""
    return save_image(images, filename_prefix, workflow=workflow)


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
    image: Image, upscale_method: ImageMethod = "nearest-exact", scale_by: Annotated[float, Range(0.01, 8, 0.01)] = 1.0
) -> Image:
    """Resize pictures by a factor."""
    rows, columns = image.pixels.shape[-2:]
    return Image(resize(image.pixels, max(1, round(columns * scale_by)), max(1, round(rows * scale_by)), upscale_method))
