"""SDXL's own conditioning (Podell et al. 2023): a text for each of its two encoders, and what size the picture was."""

from typing import Annotated

from nodegraph import Multiline, Range, node

from .text import NO_EMBEDDINGS, encoded
from .types import Conditioning, Embeddings, TextEncoder

Side = Annotated[int, Range(0, 16384), "in pixels: SDXL was told the size of each picture before it was scaled"]
Cropped = Annotated[int, Range(0, 16384), "in pixels: how much was cut off; 0 for what is well in the picture"]
Target = Annotated[int, Range(0, 16384), "in pixels: the size of the picture to make"]
Words = Annotated[str, Multiline()]


@node("CLIPTextEncodeSDXL", category="conditioning")
def encode_sdxl(
    clip: TextEncoder,
    text_g: Words,
    text_l: Words,
    width: Side = 1024,
    height: Side = 1024,
    crop_w: Cropped = 0,
    crop_h: Cropped = 0,
    target_width: Target = 1024,
    target_height: Target = 1024,
    *,
    embeddings: Embeddings = NO_EMBEDDINGS,
) -> Conditioning:
    """Embed a prompt for SDXL: text_g for OpenCLIP-bigG and text_l for CLIP-L, mostly the same, and the sizes.

    CLIPTextEncode does for SDXL, too: with the sizes of the latent.
    """
    sizes = {"height": height, "width": width, "crop_top": crop_h, "crop_left": crop_w}
    targets = {"target_height": target_height, "target_width": target_width}
    return encoded(clip, text_l, text_g, embeddings=embeddings).each(sizes={**sizes, **targets})


@node("CLIPTextEncodeSDXLRefiner", category="conditioning")
def encode_refiner(
    clip: TextEncoder,
    text: Words,
    ascore: Annotated[float, Range(0, 1000, 0.01), "beauty from 0 to 10: about 6 for the prompt, 2.5 to avoid"] = 6.0,
    width: Side = 1024,
    height: Side = 1024,
    *,
    embeddings: Embeddings = NO_EMBEDDINGS,
) -> Conditioning:
    """Embed a prompt for SDXL's refiner, with the score of beauty that it was trained with."""
    sizes = {"height": height, "width": width, "aesthetic_score": ascore}
    return encoded(clip, text, embeddings=embeddings).each(sizes=sizes)
