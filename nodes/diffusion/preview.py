"""Small pictures of latents on the way, by a linear map from latent channels to colours, or by a tiny network."""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

FACTOR = 8  # pixels that one latent pixel covers, each way
LONGEST_SIDE = 512
QUALITY = 80
MEDIA_TYPE = "image/jpeg"
SIDE, PATCHES = 64, 4  # of the picture that the map is measured with: pixels, and colours, each way


@dataclass(frozen=True, eq=False)
class LatentColors:
    """The colour of a latent pixel: latent · weights + offset; weights [channels, 3], offset [3], for RGB in 0…1."""

    weights: Tensor
    offset: Tensor

    @classmethod
    def measured(cls, encode: Callable[[Tensor], Tensor]) -> "LatentColors | None":
        """The map that fits a VAE best by least squares, where colours change slowly; None if there is none.

        `encode` makes latents [1, channels, h/8, w/8] of pictures [1, 3, h, w] in 0…1. It is asked about one picture of
        64 × 64 pixels. Latents of real pictures are met better so than by decoding latents that are made up.
        """
        patches = torch.rand(1, 3, PATCHES, PATCHES, generator=torch.Generator().manual_seed(0))
        picture = functional.interpolate(patches, size=(SIDE, SIDE), mode="bilinear")
        latents = _pixels(encode(picture))
        if not torch.isfinite(latents).all():
            return None
        known = torch.cat([latents, torch.ones(len(latents), 1, dtype=latents.dtype)], dim=1)
        solved = torch.linalg.pinv(known) @ _pixels(functional.avg_pool2d(picture, FACTOR))
        return cls(solved[:-1].float(), solved[-1].float())

    @classmethod
    def plain(cls, channels: int) -> "LatentColors":
        """For latents of an unknown VAE: the first three channels are red, green and blue, and −2…2 dark to light."""
        return cls(torch.eye(channels, 3) / 4, torch.full((3,), 0.5))

    def scaled(self, factor: float) -> "LatentColors":
        """The same colours for latents that are `factor` times as large."""
        return LatentColors(self.weights / factor, self.offset)

    def of(self, latent: Tensor) -> Tensor:
        """A latent [channels, h, w], on any device, as a picture of as many pixels: [3, h, w] in 0…1, on the CPU."""
        colors = torch.einsum("chw,cd->dhw", latent.float().cpu(), self.weights) + self.offset[:, None, None]
        return colors.nan_to_num().clamp(0, 1)


def _pixels(pictures: Tensor) -> Tensor:
    return pictures.double().cpu().movedim(1, -1).flatten(0, -2)


@dataclass(frozen=True, eq=False)
class Preview:
    """What a latent will look like, roughly: latents [batch, channels, h, w], of which the first one is shown.

    Nothing is computed, and nothing moved from the GPU, until somebody wants to see it. `decoder` makes a picture
    [3, height, width] in 0…1 of a latent [channels, h, w], or None where it cannot; then the colours are shown.
    """

    latents: Tensor
    colors: LatentColors
    decoder: Callable[[Tensor], Tensor | None] | None = None

    def encode(self) -> tuple[bytes, str]:
        """The picture file and its media type: JPEG, of 8 times the latent's size but at most 512 pixels a side."""
        latent = self.latents[0]
        decoded = None if self.decoder is None else self.decoder(latent)
        seen = self.colors.of(latent) if decoded is None else decoded
        pixels = (seen * 255).round().byte().permute(1, 2, 0).numpy()
        height, width = latent.shape[-2:]
        scale = min(FACTOR, LONGEST_SIDE / max(height, width))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        file = io.BytesIO()
        picture = Image.fromarray(np.ascontiguousarray(pixels)).resize(size, Image.Resampling.BICUBIC)
        picture.save(file, "JPEG", quality=QUALITY)
        return file.getvalue(), MEDIA_TYPE
