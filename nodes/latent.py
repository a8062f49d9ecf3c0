"""Latents: made, resized, encoded and decoded."""

from dataclasses import replace
from typing import Annotated, Literal

import torch

from nodegraph import Choice, Range, node

from .diffusion.masks import grown
from .diffusion.resize import INTERPOLATIONS, center_crop, missing_side, resize
from .types import Image, Latent, Mask, Vae

Pixels = Annotated[int, Range(16, 16384, 8)]
Crop = Literal["disabled", "center"]
LatentMethod = Annotated[str, Choice(INTERPOLATIONS)]
FACTOR = 8  # pixels that one latent pixel covers, each way, in every family


@node("EmptyLatent", category="latent")
def empty_latent(width: Pixels = 512, height: Pixels = 512, batch_size: Annotated[int, Range(1, 4096)] = 1) -> Latent:
    """A latent of zeros: where text to image begins."""
    return Latent(torch.zeros(batch_size, 4, height // FACTOR, width // FACTOR))


@node("VAEDecode", category="latent")
def vae_decode(samples: Latent, vae: Vae) -> Image:
    """Turn latents into pictures."""
    return Image(vae.decode(samples.samples))


@node("VAEEncode", category="latent")
def vae_encode(pixels: Image, vae: Vae) -> Latent:
    """Turn pictures into latents."""
    return Latent(vae.encode(pixels.pixels))


@node("VAEEncodeForInpaint", category="latent")
def vae_encode_for_inpaint(pixels: Image, vae: Vae, mask: Mask, grow_mask_by: Annotated[int, Range(0, 64)] = 6) -> Latent:
    """Encode a picture with gray where the mask is, and paint there, a little beyond the edge."""
    height, width = pixels.pixels.shape[-2:]
    painted = resize(mask.values[:, None], width, height, "bilinear")
    emptied = (pixels.pixels - 0.5) * (1 - painted.round()) + 0.5
    return Latent(vae.encode(emptied), mask=grown(painted, grow_mask_by).round())


@node("SetLatentNoiseMask", category="latent")
def set_latent_noise_mask(samples: Latent, mask: Mask) -> Latent:
    """Paint only where the mask is; the rest of the latent is kept."""
    return replace(samples, mask=mask.values[:, None])


@node("LatentUpscale", category="latent")
def latent_upscale(
    samples: Latent,
    upscale_method: LatentMethod = "nearest-exact",
    width: Annotated[int, Range(0, 16384, 8)] = 512,
    height: Annotated[int, Range(0, 16384, 8)] = 512,
    crop: Crop = "disabled",
) -> Latent:
    """Resize a latent to a width and height in pixels; 0 keeps the proportions."""
    rows, columns = samples.samples.shape[-2:]
    width, height = missing_side(width, height, columns * FACTOR, rows * FACTOR)
    cut = center_crop(samples.samples, width, height) if crop == "center" else samples.samples
    return Latent(resize(cut, max(1, width // FACTOR), max(1, height // FACTOR), upscale_method), samples.mask)


@node("LatentUpscaleBy", category="latent")
def latent_upscale_by(
    samples: Latent, upscale_method: LatentMethod = "nearest-exact", scale_by: Annotated[float, Range(0.01, 8, 0.01)] = 1.5
) -> Latent:
    """Resize a latent by a factor."""
    rows, columns = samples.samples.shape[-2:]
    return Latent(resize(samples.samples, round(columns * scale_by), round(rows * scale_by), upscale_method), samples.mask)
