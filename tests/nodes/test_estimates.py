"""One step at chosen times, every step of a sampler, and a model that is told another time."""

import pytest
import torch

from nodegraph import BadInput
from nodes.denoise import cfg_combine, predict_noise, unet_predict
from nodes.diffusion.checkpoint import Checkpoint
from nodes.diffusion.denoiser import groups, inputs_of
from nodes.diffusion.samplers import SAMPLERS
from nodes.diffusion.schedules import SKIP_PENULTIMATE
from nodes.estimates import (
    added_noise,
    estimate_at_levels,
    levels_at,
    plot_latents,
    sample_step_counts,
    sampler_steps,
    told_time,
)
from nodes.noise import add_noise
from nodes.sampling import ksampler, sample
from nodes.types import Conditioning, Denoiser, Latent
from tests.nodes.values import levels, noise, result_of


def test_the_levels_of_some_times_fall_and_end_without_noise(checkpoint: Checkpoint):
    found, times = levels_at(checkpoint.model, "50, 950, 600, 50")
    assert times == "950, 600, 50"
    expected = checkpoint.model.parameterization.sigmas[[950, 600, 50]]
    assert torch.equal(found.values, torch.cat([expected, torch.zeros(1)]))


@pytest.mark.parametrize("times", ["", "soon", "1000", "-1", "1.5"])
def test_times_that_a_model_does_not_know_are_refused(checkpoint: Checkpoint, times: str):
    with pytest.raises(BadInput, match="whole numbers from 0 to 999"):
        levels_at(checkpoint.model, times)


def test_the_noise_that_was_added_can_be_had_again(latent: Latent):
    noisy = add_noise(latent, levels(3.0, 0.0), seed=4)
    torch.testing.assert_close(noisy.samples, latent.samples + 3 * added_noise(noisy).samples)
    with pytest.raises(BadInput, match="no noise was added"):
        added_noise(latent)


def test_estimates_at_levels_are_the_single_steps_level_after_level(denoiser: Denoiser):
    batch, sigmas = Latent(noise(2, 4, 8, 8)), levels(3.0, 1.0, 0.0)
    found = result_of(estimate_at_levels(denoiser, batch, sigmas, 5))
    assert all(len(each.samples) == 4 for each in found)
    assert torch.equal(found.noise.samples[:2], found.noise.samples[2:])
    x = Latent(batch.samples + found.noise.samples[2:])
    assert torch.equal(found.predicted.samples[2:], predict_noise(denoiser, x, sigmas, 1).samples)
    torch.testing.assert_close(found.noisy.samples[2:], x.samples / 2**0.5)
    with pytest.raises(BadInput, match="no level with noise"):
        result_of(estimate_at_levels(denoiser, batch, levels(0.0)))


@pytest.mark.parametrize("method", sorted(SAMPLERS.keys() - SKIP_PENULTIMATE))
def test_the_steps_of_a_sampler_end_with_its_latent_bit_for_bit(denoiser: Denoiser, latent: Latent, method: str):
    sigmas = levels(3.0, 1.0, 0.5, 0.0)
    noisy, original = result_of(sampler_steps(denoiser, latent, sigmas, method, 5))
    assert torch.equal(noisy.samples[-1:], result_of(sample(denoiser, latent, sigmas, method, 5)).samples)
    assert (len(noisy.samples), len(original.samples)) == (4, 3)
    assert torch.equal(original.samples[:1], denoiser(latent.samples, sigmas.values[0]))


def test_a_schedule_without_steps_has_none_to_look_at(denoiser: Denoiser, latent: Latent):
    with pytest.raises(BadInput, match="no steps"):
        result_of(sampler_steps(denoiser, latent, levels(0.0)))


def test_each_number_of_steps_is_a_ksampler_of_its_own(
    checkpoint: Checkpoint, prompt: Conditioning, negative: Conditioning
):
    empty = Latent(torch.zeros(1, 4, 8, 8))
    denoiser = cfg_combine(unet_predict(checkpoint.model, prompt), unet_predict(checkpoint.model, negative), 3.0)
    found = result_of(sample_step_counts(checkpoint.model, denoiser, empty, "1, 3", seed=6)).samples
    for row, steps in enumerate((1, 3)):
        whole = result_of(ksampler(checkpoint.model, prompt, negative, empty, 6, steps, 3.0)).samples
        assert torch.equal(found[row : row + 1], whole)


@pytest.mark.parametrize("counts", ["", "0", "many", "10001"])
def test_numbers_of_steps_that_are_none_are_refused(denoiser: Denoiser, checkpoint: Checkpoint, counts: str):
    with pytest.raises(BadInput, match="whole numbers from 1 to 10000"):
        result_of(sample_step_counts(checkpoint.model, denoiser, Latent(torch.zeros(1, 4, 8, 8)), counts))


def test_a_model_told_a_wrong_time_differs_by_that_alone(checkpoint: Checkpoint, prompt: Conditioning, latent: Latent):
    model, sigma = checkpoint.model, checkpoint.model.parameterization.sigmas[600]
    told = unet_predict(told_time(model, 0.5), prompt)(latent.samples, sigma)
    scaled = model.parameterization.scale_input(latent.samples, sigma)
    answer = model.predict(scaled, torch.tensor([300.0]), prompt.prompts[0].context)
    assert torch.equal(told, model.parameterization.denoised(latent.samples, sigma, answer))


def test_a_model_told_a_wrong_time_predicts_both_prompts_in_one_batch(
    checkpoint: Checkpoint, prompt: Conditioning, negative: Conditioning, latent: Latent
):
    told = told_time(checkpoint.model, 100.0)  # beyond the table: the last step is told
    guided = cfg_combine(unet_predict(told, prompt), unet_predict(told, negative), 3.0)
    leaves = guided.leaves(latent.samples, 1.0)
    assert len(groups(leaves, inputs_of(leaves))) == 1
    assert torch.isfinite(guided(latent.samples, torch.tensor(1.0))).all()


def test_a_plot_of_latents_has_a_place_for_each_or_for_equally_many(latent: Latent):
    both = Latent(torch.cat([latent.samples, 2 * latent.samples]))
    assert plot_latents(both).pixels.shape[:2] == (1, 3)
    assert not torch.equal(plot_latents(both, x="1, 2").pixels, plot_latents(both, x="1").pixels)
    with pytest.raises(BadInput, match="2 latents cannot be shared out over 3 places"):
        plot_latents(both, x="1, 2, 3")
    with pytest.raises(BadInput, match="have to be numbers"):
        plot_latents(both, x="left, right")
