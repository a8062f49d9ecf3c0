"""Guidance of several scales at once, to see what the scale does."""

from typing import Annotated

import torch

from nodegraph import BadInput, node

from .denoise import Denoising
from .diffusion.guidance import Average, Part
from .plots import Labels, labels
from .types import Denoiser

Scales = Annotated[Labels, "one for each picture, in order: make a latent for each of them"]


@node("CFGScales", category="sampling", title="CFGCombine, a scale a picture")
def cfg_scales(positive: Denoiser, negative: Denoiser, scales: Scales = "0, 1, 3, 7.5") -> Denoising:
    """Classifier-free guidance as CFGCombine does it, with a scale of its own for each picture of a batch.

    D = scale · positive + (1 - scale) · negative, which is the same (Ho & Salimans 2022).
    """
    try:
        values = torch.tensor([float(word) for word in labels(scales)])
    except ValueError as error:
        raise BadInput(f"the scales have to be numbers, and are {scales!r}") from error
    if not len(values) or not torch.isfinite(values).all():
        raise BadInput(f"the scales have to be finite numbers, and are {scales!r}")
    weights = values[:, None, None, None]
    return Average((Part(positive, weights), Part(negative, 1 - weights)))
