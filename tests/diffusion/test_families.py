"""Every family in its published single file: found, loaded, saved again, and the numbers of the references."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from nodes.diffusion.checkpoint import load_checkpoint
from nodes.diffusion.conditioning import AESTHETIC_OF_NEGATIVE, Conditioning
from nodes.diffusion.layouts import family_of
from nodes.diffusion.safetensors_file import BadCheckpoint
from nodes.diffusion.saving import save_checkpoint
from tests.diffusion.checkpoints import CPU, Contents, read
from tests.diffusion.comparison import MAIN, PROMPT, WORDS, T, X, load, loaded, ours, step, theirs, vae_differences
from tests.diffusion.families import (
    TELLING,
    TINY,
    UNET_PLACE,
    VAE_PLACE,
    conditioned,
    ids_of,
    published,
    tiny,
    weights_of,
    write,
)
from tests.diffusion.references import TOLERANCE, largest_difference, noise

# Single files as they were published


@pytest.mark.parametrize("name", TINY)
def test_a_published_file_gives_the_numbers_of_the_references(name: str) -> None:
    model, clip, vae = loaded(name)
    assert family_of(model.unet.config).name == TINY[name].family
    assert step(name, model, clip) <= TOLERANCE
    assert max(vae_differences(vae, tiny(name))) <= TOLERANCE


@pytest.mark.parametrize("name", TINY)
def test_its_kind_of_output_and_its_scale_are_those_of_its_family(name: str) -> None:
    model, _, vae = loaded(name)
    assert (model.parameterization.prediction, vae.scale) == (TINY[name].prediction, TINY[name].scale)
    assert model.scale == vae.scale


def test_an_inpainting_model_without_a_picture_paints_all_of_it() -> None:
    model, clip, _ = loaded("sd15_inpaint")
    nothing = torch.cat([torch.ones(1, 1, 8, 8), torch.zeros(1, 4, 8, 8)], dim=1)
    found = ours(model, clip.encode(PROMPT))
    assert largest_difference(found, theirs(tiny("sd15_inpaint"), nothing)) <= TOLERANCE


def test_sdxl_is_told_the_size_of_the_picture_and_where_it_was_cropped() -> None:
    model, clip, _ = loaded("sdxl_base")
    found = tiny("sdxl_base")
    given = conditioned(found, WORDS)
    given["added_cond_kwargs"]["time_ids"] = torch.tensor([[1024.0, 768, 16, 8, 512, 256]])
    sizes = {"width": 768, "height": 1024, "crop_left": 8, "crop_top": 16, "target_width": 256, "target_height": 512}
    text = clip.encode(PROMPT)
    with torch.no_grad():
        expected = found.unet(X, T, **given).sample
    assert largest_difference(ours(model, Conditioning(text.context, text.pooled, sizes=sizes)), expected) <= TOLERANCE


def test_the_refiner_is_told_a_score_of_beauty() -> None:
    model, clip, _ = loaded("sdxl_refiner")
    text = clip.encode(PROMPT)
    negative = Conditioning(text.context, text.pooled, sizes={"aesthetic_score": AESTHETIC_OF_NEGATIVE})
    assert largest_difference(ours(model, negative), theirs(tiny("sdxl_refiner"), score=2.5)) <= TOLERANCE
    assert float((ours(model, negative) - ours(model, text)).abs().max()) > 10 * TOLERANCE


def hidden(name: str, number: int, pad: int, layers: int) -> Tensor:
    tower = tiny(name).towers[number]
    with torch.no_grad():
        return tower(ids_of(WORDS, pad), output_hidden_states=True).hidden_states[-1 - layers]


@pytest.mark.parametrize("layers", [0, 1, 2])
def test_clip_skip_leaves_out_layers_of_every_tower(layers: int) -> None:
    sd1, sd2, xl = (loaded(name).clip.skipping(layers).encode(PROMPT).context for name in MAIN[:3])
    norm1, norm2 = tiny("sd15").towers[0].final_layer_norm, tiny("sd21_v").towers[0].text_model.final_layer_norm
    assert largest_difference(sd1, norm1(hidden("sd15", 0, 49407, layers)).detach()) <= TOLERANCE
    assert largest_difference(sd2, norm2(hidden("sd21_v", 0, 0, layers)).detach()) <= TOLERANCE
    both = [hidden("sdxl_base", 0, 49407, layers), hidden("sdxl_base", 1, 0, layers)]
    assert largest_difference(xl, torch.cat(both, dim=-1)) <= TOLERANCE


def test_the_embedding_of_the_text_is_the_same_whatever_clip_skip() -> None:
    clip = loaded("sdxl_base").clip
    first, second = clip.encode(PROMPT).pooled, clip.skipping(2).encode(PROMPT).pooled
    assert first is not None
    assert second is not None
    assert torch.allclose(first, second, atol=1e-6)


# What tells the kind of output


@pytest.mark.parametrize(
    ("spread", "metadata", "kind"),
    [
        (0.2, {}, "v"),
        (0.02, {}, "eps"),
        (0.2, {"modelspec.prediction_type": "epsilon"}, "eps"),
        (0.02, {"modelspec.prediction_type": "v"}, "v"),
        (0.02, {"modelspec.prediction_type": "v_prediction"}, "v"),
    ],
)
def test_sd2_tells_its_kind_of_output_by_metadata_or_by_how_some_biases_spread(
    spread: float, metadata: dict[str, str], kind: str
) -> None:
    tensors = published("sd21_v").tensors
    tensors[UNET_PLACE + TELLING] = noise(*tensors[UNET_PLACE + TELLING].shape) * spread
    assert load(Contents(tensors, metadata)).model.parameterization.prediction == kind


def test_empty_tensors_mark_velocity_and_zero_terminal_snr() -> None:
    tensors = published("sdxl_base").tensors
    marked = load(Contents(tensors | {"v_pred": torch.zeros(0), "ztsnr": torch.zeros(0)})).model.parameterization
    assert marked.prediction == "v"
    assert marked.sigma_max > 1000
    usual = load(Contents(tensors | {"v_pred": torch.zeros(0)})).model.parameterization
    assert usual.sigma_max == pytest.approx(14.6146, rel=1e-4)


def test_models_in_the_parameterization_of_edm_are_refused() -> None:
    tensors = published("sdxl_base").tensors
    for key in ("edm_mean", "edm_vpred.sigma_max"):
        with pytest.raises(BadCheckpoint, match="EDM"):
            load(Contents(tensors | {key: torch.zeros(())}))


# What is left aside, and what is missing


@pytest.mark.parametrize("name", MAIN)
def test_leftovers_are_left_aside(name: str) -> None:
    contents = published(name)
    place = TINY[name].places[0]
    contents.tensors |= {
        "model_ema.diffusion_modeltime_embed0weight": torch.zeros(3),
        "denoiser.sigmas": torch.zeros(1000),
        "first_stage_model.loss.logvar": torch.zeros(()),
        "first_stage_model.model_ema.decay": torch.zeros(()),
        f"{place}text_model.embeddings.position_ids": torch.arange(77)[None].half(),
        f"{place}logit_scale": torch.zeros(()),
        "depth_model.model.scratch.output_conv.0.bias": torch.zeros(3),
        "control_model.input_blocks.0.0.weight": torch.zeros(32, 4, 3, 3),
    }
    model, clip, _ = load(contents)
    assert step(name, model, clip) <= TOLERANCE


def parts_of(name: str) -> list[str]:
    return [UNET_PLACE, VAE_PLACE, *TINY[name].places]


@pytest.mark.parametrize("name", MAIN)
def test_a_part_that_is_missing_is_named(name: str) -> None:
    contents = published(name)
    names = ("U-Net", "VAE", *(("OpenCLIP-H",) if name == "sd21_v" else ("OpenCLIP-bigG", "CLIP-L")))
    for place in parts_of(name):
        kept = {key: tensor for key, tensor in contents.tensors.items() if not key.startswith(place)}
        with pytest.raises(BadCheckpoint, match="|".join(names)):
            load(Contents(kept))


def asked_for(name: str) -> list[str]:
    """Some keys of each part, and all those that others are measured by."""
    needed = [key for key in sorted(weights_of(tiny(name))) if not key.endswith("logit_scale")]
    ends = ("input_blocks.0.0.weight", "decoder.conv_in.weight", "token_embedding.weight", "position_embedding.weight")
    ends += ("positional_embedding", "time_embed.0.weight", "out.2.weight", "ln_final.bias")
    ends += ("label_emb.0.2.bias", "layers.1.mlp.fc1.weight", "resblocks.1.attn.in_proj_weight")
    ends += ("input_blocks.8.0.in_layers.2.weight", "input_blocks.7.1.transformer_blocks.1.norm1.weight")
    ends += ("decoder.up.3.block.0.conv1.weight", "decoder.up.0.block.2.conv1.weight")
    ends += () if name == "sd21_v" else ("text_projection",)  # SD2's embedding of the whole text is not used
    return [key for key in needed if key.endswith(ends)]


@pytest.mark.parametrize("name", MAIN)
def test_every_tensor_that_is_missing_is_named(name: str, tmp_path: Path) -> None:
    path = write(published(name), tmp_path / "less.safetensors")
    with path.open("rb") as file:
        header = file.read(8 + int.from_bytes(file.read(8), "little"))
    for key in asked_for(name):
        with path.open("rb+") as file:
            file.seek(8)
            file.write(header.replace(f'"{key}"'.encode(), f'"{"?" * len(key)}"'.encode()))
        with pytest.raises(BadCheckpoint) as caught:
            load_checkpoint(path, CPU)
        assert key in str(caught.value)
    path.unlink()


# Saving


@pytest.mark.parametrize("name", [*MAIN, "sdxl_inpaint"])
def test_a_saved_checkpoint_is_in_the_published_layout_and_gives_the_same_numbers(name: str, tmp_path: Path) -> None:
    path = tmp_path / "saved.safetensors"
    before = loaded(name)
    save_checkpoint(path, *before, TINY[name].dtype)
    saved, original = read(path).tensors, weights_of(tiny(name))
    original = {key: tensor for key, tensor in original.items() if not key.endswith("logit_scale")}
    assert saved.keys() - {"v_pred", "ztsnr"} == original.keys()
    assert all(torch.equal(saved[key].float(), tensor) for key, tensor in original.items())
    model, clip, vae = load_checkpoint(path, CPU)
    path.unlink()
    assert model.parameterization.prediction == before.model.parameterization.prediction
    assert step(name, model, clip) <= TOLERANCE
    assert torch.equal(vae.decode(X), before.vae.decode(X))


def test_the_kind_of_output_of_sdxl_is_saved_as_other_programs_mark_it(tmp_path: Path) -> None:
    tensors = published("sdxl_base").tensors
    marked = load(Contents(tensors | {"v_pred": torch.zeros(0), "ztsnr": torch.zeros(0)}))
    save_checkpoint(tmp_path / "v.safetensors", *marked, torch.float16)
    save_checkpoint(tmp_path / "eps.safetensors", *loaded("sdxl_base"), torch.float16)
    marks = {"v_pred", "ztsnr"}
    assert marks <= read(tmp_path / "v.safetensors").tensors.keys()
    assert not marks & read(tmp_path / "eps.safetensors").tensors.keys()
    levels = load_checkpoint(tmp_path / "v.safetensors", CPU).model.parameterization
    assert (levels.prediction, levels.sigma_max > 1000) == ("v", True)
