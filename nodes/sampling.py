"""Sampling: from noise to a picture."""

from typing import Annotated

from nodegraph import Choice, Progress, Range, Seed, Steps, node

from .denoise import cfg_combine, unet_predict
from .diffusion.guidance import keeping_unmasked
from .diffusion.samplers import SAMPLERS, noise_for
from .diffusion.schedules import schedule
from .noise import Scheduler, add_noise
from .types import Conditioning, Denoiser, Latent, Model, Sigmas

Method = Annotated[str, Choice(tuple(SAMPLERS))]


@node("Sampler", category="sampling")
def sample(
    denoiser: Denoiser, latent: Latent, sigmas: Sigmas, method: Method = "euler", seed: Annotated[int, Seed()] = 0
) -> Steps[Latent]:
    """Remove the noise from a latent, one step per noise level.

    The seed matters to samplers that add fresh noise on the way (ancestral, SDE, lcm).
    """
    if latent.mask is not None:
        denoiser = keeping_unmasked(denoiser, latent.samples, latent.mask, latent.clean, latent.noise)
    levels = sigmas.values
    noise = noise_for(method, latent.samples, levels, seed)
    walk = SAMPLERS[method](denoiser, latent.samples, levels, noise)
    for done in range(len(sigmas) + 1):
        try:
            next(walk)
        except StopIteration as end:
            yield Progress(len(sigmas), len(sigmas))
            return Latent(end.value, latent.mask)
        yield Progress(done, len(sigmas))
    raise AssertionError("a sampler yields one step per level")


@node("KSampler", category="sampling")
def ksampler(
    model: Model,
    positive: Conditioning,
    negative: Conditioning,
    latent_image: Latent,
    seed: Annotated[int, Seed()] = 0,
    steps: Annotated[int, Range(1, 10000)] = 20,
    cfg: Annotated[float, Range(0, 100, 0.1)] = 8.0,
    sampler_name: Method = "euler",
    scheduler: Scheduler = "normal",
    denoise: Annotated[float, Range(0, 1, 0.01)] = 1.0,
) -> Steps[Latent]:
    """Noise, guidance and sampling in one: Schedule, AddNoise, UNetPredict twice, CFGCombine and Sampler."""
    levels = schedule(scheduler, model.parameterization, steps, denoise, sampler_name)
    sigmas = Sigmas(levels, model.parameterization.sigma_max)
    if len(sigmas) == 0:
        return latent_image
    denoiser = cfg_combine(unet_predict(model, positive), unet_predict(model, negative), cfg)
    return (yield from sample(denoiser, add_noise(latent_image, sigmas, seed=seed), sigmas, sampler_name, seed))
