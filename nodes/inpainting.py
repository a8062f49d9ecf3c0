"""Models that read a picture beside the noise: inpainting models (9 channels), and editing ones (8)."""

from typing import Annotated, NamedTuple

import torch

from nodegraph import Output, Steps, node

from .diffusion.resize import resize
from .latent import encodable, with_holes
from .steps import reported
from .types import Conditioning, Image, Latent, Mask, Vae


class Inpainted(NamedTuple):
    """Prompts that carry the picture, and the latent to begin with."""

    positive: Conditioning
    negative: Conditioning
    latent: Annotated[Latent, Output("latent")]


@node("InpaintModelConditioning", category="conditioning")
def inpaint_conditioning(
    positive: Conditioning,
    negative: Conditioning,
    vae: Vae,
    pixels: Image,
    mask: Mask,
    noise_mask: Annotated[bool, "keep what is outside the mask exactly; the model alone keeps it roughly"] = True,
) -> Steps[Inpainted]:
    """Show an inpainting model the picture without what the mask covers, and begin with the picture itself."""
    whole = encodable(pixels, vae)
    holes, emptied = with_holes(pixels, mask, vae)
    kept = yield from reported(vae.encode_steps(emptied))
    picture = yield from reported(vae.encode_steps(whole))
    small = resize(holes, kept.shape[-1], kept.shape[-2], "bilinear").round()
    beside = {"concat": torch.cat([small, kept], dim=1)}
    latent = Latent(picture, mask=holes if noise_mask else None, colors=vae.preview, scale=vae.scale)
    return Inpainted(positive.each(extra=beside), negative.each(extra=beside), latent)


@node("InstructPixToPixConditioning", category="conditioning")
def edit_conditioning(positive: Conditioning, negative: Conditioning, vae: Vae, pixels: Image) -> Steps[Inpainted]:
    """Show a model for editing by instruction the picture to edit (Brooks et al. 2023); it begins with an empty latent.

    The model reads the VAE's own numbers, not scaled to deviation 1.
    """
    picture = yield from reported(vae.encode_steps(encodable(pixels, vae)))
    beside = {"concat": picture / (vae.scale or 1)}
    empty = Latent(torch.zeros_like(picture), colors=vae.preview)
    return Inpainted(positive.each(extra=beside), negative.each(extra=beside), empty)
