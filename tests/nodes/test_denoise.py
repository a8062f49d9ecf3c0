"""Predictions, and the single steps that a sampler takes."""

import pytest
import torch

from nodegraph import BadInput
from nodes.denoise import add_noise_back, cfg_combine, estimate_original, predict_noise, unet_predict
from nodes.diffusion.checkpoint import Checkpoint
from nodes.types import Conditioning, Denoiser, Latent
from tests.nodes.values import denoiser_of, levels, noise

SIGMAS = levels(3.0, 1.0, 0.0)


def test_guidance_of_1_is_the_positive_prompt_alone(
    checkpoint: Checkpoint, prompt: Conditioning, negative: Conditioning, latent: Latent
):
    sigma = torch.tensor(3.0)
    guided = denoiser_of(checkpoint, prompt, negative, 1.0)(latent.samples, sigma)
    assert torch.equal(guided, unet_predict(checkpoint.model, prompt)(latent.samples, sigma))


def test_guidance_goes_scale_times_the_way_from_the_negative_prompt(
    checkpoint: Checkpoint, prompt: Conditioning, negative: Conditioning, latent: Latent
):
    sigma = torch.tensor(3.0)
    toward, from_ = (unet_predict(checkpoint.model, each) for each in (prompt, negative))
    positive, away = toward(latent.samples, sigma), from_(latent.samples, sigma)
    guided = cfg_combine(toward, from_, 5.0)(latent.samples, sigma)
    torch.testing.assert_close(guided, away + (positive - away) * 5, rtol=1e-3, atol=1e-3)


def test_the_estimate_and_the_noise_make_up_the_latent(denoiser: Denoiser, latent: Latent):
    found = predict_noise(denoiser, latent, SIGMAS, 0)
    original = estimate_original(latent, found, SIGMAS, 0)
    torch.testing.assert_close(original.samples + 3 * found.samples, latent.samples)
    torch.testing.assert_close(original.samples, denoiser(latent.samples, torch.tensor(3.0)), rtol=1e-4, atol=1e-4)


def test_noise_is_added_back_at_the_level_after_the_step(latent: Latent):
    added = Latent(noise(1, 4, 8, 8, seed=8))
    assert torch.equal(add_noise_back(latent, added, SIGMAS, 0).samples, latent.samples + added.samples)
    assert torch.equal(add_noise_back(latent, added, SIGMAS, 1).samples, latent.samples)


def test_a_step_beyond_the_schedule_is_refused(denoiser: Denoiser, latent: Latent):
    with pytest.raises(BadInput, match="it has 2 steps"):
        predict_noise(denoiser, latent, SIGMAS, 3)
    with pytest.raises(BadInput, match="it has 2 steps"):
        add_noise_back(latent, latent, SIGMAS, 2)


def test_there_is_no_noise_to_predict_at_level_0(denoiser: Denoiser, latent: Latent):
    with pytest.raises(BadInput, match="no noise to predict"):
        predict_noise(denoiser, latent, SIGMAS, 2)


def test_noise_of_another_size_than_the_latent_is_refused(latent: Latent):
    with pytest.raises(BadInput, match="1×4×8×8 and 1×4×8×9"):
        estimate_original(latent, Latent(noise(1, 4, 8, 9)), SIGMAS)


def test_a_latent_with_other_channels_than_the_models_is_refused(denoiser: Denoiser):
    with pytest.raises(BadInput, match="the model takes 4 channels, and the latent has 16"):
        predict_noise(denoiser, Latent(noise(1, 16, 8, 8)), SIGMAS)
