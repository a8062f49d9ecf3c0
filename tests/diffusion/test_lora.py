"""LoRA: what becomes of a weight, and what stays."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from nodes.diffusion.checkpoint import Checkpoint
from nodes.diffusion.lora import model_with_lora_steps, with_lora_steps
from nodes.diffusion.network import Network
from nodes.diffusion.progress import finish
from tests.diffusion.checkpoints import CPU, tiny
from tests.diffusion.loras import (
    ALPHA,
    CONVOLUTION,
    KOHYA,
    LAYER,
    LOCON,
    PATH,
    POINTWISE,
    PROJECTION,
    RANK,
    TEXT,
    TEXT_KOHYA,
    changed,
    factors,
    product,
    tower_of,
    weight_of,
    written,
)


@pytest.fixture
def checkpoint() -> Checkpoint:
    return tiny()


# What becomes of a weight


@pytest.mark.parametrize("strength", [1.0, 0.3, -2.0])
def test_a_weight_becomes_w_plus_strength_alpha_by_rank_up_down(
    checkpoint: Checkpoint, tmp_path: Path, strength: float
) -> None:
    tensors = factors(32, 24)
    model, _ = changed(written(tensors, tmp_path), checkpoint, strength)
    expected = weight_of(checkpoint.model.unet, LAYER) + strength * (ALPHA / RANK) * product(tensors)
    assert torch.equal(weight_of(model.unet, LAYER), expected)


def test_without_alpha_the_scale_is_1(checkpoint: Checkpoint, tmp_path: Path) -> None:
    tensors = factors(32, 24, alpha=None)
    model, _ = changed(written(tensors, tmp_path), checkpoint)
    assert torch.equal(weight_of(model.unet, LAYER), weight_of(checkpoint.model.unet, LAYER) + product(tensors))


def test_the_text_encoder_has_a_strength_of_its_own(checkpoint: Checkpoint, tmp_path: Path) -> None:
    tensors = factors(32, 24) | factors(40, 24, name=TEXT_KOHYA)
    model, clip = changed(written(tensors, tmp_path), checkpoint, 0.0, 0.5)
    expected = weight_of(tower_of(checkpoint.clip), TEXT) + 0.5 * (ALPHA / RANK) * product(tensors, TEXT_KOHYA)
    assert torch.equal(weight_of(tower_of(clip), TEXT), expected)
    assert model is checkpoint.model


def test_a_convolution_has_its_kernel_in_the_first_factor(checkpoint: Checkpoint, tmp_path: Path) -> None:
    tensors = factors(16, 16, 3, 3, name=LOCON)
    model, _ = changed(written(tensors, tmp_path), checkpoint)
    delta = (ALPHA / RANK) * product(tensors, LOCON).reshape(16, 16, 3, 3)
    assert torch.equal(weight_of(model.unet, CONVOLUTION), weight_of(checkpoint.model.unet, CONVOLUTION) + delta)


def test_a_tucker_decomposition_is_three_convolutions_one_after_another(checkpoint: Checkpoint, tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(1)
    up, mid, down = (torch.randn(shape, generator=generator) for shape in ((16, 2, 1, 1), (2, 3, 3, 3), (3, 16, 1, 1)))
    parts = {"up": up, "mid": mid, "down": down}
    path = written({f"{LOCON}.lora_{part}.weight": tensor for part, tensor in parts.items()}, tmp_path)
    model, _ = changed(path, checkpoint)
    x = torch.randn(1, 16, 5, 5, generator=generator)
    convolve = nn.functional.conv2d
    one_by_one = convolve(convolve(convolve(x, down), mid), up)
    delta = weight_of(model.unet, CONVOLUTION) - weight_of(checkpoint.model.unet, CONVOLUTION)
    torch.testing.assert_close(convolve(x, delta), one_by_one, rtol=1e-4, atol=1e-4)


def test_a_1_by_1_convolution_may_be_written_as_a_linear_layer(checkpoint: Checkpoint, tmp_path: Path) -> None:
    tensors = factors(32, 32, name=PROJECTION)
    model, _ = changed(written(tensors, tmp_path), checkpoint)
    delta = (ALPHA / RANK) * product(tensors, PROJECTION)[..., None, None]
    assert torch.equal(weight_of(model.unet, POINTWISE), weight_of(checkpoint.model.unet, POINTWISE) + delta)


@pytest.mark.parametrize(
    ("up", "down"),
    [
        (
            f"lora_unet_{LAYER.replace('.', '_')}.lora_up.weight",
            f"lora_unet_{LAYER.replace('.', '_')}.lora_down.weight",
        ),
        (f"unet.{PATH}.lora_B.weight", f"unet.{PATH}.lora_A.weight"),
        (f"unet.{PATH}.lora.up.weight", f"unet.{PATH}.lora.down.weight"),
        (f"base_model.model.{PATH}.lora_B.weight", f"base_model.model.{PATH}.lora_A.weight"),
        (f"base_model.model.unet.{PATH}.lora_B.default.weight", f"base_model.model.unet.{PATH}.lora_A.default.weight"),
        (f"diffusion_model.{LAYER}.lora_up.weight", f"diffusion_model.{LAYER}.lora_down.weight"),
        (
            f"unet.{PATH.removesuffix('to_k')}processor.to_k_lora.up.weight",
            f"unet.{PATH.removesuffix('to_k')}processor.to_k_lora.down.weight",
        ),
    ],
)
def test_every_way_to_name_a_layer_gives_the_same(checkpoint: Checkpoint, tmp_path: Path, up: str, down: str) -> None:
    tensors = factors(32, 24, alpha=None)
    again = {up: tensors[f"{KOHYA}.lora_up.weight"], down: tensors[f"{KOHYA}.lora_down.weight"]}
    expected, _ = changed(written(tensors, tmp_path), checkpoint)
    model, _ = changed(written(again, tmp_path, "again.safetensors"), checkpoint)
    assert torch.equal(weight_of(model.unet, LAYER), weight_of(expected.unet, LAYER))


def test_the_output_of_an_older_processor_is_found(checkpoint: Checkpoint, tmp_path: Path) -> None:
    layer = PATH.replace("attn2.to_k", "attn1")
    tensors = factors(32, 32, name="x", alpha=None)
    named = {
        f"unet.{layer}.processor.to_out_lora.{part}.weight": tensors[f"x.lora_{part}.weight"] for part in ("up", "down")
    }
    model, _ = changed(written(named, tmp_path), checkpoint)
    output = LAYER.replace("attn2.to_k", "attn1.to_out.0")
    assert not torch.equal(weight_of(model.unet, output), weight_of(checkpoint.model.unet, output))


def test_two_files_add_up(checkpoint: Checkpoint, tmp_path: Path) -> None:
    first, second = factors(32, 24), {key: tensor * 2 for key, tensor in factors(32, 24, alpha=None).items()}
    once, clip = changed(written(first, tmp_path), checkpoint)
    twice, _ = changed(written(second, tmp_path, "second.safetensors"), Checkpoint(once, clip, checkpoint.vae), 0.5)
    expected = weight_of(checkpoint.model.unet, LAYER) + (ALPHA / RANK) * product(first) + 0.5 * product(second)
    assert torch.equal(weight_of(twice.unet, LAYER), expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_the_sum_is_made_in_float32_whatever_the_weights_are_stored_in(
    checkpoint: Checkpoint, tmp_path: Path, dtype: torch.dtype
) -> None:
    half = replace(checkpoint.model, unet=Network(checkpoint.model.unet.module.to(dtype), CPU))
    tensors = factors(32, 24)
    model = finish(model_with_lora_steps(written(tensors, tmp_path), half, 1.0))
    expected = weight_of(half.unet, LAYER).float() + (ALPHA / RANK) * product(tensors)
    assert torch.equal(weight_of(model.unet, LAYER), expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float8_e4m3fn])
def test_the_factors_may_be_stored_in_less(checkpoint: Checkpoint, tmp_path: Path, dtype: torch.dtype) -> None:
    tensors = {key: tensor.to(dtype) for key, tensor in factors(32, 24, alpha=None).items()}
    model, _ = changed(written(tensors, tmp_path), checkpoint)
    expected = product({key: tensor.float() for key, tensor in tensors.items()})
    assert torch.equal(weight_of(model.unet, LAYER), weight_of(checkpoint.model.unet, LAYER) + expected)


# What stays


def test_the_given_networks_keep_every_bit(checkpoint: Checkpoint, tmp_path: Path) -> None:
    before, text = tiny().model.unet.stored, tower_of(tiny().clip).stored
    model, clip = changed(written(factors(32, 24) | factors(40, 24, name=TEXT_KOHYA), tmp_path), checkpoint)
    model.unet.resident()
    tower_of(clip).resident()
    for kept, network in ((before, checkpoint.model.unet), (text, tower_of(checkpoint.clip))):
        assert all(torch.equal(kept[name], network.weight(name)) for name in network.stored)


def test_nothing_is_computed_and_all_weights_are_shared_until_it_is_used(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    model, clip = changed(written(factors(32, 24), tmp_path), checkpoint)
    assert model.unet.module is checkpoint.model.unet.module
    assert list(model.unet.changes) == [f"{LAYER}.weight"]
    assert clip is checkpoint.clip
    used, given = model.unet.resident(), checkpoint.model.unet.module
    own = [
        name for name, weight in used.named_parameters() if weight.data_ptr() != given.get_parameter(name).data_ptr()
    ]
    assert own == [f"{LAYER}.weight"]


def test_its_own_size_is_that_of_the_factors(checkpoint: Checkpoint, tmp_path: Path) -> None:
    model, _ = changed(written(factors(32, 24), tmp_path), checkpoint)
    assert model.nbytes - checkpoint.model.nbytes == 4 * RANK * (32 + 24)


def test_a_strength_of_0_gives_the_very_same_back(checkpoint: Checkpoint, tmp_path: Path) -> None:
    path = written(factors(32, 24) | factors(40, 24, name=TEXT_KOHYA), tmp_path)
    model, clip = changed(path, checkpoint, 0.0, 0.0)
    assert model is checkpoint.model
    assert clip is checkpoint.clip
    _, clip = changed(path, checkpoint, 1.0, 0.0)
    assert clip is checkpoint.clip


def test_a_model_alone_leaves_the_text_encoder_aside(checkpoint: Checkpoint, tmp_path: Path) -> None:
    tensors = factors(32, 24) | factors(41, 24, name=TEXT_KOHYA)  # which would not fit
    path = written(tensors, tmp_path)
    model = finish(model_with_lora_steps(path, checkpoint.model, 1.0))
    assert not torch.equal(weight_of(model.unet, LAYER), weight_of(checkpoint.model.unet, LAYER))


def test_what_is_no_change_of_a_layer_is_left_aside(checkpoint: Checkpoint, tmp_path: Path) -> None:
    more = factors(32, 24) | {"bundle_emb.frog.clip_l": torch.zeros(2, 24), "train_note": torch.zeros(1)}
    model, _ = changed(written(more, tmp_path), checkpoint)
    expected, _ = changed(written(factors(32, 24), tmp_path, "less.safetensors"), checkpoint)
    assert torch.equal(weight_of(model.unet, LAYER), weight_of(expected.unet, LAYER))


def test_each_of_two_towers_is_changed_by_what_is_its_own(checkpoint: Checkpoint, tmp_path: Path) -> None:
    tower = checkpoint.clip.towers[0]
    second = replace(tower, network=Network(tower.network.module, CPU))
    both = checkpoint._replace(clip=replace(checkpoint.clip, towers=(tower, second)))
    tensors = factors(40, 24, name=TEXT_KOHYA.replace("te_", "te2_", 1))
    _, clip = changed(written(tensors, tmp_path), both)
    assert clip.towers[0] is tower
    delta = (ALPHA / RANK) * product(tensors, TEXT_KOHYA.replace("te_", "te2_", 1))
    assert torch.equal(weight_of(tower_of(clip, 1), TEXT), weight_of(tower.network, TEXT) + delta)


def test_a_loading_that_is_stopped_has_changed_nothing(checkpoint: Checkpoint, tmp_path: Path) -> None:
    path = written(factors(32, 24) | factors(16, 16, 3, 3, name=LOCON), tmp_path)
    work = with_lora_steps(path, checkpoint.model, checkpoint.clip, 1.0, 1.0)
    assert next(work) == (1, 2)
    work.close()
    assert not checkpoint.model.unet.changes
