"""Latents: made, encoded, decoded, resized and put together."""

from dataclasses import replace
from typing import Annotated, Literal

import torch
from torch import Tensor

from nodegraph import BadInput, Choice, Range, Steps, node

from .diffusion.masks import grown
from .diffusion.paths import great_circle, straight
from .diffusion.resize import INTERPOLATIONS, center_crop, fitted, missing_side, repeated, resize, whole_blocks
from .steps import reported
from .types import Image, Latent, Mask, Vae

Pixels = Annotated[int, Range(16, 16384, 8), "in pixels of the picture; a latent pixel covers 8 × 8 of them"]
Crop = Annotated[Literal["disabled", "center"], "center cuts the edges off, where else the picture would be stretched"]
LatentMethod = Annotated[str, Choice(INTERPOLATIONS)]
Overlap = Annotated[int, Range(0, 4096, 32), "in pixels, over which two tiles are blended; at most half a tile"]
TemporalSize = Annotated[int, Range(8, 4096, 4), "of films, which this pack does not make"]
TemporalOverlap = Annotated[int, Range(4, 4096, 4), "of films, which this pack does not make"]
Amount = Annotated[int, Range(1, 64)]
FACTOR = 8  # pixels that one latent pixel covers, each way, in every family


@node("EmptyLatent", category="latent")
def empty_latent(width: Pixels = 512, height: Pixels = 512, batch_size: Annotated[int, Range(1, 4096)] = 1) -> Latent:
    """A latent of zeros: where text to image begins.

    [batch_size, 4, height / 8, width / 8], rounded down.
    """
    return Latent(torch.zeros(batch_size, 4, height // FACTOR, width // FACTOR))


@node("VAEDecode", category="latent")
def vae_decode(samples: Latent, vae: Vae) -> Steps[Image]:
    """Turn latents into pictures.

    Large ones are decoded in parts where they would not fit into memory.
    """
    return Image((yield from reported(decoder_of(vae, samples).decode_steps(samples.samples))))


@node("VAEDecodeTiled", category="latent")
def vae_decode_tiled(
    samples: Latent,
    vae: Vae,
    tile_size: Annotated[int, Range(64, 4096, 32), "in pixels; smaller takes less memory, and changes more"] = 512,
    overlap: Overlap = 64,
    temporal_size: TemporalSize = 64,
    temporal_overlap: TemporalOverlap = 8,
) -> Steps[Image]:
    """Turn latents into pictures tile by tile, in little memory; the tiles overlap and are blended there."""
    decoder = decoder_of(vae, samples)
    work = decoder.decode_tiled_steps(samples.samples, tile_size // vae.factor, overlap // vae.factor)
    return Image((yield from reported(work)))


@node("VAEEncode", category="latent")
def vae_encode(pixels: Image, vae: Vae) -> Steps[Latent]:
    """Turn pictures into latents.

    Where a side is no multiple of 8, the edges are cut off.
    """
    samples = yield from reported(vae.encode_steps(encodable(pixels, vae)))
    return Latent(samples, colors=vae.preview, scale=vae.scale)


@node("VAEEncodeTiled", category="latent")
def vae_encode_tiled(
    pixels: Image,
    vae: Vae,
    tile_size: Annotated[int, Range(64, 4096, 64), "in pixels; smaller takes less memory, and changes more"] = 512,
    overlap: Overlap = 64,
    temporal_size: TemporalSize = 64,
    temporal_overlap: TemporalOverlap = 8,
) -> Steps[Latent]:
    """Turn pictures into latents tile by tile, in little memory; the tiles overlap and are blended there."""
    work = vae.encode_tiled_steps(encodable(pixels, vae), tile_size // vae.factor, overlap // vae.factor)
    return Latent((yield from reported(work)), colors=vae.preview, scale=vae.scale)


@node("VAEEncodeForInpaint", category="latent")
def vae_encode_for_inpaint(
    pixels: Image,
    vae: Vae,
    mask: Mask,
    grow_mask_by: Annotated[
        int, Range(0, 64), "pixels to paint beyond the edge of the mask, so that no seam shows"
    ] = 6,
) -> Steps[Latent]:
    """Encode a picture with gray where the mask is, and paint there; for a whole new content, at denoise 1.

    To change what is there only a little, use VAEEncode and SetLatentNoiseMask.
    """
    painted, emptied = with_holes(pixels, mask, vae)
    samples = yield from reported(vae.encode_steps(emptied))
    return Latent(samples, mask=grown(painted, grow_mask_by).round(), colors=vae.preview, scale=vae.scale)


@node("SetLatentNoiseMask", category="latent")
def set_latent_noise_mask(samples: Latent, mask: Mask) -> Latent:
    """Paint only where the mask is; sampling keeps the rest of the latent.

    The mask may have any size: it is stretched over the latent.
    """
    return replace(samples, mask=mask.values[:, None])


@node("LatentUpscale", category="latent")
def latent_upscale(
    samples: Latent,
    upscale_method: LatentMethod = "nearest-exact",
    width: Annotated[int, Range(0, 16384, 8)] = 512,
    height: Annotated[int, Range(0, 16384, 8)] = 512,
    crop: Crop = "disabled",
) -> Latent:
    """Resize a latent to a width and height in pixels; a side of 0 keeps the proportions."""
    rows, columns = samples.samples.shape[-2:]
    width, height = missing_side(width, height, columns * FACTOR, rows * FACTOR)
    cut, mask = samples.samples, samples.mask
    if crop == "center":
        cut, mask = center_crop(cut, width, height), None if mask is None else center_crop(mask, width, height)
    resized = resize(cut, max(1, width // FACTOR), max(1, height // FACTOR), upscale_method)
    return Latent(resized, mask, colors=samples.colors, scale=samples.scale)


@node("LatentUpscaleBy", category="latent")
def latent_upscale_by(
    samples: Latent,
    upscale_method: LatentMethod = "nearest-exact",
    scale_by: Annotated[float, Range(0.01, 8, 0.01)] = 1.5,
) -> Latent:
    """Resize a latent by a factor."""
    rows, columns = samples.samples.shape[-2:]
    width, height = max(1, round(columns * scale_by)), max(1, round(rows * scale_by))
    resized = resize(samples.samples, width, height, upscale_method)
    return Latent(resized, samples.mask, colors=samples.colors, scale=samples.scale)


@node("LatentBatch", category="latent")
def latent_batch(samples1: Latent, samples2: Latent) -> Latent:
    """Put the latents of two batches into one; the second ones are resized to the first ones' size.

    Masks are left behind.
    """
    check_channels(samples2, samples1)
    second = samples2.at_scale(samples1.scale)
    both = torch.cat([samples1.samples, fitted(second.samples, samples1.samples)])
    return Latent(both, colors=samples1.colors, scale=second.scale)


@node("LatentFromBatch", category="latent")
def latent_from_batch(
    samples: Latent,
    batch_index: Annotated[int, Range(-16384, 16384), "0 is the first, -1 the last"] = 0,
    length: Amount = 1,
) -> Latent:
    """Take some latents out of a batch."""
    count = len(samples.samples)
    start = min(max(0, batch_index + count if batch_index < 0 else batch_index), count - 1)
    chosen = slice(start, start + length)
    mask = None if samples.mask is None else repeated(samples.mask, count)[chosen]
    return Latent(samples.samples[chosen], mask, colors=samples.colors, scale=samples.scale)


@node("RepeatLatentBatch", category="latent")
def repeat_latent_batch(samples: Latent, amount: Amount = 1) -> Latent:
    """Repeat a batch of latents, to make several pictures of it with different noise."""
    count = len(samples.samples) * amount
    mask = None if samples.mask is None else repeated(repeated(samples.mask, len(samples.samples)), count)
    return Latent(repeated(samples.samples, count), mask, colors=samples.colors, scale=samples.scale)


@node("LatentAdd", category="latent")
def latent_add(samples1: Latent, samples2: Latent) -> Latent:
    """Add two latents; the second is resized to the first's size."""
    second = alike(samples2, samples1)
    return replace(samples1, samples=samples1.samples + second.samples, scale=second.scale)


@node("LatentSubtract", category="latent")
def latent_subtract(samples1: Latent, samples2: Latent) -> Latent:
    """Take one latent from another: where, and how much, they differ."""
    second = alike(samples2, samples1)
    return replace(samples1, samples=samples1.samples - second.samples, scale=second.scale)


@node("LatentMultiply", category="latent")
def latent_multiply(samples: Latent, multiplier: Annotated[float, Range(-10, 10, 0.01)] = 1.0) -> Latent:
    """Multiply a latent by a number."""
    return replace(samples, samples=samples.samples * multiplier)


@node("LatentWalk", category="latent")
def latent_walk(
    samples1: Latent,
    samples2: Latent,
    count: Annotated[int, Range(2, 64), "how many latents, with both ends"] = 7,
    path: Annotated[Literal["linear", "spherical"], "spherical keeps the deviation of noise, linear shrinks it"] = (
        "spherical"
    ),
) -> Latent:
    """Walk from one latent to another in equal steps: straight, or on the great circle through both (Shoemake 1985).

    Of several latents one walk comes after the other. Halfway between two independent noises, the straight way has 0.71
    times their deviation.
    """
    last = alike(samples2, samples1)
    first, way = samples1.samples, straight if path == "linear" else great_circle
    walk = torch.stack([way(first, last.samples, number / (count - 1)) for number in range(count)], dim=1)
    return Latent(walk.flatten(0, 1), colors=samples1.colors, scale=last.scale)


def encodable(pixels: Image, vae: Vae) -> Tensor:
    """The pixels that a VAE can encode: whole blocks; BadInput if there are none, or if it cannot encode at all."""
    if vae.missing == "encoder":
        raise BadInput("this VAE can only decode: its file has no encoder")
    height, width = pixels.pixels.shape[-2:]
    if min(height, width) < vae.factor:
        raise BadInput(f"a picture of {width} × {height} pixels is too small to encode: at least {vae.factor} each way")
    return whole_blocks(pixels.pixels, vae.factor)


def decoder_of(vae: Vae, latent: Latent) -> Vae:
    """The VAE for latents of that scale; BadInput if it cannot decode them."""
    if vae.missing == "decoder":
        raise BadInput("this VAE can only encode: its file has no decoder")
    expected, found = vae.latent_channels, latent.samples.shape[1]
    if expected != found:
        raise BadInput(f"the VAE decodes latents of {expected} channels, and this one has {found}")
    return vae.scaled(latent.scale)


def with_holes(pixels: Image, mask: Mask, vae: Vae) -> tuple[Tensor, Tensor]:
    """A mask as large as the pixels that a VAE can encode, one for each picture, and those pixels with gray there."""
    whole = encodable(pixels, vae)
    height, width = pixels.pixels.shape[-2:]
    stretched = repeated(resize(mask.values[:, None], width, height, "bilinear"), len(whole))
    holes = whole_blocks(stretched, vae.factor)
    return holes, (whole - 0.5) * (1 - holes.round()) + 0.5


def alike(latent: Latent, other: Latent) -> Latent:
    """The samples of a latent with the size and the scale of another's, repeated to as many."""
    check_channels(latent, other)
    scaled = latent.at_scale(other.scale)
    return Latent(repeated(fitted(scaled.samples, other.samples), len(other.samples)), scale=scaled.scale)


def check_channels(latent: Latent, other: Latent) -> None:
    """BadInput if two latents are of different kinds."""
    found, expected = latent.samples.shape[1], other.samples.shape[1]
    if found != expected:
        raise BadInput(f"the latents are of different kinds of models: of {expected} and of {found} channels")
