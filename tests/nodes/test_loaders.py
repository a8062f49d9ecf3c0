"""Checkpoints are loaded, saved and refused."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from nodegraph import BadInput, Profile
from nodes.denoise import unet_predict
from nodes.diffusion.checkpoint import Checkpoint
from nodes.diffusion.safetensors_file import write_safetensors
from nodes.loaders import load, load_lora, load_lora_model_only, save
from nodes.sampling import ksampler
from nodes.text import encode
from nodes.types import Conditioning, Latent, Model, TextEncoder
from tests.nodes.values import result_of, write_lora


def test_a_checkpoint_saved_in_full_precision_and_loaded_again_has_the_same_bits_and_predicts_the_same(
    checkpoint: Checkpoint, prompt: Conditioning, latent: Latent, tmp_path: Path
):
    (saved,) = result_of(save(checkpoint.model, checkpoint.clip, checkpoint.vae, tmp_path / "copy", "float32"))
    assert saved.path == tmp_path / "copy.safetensors"
    again = load(saved.path, profile=Profile())
    sigma = torch.tensor(3.0)
    first, second = (unet_predict(each.model, prompt)(latent.samples, sigma) for each in (checkpoint, again))
    pairs = zip(weights(checkpoint), weights(again), strict=True)
    assert all(torch.equal(*pair) for pair in pairs)
    # Not to the bit: where in memory the weights begin, in a mapped file or not, decides which kernels a CPU takes.
    torch.testing.assert_close(first, second, rtol=1e-4, atol=1e-4)
    decoded = (each.vae.decode(latent.samples) for each in (checkpoint, again))
    torch.testing.assert_close(*decoded, rtol=1e-4, atol=1e-4)


def weights(checkpoint: Checkpoint) -> list[Tensor]:
    parts = checkpoint.model.unet, checkpoint.clip.towers[0].network, checkpoint.vae.autoencoder
    return [tensor.float() for part in parts for tensor in part.stored.values()]


def test_half_precision_takes_half_the_space(checkpoint: Checkpoint, tmp_path: Path):
    parts = (checkpoint.model, checkpoint.clip, checkpoint.vae)
    (small,), (large,) = (result_of(save(*parts, tmp_path / kind, kind)) for kind in ("float16", "float32"))
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
        result_of(save(checkpoint.model, checkpoint.clip, checkpoint.vae, tmp_path / "taken" / "copy"))


def painted(model: Model, clip: TextEncoder, latent: Latent) -> Tensor:
    prompt = encode("a red heart", clip)
    return result_of(ksampler(model, prompt, prompt, latent, 1, 2, 1.0)).samples


def test_a_lora_changes_the_picture_and_neither_the_model_nor_the_text_encoder(
    checkpoint: Checkpoint, latent: Latent, tmp_path: Path
):
    before = painted(checkpoint.model, checkpoint.clip, latent)
    model, clip = result_of(load_lora(checkpoint.model, checkpoint.clip, write_lora(tmp_path / "a.safetensors", 0.3)))
    assert torch.equal(painted(checkpoint.model, checkpoint.clip, latent), before)
    by_model, by_clip = painted(model, checkpoint.clip, latent), painted(checkpoint.model, clip, latent)
    for after in (by_model, by_clip):
        assert torch.isfinite(after).all()
        assert (after - before).abs().mean() > 1e-4
    assert not torch.equal(by_model, by_clip)


def test_a_lora_for_the_model_alone_is_that_of_both(checkpoint: Checkpoint, latent: Latent, tmp_path: Path):
    path = write_lora(tmp_path / "a.safetensors", 0.1)
    alone = result_of(load_lora_model_only(checkpoint.model, path, 0.5))
    both, clip = result_of(load_lora(checkpoint.model, checkpoint.clip, path, 0.5, 0.0))
    assert torch.equal(painted(alone, checkpoint.clip, latent), painted(both, clip, latent))
    assert clip is checkpoint.clip


def test_a_model_with_a_lora_keeps_its_previews(checkpoint: Checkpoint, tmp_path: Path):
    model = result_of(load_lora_model_only(checkpoint.model, write_lora(tmp_path / "a.safetensors")))
    assert model.preview is checkpoint.model.preview is not None


def test_a_lora_that_cannot_be_used_is_told(checkpoint: Checkpoint, tmp_path: Path):
    path = tmp_path / "odd.safetensors"
    write_safetensors({"lora_unet_mid_block_resnets_0_conv1.hada_w1_a": torch.zeros(1)}, path)
    for steps in (load_lora(checkpoint.model, checkpoint.clip, path), load_lora_model_only(checkpoint.model, path)):
        with pytest.raises(BadInput, match=r"odd\.safetensors: beside .*hada_w1_a"):
            result_of(steps)
