"""Previews of sampling: what every step looks like, for those who want to see it, and at no cost for the others."""

import io
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image as Picture
from torch import Tensor
from torch.nn import functional

from nodegraph import Progress, Steps
from nodes.denoise import unet_predict
from nodes.diffusion.checkpoint import Checkpoint
from nodes.diffusion.preview import LatentColors, Preview
from nodes.diffusion.samplers import SAMPLERS
from nodes.latent import empty_latent, set_latent_noise_mask
from nodes.sampling import ksampler, ksampler_advanced, sample
from nodes.text import encode, set_timestep_range
from nodes.types import Conditioning, Latent, Mask, Model
from tests.nodes.values import denoiser_of, levels, result_of

PROMPTS = ("a red heart on a white background", "a fox on a blue background", "a green pear on a black background")
TWO = levels(3.0, 1.0, 0.0)
BOUND = 0.04  # 0.015 to 0.03 as measured; a picture's own colours differ by 0.15 to 0.3 from their mean
Sampling = Callable[[Model], Steps[Latent]]


@pytest.fixture
def ways(prompt: Conditioning, negative: Conditioning, latent: Latent) -> dict[str, Sampling]:
    """Every node that samples, in two steps."""
    return {
        "Sampler": lambda model: sample(unet_predict(model, prompt), latent, TWO),
        "KSampler": lambda model: ksampler(model, prompt, negative, latent, 5, 2, 3.0),
        "KSamplerAdvanced": lambda model: ksampler_advanced(model, prompt, negative, latent, "enable", 5, 2, 3.0),
    }


def blocks(pixels: Tensor) -> Tensor:
    """The mean colours of 8 × 8 pixels: [1, 3, h, w] → [1, 3, h/8, w/8]."""
    return functional.avg_pool2d(pixels, 8)


def shown(progress: Progress) -> Tensor:
    """A preview's pixels: [1, 3, h, w] in 0…1."""
    assert isinstance(progress.preview, Preview)
    content, _ = progress.preview.encode()
    with Picture.open(io.BytesIO(content)) as picture:
        return torch.tensor(np.array(picture)).permute(2, 0, 1)[None] / 255


def colored(model: Model, colors: LatentColors) -> Model:
    """The model, as if its VAE had been measured with these colours."""
    assert model.vae is not None
    vae = replace(model.vae)
    vars(vae)["preview"] = colors
    return replace(model, vae=vae)


def watched(steps: Steps[Latent]) -> tuple[list[Progress], Latent]:
    """What is said on the way, and the result."""
    said: list[Progress] = []
    while True:
        try:
            said.append(next(steps))
        except StopIteration as end:
            return said, end.value


@pytest.mark.parametrize("text", PROMPTS)
def test_the_last_preview_has_the_colors_of_the_picture(checkpoint: Checkpoint, text: str):
    prompts = encode(text, checkpoint.clip), encode("", checkpoint.clip)
    said, latent = watched(ksampler(checkpoint.model, *prompts, empty_latent(64, 64), 3, 8, 3.0))
    picture = checkpoint.vae.decode(latent.samples)
    assert (blocks(shown(said[-1])) - blocks(picture)).abs().mean() < BOUND


@pytest.mark.parametrize("name", ["Sampler", "KSampler", "KSamplerAdvanced"])
def test_every_step_has_the_preview_of_its_estimate_and_the_end_that_of_the_last(
    checkpoint: Checkpoint, ways: dict[str, Sampling], name: str
):
    said, latent = watched(ways[name](checkpoint.model))
    first, second, end = (each.preview for each in said)
    assert isinstance(first, Preview)
    assert isinstance(second, Preview)
    assert end is second
    assert not torch.equal(first.latents, second.latents)
    torch.testing.assert_close(second.latents, latent.samples, rtol=1e-4, atol=1e-4)  # a step of Euler to 0 rounds


@pytest.mark.parametrize("method", sorted(SAMPLERS))
def test_previews_change_no_bit_of_a_latent(checkpoint: Checkpoint, prompt: Conditioning, latent: Latent, method: str):
    without = replace(checkpoint.model, vae=None)
    said, plain = watched(sample(unet_predict(without, prompt), latent, TWO, method))
    assert [each.preview for each in said] == [None] * 3
    steps = sample(unet_predict(checkpoint.model, prompt), latent, TWO, method)
    for _ in range(3):
        shown(next(steps))
    assert torch.equal(result_of(steps).samples, plain.samples)


def test_no_preview_is_computed_unless_it_is_asked_for(checkpoint: Checkpoint, ways: dict[str, Sampling]):
    impossible = LatentColors(torch.zeros(4, 5), torch.zeros(6))
    said, _ = watched(ways["KSampler"](colored(checkpoint.model, impossible)))
    with pytest.raises(RuntimeError):
        shown(said[0])


def test_a_latent_with_other_channels_than_the_colors_has_no_preview(checkpoint: Checkpoint, ways: dict[str, Sampling]):
    other = colored(checkpoint.model, LatentColors(torch.zeros(16, 3), torch.zeros(3)))
    said, _ = watched(ways["KSampler"](other))
    assert {each.preview for each in said} == {None}


def test_guided_prompts_in_parts_of_the_way_and_under_a_mask_have_previews(
    checkpoint: Checkpoint, prompt: Conditioning, negative: Conditioning, latent: Latent
):
    late = set_timestep_range(prompt, 0.9, 1.0)
    masked = set_latent_noise_mask(latent, Mask(torch.ones(1, 64, 64)))
    for denoiser, noisy in (
        (denoiser_of(checkpoint, prompt, negative), latent),
        (unet_predict(checkpoint.model, late), latent),
        (unet_predict(checkpoint.model, prompt), masked),
    ):
        said, _ = watched(sample(denoiser, noisy, TWO))
        assert all(isinstance(each.preview, Preview) for each in said)
