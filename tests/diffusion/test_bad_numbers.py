"""Weights that are no numbers: named with their file when they are first computed with, in every node that does."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from nodegraph import BadInput
from nodes.controlnet import apply
from nodes.denoise import predict_noise, unet_predict
from nodes.diffusion.checkpoint import Checkpoint, load_checkpoint
from nodes.diffusion.controlnet import ControlEncoder, ControlNet
from nodes.diffusion.devices import placement
from nodes.diffusion.network import Network
from nodes.diffusion.safetensors_file import BadCheckpoint
from nodes.latent import vae_decode, vae_encode
from nodes.loaders import load_lora
from nodes.sampling import ksampler
from nodes.sdxl import encode_sdxl
from nodes.text import encode
from nodes.types import Conditioning, Image, Latent, Sigmas
from tests.diffusion.checkpoints import CPU, UNET, Contents, tiny
from tests.diffusion.loras import changed, factors, written
from tests.nodes.values import result_of

PREFIX = {
    "U-Net": "model.diffusion_model.",
    "VAE": "first_stage_model.",
    "text encoder": "cond_stage_model.transformer.",
}


def broken(contents: Contents, folder: Path, *, part: str, value: float = float("nan")) -> Path:
    """A checkpoint with one bad number in the last matrix of a part."""
    key = [key for key, each in contents.tensors.items() if key.startswith(PREFIX[part]) and each.ndim > 1][-1]
    contents.tensors[key] = contents.tensors[key].clone()
    contents.tensors[key].view(-1)[0] = value
    return contents.write(folder / "broken.safetensors")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_weights_that_are_no_numbers_are_named_when_they_are_first_computed_with(
    value: float, dtype: str, contents: Contents, tmp_path: Path
) -> None:
    checkpoint = load_checkpoint(broken(contents, tmp_path, part="U-Net", value=value), placement("cpu", dtype))
    for _ in range(2):
        with pytest.raises(BadCheckpoint, match=r"^broken\.safetensors: tensor '.*weight' has NaN"):
            checkpoint.model.unet.resident()


def test_numbers_beyond_the_type_that_is_computed_in_are_named(contents: Contents, tmp_path: Path) -> None:
    unet = load_checkpoint(broken(contents, tmp_path, part="U-Net", value=1e30), placement("cpu", "float16")).model.unet
    with pytest.raises(BadCheckpoint, match="infinite"):
        unet.resident()


def test_what_a_lora_leaves_as_it_is_is_looked_at_too(contents: Contents, tmp_path: Path) -> None:
    checkpoint = load_checkpoint(broken(contents, tmp_path, part="U-Net"), CPU)
    with pytest.raises(BadCheckpoint, match="has NaN"):
        changed(written(factors(32, 24), tmp_path), checkpoint)[0].unet.resident()


def sampled(checkpoint: Checkpoint, prompt: Conditioning) -> object:
    return result_of(ksampler(checkpoint.model, prompt, prompt, Latent(torch.zeros(1, 4, 8, 8)), steps=1))


def noise_of(checkpoint: Checkpoint, prompt: Conditioning) -> object:
    sigmas = Sigmas(torch.tensor([1.0, 0.0]), 14.6, checkpoint.model.scale)
    return predict_noise(unet_predict(checkpoint.model, prompt), Latent(torch.ones(1, 4, 8, 8)), sigmas)


USES: dict[str, tuple[str, Callable[[Checkpoint, Conditioning], object]]] = {
    "KSampler": ("U-Net", sampled),
    "PredictNoise": ("U-Net", noise_of),
    "KSampler, which shows previews": ("VAE", sampled),
    "VAEDecode": ("VAE", lambda its, _: result_of(vae_decode(Latent(torch.zeros(1, 4, 8, 8)), its.vae))),
    "VAEEncode": ("VAE", lambda its, _: result_of(vae_encode(Image(torch.zeros(1, 3, 64, 64)), its.vae))),
    "CLIPTextEncode": ("text encoder", lambda its, _: encode("frog", its.clip)),
    "CLIPTextEncodeSDXL": ("text encoder", lambda its, _: encode_sdxl(its.clip, "frog", "frog")),
}


@pytest.mark.parametrize("use", USES)
def test_every_node_that_computes_with_them_says_so_in_words(use: str, contents: Contents, tmp_path: Path) -> None:
    part, run = USES[use]
    prompt = encode("frog", tiny().clip)
    with pytest.raises(BadInput, match=r"^broken\.safetensors: tensor '.*' has NaN"):
        run(load_checkpoint(broken(contents, tmp_path, part=part), CPU), prompt)


def test_a_sampler_says_so_of_a_controlnet(tiny_file: Path) -> None:
    checkpoint = load_checkpoint(tiny_file, CPU)
    encoder = ControlEncoder(UNET)
    encoder.requires_grad_(False).middle_block_out[0].weight[0] = float("nan")  # pyright: ignore[reportIndexIssue, reportArgumentType] -- a tensor
    net = ControlNet(Network(encoder, CPU, origin="control.safetensors"))
    prompt = apply(encode("frog", checkpoint.clip), net, Image(torch.zeros(1, 3, 64, 64)))
    with pytest.raises(BadInput, match=r"^control\.safetensors: tensor 'middle_block_out"):
        sampled(checkpoint, prompt)


def test_the_loader_of_loras_says_so_of_a_bad_file(tiny_file: Path) -> None:
    model, clip, _ = load_checkpoint(tiny_file, CPU)
    with pytest.raises(BadInput, match="tiny"):
        result_of(load_lora(model, clip, tiny_file))
