"""Sampling: from noise to a picture."""

from dataclasses import replace
from typing import Annotated, Literal

import torch
from torch import Tensor

from nodegraph import Choice, Progress, Range, Seed, Steps, node

from .controlnet import shared
from .denoise import Guidance, cfg_combine, check_channels, colors_of, readied, unet_predict
from .diffusion.conditioning import AESTHETIC_OF_NEGATIVE
from .diffusion.guidance import keeping_unmasked, sized
from .diffusion.samplers import SAMPLERS, Step, noise_for
from .diffusion.schedules import schedule
from .noise import Denoise, Scheduler, StepCount
from .noise import add_noise as noise_added
from .previews import NO_DECODERS, PreviewDecoders, previewing
from .steps import refusing_bad_files
from .types import Conditioning, Denoiser, Latent, Model, Sigmas

Method = Annotated[str, Choice(tuple(SAMPLERS)), "how to walk from one noise level to the next"]
RandomSeed = Annotated[int, Seed()]
Switch = Literal["enable", "disable"]


@node("Sampler", category="sampling")
def sample(
    denoiser: Denoiser,
    latent: Latent,
    sigmas: Sigmas,
    method: Method = "euler",
    seed: Annotated[int, Seed(), "for methods that add fresh noise on the way: ancestral, SDE, ddpm, lcm"] = 0,
    *,
    decoders: PreviewDecoders = NO_DECODERS,
) -> Steps[Latent]:
    """Remove the noise from a latent, one step per noise level.

    The latent has to be at the first of the levels, as AddNoise makes it. Where it has a mask, what the mask leaves out
    comes back as it was before the noise.
    """
    return (yield from walked(denoiser, latent, sigmas, method, seed, decoders=decoders))


@node("KSampler", category="sampling")
def ksampler(
    model: Model,
    positive: Conditioning,
    negative: Conditioning,
    latent_image: Latent,
    seed: RandomSeed = 0,
    steps: StepCount = 20,
    cfg: Guidance = 8.0,
    sampler_name: Method = "euler",
    scheduler: Scheduler = "normal",
    denoise: Denoise = 1.0,
    *,
    decoders: PreviewDecoders = NO_DECODERS,
) -> Steps[Latent]:
    """Noise, guidance and sampling in one: Schedule, AddNoise, UNetPredict twice, CFGCombine and Sampler.

    For dpm_2 and uni_pc the schedule is that of one step more, without the level before the last.
    """
    parameterization = model.parameterization
    levels = schedule(scheduler, parameterization, steps, denoise, sampler_name)
    sigmas = Sigmas(levels, parameterization.sigma_max, model.scale)
    noisy = noise_added(latent_image, sigmas, seed=seed)
    denoiser = guided(model, positive, negative, cfg)
    return (yield from sample(denoiser, noisy, sigmas, sampler_name, seed, decoders=decoders))


@node("KSamplerAdvanced", category="sampling")
def ksampler_advanced(
    model: Model,
    positive: Conditioning,
    negative: Conditioning,
    latent_image: Latent,
    add_noise: Annotated[Switch, "disable for a latent that has its noise already, from the steps before"] = "enable",
    noise_seed: RandomSeed = 0,
    steps: Annotated[int, Range(1, 10000), "of the whole way, of which these are a part"] = 20,
    cfg: Guidance = 8.0,
    sampler_name: Method = "euler",
    scheduler: Scheduler = "normal",
    start_at_step: Annotated[int, Range(0, 10000), "0 is the first"] = 0,
    end_at_step: Annotated[int, Range(0, 10000), "this step is not taken any more"] = 10000,
    return_with_leftover_noise: Annotated[Switch, "disable to remove all noise in the last step"] = "disable",
    *,
    decoders: PreviewDecoders = NO_DECODERS,
) -> Steps[Latent]:
    """A part of the way of a KSampler: for two prompts, models or guidances, one after the other."""
    parameterization = model.parameterization
    levels = schedule(scheduler, parameterization, steps, method=sampler_name)[: end_at_step + 1]
    if return_with_leftover_noise == "disable":
        levels = torch.cat([levels[:-1], torch.zeros(1)])
    sigmas = Sigmas(levels[start_at_step:], parameterization.sigma_max, model.scale)
    noisy = noise_added(latent_image, sigmas, seed=noise_seed) if add_noise == "enable" else latent_image
    denoiser = guided(model, positive, negative, cfg)
    return (yield from sample(denoiser, noisy, sigmas, sampler_name, noise_seed, decoders=decoders))


def walked(
    denoiser: Denoiser,
    latent: Latent,
    sigmas: Sigmas,
    method: str,
    seed: int,
    *,
    decoders: PreviewDecoders = NO_DECODERS,
    record: list[Step] | None = None,
) -> Steps[Latent]:
    """The way of a sampler to its end; its steps are noted in `record`, if there is one."""
    levels = sigmas.values
    if len(sigmas) == 0:
        return latent
    check_channels(denoiser, latent, levels[0])
    latent = latent.at_scale(sigmas.scale)
    if latent.mask is not None:
        denoiser = keeping_unmasked(denoiser, latent.samples, latent.mask, latent.clean, latent.noise)
    yield from readied(denoiser, latent, sigmas)
    shown, preview = previewing(denoiser, latent, sigmas, decoders), None
    walk = SAMPLERS[method](denoiser, latent.samples, levels, noise_for(method, latent.samples, levels, seed))
    for done in range(len(sigmas) + 1):
        try:
            with refusing_bad_files():
                step = next(walk)
        except StopIteration as end:
            yield Progress(len(sigmas), len(sigmas), preview)
            left = with_kept_part(latent, end.value) if levels[-1] == 0 else Latent(end.value, latent.mask)
            return replace(left, colors=colors_of(denoiser, latent, sigmas), scale=latent.scale)
        if record is not None:
            record.append(step)
        preview = None if shown is None else shown(step.denoised)
        yield Progress(done, len(sigmas), preview)
    raise AssertionError("a sampler yields one step per level")


def guided(model: Model, positive: Conditioning, negative: Conditioning, scale: float) -> Denoiser:
    """A model's predictions under two prompts, combined; SDXL's refiner is told to keep away from an ugly picture."""
    told = [replace(each, sizes={"aesthetic_score": AESTHETIC_OF_NEGATIVE, **each.sizes}) for each in negative.prompts]
    negative = Conditioning(tuple(told))
    return cfg_combine(unet_predict(model, positive), unet_predict(model, shared(negative, positive)), scale)


def with_kept_part(latent: Latent, samples: Tensor) -> Latent:
    """The samples, and where the latent's mask is 0, exactly what the latent was: the last step's arithmetic rounds."""
    if latent.mask is None:
        return Latent(samples)
    clean = latent.samples if latent.clean is None else latent.clean
    return Latent(torch.where(sized(latent.mask, samples) > 0, samples, clean), latent.mask)
