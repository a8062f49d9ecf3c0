"""Predicting the noise: whole denoisers, and the single steps that show what happens inside one."""

from dataclasses import replace
from typing import Annotated

from torch import Tensor

from nodegraph import BadInput, Output, Progress, Range, Steps, node

from .diffusion.guidance import Guided, prediction
from .diffusion.network import Network
from .diffusion.preview import LatentColors
from .diffusion.samplers import estimated_original, predicted_noise, renoise
from .steps import refusing_bad_files, reported
from .types import Conditioning, Denoiser, Latent, Model, Sigmas

Guidance = Annotated[
    float, Range(0, 100, 0.1), "1 follows the positive prompt alone; higher is closer to it, and less varied"
]
StepNumber = Annotated[int, Range(0, 9999), "0 is the first, at the most noise"]
Denoising = Annotated[Denoiser, Output("denoiser")]
Noise = Annotated[Latent, Output("noise")]
Original = Annotated[Latent, Output("original")]
STANDARD_CHANNELS = 4
INPAINTING = 5  # channels that an inpainting model reads beside the noise: the mask, and the picture without it


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
    with refusing_bad_files():
        noise = predicted_noise(latent.samples, denoiser(latent.samples, sigma), sigma)
    return Latent(noise, colors=colors_of(denoiser, latent, sigmas), scale=latent.scale)


@node("EstimateOriginal", category="one step")
def estimate_original(latent: Latent, noise: Latent, sigmas: Sigmas, step: StepNumber = 0) -> Original:
    """Take the predicted noise away, all at once: an estimate of the original, blurred where there was much noise."""
    check_sizes(latent, noise)
    original = estimated_original(latent.samples, noise.samples, level(sigmas, step))
    return Latent(original, colors=latent.colors or noise.colors, scale=latent.scale or noise.scale)


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
    """The colours of a latent by the first model that a denoiser asks; None if unknown."""
    model = model_of(denoiser, latent, sigmas)
    with refusing_bad_files():
        colors = None if model is None else model.preview
    return colors if colors is not None and len(colors.weights) == latent.samples.shape[1] else None


def model_of(denoiser: Denoiser, latent: Latent, sigmas: Sigmas) -> Model | None:
    """The first model that a denoiser asks, at whichever level it asks one.

    A prompt may count for a part of the way only.
    """
    leaves = (leaf for sigma in sigmas.values for leaf in denoiser.leaves(latent.samples, sigma))
    return next((leaf.model for leaf in leaves if isinstance(leaf.model, Model)), None)


def misfit(model: Model, conditioning: Conditioning) -> str | None:
    """Why a model cannot be asked about a prompt, if so."""
    expected, found = model.unet.config.context_channels, conditioning.prompts[0].context.shape[-1]
    if expected != found:
        return f"the prompt is of another family than the model, which expects {expected} channels and not {found}"
    if model.unet.config.label_channels is not None and any(each.pooled is None for each in conditioning.prompts):
        return "the prompt is of another family than the model, which reads the embedding of the whole text, too"
    controls = (control for prompt in conditioning.prompts for control in prompt.controls)
    return next((reason for each in controls if (reason := each.net.misfit(model.unet.config))), None)


def readied(denoiser: Denoiser, latent: Latent, sigmas: Sigmas) -> Steps[None]:
    """Bring the weights of the models that a denoiser asks to where they are computed, so that this can be stopped."""
    leaves = [leaf for sigma in sigmas.values[:-1] for leaf in denoiser.leaves(latent.samples, sigma)]
    networks: list[Network] = [leaf.model.unet for leaf in leaves if isinstance(leaf.model, Model)]
    networks += [control.net.network for leaf in leaves for control in leaf.conditioning.controls]
    for network in {id(network): network for network in networks}.values():
        for _ in reported(network.resident_steps()):
            yield Progress(0, len(sigmas))


def check_channels(denoiser: Denoiser, latent: Latent, sigma: Tensor) -> None:
    """BadInput if a model in the denoiser cannot take the latent."""
    found = latent.samples.shape[1]
    for leaf in denoiser.leaves(latent.samples, sigma):
        expected = leaf.model.unet.config.in_channels if isinstance(leaf.model, Model) else found
        beside = leaf.conditioning.extra.get("concat")
        # An inpainting model can do without a picture: it paints everything then.
        if expected - found not in (0, INPAINTING if beside is None else beside.shape[1]):
            more = expected > found == STANDARD_CHANNELS
            hint = "it is made for editing: InstructPixToPixConditioning shows it a picture" if more else None
            raise BadInput(f"the model takes {expected} channels, and the latent has {found}", hint=hint)


def check_sizes(latent: Latent, noise: Latent) -> None:
    """BadInput if a noise does not belong to a latent."""
    if latent.samples.shape != noise.samples.shape:
        sizes = " and ".join("×".join(map(str, each.samples.shape)) for each in (latent, noise))
        raise BadInput(f"the latent and the noise are of different sizes: {sizes}")
