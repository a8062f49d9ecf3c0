"""What a latent looks like while it is sampled."""

from collections.abc import Callable
from functools import partial

from torch import Tensor

from nodegraph import Listing

from .denoise import colors_of, model_of
from .diffusion.preview import LatentColors, Preview
from .diffusion.tiny_preview import TinyPreview, tiny_file
from .types import Denoiser, Latent, Sigmas


class PreviewDecoders(Listing, folder="vae_approx", counts=False):
    """Tiny autoencoders: what they show is better than linear colours, and changes no result."""


NO_DECODERS = PreviewDecoders()


def previewing(
    denoiser: Denoiser, latent: Latent, sigmas: Sigmas, decoders: PreviewDecoders
) -> Callable[[Tensor], Preview] | None:
    """What makes previews of the estimates of a denoiser; None where nothing is known of its first model's latents."""
    colors, model = colors_of(denoiser, latent, sigmas), model_of(denoiser, latent, sigmas)
    path = None if model is None else tiny_file(decoders.files, model.scale)
    if model is None or path is None:
        return None if colors is None else partial(Preview, colors=colors)
    plain = LatentColors.plain(latent.samples.shape[1])
    return partial(Preview, colors=colors or plain, decoder=TinyPreview(path, model.unet.placement))
