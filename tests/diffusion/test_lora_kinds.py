"""What each kind of LoRA does to a weight, by other formulas than its own."""

import json
import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from nodes.diffusion.checkpoint import Checkpoint
from tests.diffusion.checkpoints import tiny
from tests.diffusion.loras import (
    CONVOLUTION,
    KOHYA,
    LAYER,
    LOCON,
    PATH,
    RANK,
    TEXT,
    Tensors,
    changed,
    factors,
    product,
    tower_of,
    weight_of,
    written,
)

ALPHA = 1.5
PEFT = (("A", "down"), ("B", "up"))  # what peft calls a factor, and what kohya does
LINEAR, KERNEL = (32, 24), (16, 16, 3, 3)  # the shapes of LAYER and of CONVOLUTION
NORM, NORM_KOHYA = "input_blocks.3.1.transformer_blocks.0.norm2", KOHYA.replace("attn2_to_k", "norm2")
OUTPUT, OUTPUT_KOHYA = LAYER.replace("to_k", "to_out.0"), KOHYA.replace("to_k", "to_out_0")


@pytest.fixture
def checkpoint() -> Checkpoint:
    return tiny()


def noise(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


def named(kohya: str, tensors: Tensors) -> Tensors:
    return {f"{kohya}.{part}": tensor for part, tensor in tensors.items()}


def after(
    checkpoint: Checkpoint, tmp_path: Path, tensors: Tensors, layer: str = LAYER, strength: float = 1.0
) -> Tensor:
    """The weight of a layer, as a file changes it."""
    model, _ = changed(written(tensors, tmp_path), checkpoint, strength)
    return weight_of(model.unet, layer)


def delta(checkpoint: Checkpoint, tmp_path: Path, tensors: Tensors, layer: str = LAYER) -> Tensor:
    return after(checkpoint, tmp_path, tensors, layer) - weight_of(checkpoint.model.unet, layer)


def assert_same(ours: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-5)


def tucker(core: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """For a kernel of 3 × 3: matrices from the left, one after the other."""
    one = (rows.mT @ core.flatten(1)).reshape(rows.shape[1], core.shape[1], 9)
    return (columns.mT @ one).reshape(len(one), columns.shape[1], 3, 3)


def kronecker(outer: Tensor, block: Tensor) -> Tensor:
    return torch.cat([torch.cat([number * block for number in row], dim=1) for row in outer], dim=0)


# LoHa


def test_a_loha_is_the_product_of_two_loras_element_by_element(checkpoint: Checkpoint, tmp_path: Path) -> None:
    parts = {"hada_w1_a": noise(32, 3), "hada_w1_b": noise(3, 24), "hada_w2_a": noise(32, 3), "hada_w2_b": noise(3, 24)}
    parts["hada_w2_b"] = parts["hada_w2_b"].flip(1)
    ours = delta(checkpoint, tmp_path, named(KOHYA, parts | {"alpha": torch.tensor(ALPHA)}))
    one, two = parts["hada_w1_a"] @ parts["hada_w1_b"], parts["hada_w2_a"] @ parts["hada_w2_b"]
    assert_same(ours, ALPHA / 3 * one * two)


def test_a_loha_of_a_convolution_has_the_kernel_in_its_columns(checkpoint: Checkpoint, tmp_path: Path) -> None:
    parts = {
        "hada_w1_a": noise(16, 2),
        "hada_w1_b": noise(2, 144),
        "hada_w2_a": noise(16, 2),
        "hada_w2_b": noise(2, 144),
    }
    ours = delta(checkpoint, tmp_path, named(LOCON, parts), CONVOLUTION)
    assert_same(ours, (parts["hada_w1_a"] @ parts["hada_w1_b"]).square().reshape(KERNEL))


def test_a_loha_may_be_two_tucker_decompositions(checkpoint: Checkpoint, tmp_path: Path) -> None:
    parts = {f"hada_w{each}_{side}": noise(3, 16).roll(shift) for each in "12" for shift, side in enumerate("ab")}
    parts |= {"hada_t1": noise(3, 3, 3, 3), "hada_t2": noise(3, 3, 3, 3).mT}
    ours = delta(checkpoint, tmp_path, named(LOCON, parts | {"alpha": torch.tensor(ALPHA)}), CONVOLUTION)
    one, two = (tucker(parts[f"hada_t{i}"], parts[f"hada_w{i}_a"], parts[f"hada_w{i}_b"]) for i in "12")
    assert_same(ours, ALPHA / 3 * one * two)


# LoKr


def test_a_lokr_of_whole_factors_has_no_scale(checkpoint: Checkpoint, tmp_path: Path) -> None:
    parts = {"lokr_w1": noise(4, 6), "lokr_w2": noise(8, 4)}
    ours = delta(checkpoint, tmp_path, named(KOHYA, parts | {"alpha": torch.tensor(1e6)}))
    assert_same(ours, kronecker(parts["lokr_w1"], parts["lokr_w2"]))


def test_a_lokr_of_decomposed_factors_is_scaled_by_its_rank(checkpoint: Checkpoint, tmp_path: Path) -> None:
    inner = {"lokr_w2_a": noise(8, 3), "lokr_w2_b": noise(3, 4), "alpha": torch.tensor(ALPHA)}
    block = inner["lokr_w2_a"] @ inner["lokr_w2_b"]
    ours = delta(checkpoint, tmp_path, named(KOHYA, inner | {"lokr_w1": noise(4, 6)}))
    assert_same(ours, ALPHA / 3 * kronecker(noise(4, 6), block))
    outer = {"lokr_w1_a": noise(4, 3), "lokr_w1_b": noise(3, 6)}
    ours = delta(checkpoint, tmp_path, named(KOHYA, inner | outer))
    assert_same(ours, ALPHA / 3 * kronecker(outer["lokr_w1_a"] @ outer["lokr_w1_b"], block))
    whole = {"lokr_w2": noise(8, 4), "alpha": torch.tensor(ALPHA)}
    ours = delta(checkpoint, tmp_path, named(KOHYA, outer | whole))
    assert_same(ours, ALPHA / 3 * kronecker(outer["lokr_w1_a"] @ outer["lokr_w1_b"], whole["lokr_w2"]))


@pytest.mark.parametrize("form", ["whole", "in the columns", "tucker"])
def test_a_lokr_of_a_convolution_has_the_kernel_in_its_second_factor(
    checkpoint: Checkpoint, tmp_path: Path, form: str
) -> None:
    rows, columns, core = noise(2, 8), noise(2, 4), noise(2, 2, 3, 3)
    parts, block = {
        "whole": ({"lokr_w2": noise(8, 4, 3, 3)}, noise(8, 4, 3, 3)),
        "in the columns": (
            {"lokr_w2_a": noise(8, 2), "lokr_w2_b": noise(2, 36)},
            (noise(8, 2) @ noise(2, 36)).reshape(8, 4, 3, 3),
        ),
        "tucker": ({"lokr_t2": core, "lokr_w2_a": rows, "lokr_w2_b": columns}, tucker(core, rows, columns)),
    }[form]
    ours = delta(checkpoint, tmp_path, named(LOCON, parts | {"lokr_w1": noise(2, 4)}), CONVOLUTION)
    assert_same(ours, kronecker(noise(2, 4), block))


# Whole differences


def test_a_full_difference_is_added_to_weight_and_bias(checkpoint: Checkpoint, tmp_path: Path) -> None:
    tensors = named(OUTPUT_KOHYA, {"diff": noise(32, 32), "diff_b": noise(32)})
    model, _ = changed(written(tensors, tmp_path), checkpoint, 0.5)
    for leaf, expected in (("weight", noise(32, 32)), ("bias", noise(32))):
        before = weight_of(checkpoint.model.unet, OUTPUT, leaf)
        assert torch.equal(weight_of(model.unet, OUTPUT, leaf), before + 0.5 * expected)


def test_a_bias_may_be_changed_beside_a_lora(checkpoint: Checkpoint, tmp_path: Path) -> None:
    tensors = factors(32, 32, name=OUTPUT_KOHYA, alpha=None) | {f"{OUTPUT_KOHYA}.diff_b": noise(32)}
    model, _ = changed(written(tensors, tmp_path), checkpoint)
    assert set(model.unet.changes) == {f"{OUTPUT}.weight", f"{OUTPUT}.bias"}
    before = weight_of(checkpoint.model.unet, OUTPUT)
    assert torch.equal(weight_of(model.unet, OUTPUT), before + product(tensors, OUTPUT_KOHYA))


def test_a_normalization_is_changed_by_a_difference(checkpoint: Checkpoint, tmp_path: Path) -> None:
    tensors = named(NORM_KOHYA, {"w_norm": noise(32), "b_norm": noise(32).flip(0)})
    model, _ = changed(written(tensors, tmp_path), checkpoint, -2.0)
    for leaf, expected in (("weight", noise(32)), ("bias", noise(32).flip(0))):
        before = weight_of(checkpoint.model.unet, NORM, leaf)
        assert torch.equal(weight_of(model.unet, NORM, leaf), before - 2.0 * expected)


def test_a_scalar_scales(checkpoint: Checkpoint, tmp_path: Path) -> None:
    tensors = factors(*LINEAR, alpha=None)
    ours = delta(checkpoint, tmp_path, tensors | {f"{KOHYA}.scalar": torch.tensor(0.25)})
    assert_same(ours, 0.25 * product(tensors))


# DoRA

LENGTHS = {  # how the lengths of rows or columns are written → the layer and which of its axes they are along
    "dora_scale, a linear layer's rows": ("dora_scale", (32, 1), LAYER, 0),
    "dora_scale, a linear layer's columns": ("dora_scale", (1, 24), LAYER, 1),
    "dora_scale, a convolution's outputs": ("dora_scale", (16, 1, 1, 1), CONVOLUTION, 0),
    "dora_scale, a convolution's inputs": ("dora_scale", (1, 16, 1, 1), CONVOLUTION, 1),
    "peft, a linear layer's rows": ("lora_magnitude_vector", (32,), LAYER, 0),
    "peft, a convolution's outputs": ("lora_magnitude_vector.default.weight", (1, 16, 1, 1), CONVOLUTION, 0),
}


@pytest.mark.parametrize("written_as", LENGTHS)
def test_a_dora_gives_rows_or_columns_their_lengths_and_the_direction_of_the_changed_weight(
    checkpoint: Checkpoint, tmp_path: Path, written_as: str
) -> None:
    part, shape, layer, axis = LENGTHS[written_as]
    kohya = KOHYA if layer == LAYER else LOCON
    tensors = factors(*(LINEAR if layer == LAYER else KERNEL), name=kohya, alpha=None)
    lengths = noise(*shape).abs() + 0.5
    before = weight_of(checkpoint.model.unet, layer)
    ours = after(checkpoint, tmp_path, tensors | {f"{kohya}.{part}": lengths}, layer)
    plain = before + product(tensors, kohya).reshape(before.shape)
    for index, length in enumerate(lengths.flatten()):
        one, direction = ours.select(axis, index), plain.select(axis, index)
        assert_same(one, length * direction / direction.square().sum().sqrt())


def test_the_strength_of_a_dora_goes_straight_from_the_weight_to_what_it_was_trained_to_be(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    tensors = factors(*LINEAR) | {f"{KOHYA}.dora_scale": noise(32, 1).abs()}
    whole, before = after(checkpoint, tmp_path, tensors), weight_of(checkpoint.model.unet, LAYER)
    for strength in (0.25, -1.0, 1.5):
        ours = after(checkpoint, tmp_path, tensors, strength=strength)
        assert_same(ours, before + strength * (whole - before))


def test_a_dora_is_made_of_the_weight_that_another_lora_left(checkpoint: Checkpoint, tmp_path: Path) -> None:
    first = factors(*LINEAR, alpha=None)
    dora = named(KOHYA, {"hada_w1_a": noise(32, 2), "hada_w1_b": noise(2, 24), "dora_scale": torch.ones(32, 1)})
    dora |= named(KOHYA, {"hada_w2_a": noise(32, 2), "hada_w2_b": noise(2, 24)})
    model, clip = changed(written(first, tmp_path), checkpoint)
    ours = after(Checkpoint(model, clip, checkpoint.vae), tmp_path / "second", dora)
    plain = weight_of(model.unet, LAYER) + (noise(32, 2) @ noise(2, 24)).square()
    assert_same(ours, plain / plain.square().sum(dim=1, keepdim=True).sqrt())


def test_a_row_of_zeros_stays_one(checkpoint: Checkpoint, tmp_path: Path) -> None:
    before = weight_of(checkpoint.model.unet, LAYER)
    parts = {"lora_up.weight": -before, "lora_down.weight": torch.eye(24), "dora_scale": torch.ones(32, 1)}
    assert torch.equal(after(checkpoint, tmp_path, named(KOHYA, parts)), torch.zeros(LINEAR))


# What peft says of alpha


@pytest.mark.parametrize(
    ("settings", "scale"),
    [
        ({}, 1.0),
        ({"unet.lora_alpha": 6, "unet.r": 99}, 6 / RANK),
        ({"unet.lora_alpha": 6, "unet.use_rslora": True}, 6 / math.sqrt(RANK)),
        ({"unet.lora_alpha": 6, "unet.alpha_pattern": {PATH: 12}}, 12 / RANK),
        ({"unet.lora_alpha": 6, "unet.alpha_pattern": {"attn2.to_k": 12, "to_k": 1}}, 12 / RANK),
        ({"unet.lora_alpha": 6, "unet.alpha_pattern": {"o_k": 12, "^attn2.to_k": 12}}, 6 / RANK),
        ({"unet.lora_alpha": 6, "unet.alpha_pattern": {f"^{PATH}$": 12}}, 12 / RANK),
        ({"text_encoder.lora_alpha": 6, "lora_alpha": 7}, 1.0),
    ],
)
def test_the_alpha_of_a_network_is_read_from_the_metadata_that_diffusers_writes(
    checkpoint: Checkpoint, tmp_path: Path, settings: dict[str, object], scale: float
) -> None:
    plain = factors(*LINEAR, alpha=None)
    tensors = {f"unet.{PATH}.lora_{letter}.weight": plain[f"{KOHYA}.lora_{part}.weight"] for letter, part in PEFT}
    path = written(tensors, tmp_path, metadata={"lora_adapter_metadata": json.dumps(settings)})
    model, _ = changed(path, checkpoint)
    expected = weight_of(checkpoint.model.unet, LAYER) + scale * product(plain)
    assert torch.equal(weight_of(model.unet, LAYER), expected)


def test_the_text_encoder_has_an_alpha_of_its_own(checkpoint: Checkpoint, tmp_path: Path) -> None:
    plain = factors(40, 24, name="x", alpha=None)
    tensors = {f"text_encoder.{TEXT}.lora_{letter}.weight": plain[f"x.lora_{part}.weight"] for letter, part in PEFT}
    settings = {"unet.lora_alpha": 1, "text_encoder.lora_alpha": 6}
    path = written(tensors, tmp_path, metadata={"lora_adapter_metadata": json.dumps(settings)})
    _, clip = changed(path, checkpoint)
    expected = weight_of(tower_of(checkpoint.clip), TEXT) + 6 / RANK * product(plain, "x")
    assert torch.equal(weight_of(tower_of(clip), TEXT), expected)


def test_an_alpha_in_the_file_counts_more_than_its_metadata(checkpoint: Checkpoint, tmp_path: Path) -> None:
    settings = {"lora_adapter_metadata": json.dumps({"lora_alpha": 99})}
    model, _ = changed(written(factors(*LINEAR), tmp_path, metadata=settings), checkpoint)
    expected = weight_of(checkpoint.model.unet, LAYER) + (ALPHA / RANK) * product(factors(*LINEAR))
    assert torch.equal(weight_of(model.unet, LAYER), expected)
