"""Predicting the noise: whole denoisers, and the single steps that show what happens inside one."""

from dataclasses import replace
from typing import Annotated

from torch import Tensor

from nodegraph import BadInput, Output, Range, node

from .diffusion.guidance import Guided, prediction
from .diffusion.samplers import estimated_original, predicted_noise, renoise
from .types import Conditioning, Denoiser, Latent, Model, Sigmas

StepNumber = Annotated[int, Range(0, 9999)]
Denoising = Annotated[Denoiser, Output("denoiser")]


@node("UNetPredict", category="sampling")
def unet_predict(model: Model, conditioning: Conditioning) -> Denoising:
    """What the U-Net makes of a noisy latent under a prompt: an expression that a sampler evaluates."""
    return prediction(model, [conditioning])


@node("CFGCombine", category="sampling")
def cfg_combine(positive: Denoiser, negative: Denoiser, scale: Annotated[float, Range(0, 100, 0.1)] = 3.0) -> Denoising:
    """Classifier-free guidance: go `scale` times the way from the negative prediction to the positive one."""
    return Guided(positive, negative, scale)


def level(sigmas: Sigmas, step: int) -> Tensor:
    """The noise level of a step; BadInput where there is none."""
    if step >= len(sigmas.values):
        raise BadInput(f"step {step} is beyond a schedule of {len(sigmas)} steps")
    return sigmas.values[step]


@node("PredictNoise", category="one step")
def predict_noise(denoiser: Denoiser, latent: Latent, sigmas: Sigmas, step: StepNumber = 0) -> Annotated[Latent, Output("noise")]:
    """Predict the noise in a latent that is at the noise level of a step."""
    sigma = level(sigmas, step)
    return Latent(predicted_noise(latent.samples, denoiser(latent.samples, sigma), sigma))


@node("EstimateOriginal", category="one step")
def estimate_original(latent: Latent, noise: Latent, sigmas: Sigmas, step: StepNumber = 0) -> Annotated[Latent, Output("original")]:
    """Take the predicted noise away, all at once: an estimate of the original, blurred where there was much noise."""
    return Latent(estimated_original(latent.samples, noise.samples, level(sigmas, step)))


@node("AddNoiseBack", category="one step")
def add_noise_back(original: Latent, noise: Latent, sigmas: Sigmas, step: StepNumber = 0) -> Latent:
    """Add most of the noise back to the estimate: as much as the level after the step has."""
    return replace(original, samples=renoise(original.samples, noise.samples, level(sigmas, step + 1)))
