"""Long nodes: they say how far they are, can be closed anywhere, and leave nothing behind them."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch

from nodegraph import Progress, Steps
from nodegraph.files import find_file
from nodegraph.folders import default_folders
from nodes.diffusion.checkpoint import Checkpoint, load_checkpoint
from nodes.diffusion.devices import placement
from nodes.diffusion.vae import Autoencoder
from nodes.latent import vae_decode, vae_encode, vae_encode_for_inpaint
from nodes.types import Image, Latent, Mask, Vae
from tests.nodes.values import CHECKPOINT, noise, result_of

NODES = ("VAEDecode", "VAEEncode", "VAEEncodeForInpaint")
Started = Mapping[str, Callable[[], Steps[Any]]]


@pytest.fixture
def nodes(checkpoint: Checkpoint, picture: Image) -> Started:
    """Every node that is made of the library's steps, about to begin."""
    vae = checkpoint.vae
    return {
        "VAEDecode": lambda: vae_decode(Latent(noise(1, 4, 8, 8)), vae),
        "VAEEncode": lambda: vae_encode(picture, vae),
        "VAEEncodeForInpaint": lambda: vae_encode_for_inpaint(picture, vae, Mask(torch.ones(1, 64, 64))),
    }


@pytest.mark.parametrize("name", NODES)
def test_progress_rises_to_the_total(nodes: Started, name: str):
    shares = [each.done / each.total for each in nodes[name]()]
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_the_first_use_of_a_model_can_be_stopped_at_ten_places_or_so():
    """Its weights are brought to where they are computed then, from where they are stored."""
    vae = load_checkpoint(find_file(CHECKPOINT, "checkpoints", default_folders()), placement("cpu", "float32")).vae
    assert 8 <= sum(each.done == 0 for each in vae_decode(Latent(noise(1, 4, 8, 8)), vae)) <= 20


@pytest.mark.parametrize("name", NODES)
def test_gradients_are_on_between_the_steps(nodes: Started, name: str):
    modes = [(torch.is_grad_enabled(), torch.is_inference_mode_enabled()) for _ in nodes[name]()]
    assert set(modes) == {(True, False)}


@pytest.mark.parametrize("name", NODES)
def test_a_node_that_was_closed_anywhere_gives_the_same_when_it_runs_again(nodes: Started, name: str):
    for taken in range(len(list(nodes[name]()))):
        steps = nodes[name]()
        for _ in range(taken + 1):
            assert isinstance(next(steps), Progress)
        steps.close()
        assert torch.is_grad_enabled()
    result_of(nodes[name]())


def autoencoder(vae: Vae) -> Autoencoder:
    """The module that a VAE computes with."""
    module = vae.autoencoder.resident()
    assert isinstance(module, Autoencoder)
    return module


def test_a_picture_made_layer_by_layer_is_that_of_the_whole_network_bit_for_bit(checkpoint: Checkpoint):
    vae, latent = checkpoint.vae, noise(2, 4, 9, 7)
    decoded = result_of(vae_decode(Latent(latent), vae)).pixels
    assert torch.equal(decoded, ((autoencoder(vae).decode(latent / (vae.scale or 1)) + 1) / 2).clamp(0, 1))


def test_a_latent_made_layer_by_layer_is_that_of_the_whole_network_bit_for_bit(checkpoint: Checkpoint, picture: Image):
    vae = checkpoint.vae
    encoded = result_of(vae_encode(picture, vae)).samples
    assert torch.equal(encoded, autoencoder(vae).encode(picture.pixels * 2 - 1) * (vae.scale or 1))


def test_a_vae_whose_weights_want_gradients_leaves_none_on_its_pictures(checkpoint: Checkpoint):
    autoencoder = checkpoint.vae.autoencoder.resident().requires_grad_(True)
    try:
        assert not result_of(vae_decode(Latent(noise(1, 4, 8, 8)), checkpoint.vae)).pixels.requires_grad
    finally:
        autoencoder.requires_grad_(False)
