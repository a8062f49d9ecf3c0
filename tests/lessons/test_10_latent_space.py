"""Lesson 10: 48 times fewer numbers, walks that keep their length, and noise that pixels outlive and latents do not."""

import math

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from nodes.diffusion.unet import UNet
from tests.lessons.conftest import Lessons

NAME = "10_latent_space"


def detail(pictures: Tensor) -> Tensor:
    down, right = pictures.diff(dim=-2), pictures.diff(dim=-1)
    return (down.square().mean(dim=(1, 2, 3)) + right.square().mean(dim=(1, 2, 3))).sqrt()


def test_a_latent_has_48_times_fewer_numbers_and_is_decoded_to_the_picture_without_its_finest_lines(lesson: Lessons):
    opened = lesson(NAME)
    picture, latent, decoded = opened("picture").pixels, opened("encode").samples, opened("decode").pixels
    assert picture.numel() == 12_288 == 48 * latent.numel()
    expected = -10 * math.log10(float((decoded - picture).square().mean()))
    assert abs(float(opened("compare", "psnr").values[0]) - expected) < 1e-3
    assert expected > 24
    assert detail(decoded) < detail(picture)


def test_decoded_noise_is_smooth_and_no_grain(lesson: Lessons):
    pictures = lesson(NAME)("decode_noise").pixels
    pairs = torch.stack([pictures[..., :-1].flatten(), pictures[..., 1:].flatten()])
    assert torch.corrcoef(pairs)[0, 1] > 0.7


def test_halfway_between_two_latents_both_pictures_are_seen_at_once(lesson: Lessons):
    opened = lesson(NAME)
    linear, spherical = opened("decode_walks").pixels.split(7)
    mixed = (linear[0] + linear[6]) / 2
    nearness = (linear[3] - mixed).square().mean()
    assert nearness < 0.25 * (linear[3] - linear[0]).square().mean()
    assert nearness < 0.25 * (linear[3] - linear[6]).square().mean()
    straight, bent = opened("straight").samples, opened("bent").samples
    assert (straight - bent).square().mean() < 0.05 * straight.square().mean()
    assert (linear - spherical).square().mean() < 0.01


def test_the_straight_way_between_noises_loses_deviation_and_the_circle_keeps_it(lesson: Lessons):
    opened = lesson(NAME)
    straight, bent = opened("straight_noise").samples, opened("bent_noise").samples
    ends = straight[[0, 6]].std(dim=(1, 2, 3)).mean()
    assert abs(float(straight[3].std() / ends) - 0.5**0.5) < 0.06
    assert abs(float(bent[3].std() / ends) - 1) < 0.06
    torch.testing.assert_close(straight[[0, 6]], bent[[0, 6]], atol=1e-4, rtol=1e-4)


def test_too_little_noise_is_sampled_to_less_detail(lesson: Lessons):
    linear, spherical = lesson(NAME)("decode_sampled").pixels.split(7)
    assert (linear[[0, 6]] - spherical[[0, 6]]).abs().max() < 0.05
    assert detail(linear[1:6]).mean() < detail(spherical[1:6]).mean()
    latents_linear, latents_spherical = lesson(NAME)("sampler").samples.split(7)
    assert latents_linear[3].std() < latents_spherical[3].std()


def test_block_means_of_noisy_pixels_lose_6_decibels_a_doubling_and_keep_far_more_than_latents(lesson: Lessons):
    opened = lesson(NAME)
    pixels, latents = opened("kept_pixels", "psnr").values, opened("kept_latents", "psnr").values
    # σ · deviation / 8 is what averaging 64 independent noises leaves; the cutting off at white takes some away.
    levels = torch.tensor([0.25, 0.5, 1.0, 2.0]) * opened("picture").pixels.std(correction=0)
    expected = -20 * (levels / 8).log10()
    assert (pixels - expected > -1).all()
    assert (pixels - expected < 4).all()
    assert bool(((pixels[:-1] - pixels[1:] - 6.02).abs() < 0.7).all())
    assert bool((pixels > latents + 6).all())


def test_pixels_cost_64_times_the_convolutions_and_more_in_attention(lesson: Lessons):
    model = lesson(NAME)("loader", "model")
    with torch.device("meta"):
        unet = UNet(model.unet.config)
    counts = [multiplications(unet, side) for side in (8, 64)]
    assert counts[1]["aten.convolution"] == 64 * counts[0]["aten.convolution"]
    assert sum(counts[1].values()) > 64 * sum(counts[0].values())


def multiplications(unet: UNet, side: int) -> dict[str, int]:
    """By kind of operation, two for each multiply-add."""
    channels = unet.config.context_channels
    inputs = (torch.empty(1, 4, side, side), torch.empty(1), torch.empty(1, 24, channels))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        unet(*(each.to("meta") for each in inputs))
    return {str(kind): count for kind, count in counter.get_flop_counts()["Global"].items()}


def test_the_results_are_saved(lesson: Lessons):
    names = {path.name for path in lesson(NAME).saved()}
    assert {f"{each}_00001_.png" for each in ("latent", "pictures", "noises", "noise", "psnr")} <= names
