"""Reading and writing picture files, safely: bounded, whole, and never half-written."""

import io
import os
import uuid
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

LARGEST = 64_000_000  # pixels
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")


class BadPicture(ValueError):
    """A file that is no picture, or too large a one."""


def _open(path: Path) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=FORMATS) as file:
                if file.width * file.height > LARGEST:
                    raise BadPicture(f"{path.name}: {file.width} × {file.height} pixels are more than {LARGEST:,}")
                return ImageOps.exif_transpose(_in_8_bits(file)).convert("RGBA")
    except UnidentifiedImageError as error:
        raise BadPicture(f"{path.name}: this is no {', '.join(FORMATS[:-1])} or {FORMATS[-1]} picture") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        if isinstance(error, BadPicture):
            raise
        raise BadPicture(f"{path.name}: the picture cannot be read: {error}") from error


def _in_8_bits(picture: Image.Image) -> Image.Image:
    """A gray picture of 16 bits, which would be cut off at 255, as one of 8; others unchanged."""
    if not picture.mode.startswith("I"):
        return picture
    return Image.fromarray((np.asarray(picture).clip(0, 65535) // 257).astype(np.uint8))


def read_picture(path: Path) -> tuple[Tensor, Tensor]:
    """Pixels [1, 3, height, width] in 0…1, and the mask of what is transparent, [1, height, width]."""
    channels = torch.from_numpy(np.array(_open(path))).permute(2, 0, 1).float() / 255
    return channels[None, :3], 1 - channels[None, 3]


def read_channel(path: Path, channel: str) -> Tensor:
    """One channel as [1, height, width]; alpha is inverted: what is transparent is 1."""
    pixels, transparent = read_picture(path)
    return transparent if channel == "alpha" else pixels[:, ("red", "green", "blue").index(channel)]


def to_picture(pixels: Tensor) -> Image.Image:
    """Pixels [3, height, width] in 0…1 in 8 bits; values are cut to 0…255 and truncated, as ComfyUI does."""
    array = (pixels.float().clamp(0, 1) * 255).permute(1, 2, 0).cpu().numpy().astype(np.uint8)
    return Image.fromarray(array)


def from_picture(picture: Image.Image) -> Tensor:
    """A picture in RGB as pixels [3, height, width] in 0…1."""
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1).float() / 255


def to_png(pixels: Tensor, texts: Mapping[str, str]) -> bytes:
    """Pixels [3, height, width] in 0…1 as a PNG file with `texts` as its text chunks."""
    info = PngInfo()
    for key, text in texts.items():
        info.add_itxt(key, text)
    file = io.BytesIO()
    to_picture(pixels).save(file, "PNG", pnginfo=info, compress_level=4)
    return file.getvalue()


def write_new(content: bytes, path: Path) -> None:
    """Write a file whole or not at all; FileExistsError if there is one by that name, which is left alone."""
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        with partial.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        _move_to_new(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _move_to_new(partial: Path, path: Path) -> None:
    """Give a file a name that no other has; a plain rename would replace one that was saved there meanwhile."""
    try:
        path.hardlink_to(partial)
        return
    except FileExistsError:
        raise
    except OSError:
        pass  # FAT and some network file systems have no links: then the name is reserved with an empty file
    path.open("xb").close()
    try:
        partial.replace(path)
    except OSError:
        path.unlink(missing_ok=True)
        raise


def write_numbered(pictures: Tensor, prefix: Path, texts: Mapping[str, str]) -> list[Path]:
    """Write [batch, 3, height, width] as `prefix_00001_.png` and so on, after the highest number that is there."""
    prefix.parent.mkdir(parents=True, exist_ok=True)
    start = f"{prefix.name}_"
    taken = [found.name.removeprefix(start).partition("_")[0] for found in prefix.parent.glob(f"{start}*")]
    number = max((int(each) for each in taken if each.isdecimal()), default=0)
    written: list[Path] = []
    for picture in pictures:
        content = to_png(picture, texts)
        number = _write_next(content, prefix, number + 1)
        written.append(_numbered(prefix, number))
    return written


def _numbered(prefix: Path, number: int) -> Path:
    return prefix.with_name(f"{prefix.name}_{number:05}_.png")


def _write_next(content: bytes, prefix: Path, number: int) -> int:
    """Write under the first free number from `number` on, and say which it was."""
    while True:
        try:
            write_new(content, _numbered(prefix, number))
        except FileExistsError:  # another process was faster
            number += 1
        else:
            return number
