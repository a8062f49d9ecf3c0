"""Noise: how much, of what kind, and always the same for a seed."""

import math
from statistics import linear_regression

import numpy as np
import pytest
import torch
from torch import Tensor

from nodes.diffusion.checkpoint import Checkpoint
from nodes.diffusion.noise_kinds import NOISE_KINDS, draw_noise
from nodes.latent import empty_latent
from nodes.noise import add_noise, make_schedule, split_sigmas
from nodes.types import Latent
from tests.nodes.values import levels

KINDS = sorted(NOISE_KINDS)


def spectrum_slope(pictures: Tensor) -> float:
    """The exponent k of power ~ frequency^k, over the frequencies between the picture's size and a quarter pixel."""
    size = pictures.shape[-1]
    power = np.square(np.abs(np.fft.fft2(pictures.numpy()))).mean(axis=(0, 1))
    along = np.fft.fftfreq(size)
    frequency = np.hypot(along[:, None], along[None])
    inside = (frequency > 2 / size) & (frequency < 0.25)
    x, y = np.log(frequency[inside]), np.log(power[inside])
    return linear_regression(list(map(float, x)), list(map(float, y))).slope


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_noise_has_mean_0_and_deviation_1(kind: str):
    noise = draw_noise(kind, (64, 4, 32, 32), 1)
    assert noise.mean().item() == pytest.approx(0, abs=0.02)
    assert noise.std().item() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(1, 4, 8, 8), (2, 4, 9, 13), (1, 4, 2, 64), (1, 4, 1, 1)])
def test_every_kind_of_noise_has_the_shape_asked_for_and_is_finite(kind: str, shape: tuple[int, ...]):
    noise = draw_noise(kind, shape, 1)
    assert noise.shape == shape
    assert torch.isfinite(noise).all()


@pytest.mark.parametrize(("kind", "slope"), [("gaussian", 0), ("uniform", 0), ("pink", -2), ("brown", -4), ("blue", 2)])
def test_the_power_of_a_kind_of_noise_follows_its_exponent(kind: str, slope: float):
    assert spectrum_slope(draw_noise(kind, (16, 4, 64, 64), 3)) == pytest.approx(slope, abs=0.1)


@pytest.mark.parametrize("kind", ["perlin", "pyramid"])
def test_smooth_noise_has_more_power_at_low_frequencies(kind: str):
    assert spectrum_slope(draw_noise(kind, (16, 4, 64, 64), 3)) < -0.3


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_gives_the_same_noise_again_and_another_seed_does_not(kind: str):
    first, again, other = (draw_noise(kind, (1, 4, 8, 8), seed) for seed in (2**64 - 1, 2**64 - 1, 5))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_gaussian_noise_is_pytorchs_for_the_seed():
    assert torch.equal(draw_noise("gaussian", (2, 4, 8, 8), 42), torch.randn(2, 4, 8, 8, generator=seeded(42)))


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_noise_is_added_at_the_first_level(latent: Latent):
    noisy = add_noise(latent, levels(2.0, 1.0, 0.0), seed=3)
    assert noisy.noise is not None
    assert torch.equal(noisy.samples, latent.samples + noisy.noise * torch.tensor(2.0))
    assert noisy.clean is latent.samples


def test_noise_at_the_highest_level_gives_the_model_an_input_of_deviation_1():
    sigmas = levels(14.6146, 0.0)
    noisy = add_noise(empty_latent(512, 512, 4), sigmas)
    assert (noisy.samples.std() / math.sqrt(1 + 14.6146**2)).item() == pytest.approx(1, abs=0.02)


def test_no_levels_add_no_noise(latent: Latent):
    assert add_noise(latent, levels()) is latent


@pytest.mark.parametrize("steps", [1, 2, 20])
def test_a_schedule_falls_from_the_highest_level_to_none(checkpoint: Checkpoint, steps: int):
    sigmas = make_schedule(checkpoint.model, "karras", steps)
    assert len(sigmas) == steps
    assert sigmas.starts_at_most
    assert sigmas.values[-1] == 0
    assert (sigmas.values.diff() < 0).all()


def test_denoise_below_1_keeps_the_steps_and_starts_lower(checkpoint: Checkpoint):
    sigmas = make_schedule(checkpoint.model, "normal", 10, 0.5)
    assert len(sigmas) == 10
    assert not sigmas.starts_at_most
    assert len(make_schedule(checkpoint.model, "normal", 10, 0.0)) == 0


@pytest.mark.parametrize("step", [0, 1, 3, 99])
def test_a_schedule_cut_in_two_has_all_its_steps(step: int):
    whole = levels(3.0, 2.0, 1.0, 0.0)
    high, low = split_sigmas(whole, step)
    assert len(high) + len(low) == len(whole)
    assert high.values[-1] == low.values[0]
    assert torch.equal(torch.cat([high.values, low.values[1:]]), whole.values)
