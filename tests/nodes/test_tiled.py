"""VAEs in tiles, and halves of VAEs."""

from pathlib import Path

import pytest
import torch

from nodegraph import BadInput, Profile
from nodes.comfyui import vae_loader
from nodes.diffusion.models import Vae
from nodes.diffusion.safetensors_file import write_safetensors
from nodes.diffusion.taesd import TinyAutoencoder, TinyConfig
from nodes.latent import vae_decode, vae_decode_tiled, vae_encode, vae_encode_for_inpaint, vae_encode_tiled
from nodes.types import Image, Latent, Mask
from tests.diffusion.checkpoints import tiny
from tests.nodes.values import noise, result_of

VAE = tiny().vae
PICTURE = Image(torch.rand(1, 3, 150, 210, generator=torch.Generator().manual_seed(3)))


def test_a_picture_that_fits_into_a_tile_is_the_same_bit_for_bit():
    latent = Latent(noise(2, 4, 9, 11))
    plain, tiles = result_of(vae_decode(latent, VAE)), result_of(vae_decode_tiled(latent, VAE))
    assert torch.equal(plain.pixels, tiles.pixels)
    small = Image(PICTURE.pixels[..., :67, :90])
    assert torch.equal(result_of(vae_encode(small, VAE)).samples, result_of(vae_encode_tiled(small, VAE)).samples)


@pytest.mark.parametrize("overlap", [0, 32, 4096])
def test_larger_ones_have_nearly_the_same_picture_in_tiles(overlap: int):
    whole, tiles = result_of(vae_encode(PICTURE, VAE)), result_of(vae_encode_tiled(PICTURE, VAE, 64, overlap))
    assert tiles.samples.shape == whole.samples.shape == (1, 4, 18, 26)
    assert not torch.equal(tiles.samples, whole.samples)
    assert (tiles.samples - whole.samples).abs().mean() < 0.3 * whole.samples.abs().mean()
    plain, tiled = result_of(vae_decode(whole, VAE)), result_of(vae_decode_tiled(whole, VAE, 64, overlap))
    assert tiled.pixels.shape == plain.pixels.shape == (1, 3, 144, 208)
    assert (tiled.pixels - plain.pixels).abs().mean() < 0.4 * plain.pixels.std()  # the same but for the normalization


def test_every_tile_says_how_far_it_is_and_the_last_is_the_end():
    progress = list(vae_decode_tiled(Latent(noise(1, 4, 20, 12)), VAE, 64, 0))
    computing = [each.done for each in progress if each.total == progress[-1].total]
    assert computing == list(range(1, progress[-1].total + 1))
    assert len(computing) == 6 * len(VAE.autoencoder.module.decoding)


@pytest.fixture
def half(request: pytest.FixtureRequest, tmp_path: Path) -> Vae:
    name = str(request.param)
    network = TinyAutoencoder(TinyConfig(8, encodes=name == "encoder", decodes=name == "decoder"))
    tensors = {key.partition(".")[2]: tensor.clone() for key, tensor in network.state_dict().items()}
    write_safetensors(tensors, tmp_path / f"taesd_{name}.safetensors")
    return vae_loader(tmp_path / f"taesd_{name}.safetensors", profile=Profile())


@pytest.mark.parametrize("half", ["decoder"], indirect=True)
def test_a_decoder_alone_decodes_and_says_that_it_cannot_encode(half: Vae):
    latent = Latent(noise(1, 4, 8, 8), scale=0.13025)
    assert torch.equal(result_of(vae_decode(latent, half)).pixels, half.decode(latent.samples))
    for steps in (
        vae_encode(PICTURE, half),
        vae_encode_tiled(PICTURE, half),
        vae_encode_for_inpaint(PICTURE, half, Mask(torch.ones(1, 8, 8))),
    ):
        with pytest.raises(BadInput, match="no encoder"):
            result_of(steps)


@pytest.mark.parametrize("half", ["encoder"], indirect=True)
def test_an_encoder_alone_encodes_and_says_that_it_cannot_decode(half: Vae):
    latent = result_of(vae_encode(PICTURE, half))
    assert latent.samples.shape == (1, 4, 18, 26)
    assert latent.scale is None
    for steps in (vae_decode(latent, half), vae_decode_tiled(latent, half)):
        with pytest.raises(BadInput, match="no decoder"):
            result_of(steps)


def test_latents_with_other_channels_are_refused():
    for steps in (vae_decode(Latent(noise(1, 16, 8, 8)), VAE), vae_decode_tiled(Latent(noise(1, 16, 8, 8)), VAE)):
        with pytest.raises(BadInput, match="of 4 channels, and this one has 16"):
            result_of(steps)
