"""The scale of latents: a VAE from a file of its own, which tells none, is right for every family."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from nodes.denoise import add_noise_back, estimate_original, predict_noise, unet_predict
from nodes.diffusion.models import Model, Vae
from nodes.diffusion.preview import LatentColors
from nodes.latent import (
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
    vae_encode_tiled,
)
from nodes.noise import add_noise, make_schedule
from nodes.sampling import ksampler, sample
from nodes.types import Conditioning, Image, Latent, Mask
from tests.diffusion.checkpoints import tiny
from tests.nodes.values import levels, noise, result_of

XL, SD1 = 0.13025, 0.18215
OWN, ALONE = replace(tiny().vae, scale=XL), tiny().vae  # the same weights: in an SDXL checkpoint, and in a file alone
MODEL: Model = replace(tiny().model, scale=XL)
PROMPT = Conditioning((tiny().clip.encode("red frog"),))
HALF = Mask(torch.cat([torch.zeros(1, 32, 64), torch.ones(1, 32, 64)], dim=1))
PICTURE = Image(torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(3)))
XL_LATENT = Latent(noise(2, 4, 8, 8), scale=XL)


def encoded(vae: Vae) -> Latent:
    return result_of(vae_encode(PICTURE, vae))


def decoded(latent: Latent, vae: Vae) -> torch.Tensor:
    return result_of(vae_decode(latent, vae)).pixels


def test_an_encoded_latent_says_its_vaes_scale_and_is_decoded_by_it():
    assert (encoded(OWN).scale, encoded(ALONE).scale) == (XL, SD1)
    for encoder in (OWN, ALONE):
        for decoder in (OWN, ALONE):
            torch.testing.assert_close(decoded(encoded(encoder), decoder), OWN.decode(OWN.encode(PICTURE.pixels)))


def test_a_latent_of_unknown_scale_is_decoded_by_the_vaes_own():
    latent = Latent(noise(1, 4, 8, 8))
    assert torch.equal(decoded(latent, ALONE), ALONE.decode(latent.samples))
    assert not torch.allclose(decoded(latent, ALONE), decoded(latent, OWN), atol=1e-2)


def by_ksampler(latent: Latent) -> Latent:
    return result_of(ksampler(MODEL, PROMPT, PROMPT, latent, 3, 3, 1.0, "euler", "normal", 0.6))


def by_parts(latent: Latent) -> Latent:
    sigmas = make_schedule(MODEL, "normal", 3, 0.6)
    return result_of(sample(unet_predict(MODEL, PROMPT), add_noise(latent, sigmas, seed=3), sigmas))


def without_noise(latent: Latent) -> Latent:
    return result_of(sample(unet_predict(MODEL, PROMPT), latent, make_schedule(MODEL, "normal", 3, 0.1)))


def under_a_mask(latent: Latent) -> Latent:
    return by_parts(set_latent_noise_mask(latent, HALF))


@pytest.mark.parametrize("way", [by_ksampler, by_parts, without_noise, under_a_mask])
def test_image_to_image_with_a_vae_file_is_that_with_the_checkpoints_own(way: Callable[[Latent], Latent]):
    expected, found = way(encoded(OWN)), way(encoded(ALONE))
    assert found.scale == expected.scale == XL
    torch.testing.assert_close(found.samples, expected.samples, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(decoded(found, ALONE), decoded(expected, OWN), rtol=1e-4, atol=1e-4)


def test_sampling_from_nothing_gives_a_latent_in_the_models_scale():
    latent = by_ksampler(Latent(torch.zeros(1, 4, 8, 8)))
    assert latent.scale == XL
    torch.testing.assert_close(decoded(latent, ALONE), OWN.decode(latent.samples))


def test_a_latent_that_is_in_the_models_scale_is_not_touched():
    latent = encoded(OWN)
    assert latent.at_scale(XL) is latent
    assert latent.at_scale(None) is latent
    unknown = Latent(latent.samples)
    assert torch.equal(by_ksampler(unknown).samples, by_ksampler(latent).samples)


def test_another_scale_is_for_all_of_a_latent_and_for_its_colors():
    part, mask = noise(1, 4, 8, 8), torch.ones(1, 1, 8, 8)
    latent = Latent(part, mask, part + 1, part + 2, LatentColors(noise(4, 3), noise(3)), SD1)
    there = latent.at_scale(XL)
    assert there.colors is not None
    assert latent.colors is not None
    assert there.mask is mask
    torch.testing.assert_close(there.samples, part * XL / SD1)
    torch.testing.assert_close(there.colors.of(there.samples[0]), latent.colors.of(latent.samples[0]))
    back = there.at_scale(SD1)
    for name in ("samples", "clean", "noise"):
        torch.testing.assert_close(getattr(back, name), getattr(latent, name))


KEEPING: dict[str, Callable[[], Latent]] = {
    "VAEEncodeTiled": lambda: result_of(vae_encode_tiled(PICTURE, OWN)),
    "VAEEncodeForInpaint": lambda: result_of(vae_encode_for_inpaint(PICTURE, OWN, HALF)),
    "SetLatentNoiseMask": lambda: set_latent_noise_mask(XL_LATENT, HALF),
    "LatentUpscale": lambda: latent_upscale(XL_LATENT, "bilinear", 128, 64),
    "LatentUpscaleBy": lambda: latent_upscale_by(XL_LATENT, "bilinear", 1.5),
    "LatentFromBatch": lambda: latent_from_batch(XL_LATENT, 1, 1),
    "RepeatLatentBatch": lambda: repeat_latent_batch(XL_LATENT, 2),
    "LatentMultiply": lambda: latent_multiply(XL_LATENT, 2.0),
    "AddNoise": lambda: add_noise(XL_LATENT, levels(3.0, 0.0)),
    "PredictNoise": lambda: predict_noise(unet_predict(MODEL, PROMPT), XL_LATENT, levels(3.0, 0.0)),
    "EstimateOriginal": lambda: estimate_original(XL_LATENT, XL_LATENT, levels(3.0, 0.0)),
    "AddNoiseBack": lambda: add_noise_back(XL_LATENT, XL_LATENT, levels(3.0, 0.0)),
    "Sampler": lambda: result_of(sample(unet_predict(MODEL, PROMPT), XL_LATENT, levels(3.0, 1.0))),
}


@pytest.mark.parametrize("name", KEEPING)
def test_nodes_keep_the_scale_of_a_latent(name: str):
    assert KEEPING[name]().scale == XL


@pytest.mark.parametrize("join", [latent_add, latent_subtract, latent_batch])
def test_latents_of_two_scales_are_joined_at_the_firsts(join: Callable[[Latent, Latent], Latent]):
    first, second = Latent(noise(1, 4, 8, 8), scale=XL), Latent(noise(1, 4, 8, 8, seed=8), scale=SD1)
    joined = join(first, second)
    assert joined.scale == XL
    torch.testing.assert_close(joined.samples, join(first, second.at_scale(XL)).samples)
    assert join(Latent(first.samples), second).scale == SD1
    assert join(first, Latent(second.samples)).scale == XL
