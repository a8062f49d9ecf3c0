"""CLIP's image tower against transformers', from files as they are published; what is no such file is refused."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from nodes.diffusion.clip_vision_file import load_image_encoder, save_image_encoder_steps
from nodes.diffusion.image_encoder import DEVIATION, MEAN, ImageConfig, ImageTower, prepared
from nodes.diffusion.progress import finish
from nodes.diffusion.safetensors_file import BadCheckpoint, write_safetensors
from nodes.diffusion.text_encoder import normalized
from tests.diffusion.checkpoints import CPU
from tests.diffusion.references import TOLERANCE, largest_difference, noise, randomize, transformers

TINY = ImageConfig(channels=128, layers=2, heads=2, width=96, size=32, patch=8, projection=24)


def theirs(config: ImageConfig) -> Any:
    """A CLIPVisionModelWithProjection of these dimensions."""
    settings = transformers.CLIPVisionConfig(
        hidden_size=config.channels,
        intermediate_size=config.width,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        image_size=config.size,
        patch_size=config.patch,
        projection_dim=config.projection,
        hidden_act="gelu" if config.exact else "quick_gelu",
    )
    model = transformers.CLIPVisionModelWithProjection(settings).eval()
    randomize(model)
    return model


def written(model: Any, path: Path, **more: torch.Tensor) -> Path:
    write_safetensors({**model.state_dict(), **more}, path)
    return path


# The widest that are published have heads of their own width, and the exact GELU.
@pytest.mark.parametrize("config", [TINY, replace(TINY, channels=1280, heads=16, layers=1, exact=True)])
@torch.no_grad()
def test_the_embeddings_are_those_of_the_reference(config: ImageConfig, tmp_path: Path):
    model = theirs(config)
    encoder = load_image_encoder(written(model, tmp_path / "vision.safetensors"), CPU)
    assert encoder.network.config == config
    inputs = noise(3, 3, config.size, config.size)
    expected = model(inputs).image_embeds
    tower = encoder.network.resident()
    assert largest_difference(tower.visual_projection(tower.vision_model(inputs)), expected) <= TOLERANCE
    torch.testing.assert_close(tower(inputs), normalized(expected), atol=TOLERANCE, rtol=0)


@torch.no_grad()
def test_pictures_are_prepared_as_the_reference_does(tmp_path: Path):
    model = theirs(TINY)
    encoder = load_image_encoder(written(model, tmp_path / "vision.safetensors"), CPU)
    wide = (noise(3, 60, 100, seed=4).cumsum(1).cumsum(2) / 40).sigmoid()
    picture = Image.fromarray((wide * 255).round().byte().permute(1, 2, 0).numpy())
    size = TINY.size
    processor = transformers.CLIPImageProcessor(size={"shortest_edge": size}, crop_size={"height": size, "width": size})
    expected = processor(picture, return_tensors="pt")["pixel_values"]
    given = torch.tensor(np.array(picture)).permute(2, 0, 1)[None] / 255
    rounding = 1.6 / 255 / min(DEVIATION)  # the reference resizes in 8 bits
    torch.testing.assert_close(prepared(given, size), expected, atol=rounding, rtol=0)
    difference = encoder.embed(given) - normalized(model(expected).image_embeds)
    assert difference.abs().max() < 0.02


def test_a_picture_of_the_right_size_is_only_scaled():
    gray = torch.full((1, 3, 32, 32), 0.5)
    expected = [(0.5 - mean) / deviation for mean, deviation in zip(MEAN, DEVIATION, strict=True)]
    torch.testing.assert_close(prepared(gray, 32)[0, :, 0, 0], torch.tensor(expected))


@torch.no_grad()
def test_a_whole_clip_model_has_the_projection_of_texts_and_the_scale(tmp_path: Path):
    more = {"text_projection.weight": noise(24, 40), "logit_scale": torch.tensor(2.5), "text_model.x": noise(2)}
    path = written(theirs(TINY), tmp_path / "clip.safetensors", **more)
    encoder = load_image_encoder(path, CPU)
    assert encoder.network.config == replace(TINY, text_channels=40, scaled=True)
    texts = noise(2, 40, seed=3)
    expected = normalized(texts @ more["text_projection.weight"].T)
    torch.testing.assert_close(encoder.network.resident().project_texts(texts), expected)


@torch.no_grad()
def test_a_saved_image_encoder_loads_again_in_half_precision(tmp_path: Path):
    first = load_image_encoder(written(theirs(TINY), tmp_path / "a.safetensors"), CPU)
    finish(save_image_encoder_steps(tmp_path / "b.safetensors", first))
    again = load_image_encoder(tmp_path / "b.safetensors", CPU)
    assert {tensor.dtype for tensor in again.network.stored.values()} == {torch.float16}
    pictures = noise(2, 3, 40, 32).sigmoid()
    torch.testing.assert_close(again.embed(pictures), first.embed(pictures), atol=0.01, rtol=0)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"vision_model.embeddings.patch_embedding.weight": None}, "no image encoder of CLIP in it"),
        ({"visual_projection.weight": None}, "tensors are missing: visual_projection.weight"),
        ({"vision_model.post_layernorm.bias": None}, "missing: vision_model.post_layernorm.bias"),
        ({"vision_model.embeddings.position_embedding.weight": (15, 128)}, "15 positions are no square"),
        ({"vision_model.post_layernorm.bias": (64,)}, r"expected float \[128\], got F32 \[64\]"),
    ],
)
def test_what_is_no_whole_image_encoder_is_refused(
    changes: dict[str, tuple[int, ...] | None], said: str, tmp_path: Path
):
    tensors: dict[str, torch.Tensor] = dict(ImageTower(TINY).state_dict())
    for key, shape in changes.items():
        del tensors[key]
        tensors |= {} if shape is None else {key: torch.zeros(shape)}
    write_safetensors(tensors, tmp_path / "bad.safetensors")
    with pytest.raises(BadCheckpoint, match=f"bad.safetensors: .*{said}"):
        load_image_encoder(tmp_path / "bad.safetensors", CPU)


def test_a_gradient_flows_back_to_the_pictures(tmp_path: Path):
    encoder = load_image_encoder(written(theirs(TINY), tmp_path / "vision.safetensors"), CPU)
    pictures = noise(2, 3, 48, 40).sigmoid().requires_grad_(True)
    (gradient,) = torch.autograd.grad(encoder.embed(pictures)[:, 0].sum(), pictures)
    assert (gradient[:, :, 10:30, 10:30] != 0).all()
