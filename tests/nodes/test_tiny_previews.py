"""Previews by a tiny autoencoder: taken where its file is there, and of no consequence for the result."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from nodegraph import Graph, Plan, Registry, Steps
from nodegraph.folders import default_folders
from nodes import denoise, latent, loaders, noise, sampling, text
from nodes.denoise import unet_predict
from nodes.diffusion.models import Model
from nodes.diffusion.preview import Preview
from nodes.diffusion.safetensors_file import write_safetensors
from nodes.diffusion.taesd import TinyAutoencoder, TinyConfig
from nodes.diffusion.tiny_preview import TinyPreview
from nodes.noise import make_schedule
from nodes.previews import NO_DECODERS, PreviewDecoders
from nodes.sampling import ksampler, ksampler_advanced, sample
from nodes.types import Conditioning, Latent
from tests.diffusion.checkpoints import tiny
from tests.nodes.values import noise as drawn
from tests.nodes.values import result_of

MODEL = tiny().model
PROMPT = Conditioning((tiny().clip.encode("red frog"),))
LATENT = Latent(drawn(1, 4, 8, 8))
Sampling = Callable[[Model, PreviewDecoders], Steps[Latent]]
WAYS: dict[str, Sampling] = {
    "Sampler": lambda model, decoders: sample(
        unet_predict(model, PROMPT), LATENT, make_schedule(model, "normal", 2), decoders=decoders
    ),
    "KSampler": lambda model, decoders: ksampler(model, PROMPT, PROMPT, LATENT, 5, 2, 3.0, decoders=decoders),
    "KSamplerAdvanced": lambda model, decoders: ksampler_advanced(
        model, PROMPT, PROMPT, LATENT, "enable", 5, 2, 3.0, decoders=decoders
    ),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder with the decoders of two families."""
    folder = tmp_path_factory.mktemp("models")
    for name, seed in (("taesd_decoder", 1), ("taesdxl_decoder", 2)):
        network = TinyAutoencoder(TinyConfig(8, encodes=False)).state_dict()
        tensors = {
            key.partition(".")[2]: drawn(*tensor.shape, seed=seed) / max(1, tensor[0].numel()) ** 0.5
            for key, tensor in network.items()
        }
        write_safetensors(tensors, folder / "vae_approx" / f"{name}.safetensors")
    return folder


@pytest.fixture(scope="module")
def decoders(folder: Path) -> PreviewDecoders:
    return PreviewDecoders.of({"vae_approx": (folder / "vae_approx",)})


def previews(steps: Steps[Latent]) -> list[object]:
    return [progress.preview for progress in steps]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("scale", "name"), [(0.18215, "taesd_decoder"), (0.13025, "taesdxl_decoder")])
def test_every_sampler_shows_what_the_decoder_of_its_models_family_makes(
    way: str, scale: float, name: str, decoders: PreviewDecoders
):
    said = previews(WAYS[way](replace(MODEL, scale=scale), decoders))
    assert len(said) == 3
    for preview in said:
        assert isinstance(preview, Preview)
        assert isinstance(preview.decoder, TinyPreview)
        assert preview.decoder.path.stem == name
        seen = preview.decoder(preview.latents[0])
        assert seen is not None
        assert seen.shape == (3, 64, 64)
        assert preview.encode()[1] == "image/jpeg"


@pytest.mark.parametrize("way", WAYS)
def test_without_a_file_for_the_models_scale_there_are_the_colors_or_none(way: str, decoders: PreviewDecoders):
    assert previews(WAYS[way](replace(MODEL, scale=0.5), decoders)) == [None] * 3
    assert previews(WAYS[way](MODEL, NO_DECODERS)) == [None] * 3
    colored = replace(MODEL, vae=tiny().vae)
    assert all(isinstance(each, Preview) and each.decoder is None for each in previews(WAYS[way](colored, NO_DECODERS)))


@pytest.mark.parametrize("way", WAYS)
def test_a_decoder_changes_no_bit_of_the_latent(way: str, decoders: PreviewDecoders):
    steps = WAYS[way](MODEL, decoders)
    for _ in range(3):
        preview = next(steps).preview
        assert isinstance(preview, Preview)
        preview.encode()
    assert torch.equal(result_of(steps).samples, result_of(WAYS[way](MODEL, NO_DECODERS)).samples)


def test_a_decoder_changes_no_key_of_a_sampler(folder: Path):
    registry = Registry.from_modules(denoise, latent, loaders, noise, sampling, text)
    document = {
        "nodegraph": 1,
        "nodes": {
            "loader": {"type": "LoadCheckpoint"},
            "text": {"type": "CLIPTextEncode", "values": {"text": "a"}, "links": {"clip": "loader.clip"}},
            "empty": {"type": "EmptyLatent"},
            "sampler": {
                "type": "KSampler",
                "links": {
                    "model": "loader.model",
                    "positive": "text.conditioning",
                    "negative": "text.conditioning",
                    "latent_image": "empty.latent",
                },
            },
        },
    }
    plans = [
        Plan.of(Graph.parse(document, registry.catalogue(), default_folders(models=models)), registry)
        for models in (None, folder)
    ]
    found = [plan.listings[PreviewDecoders] for plan in plans]
    assert [step.key for step in plans[0].steps] == [step.key for step in plans[1].steps]
    assert isinstance(found[1], PreviewDecoders)
    assert len(found[1].files) >= 2
