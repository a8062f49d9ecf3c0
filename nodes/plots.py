"""Looking at results side by side: contact sheets and plots."""

from typing import Annotated, Literal

import torch

from nodegraph import Multiline, Range, contact_sheet, node

from .diffusion.pictures import from_picture, to_picture
from .diffusion.preview import FACTOR, LatentColors
from .types import Image, Latent

Labels = Annotated[str, Multiline(), "one a line, or separated by commas"]


def labels(text: str) -> list[str]:
    """The words of a list that people write: one a line, or if there is one line, between commas."""
    lines = text.strip().splitlines()
    return [word.strip() for word in (lines if len(lines) > 1 else text.split(","))] if lines else []


@node("ContactSheet", category="plots")
def sheet(images: Image, columns: Labels = "", rows: Labels = "", title: str = "") -> Image:
    """Put pictures into one, row by row, with a word on each column and row.

    Without words it is about as wide as it is high.
    """
    pictures = [to_picture(each) for each in images.pixels]
    return Image(from_picture(contact_sheet(pictures, labels(rows), labels(columns), title))[None])


@node("LatentToImage", category="plots")
def latent_to_image(
    latent: Latent,
    show: Annotated[
        Literal["colours", "channels"], "colours: as the VAE would paint it, coarsely; channels: each as a gray picture"
    ] = "colours",
    spread: Annotated[float, Range(0.01, 1000), "the value that is white; 0 is gray, and -spread black"] = 3.0,
) -> Image:
    """Look at a latent without decoding it, as many pixels wide as its picture: 8 for each of its own.

    Of `channels` there are as many pictures as each latent has channels, in order.
    """
    samples, colors = latent.samples.float().cpu(), latent.colors
    if show == "channels":
        pictures = (samples.flatten(0, 1)[:, None] / (2 * spread) + 0.5).clamp(0, 1).expand(-1, 3, -1, -1)
    else:
        if colors is None or len(colors.weights) != samples.shape[1]:
            colors = LatentColors.plain(samples.shape[1])
        pictures = torch.stack([colors.of(each) for each in samples])
    return Image(pictures.repeat_interleave(FACTOR, dim=-1).repeat_interleave(FACTOR, dim=-2))
