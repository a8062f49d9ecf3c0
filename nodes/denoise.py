"""Predicting the noise: whole denoisers, and the single steps that show what happens inside one."""

from dataclasses import replace
from typing import Annotated

from torch import Tensor

from nodegraph import BadInput, Output, Range, node

from .diffusion.guidance import Guided, prediction
from .diffusion.preview import LatentColors
from .diffusion.samplers import estimated_original, predicted_noise, renoise
from .types import Conditioning, Denoiser, Latent, Model, Sigmas

Guidance = Annotated[
    float, Range(0, 100, 0.1), "1 follows the positive prompt alone; higher is closer to it, and less varied"
]
StepNumber = Annotated[int, Range(0, 9999), "0 is the first, at the most noise"]
Denoising = Annotated[Denoiser, Output("denoiser")]
Noise = Annotated[Latent, Output("noise")]
Original = Annotated[Latent, Output("original")]
STANDARD_CHANNELS = 4


@node("UNetPredict", category="sampling")
def unet_predict(model: Model, conditioning: Conditioning) -> Denoising:
    """What the U-Net makes of a noisy latent under a prompt: an expression that a sampler evaluates at every step."""
    if reason := misfit(model, conditioning):
        raise BadInput(reason)
    return prediction(model, conditioning.prompts)


@node("CFGCombine", category="sampling")
def cfg_combine(positive: Denoiser, negative: Denoiser, scale: Guidance = 3.0) -> Denoising:
    """Classifier-free guidance: go `scale` times the way from the negative prediction to the positive one.

    D = negative + scale · (positive - negative) (Ho & Salimans 2022). Both are predicted in one batch.
    """
    return Guided(positive, negative, scale)


@node("PredictNoise", category="one step")
def predict_noise(denoiser: Denoiser, latent: Latent, sigmas: Sigmas, step: StepNumber = 0) -> Noise:
    """Predict the noise in a latent that is at the noise level of a step.

    It is of deviation about 1 whatever the level: x = original + sigma · noise.
    """
    sigma = level(sigmas, step)
    if sigma == 0:
        raise BadInput(f"step {step} is at noise level 0: there is no noise to predict")
    check_channels(denoiser, latent, sigma)
    noise = predicted_noise(latent.samples, denoiser(latent.samples, sigma), sigma)
    return Latent(noise, colors=colors_of(denoiser, latent, sigmas))


@node("EstimateOriginal", category="one step")
def estimate_original(latent: Latent, noise: Latent, sigmas: Sigmas, step: StepNumber = 0) -> Original:
    """Take the predicted noise away, all at once: an estimate of the original, blurred where there was much noise."""
    check_sizes(latent, noise)
    original = estimated_original(latent.samples, noise.samples, level(sigmas, step))
    return Latent(original, colors=latent.colors or noise.colors)


@node("AddNoiseBack", category="one step")
def add_noise_back(original: Latent, noise: Latent, sigmas: Sigmas, step: StepNumber = 0) -> Latent:
    """Add most of the noise back to the estimate: as much as the level after the step has.

    After the last step that is none. PredictNoise, EstimateOriginal and AddNoiseBack together are a step of ddim.
    """
    check_sizes(original, noise)
    return replace(original, samples=renoise(original.samples, noise.samples, level(sigmas, step + 1)))


def level(sigmas: Sigmas, number: int) -> Tensor:
    """A noise level by its number; BadInput where there is none."""
    if number >= len(sigmas.values):
        raise BadInput(f"the schedule ends after step {len(sigmas) - 1}: it has {len(sigmas)} steps, numbered from 0")
    return sigmas.values[number]


def colors_of(denoiser: Denoiser, latent: Latent, sigmas: Sigmas) -> LatentColors | None:
    """The colours of a latent by the first model that a denoiser asks, at whichever level it asks one; None if unknown.

    A prompt may count for a part of the way only.
    """
    leaves = (leaf for sigma in sigmas.values for leaf in denoiser.leaves(latent.samples, sigma))
    colors = next((leaf.model.preview for leaf in leaves if isinstance(leaf.model, Model)), None)
    return colors if colors is not None and len(colors.weights) == latent.samples.shape[1] else None


def misfit(model: Model, conditioning: Conditioning) -> str | None:
    """Why a model cannot be asked about a prompt, if so."""
    expected, found = model.unet.config.context_channels, conditioning.prompts[0].context.shape[-1]
    if expected != found:
        return f"the prompt is of another family than the model, which expects {expected} channels and not {found}"
    return None


def check_channels(denoiser: Denoiser, latent: Latent, sigma: Tensor) -> None:
    """BadInput if a model in the denoiser cannot take the latent."""
    found = latent.samples.shape[1]
    for leaf in denoiser.leaves(latent.samples, sigma):
        expected = leaf.model.unet.config.in_channels if isinstance(leaf.model, Model) else found
        if expected != found:
            more = expected > found == STANDARD_CHANNELS
            hint = "it is made for inpainting or editing, and no node gives it what it reads beside" if more else None
            raise BadInput(f"the model takes {expected} channels, and the latent has {found}", hint=hint)


def check_sizes(latent: Latent, noise: Latent) -> None:
    """BadInput if a noise does not belong to a latent."""
    if latent.samples.shape != noise.samples.shape:
        sizes = " and ".join("×".join(map(str, each.samples.shape)) for each in (latent, noise))
        raise BadInput(f"the latent and the noise are of different sizes: {sizes}")
