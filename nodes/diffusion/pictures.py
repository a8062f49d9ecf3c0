"""Reading and writing picture files, safely: bounded, whole, and never half-written."""

import os
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
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
                return ImageOps.exif_transpose(file).convert("RGBA")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        if isinstance(error, BadPicture):
            raise
        raise BadPicture(f"{path.name}: this is no picture that can be read: {error}") from error


def read_picture(path: Path) -> tuple[Tensor, Tensor]:
    """Pixels [1, 3, height, width] in 0…1, and the mask of what is transparent, [1, height, width]."""
    channels = torch.from_numpy(np.array(_open(path))).permute(2, 0, 1).float() / 255
    return channels[None, :3], 1 - channels[None, 3]


def read_channel(path: Path, channel: str) -> Tensor:
    """One channel as [1, height, width]; alpha is inverted: what is transparent is 1."""
    pixels, transparent = read_picture(path)
    return transparent if channel == "alpha" else pixels[:, ("red", "green", "blue").index(channel)]


def write_png(pixels: Tensor, path: Path, texts: Mapping[str, str]) -> None:
    """Write pixels [3, height, width] in 0…1, whole or not at all, with `texts` as its text chunks.

    Values are cut to 0…255 and truncated, as ComfyUI does.
    """
    array = (pixels.float().clamp(0, 1) * 255).permute(1, 2, 0).cpu().numpy().astype(np.uint8)
    info = PngInfo()
    for key, text in texts.items():
        info.add_itxt(key, text)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("xb") as file:
            Image.fromarray(array).save(file, "PNG", pnginfo=info, compress_level=4)
            file.flush()
            os.fsync(file.fileno())
        # A link, unlike a rename, never replaces a picture that another process has saved under this name meanwhile.
        os.link(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_numbered(pictures: Tensor, prefix: Path, texts: Mapping[str, str]) -> list[Path]:
    """Write [batch, 3, height, width] as `prefix_00001_.png` and so on, after the highest number that is there."""
    prefix.parent.mkdir(parents=True, exist_ok=True)
    taken = [found.name.removeprefix(f"{prefix.name}_").partition("_")[0] for found in prefix.parent.glob(f"{prefix.name}_*")]
    number = max((int(each) for each in taken if each.isdecimal()), default=0)
    written: list[Path] = []
    for picture in pictures:
        while True:
            number += 1
            path = prefix.with_name(f"{prefix.name}_{number:05}_.png")
            try:
                write_png(picture, path, texts)
            except FileExistsError:
                continue
            written.append(path)
            break
    return written
