"""Resizing pictures and latents, with the names and the numbers that ComfyUI's workflows expect."""

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

INTERPOLATIONS = ("nearest-exact", "bilinear", "area", "bicubic")


def resize(pictures: Tensor, width: int, height: int, method: str) -> Tensor:
    """Resize [batch, channels, h, w] to `height` × `width`; "lanczos" is for pictures in 0…1 and goes by 8 bits."""
    if method == "lanczos":
        return _lanczos(pictures, width, height)
    return functional.interpolate(pictures, size=(height, width), mode=method)


def center_crop(pictures: Tensor, width: int, height: int) -> Tensor:
    """Cut off what is beyond the proportions of `width` : `height`, evenly from both sides."""
    old_height, old_width = pictures.shape[-2:]
    if old_width * height > old_height * width:
        cut = round((old_width - old_height * width / height) / 2)
        return pictures[..., cut : old_width - cut]
    cut = round((old_height - old_width * height / width) / 2)
    return pictures[..., cut : old_height - cut, :]


def missing_side(width: int, height: int, old_width: int, old_height: int) -> tuple[int, int]:
    """A side given as 0 follows from the other one and the old proportions; both 0 keep the size."""
    if width == 0 and height == 0:
        return old_width, old_height
    if width == 0:
        return max(1, round(old_width * height / old_height)), height
    if height == 0:
        return width, max(1, round(old_height * width / old_width))
    return width, height


def _lanczos(pictures: Tensor, width: int, height: int) -> Tensor:
    resized = [
        Image.fromarray((picture.clamp(0, 1) * 255).byte().permute(1, 2, 0).numpy()).resize(
            (width, height), Image.Resampling.LANCZOS
        )
        for picture in pictures.cpu()
    ]
    return torch.stack([torch.from_numpy(np.array(each)).permute(2, 0, 1).float() / 255 for each in resized]).to(pictures)
