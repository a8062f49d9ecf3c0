"""Folders and single files of diffusers, and parts in files of their own, in every naming: the same numbers."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch

from nodes.diffusion.checkpoint import load_checkpoint, load_text_encoder, load_unet, load_vae
from nodes.diffusion.safetensors_file import BadCheckpoint
from tests.diffusion.checkpoints import CPU, Contents
from tests.diffusion.comparison import MAIN, load, loaded, step, vae_differences
from tests.diffusion.families import (
    TINY,
    UNET_PLACE,
    VAE_PLACE,
    diffusers_parts,
    open_clip,
    published,
    shard,
    tiny,
    weights_of,
    write,
    write_folder,
)
from tests.diffusion.ldm_names import State, ldm_text
from tests.diffusion.references import TOLERANCE

# Folders and files of diffusers


def write_parts(name: str, folder: Path, variant: str = "", settings: Mapping[str, object] | None = None) -> Path:
    kind = "v_prediction" if TINY[name].prediction == "v" else "epsilon"
    return write_folder(folder, dict(diffusers_parts(tiny(name))), settings or {"prediction_type": kind}, variant)


@pytest.mark.parametrize("name", MAIN)
def test_a_folder_of_diffusers_gives_the_numbers_of_the_references(name: str, tmp_path: Path) -> None:
    model, clip, vae = load_checkpoint(write_parts(name, tmp_path), CPU)
    assert model.parameterization.prediction == TINY[name].prediction
    assert step(name, model, clip) <= TOLERANCE
    assert max(vae_differences(vae, tiny(name))) <= TOLERANCE


def test_the_files_of_a_folder_may_be_variants_shards_and_links(tmp_path: Path) -> None:
    index = write_parts("sdxl_base", tmp_path / "blobs", ".fp16")
    shard(tmp_path / "blobs" / "unet", "diffusion_pytorch_model", ".fp16")
    shard(tmp_path / "blobs" / "text_encoder_2", "model", ".fp16")
    for path in (tmp_path / "blobs").rglob("*"):
        link = tmp_path / "links" / path.relative_to(tmp_path / "blobs")
        link.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file():
            link.symlink_to(path)
    model, clip, _ = load_checkpoint(tmp_path / "links" / index.name, CPU)
    assert step("sdxl_base", model, clip) <= TOLERANCE


def test_the_scheduler_of_a_folder_tells_the_kind_of_output(tmp_path: Path) -> None:
    settings = {"prediction_type": "v_prediction", "rescale_betas_zero_snr": True}
    levels = load_checkpoint(write_parts("sd15", tmp_path, settings=settings), CPU).model.parameterization
    assert levels.prediction == "v"
    assert levels.sigma_max > 1000


def test_a_single_file_may_have_the_names_of_diffusers(tmp_path: Path) -> None:
    parts = {f"{part}.{key}": value for part, state in diffusers_parts(tiny("sd15")) for key, value in state.items()}
    model, clip, vae = load(Contents(parts))
    assert step("sd15", model, clip) <= TOLERANCE
    assert max(vae_differences(vae, tiny("sd15"))) <= TOLERANCE


def test_a_single_file_of_sd2_may_lack_the_layer_that_is_never_used() -> None:
    contents = published("sd21_v")
    unused = ("cond_stage_model.model.transformer.resblocks.23.", "cond_stage_model.model.text_projection")
    kept = {key: tensor for key, tensor in contents.tensors.items() if not key.startswith(unused)}
    model, clip, _ = load(Contents(kept))
    assert step("sd21_v", model, clip) <= TOLERANCE


# Parts alone


def prefixed(state: State, prefix: str) -> State:
    return {prefix + key: tensor for key, tensor in state.items()}


def unet_files(name: str) -> dict[str, State]:
    compvis = {key: tensor for key, tensor in weights_of(tiny(name)).items() if key.startswith(UNET_PLACE)}
    bare = {key.removeprefix(UNET_PLACE): tensor for key, tensor in compvis.items()}
    return {"CompVis": compvis, "bare": bare, "diffusers": tiny(name).unet.state_dict()}


@pytest.mark.parametrize("name", [*MAIN, "sd15_inpaint"])
@pytest.mark.parametrize("naming", ["CompVis", "bare", "diffusers"])
def test_a_unet_alone_may_have_any_names(name: str, naming: str, tmp_path: Path) -> None:
    path = write(Contents(unet_files(name)[naming]), tmp_path / "unet.safetensors")
    assert step(name, load_unet(path, CPU), loaded(name).clip) <= TOLERANCE


def old_attention(state: State) -> State:
    names = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}

    def old(key: str) -> str:
        for new, name in names.items():
            key = key.replace(f"attentions.0.{new}.", f"attentions.0.{name}.")
        return key

    return {old(key): tensor for key, tensor in state.items()}


def flat_attention(state: State) -> State:
    flat = {key for key, tensor in state.items() if ".attn_1." in key and tensor.ndim == 4}
    return {key: tensor[:, :, 0, 0] if key in flat else tensor for key, tensor in state.items()}


def vae_files() -> dict[str, State]:
    new = tiny("sd15").vae.state_dict()
    first = {key: tensor for key, tensor in weights_of(tiny("sd15")).items() if key.startswith(VAE_PLACE)}
    bare = {key.removeprefix(VAE_PLACE): tensor for key, tensor in first.items()}
    trained = bare | {"loss.logvar": torch.zeros(()), "model_ema.decay": torch.zeros(())}
    return {
        "CompVis": trained, "with its prefix": first, "with another": prefixed(bare, "vae."),
        "flat attention": flat_attention(bare), "diffusers": new, "old diffusers": old_attention(new),
    }  # fmt: skip


@pytest.mark.parametrize(
    "naming", ["CompVis", "with its prefix", "with another", "flat attention", "diffusers", "old diffusers"]
)
def test_a_vae_alone_may_have_any_names(naming: str, tmp_path: Path) -> None:
    path = write(Contents(vae_files()[naming]), tmp_path / "vae.safetensors")
    assert max(vae_differences(load_vae(path, CPU), tiny("sd15"))) <= TOLERANCE


def test_the_vae_of_a_checkpoint_has_the_scale_of_its_family(tmp_path: Path) -> None:
    path = write(published("sdxl_base"), tmp_path / "xl.safetensors")
    assert max(vae_differences(load_vae(path, CPU), tiny("sdxl_base"))) <= TOLERANCE


NAMINGS: dict[str, Callable[[State], State]] = {
    "Hugging Face": lambda state: state,
    "without the first level": lambda state: {key.removeprefix("text_model."): value for key, value in state.items()},
    "OpenCLIP": open_clip,
}


@pytest.mark.parametrize(
    ("name", "naming"),
    [
        ("sd15", "Hugging Face"),
        ("sd15", "without the first level"),
        ("sd21_v", "Hugging Face"),
        ("sd21_v", "OpenCLIP"),
        ("sdxl_refiner", "Hugging Face"),
        ("sdxl_refiner", "OpenCLIP"),
    ],
)
def test_a_text_encoder_alone_may_have_any_names(name: str, naming: str, tmp_path: Path) -> None:
    state = NAMINGS[naming](ldm_text(tiny(name).towers[0].state_dict()))
    path = write(Contents(state), tmp_path / "clip.safetensors")
    clip = load_text_encoder([path], CPU, TINY[name].family)
    assert step(name, loaded(name).model, clip) <= TOLERANCE


@pytest.mark.parametrize("naming", ["Hugging Face", "OpenCLIP"])
def test_the_two_text_encoders_of_sdxl_may_come_in_any_order(naming: str, tmp_path: Path) -> None:
    first, second = (ldm_text(tower.state_dict()) for tower in tiny("sdxl_base").towers)
    paths = [write(Contents(first), tmp_path / "l.safetensors")]
    paths.insert(0, write(Contents(NAMINGS[naming](second)), tmp_path / "g.safetensors"))
    clip = load_text_encoder(paths, CPU, "SDXL")
    assert step("sdxl_base", loaded("sdxl_base").model, clip) <= TOLERANCE


def test_a_file_without_the_part_that_is_asked_for_says_so(tmp_path: Path) -> None:
    path = write(Contents({"decoder.conv_in.weight": torch.zeros(1)}), tmp_path / "vae.safetensors")
    with pytest.raises(BadCheckpoint, match="there is no text encoder in it"):
        load_text_encoder([path], CPU)
    with pytest.raises(BadCheckpoint, match="VAE alone"):
        load_unet(path, CPU)
    other = write(Contents({"text_model.x": torch.zeros(1)}), tmp_path / "clip.safetensors")
    with pytest.raises(BadCheckpoint, match="there is no VAE in it"):
        load_vae(other, CPU)
