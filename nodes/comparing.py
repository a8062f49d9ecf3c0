"""Pictures compared: a sheet cut into its pictures, differences, PSNR, and noise in pixels against noise in latents."""

from dataclasses import dataclass
from typing import Annotated, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from nodegraph import BadInput, Range, Seed, Steps, node

from .diffusion.figures import plot_lines
from .diffusion.looks import Look
from .diffusion.noise_kinds import draw_noise
from .diffusion.resize import fitted, repeated
from .latent import decoder_of, encodable
from .plots import Labels, labels
from .steps import reported
from .types import Image, Latent, Vae

MOST_DECIBELS = 99.0  # of pictures that are the same: 10 · log₁₀ of infinity cannot be drawn


@dataclass(frozen=True, eq=False)
class Psnr:
    """Peak signal-to-noise ratios of pictures in 0…1, in decibels: values [batch]; 99 where two are the same."""

    values: Tensor

    @property
    def nbytes(self) -> int:
        """Bytes of the values."""
        return self.values.nbytes

    def peek(self) -> Look:
        """The mean of all, and each as a curve."""
        values: list[float] = self.values.tolist()
        return Look((("PSNR", f"{sum(values) / len(values):.1f} dB"),), curve=values if len(values) > 1 else None)


class Comparison(NamedTuple):
    """Where pictures differ, and how much."""

    difference: Image
    psnr: Psnr


class Noisy(NamedTuple):
    """Pictures with noise in their pixels, and with noise in their latents, decoded; and the means of their blocks."""

    in_pixels: Image
    in_latents: Image
    mean_pixels: Image
    mean_latents: Image


@node("CutSheet", category="image")
def cut_sheet(image: Image, columns: Annotated[int, Range(1, 64)] = 4, rows: Annotated[int, Range(1, 64)] = 1) -> Image:
    """Cut a sheet into its pictures, row by row: the other way round than ContactSheet, without its gaps and words."""
    height, width = image.pixels.shape[-2:]
    if height % rows or width % columns:
        raise BadInput(f"{width} × {height} pixels cannot be cut into {columns} × {rows} pictures of one size")
    cells = image.pixels.unflatten(2, (rows, -1)).unflatten(4, (columns, -1))
    return Image(cells.permute(0, 2, 4, 1, 3, 5).flatten(0, 2))


@node("ComparePictures", category="image")
def compare_pictures(
    images: Image,
    reference: Image,
    gain: Annotated[float, Range(0, 100, 0.5), "what the difference is multiplied by; no difference is gray"] = 4.0,
) -> Comparison:
    """Where pictures differ from others, as a picture around gray, and their peak signal-to-noise ratio."""
    other = repeated(fitted(reference.pixels, images.pixels), len(images.pixels))
    difference = images.pixels - other
    mean_square = difference.square().mean(dim=(1, 2, 3)).clamp(min=10 ** (-MOST_DECIBELS / 10))
    return Comparison(Image((0.5 + gain * difference).clamp(0, 1)), Psnr(-10 * mean_square.log10()))


@node("PlotPSNR", category="plots")
def plot_psnr(
    first: Psnr,
    second: Psnr,
    numbers: Annotated[Labels, "where the pictures stand on the x axis"],
    names: Annotated[str, "of the two curves, between commas"] = "first, second",
    x: str = "",
    title: str = "",
) -> Image:
    """Two rows of pictures and what they have kept of the originals, as curves: PSNR in decibels."""
    try:
        across = [float(number) for number in labels(numbers)]
    except ValueError as error:
        raise BadInput(f"the numbers of the x axis cannot be read: {numbers!r}") from error
    words = labels(names)
    if len(words) != 2 or not len(across) == len(first.values) == len(second.values):
        counts = f"{len(across)} numbers, {len(first.values)} and {len(second.values)} pictures, {len(words)} names"
        raise BadInput(f"two curves need two names, and a number for each of their pictures: here are {counts}")
    curves = (first, second)
    lines = {word: (across, psnr.values.tolist()) for word, psnr in zip(words, curves, strict=True)}
    return Image(plot_lines(lines, title=title, x=x, y="PSNR in dB")[None])


@node("NoiseInPixelsAndLatents", category="forward process")
def noise_in_both(
    image: Image,
    vae: Vae,
    levels: Annotated[Labels, "deviations of the noise, where that of the picture or of its latent is 1"] = "0.5, 1, 2",
    seed: Annotated[int, Seed()] = 0,
) -> Steps[Noisy]:
    """Add noise of some levels to the pixels of a picture, and to its latent: the same signal-to-noise ratios.

    A level is the deviation of the noise over that of the numbers which it is added to, so that SNR = 1 / level². The
    means are over the blocks of pixels that one latent pixel covers, before the pixels are cut off at black and white.
    """
    try:
        sigmas = torch.tensor([float(level) for level in labels(levels)])
    except ValueError as error:
        raise BadInput(f"the levels have to be numbers, and are {levels!r}") from error
    if len(sigmas) == 0:
        raise BadInput("there is no level")
    pixels = encodable(image, vae)[:1]
    latent = Latent((yield from reported(vae.encode_steps(pixels))), scale=vae.scale)
    noisy = _noised(latent.samples, sigmas, seed)
    decoded = yield from reported(decoder_of(vae, latent).decode_steps(noisy))
    grainy = _noised(pixels, sigmas, seed)
    pictures = (grainy, decoded, _block_means(grainy, vae.factor), _block_means(decoded, vae.factor))
    return Noisy(*(Image(each.clamp(0, 1)) for each in pictures))


def _noised(numbers: Tensor, sigmas: Tensor, seed: int) -> Tensor:
    noise = draw_noise("gaussian", numbers.shape, seed).to(numbers)
    return numbers + sigmas.to(numbers)[:, None, None, None] * numbers.std(correction=0) * noise


def _block_means(pictures: Tensor, side: int) -> Tensor:
    means = functional.avg_pool2d(pictures, side)
    return means.repeat_interleave(side, dim=-1).repeat_interleave(side, dim=-2)
