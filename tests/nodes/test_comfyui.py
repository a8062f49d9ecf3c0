"""ComfyUI's default workflows give what the native ones give, bit for bit."""

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image as Picture

from nodegraph import BadInput, InvalidGraph, MemoryCache, Profile, Registry, Runtime, results_of
from nodegraph.folders import default_folders
from nodegraph.picture import workflow_in
from nodes.comfyui import vae_loader
from nodes.diffusion.checkpoint import Checkpoint
from nodes.diffusion.layouts import Extras
from nodes.diffusion.safetensors_file import write_safetensors
from nodes.types import Image, Latent
from tests.nodes.values import CHECKPOINT

Nodes = dict[str, dict[str, Any]]

TEXT_TO_IMAGE: Nodes = {
    "3": {
        "inputs": {
            "seed": 156680208700286, "steps": 2, "cfg": 8, "sampler_name": "euler", "scheduler": "normal",
            "denoise": 1, "model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0],
        },
        "class_type": "KSampler", "_meta": {"title": "KSampler"},
    },
    "4": {
        "inputs": {"ckpt_name": CHECKPOINT},
        "class_type": "CheckpointLoaderSimple", "_meta": {"title": "Load Checkpoint"},
    },
    "5": {
        "inputs": {"width": 64, "height": 64.0, "batch_size": 1},
        "class_type": "EmptyLatentImage", "_meta": {"title": "Empty Latent Image"},
    },
    "6": {
        "inputs": {"text": "a red heart", "clip": ["4", 1]},
        "class_type": "CLIPTextEncode", "_meta": {"title": "CLIP Text Encode (Prompt)"},
    },
    "7": {
        "inputs": {"text": "a dog", "clip": ["4", 1]},
        "class_type": "CLIPTextEncode", "_meta": {"title": "CLIP Text Encode (Prompt)"},
    },
    "8": {
        "inputs": {"samples": ["3", 0], "vae": ["4", 2]},
        "class_type": "VAEDecode", "_meta": {"title": "VAE Decode"},
    },
    "9": {
        "inputs": {"filename_prefix": "ComfyUI", "images": ["8", 0]},
        "class_type": "SaveImage", "_meta": {"title": "Save Image"},
    },
}  # fmt: skip
IMAGE_TO_IMAGE: Nodes = {
    **{node_id: node for node_id, node in TEXT_TO_IMAGE.items() if node_id not in ("3", "5")},
    "3": {
        "inputs": {
            "seed": 280823642470253, "steps": 2, "cfg": 8, "sampler_name": "dpmpp_2m", "scheduler": "normal",
            "denoise": 0.87, "model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["12", 0],
        },
        "class_type": "KSampler", "_meta": {"title": "KSampler"},
    },
    "10": {
        "inputs": {"image": "example.png", "upload": "image"},
        "class_type": "LoadImage", "_meta": {"title": "Load Image"},
    },
    "12": {
        "inputs": {"pixels": ["10", 0], "vae": ["4", 2]},
        "class_type": "VAEEncode", "_meta": {"title": "VAE Encode"},
    },
}  # fmt: skip
LOADED: Nodes = {
    "loader": {"type": "LoadCheckpoint", "values": {"name": CHECKPOINT}},
    "prompt": {"type": "CLIPTextEncode", "values": {"text": "a red heart"}, "links": {"clip": "loader.clip"}},
    "negative": {"type": "CLIPTextEncode", "values": {"text": "a dog"}, "links": {"clip": "loader.clip"}},
}
LINKS = {"model": "loader.model", "positive": "prompt.conditioning", "negative": "negative.conditioning"}
NATIVE_TEXT_TO_IMAGE: Nodes = {
    **LOADED,
    "empty": {"type": "EmptyLatent", "values": {"width": 64, "height": 64}},
    "3": {
        "type": "KSampler",
        "values": {"seed": 156680208700286, "steps": 2, "cfg": 8.0, "sampler_name": "euler", "scheduler": "normal"},
        "links": {**LINKS, "latent_image": "empty.latent"},
    },
}
NATIVE_IMAGE_TO_IMAGE: Nodes = {
    **LOADED,
    "picture": {"type": "LoadImage", "values": {"image": "example.png"}},
    "encode": {"type": "VAEEncode", "links": {"pixels": "picture.image", "vae": "loader.vae"}},
    "3": {
        "type": "KSampler",
        "values": {"seed": 280823642470253, "steps": 2, "sampler_name": "dpmpp_2m", "denoise": 0.87},
        "links": {**LINKS, "latent_image": "encode.latent"},
    },
}
WORKFLOWS = {
    "text to image": (TEXT_TO_IMAGE, NATIVE_TEXT_TO_IMAGE),
    "image to image": (IMAGE_TO_IMAGE, NATIVE_IMAGE_TO_IMAGE),
}
# What ComfyUI's nodes take, and what they give by index: as our socket types.
TAKEN_AND_GIVEN: Mapping[str, tuple[set[str], list[str]]] = {
    "CheckpointLoaderSimple": ({"ckpt_name"}, ["Model", "TextEncoder", "Vae"]),
    "VAELoader": ({"vae_name"}, ["Vae"]),
    "LoraLoader": (
        {"model", "clip", "lora_name", "strength_model", "strength_clip"},
        ["Model", "TextEncoder"],
    ),
    "LoraLoaderModelOnly": ({"model", "lora_name", "strength_model"}, ["Model"]),
    "CLIPTextEncode": ({"text", "clip"}, ["Conditioning"]),
    "CLIPSetLastLayer": ({"clip", "stop_at_clip_layer"}, ["TextEncoder"]),
    "EmptyLatentImage": ({"width", "height", "batch_size"}, ["Latent"]),
    "LatentUpscale": ({"samples", "upscale_method", "width", "height", "crop"}, ["Latent"]),
    "VAEDecode": ({"samples", "vae"}, ["Image"]),
    "VAEEncode": ({"pixels", "vae"}, ["Latent"]),
    "LoadImage": ({"image"}, ["Image", "Mask"]),
    "EmptyImage": ({"width", "height", "batch_size", "color"}, ["Image"]),
    "ImageScale": ({"image", "upscale_method", "width", "height", "crop"}, ["Image"]),
    "SaveImage": ({"images", "filename_prefix"}, []),
    "PreviewImage": ({"images"}, []),
    "KSampler": (set(TEXT_TO_IMAGE["3"]["inputs"]), ["Latent"]),
}


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry.from_packs()


@pytest.fixture(scope="module")
def cache() -> MemoryCache:
    return MemoryCache()


@pytest.fixture
def runtime(registry: Registry, cache: MemoryCache, tmp_path: Path) -> Runtime:
    noise = torch.randint(0, 256, (64, 64, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    Picture.fromarray(noise.numpy()).save(tmp_path / "example.png")
    return Runtime(registry, cache, default_folders(output=tmp_path / "output", inputs=(tmp_path,)))


def latent_of(runtime: Runtime, document: object) -> Latent:
    (latent,) = results_of(runtime.run(document, ["3"]))["3"].outputs.values()
    assert isinstance(latent, Latent)
    return latent


def saved_as(prefix: str) -> Nodes:
    changed = deepcopy(TEXT_TO_IMAGE)
    changed["9"]["inputs"]["filename_prefix"] = prefix
    return changed


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_default_workflow_gives_the_latent_of_the_native_one_bit_for_bit(runtime: Runtime, name: str):
    comfyui, native = WORKFLOWS[name]
    expected = latent_of(runtime, {"nodegraph": 1, "nodes": native})
    assert torch.equal(latent_of(runtime, comfyui).samples, expected.samples)
    assert expected.samples.shape == (1, 4, 8, 8)


@pytest.mark.parametrize("prefix", ["ComfyUI", "frogs/green/ComfyUI"])
def test_a_default_workflow_saves_a_picture_that_makes_itself_again(runtime: Runtime, tmp_path: Path, prefix: str):
    (saved,) = results_of(runtime.run(saved_as(prefix)))["9"].artifacts
    assert saved.path == tmp_path / "output" / f"{prefix}_00001_.png"
    carried = workflow_in(saved.path.read_bytes())
    assert carried["nodegraph"] == 1
    (again,) = results_of(runtime.run(carried))["9"].artifacts
    assert again.path.read_bytes() == saved.path.read_bytes()


def test_a_pattern_in_a_name_is_refused_with_a_word_about_it(runtime: Runtime):
    with pytest.raises(InvalidGraph) as refused:
        runtime.check(saved_as("%date:yyyy-MM-dd%/frog"))
    (problem,) = refused.value.problems
    assert (problem.pointer, problem.hint is not None) == ("/9/inputs/filename_prefix", True)


@pytest.mark.parametrize("name", TAKEN_AND_GIVEN)
def test_a_node_takes_the_inputs_and_gives_the_outputs_of_the_one_in_comfyui(registry: Registry, name: str):
    description = registry.catalogue().nodes[name]
    inputs, outputs = TAKEN_AND_GIVEN[name]
    assert inputs <= description.inputs.keys()
    assert not [name for name, socket in description.inputs.items() if socket.required and name not in inputs]
    assert [output.type for output in description.outputs.values()] == outputs


@pytest.mark.parametrize("prefix", ["", "first_stage_model."])
def test_a_vae_in_a_file_of_its_own_decodes_the_same_bits(
    checkpoint: Checkpoint, latent: Latent, tmp_path: Path, prefix: str
):
    autoencoder = checkpoint.vae.autoencoder
    tensors = {prefix + name: tensor for name, tensor in autoencoder.stored.items()}
    extras = Extras(vae_groups=autoencoder.config.groups).to_metadata()
    write_safetensors(tensors, tmp_path / "vae.safetensors", extras)
    loaded = vae_loader(tmp_path / "vae.safetensors", profile=Profile())
    assert torch.equal(loaded.decode(latent.samples), checkpoint.vae.decode(latent.samples))
    assert torch.equal(loaded.encode(picture(latent).pixels), checkpoint.vae.encode(picture(latent).pixels))


def picture(latent: Latent) -> Image:
    return Image(latent.samples[:, :3].repeat(1, 1, 8, 8).sigmoid())


@pytest.mark.parametrize("names", [["text_model.weight"], ["decoder.conv_in.weight"]])
def test_a_file_without_a_whole_vae_is_refused_by_name(tmp_path: Path, names: list[str]):
    write_safetensors({name: torch.zeros(4, 4, 3, 3) for name in names}, tmp_path / "bad.safetensors")
    with pytest.raises(BadInput, match=r"bad\.safetensors"):
        vae_loader(tmp_path / "bad.safetensors", profile=Profile())
