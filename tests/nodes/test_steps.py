"""Long nodes: they say how far they are, can be closed anywhere, and leave nothing behind them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from nodegraph import Profile, Progress, Steps
from nodegraph.files import find_file
from nodegraph.folders import default_folders
from nodes.comfyui import checkpoint_loader_simple, vae_loader
from nodes.diffusion.checkpoint import Checkpoint
from nodes.latent import vae_decode, vae_encode, vae_encode_for_inpaint
from nodes.loaders import load, load_lora, load_lora_model_only
from nodes.types import Image, Latent, Mask
from tests.nodes.values import CHECKPOINT, noise, result_of, write_lora

LOADING = ("CheckpointLoaderSimple", "LoadCheckpoint", "VAELoader")
NODES = (*LOADING, "LoraLoader", "LoraLoaderModelOnly", "VAEDecode", "VAEEncode", "VAEEncodeForInpaint")
Started = Mapping[str, Callable[[], Steps[Any]]]


@pytest.fixture
def nodes(checkpoint: Checkpoint, picture: Image, tmp_path: Path) -> Started:
    """Every node that is made of the library's steps, about to begin."""
    model, clip, vae = checkpoint
    file = find_file(CHECKPOINT, "checkpoints", default_folders())
    lora = write_lora(tmp_path / "lora.safetensors")
    return {
        "LoadCheckpoint": lambda: load(file, profile=Profile()),
        "CheckpointLoaderSimple": lambda: checkpoint_loader_simple(file, profile=Profile()),
        "VAELoader": lambda: vae_loader(file, profile=Profile()),
        "LoraLoader": lambda: load_lora(model, clip, lora),
        "LoraLoaderModelOnly": lambda: load_lora_model_only(model, lora),
        "VAEDecode": lambda: vae_decode(Latent(noise(1, 4, 8, 8)), vae),
        "VAEEncode": lambda: vae_encode(picture, vae),
        "VAEEncodeForInpaint": lambda: vae_encode_for_inpaint(picture, vae, Mask(torch.ones(1, 64, 64))),
    }


@pytest.mark.parametrize("name", NODES)
def test_progress_rises_to_the_total(nodes: Started, name: str):
    progress = list(nodes[name]())
    done = [each.done for each in progress]
    assert done == sorted(set(done))
    assert {each.total for each in progress} == {done[-1]}


@pytest.mark.parametrize("name", LOADING)
def test_a_loading_can_be_stopped_at_ten_places_or_so(nodes: Started, name: str):
    assert 8 <= len(list(nodes[name]())) <= 20


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


def test_a_picture_made_layer_by_layer_is_that_of_the_whole_network_bit_for_bit(checkpoint: Checkpoint):
    vae, latent = checkpoint.vae, noise(2, 4, 9, 7)
    decoded = result_of(vae_decode(Latent(latent), vae)).pixels
    assert torch.equal(decoded, ((vae.autoencoder.decode(latent / vae.scale) + 1) / 2).clamp(0, 1))


def test_a_latent_made_layer_by_layer_is_that_of_the_whole_network_bit_for_bit(checkpoint: Checkpoint, picture: Image):
    vae = checkpoint.vae
    encoded = result_of(vae_encode(picture, vae)).samples
    assert torch.equal(encoded, vae.autoencoder.encode(picture.pixels * 2 - 1) * vae.scale)


def test_a_vae_whose_weights_want_gradients_leaves_none_on_its_pictures(checkpoint: Checkpoint):
    autoencoder = checkpoint.vae.autoencoder.requires_grad_(True)
    try:
        assert not result_of(vae_decode(Latent(noise(1, 4, 8, 8)), checkpoint.vae)).pixels.requires_grad
    finally:
        autoencoder.requires_grad_(False)
