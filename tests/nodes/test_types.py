"""The values on the wires know their size and their faults, and tell of themselves."""

import io

import numpy as np
import torch
from PIL import Image as Picture

from nodegraph.peek import peek_at
from nodes.denoise import estimate_original, predict_noise
from nodes.diffusion.checkpoint import Checkpoint
from nodes.diffusion.training.classifier import Classifier
from nodes.latent import latent_from_batch, latent_upscale, vae_encode
from nodes.sampling import sample
from nodes.training import Losses
from nodes.types import Conditioning, Denoiser, Image, Latent, Mask, Prompt, Sigmas
from tests.nodes.values import levels, noise, result_of


def test_a_latent_counts_the_bytes_of_all_its_tensors():
    part = torch.zeros(1, 4, 8, 8)
    assert Latent(part).nbytes == part.nbytes
    assert Latent(part, mask=part, clean=part, noise=part).nbytes == 4 * part.nbytes


def test_a_value_with_nan_or_infinity_says_so():
    bad = torch.tensor([[[[0.0, float("nan")]]]])
    endless = torch.full((1, 1, 2, 2), float("inf"))
    for value in (Latent(bad), Image(endless), Mask(bad[0]), Sigmas(endless, 1.0), Conditioning((Prompt(bad[0]),))):
        assert value.non_finite()


def test_a_sum_that_overflows_is_no_fault():
    assert Image(torch.full((1, 3, 8, 8), 3e38)).non_finite() is None


def test_a_schedule_of_no_levels_has_no_steps():
    assert len(levels()) == 0
    assert not levels().starts_at_most


def test_a_schedule_starts_at_most_if_it_begins_with_the_highest_level():
    assert levels(14.6146, 1.0, 0.0).starts_at_most
    assert not levels(14.0, 1.0, 0.0).starts_at_most


def test_changing_a_conditioning_changes_each_of_its_prompts():
    prompts = Conditioning((Prompt(torch.zeros(1, 2, 3)), Prompt(torch.ones(1, 2, 3))))
    assert [each.start for each in prompts.each(start=0.5).prompts] == [0.5, 0.5]
    assert [each.start for each in prompts.prompts] == [0.0, 0.0]


def test_every_value_on_a_wire_tells_of_itself(checkpoint: Checkpoint, prompt: Conditioning, denoiser: Denoiser):
    small = torch.rand(2, 3, 8, 16)
    pictured = Latent(noise(2, 4, 8, 8)), Latent(noise(1, 16, 8, 8)), Latent(noise(1, 1, 8, 8)), Image(small)
    plain = levels(3.0, 0.0), prompt, denoiser, checkpoint.model, checkpoint.clip, checkpoint.vae, levels()
    for value in (*pictured, Mask(small[:, 0]), *plain, Losses((2.0, 1.0), "VAE"), Losses((), ""), Classifier()):
        peek = peek_at(value)
        assert peek.facts, value
        assert (peek.picture is not None) == isinstance(value, Latent | Image | Mask)
        assert (peek.curve is not None) == isinstance(value, Sigmas | Losses)


def test_levels_and_losses_are_curves():
    assert peek_at(levels(14.0, 3.0, 0.0)).curve == [14.0, 3.0, 0.0]
    assert peek_at(Losses((2.0, 1.0), "VAE")).curve == [2.0, 1.0]


def test_looking_at_a_value_leaves_it_as_it_was(latent: Latent):
    before, state = latent.samples.clone(), torch.random.get_rng_state()
    peek_at(latent)
    assert torch.equal(latent.samples, before)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_a_latent_looks_like_the_picture_that_it_is_of(checkpoint: Checkpoint):
    red = torch.tensor([0.9, 0.1, 0.1]).reshape(1, 3, 1, 1).expand(1, 3, 64, 64)
    latent = result_of(vae_encode(Image(red), checkpoint.vae))
    for same in (latent, latent_from_batch(latent), latent_upscale(latent, width=128, height=128)):
        r, g, b = mean_color(same)
        assert r > 0.7 > 0.35 > max(g, b)


def test_what_a_sampler_makes_has_the_colors_of_its_model(checkpoint: Checkpoint, denoiser: Denoiser, latent: Latent):
    sigmas = levels(3.0, 1.0, 0.0)
    sampled = result_of(sample(denoiser, latent, sigmas))
    predicted = predict_noise(denoiser, latent, sigmas)
    for value in (sampled, predicted, estimate_original(latent, predicted, sigmas)):
        assert value.colors is checkpoint.model.preview


def test_noise_of_any_strength_looks_the_same():
    assert peek_at(Latent(noise(1, 4, 8, 8) * 14)).picture == peek_at(Latent(noise(1, 4, 8, 8) * 3)).picture


def mean_color(latent: Latent) -> list[float]:
    """The colour of a latent's thumbnail, 0…1."""
    content = peek_at(latent).picture
    assert content is not None
    pixels = np.array(Picture.open(io.BytesIO(content)).convert("RGB"))
    return [float(channel) / 255 for channel in pixels.reshape(-1, 3).mean(axis=0)]
