"""Latents: sizes, batches and masks."""

import pytest
import torch

from nodegraph import BadInput
from nodes.diffusion.checkpoint import Checkpoint
from nodes.latent import (
    empty_latent,
    latent_add,
    latent_batch,
    latent_from_batch,
    latent_multiply,
    latent_subtract,
    latent_upscale,
    latent_upscale_by,
    repeat_latent_batch,
    set_latent_noise_mask,
    vae_decode,
    vae_encode,
    vae_encode_for_inpaint,
)
from nodes.types import Image, Latent, Mask
from tests.nodes.values import listed, noise, result_of


def test_an_empty_latent_has_an_eighth_of_each_side_rounded_down():
    assert empty_latent(72, 100, 3).samples.shape == (3, 4, 12, 9)


@pytest.mark.parametrize(("height", "width"), [(64, 64), (72, 88), (67, 71), (8, 15)])
def test_encoding_cuts_the_edges_to_multiples_of_8(checkpoint: Checkpoint, height: int, width: int):
    latent = result_of(vae_encode(Image(torch.rand(2, 3, height, width)), checkpoint.vae))
    assert latent.samples.shape == (2, 4, height // 8, width // 8)
    assert result_of(vae_decode(latent, checkpoint.vae)).pixels.shape == (2, 3, height // 8 * 8, width // 8 * 8)


def test_a_picture_too_small_to_encode_is_refused(checkpoint: Checkpoint):
    with pytest.raises(BadInput, match="7 × 64 pixels is too small"):
        result_of(vae_encode(Image(torch.rand(1, 3, 64, 7)), checkpoint.vae))


def test_decoded_pictures_are_within_0_and_1(checkpoint: Checkpoint):
    pixels = result_of(vae_decode(Latent(20 * noise(2, 4, 8, 8)), checkpoint.vae)).pixels
    assert pixels.min() >= 0
    assert pixels.max() <= 1


def test_inpainting_empties_what_the_mask_covers_and_grows_the_mask(checkpoint: Checkpoint, picture: Image):
    square = torch.zeros(1, 64, 64)
    square[:, 24:40, 24:40] = 1
    latent = result_of(vae_encode_for_inpaint(picture, checkpoint.vae, Mask(square), 6))
    emptied = picture.pixels.clone()
    emptied[..., 24:40, 24:40] = 0.5
    torch.testing.assert_close(latent.samples, result_of(vae_encode(Image(emptied), checkpoint.vae)).samples)
    assert latent.mask is not None
    assert (latent.mask >= square[:, None]).all()
    assert square.sum() < latent.mask.sum() <= 22 * 22


def test_a_mask_of_another_size_and_number_than_the_pictures_is_stretched_and_repeated(checkpoint: Checkpoint):
    latent = result_of(
        vae_encode_for_inpaint(Image(torch.rand(3, 3, 67, 71)), checkpoint.vae, Mask(torch.ones(2, 10, 20)), 0)
    )
    assert latent.mask is not None
    assert latent.samples.shape == (3, 4, 8, 8)
    assert latent.mask.shape == (3, 1, 64, 64)


def test_a_noise_mask_is_kept_with_the_latent(latent: Latent):
    masked = set_latent_noise_mask(latent, Mask(torch.ones(1, 5, 6)))
    assert masked.samples is latent.samples
    assert masked.mask is not None
    assert masked.mask.shape == (1, 1, 5, 6)


def test_upscaling_counts_in_pixels_and_a_side_of_0_keeps_the_proportions():
    latent = Latent(noise(2, 4, 8, 16))
    assert latent_upscale(latent, "bicubic", 96, 64).samples.shape == (2, 4, 8, 12)
    assert latent_upscale(latent, "area", 64, 0).samples.shape == (2, 4, 4, 8)
    assert latent_upscale(latent, "bilinear", 0, 0).samples.shape == (2, 4, 8, 16)
    assert latent_upscale_by(latent, "bilinear", 0.01).samples.shape == (2, 4, 1, 1)


def test_upscaling_with_crop_keeps_the_middle_of_latent_and_mask():
    samples = torch.arange(16.0).repeat(1, 4, 8, 1)
    latent = Latent(samples, mask=samples[:, :1])
    cut = latent_upscale(latent, "nearest-exact", 64, 64, "center")
    assert cut.mask is not None
    assert listed(cut.samples[0, 0, 0]) == list(range(4, 12))
    assert listed(cut.mask[0, 0, 0]) == list(range(4, 12))


def test_upscaling_to_extreme_proportions_leaves_a_pixel():
    assert latent_upscale(Latent(noise(1, 4, 8, 2)), "bilinear", 16384, 8, "center").samples.shape[-2:] == (1, 2048)


def test_batches_are_joined_repeated_and_taken_apart():
    first, second = Latent(noise(1, 4, 8, 8)), Latent(noise(2, 4, 8, 8, seed=8))
    batch = latent_batch(first, second)
    assert torch.equal(latent_from_batch(batch, 1, 2).samples, second.samples)
    assert torch.equal(latent_from_batch(batch, -3, 1).samples, first.samples)
    assert torch.equal(latent_from_batch(batch, 99, 5).samples, second.samples[1:])
    assert torch.equal(repeat_latent_batch(second, 2).samples, torch.cat([second.samples] * 2))


def test_a_latent_taken_from_a_batch_keeps_its_own_mask():
    masks = torch.rand(3, 1, 8, 8)
    latent = Latent(noise(3, 4, 8, 8), mask=masks)
    chosen = latent_from_batch(latent, 1, 1).mask
    repeated = repeat_latent_batch(latent, 2).mask
    assert chosen is not None
    assert repeated is not None
    assert torch.equal(chosen, masks[1:2])
    assert torch.equal(repeated, torch.cat([masks, masks]))


def test_a_latent_of_another_size_is_fitted_before_it_is_joined_or_added(latent: Latent):
    other = Latent(noise(1, 4, 12, 6))
    assert latent_batch(latent, other).samples.shape == (2, 4, 8, 8)
    assert latent_add(latent, other).samples.shape == (1, 4, 8, 8)


def test_latent_arithmetic_is_that_of_numbers(latent: Latent):
    other = Latent(noise(1, 4, 8, 8, seed=9))
    total = latent_add(latent, other)
    torch.testing.assert_close(latent_subtract(total, other).samples, latent.samples)
    assert torch.equal(latent_multiply(latent, -2.0).samples, latent.samples * -2)


def test_latents_of_different_kinds_of_models_are_refused(latent: Latent):
    other = Latent(noise(1, 16, 8, 8))
    for join in (latent_add, latent_subtract, latent_batch):
        with pytest.raises(BadInput, match="4 and of 16 channels"):
            join(latent, other)
