"""Checkpoints are loaded, saved and refused."""

from pathlib import Path

import pytest
import torch

from nodegraph import BadInput, Profile
from nodes.denoise import unet_predict
from nodes.diffusion.checkpoint import Checkpoint
from nodes.loaders import load, save
from nodes.types import Conditioning, Latent


def test_a_checkpoint_saved_in_full_precision_and_loaded_again_predicts_the_same_bits(
    checkpoint: Checkpoint, prompt: Conditioning, latent: Latent, tmp_path: Path
):
    (saved,) = save(checkpoint.model, checkpoint.clip, checkpoint.vae, tmp_path / "copy", "float32")
    assert saved.path == tmp_path / "copy.safetensors"
    again = load(saved.path, profile=Profile())
    sigma = torch.tensor(3.0)
    first, second = (unet_predict(each.model, prompt)(latent.samples, sigma) for each in (checkpoint, again))
    assert torch.equal(first, second)
    assert torch.equal(checkpoint.vae.decode(latent.samples), again.vae.decode(latent.samples))


def test_half_precision_takes_half_the_space(checkpoint: Checkpoint, tmp_path: Path):
    parts = (checkpoint.model, checkpoint.clip, checkpoint.vae)
    (small,), (large,) = save(*parts, tmp_path / "small"), save(*parts, tmp_path / "large", "float32")
    assert small.path.stat().st_size < 0.6 * large.path.stat().st_size


@pytest.mark.parametrize("content", [b"", b"\xff" * 100, b"\x02\0\0\0\0\0\0\0{}"])
def test_a_file_that_is_no_checkpoint_is_refused_by_name(tmp_path: Path, content: bytes):
    (tmp_path / "bad.safetensors").write_bytes(content)
    with pytest.raises(BadInput, match=r"bad\.safetensors"):
        load(tmp_path / "bad.safetensors", profile=Profile())


@pytest.mark.parametrize("profile", [Profile(device="nowhere"), Profile(dtype="float3")])
def test_a_device_or_type_that_is_not_there_is_told(checkpoint: Checkpoint, profile: Profile, tmp_path: Path):
    with pytest.raises(BadInput, match=r"nowhere|float3"):
        load(tmp_path / "any.safetensors", profile=profile)


def test_a_checkpoint_that_cannot_be_written_is_told(checkpoint: Checkpoint, tmp_path: Path):
    (tmp_path / "taken").touch()
    with pytest.raises(BadInput, match="cannot be written"):
        save(checkpoint.model, checkpoint.clip, checkpoint.vae, tmp_path / "taken" / "copy")
