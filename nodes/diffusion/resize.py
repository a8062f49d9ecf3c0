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
    if pictures.shape[-2:] == (height, width):
        return pictures  # interpolating would round
    return functional.interpolate(pictures, size=(height, width), mode=method)


def center_crop(pictures: Tensor, width: int, height: int) -> Tensor:
    """Cut off what is beyond the proportions of `width` : `height`, evenly on both sides, but for a pixel."""
    old_height, old_width = pictures.shape[-2:]
    if old_width * height > old_height * width:
        cut = min(round((old_width - old_height * width / height) / 2), (old_width - 1) // 2)
        return pictures[..., cut : old_width - cut]
    cut = min(round((old_height - old_width * height / width) / 2), (old_height - 1) // 2)
    return pictures[..., cut : old_height - cut, :]


def whole_blocks(pictures: Tensor, factor: int) -> Tensor:
    """Cut the edges, evenly from both sides, so that height and width are multiples of `factor`."""
    height, width = (side // factor * factor for side in pictures.shape[-2:])
    top, left = (pictures.shape[-2] - height) // 2, (pictures.shape[-1] - width) // 2
    return pictures[..., top : top + height, left : left + width]


def fitted(pictures: Tensor, like: Tensor) -> Tensor:
    """Resized and cropped to the height and width of another tensor, on its device; unchanged if they are the same."""
    height, width = like.shape[-2:]
    if pictures.shape[-2:] == like.shape[-2:]:
        return pictures.to(like)
    return resize(center_crop(pictures, width, height), width, height, "bilinear").to(like)


def repeated(tensor: Tensor, rows: int) -> Tensor:
    """`tensor` with so many rows, repeated from the first on."""
    return tensor.repeat(-(-rows // len(tensor)), *[1] * (tensor.ndim - 1))[:rows]


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
    arrays = (pictures.clamp(0, 1) * 255).byte().permute(0, 2, 3, 1).cpu().numpy()
    resized = [np.array(Image.fromarray(array).resize((width, height), Image.Resampling.LANCZOS)) for array in arrays]
    return (torch.from_numpy(np.stack(resized)).permute(0, 3, 1, 2).float() / 255).to(pictures)
