"""LoRA files that are refused, and with which words."""

import time
from pathlib import Path

import pytest
import torch

from nodes.diffusion.checkpoint import Checkpoint
from nodes.diffusion.lora import model_with_lora_steps
from nodes.diffusion.progress import finish
from nodes.diffusion.safetensors_file import BadCheckpoint
from tests.diffusion.checkpoints import tiny
from tests.diffusion.loras import KOHYA, PATH, RANK, TEXT_KOHYA, Tensors, changed, factors, written

UP, DOWN = f"{KOHYA}.lora_up.weight", f"{KOHYA}.lora_down.weight"


@pytest.fixture
def checkpoint() -> Checkpoint:
    return tiny()


def refusal(path: Path, checkpoint: Checkpoint) -> str:
    with pytest.raises(BadCheckpoint) as caught:
        changed(path, checkpoint)
    assert str(caught.value).startswith(path.name)
    return str(caught.value)


def test_a_file_for_other_networks_is_refused_with_some_of_its_names(checkpoint: Checkpoint, tmp_path: Path) -> None:
    message = refusal(written(factors(32, 24, name="transformer.blocks.0.qkv"), tmp_path), checkpoint)
    assert "none of its tensors ('transformer.blocks.0.qkv.alpha'" in message


def test_a_model_alone_refuses_a_file_for_the_text_encoder_alone(checkpoint: Checkpoint, tmp_path: Path) -> None:
    path = written(factors(40, 24, name=TEXT_KOHYA), tmp_path)
    with pytest.raises(BadCheckpoint, match="none of its tensors"):
        finish(model_with_lora_steps(path, checkpoint.model, 1.0))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({UP: torch.zeros(31, RANK)}, [UP, "expected float [32, 3]", "[31, 3]"]),
        ({UP: torch.zeros(32, 4)}, [UP, "[32, 4]"]),
        ({UP: torch.zeros(32, RANK, 3, 3)}, [UP, "[32, 3, 3, 3]"]),
        ({UP: torch.zeros(())}, [UP, "F32 []"]),
        ({DOWN: torch.zeros(RANK, 768)}, [DOWN, "expected float [3, 24]", "[3, 768]"]),
        ({DOWN: torch.zeros(24, RANK)}, [UP, "expected float [32, 24]"]),
        ({DOWN: torch.zeros(0, 24), UP: torch.zeros(32, 0)}, [UP, "[32, 0]"]),
        ({DOWN: torch.zeros(RANK, 24, 1, 1, 1)}, [DOWN, "[3, 24, 1, 1, 1]"]),
        ({DOWN: torch.zeros(())}, [UP, "[32, 1]"]),
        ({DOWN: torch.zeros(RANK, 24, dtype=torch.int32)}, [DOWN, "I32 [3, 24]"]),
        ({f"{KOHYA}.alpha": torch.ones(2)}, [f"{KOHYA}.alpha", "not one number"]),
        ({f"{KOHYA}.lora_mid.weight": torch.zeros(RANK, RANK, 3, 3)}, ["lora_mid", "[3, 3]"]),
        ({f"{KOHYA}.lora_up.bias": torch.zeros(32)}, [f"{KOHYA}.lora_up.bias", "not supported yet"]),
        ({f"{KOHYA}.lora_up.frog": torch.zeros(())}, [f"{KOHYA}.lora_up.frog", "not supported yet"]),
        ({f"{KOHYA}.lora_A.weight": torch.zeros(RANK, 24)}, [f"{KOHYA}.lora_A.weight", "are the same"]),
        ({f"unet.{PATH}.lora_B.weight": torch.zeros(32, 1)}, [KOHYA, f"unet.{PATH}", "the same layer"]),
    ],
)
def test_tensors_that_make_no_change_are_refused_by_name(
    checkpoint: Checkpoint, tmp_path: Path, change: Tensors, words: list[str]
) -> None:
    message = refusal(written(factors(32, 24) | change, tmp_path), checkpoint)
    assert all(word in message for word in words), message


@pytest.mark.parametrize("part", ["up", "down"])
def test_a_factor_without_the_other_is_refused(checkpoint: Checkpoint, tmp_path: Path, part: str) -> None:
    tensors = factors(32, 24)
    del tensors[f"{KOHYA}.lora_{part}.weight"]
    assert f"the tensor {part} is missing" in refusal(written(tensors, tmp_path), checkpoint)


MATRIX = {f"{KOHYA}.hada_{part}": torch.zeros(32, 2) for part in ("w1_a", "w2_a")}
LOHA = MATRIX | {f"{KOHYA}.hada_{part}": torch.zeros(2, 24) for part in ("w1_b", "w2_b")}
LOKR = {f"{KOHYA}.lokr_w1": torch.zeros(4, 6), f"{KOHYA}.lokr_w2": torch.zeros(8, 4)}
DIFF = {f"{KOHYA}.diff": torch.zeros(32, 24)}
NORM = KOHYA.replace("attn2_to_k", "norm2")


@pytest.mark.parametrize(
    ("tensors", "words"),
    [
        (MATRIX, ["hada_w1_b and hada_w2_b is missing"]),
        (LOHA | {f"{KOHYA}.hada_t1": torch.zeros(2, 2)}, ["hada_t2 is missing"]),
        (LOHA | {f"{KOHYA}.hada_w2_b": torch.zeros(2, 25)}, ["hada_w2_b", "expected float [2, 24]", "[2, 25]"]),
        (LOHA | {f"{KOHYA}.hada_w1_b": torch.zeros(0, 24)}, ["hada_w1_a", "expected float [32, 1]"]),
        ({f"{KOHYA}.lokr_w1": torch.zeros(4, 6)}, ["lokr_w2_a and lokr_w2_b is missing"]),
        (LOKR | {f"{KOHYA}.lokr_w1": torch.zeros(5, 6)}, ["5 × 6 blocks", "[32, 24]"]),
        (LOKR | {f"{KOHYA}.lokr_w2": torch.zeros(4, 8)}, ["lokr_w2", "expected float [8, 4]"]),
        (LOKR | {f"{KOHYA}.lokr_w2_a": torch.zeros(4, 8)}, ["no use for the tensor lokr_w2_a"]),
        (LOKR | LOHA, ["LoHa and LoKr of one weight"]),
        ({f"{KOHYA}.diff": torch.zeros(24, 32)}, ["diff", "expected float [32, 24]"]),
        (DIFF | {f"{KOHYA}.diff_b": torch.zeros(32)}, ["diff_b", "has no bias"]),
        (DIFF | {f"{KOHYA}.dora_scale": torch.zeros(32, 1)}, ["no use for the tensor dora_scale"]),
        (factors(32, 24, name=NORM), [NORM, "[32] is no matrix"]),
        ({f"{NORM}.b_norm": torch.zeros(32), f"{NORM}.diff_b": torch.zeros(32)}, ["the same bias"]),
        ({f"{NORM}.w_norm": torch.zeros(31)}, ["w_norm", "expected float [32]"]),
        (factors(32, 24) | {f"{KOHYA}.dora_scale": torch.zeros(31, 1)}, ["dora_scale", "not one length for each row"]),
        (factors(32, 24) | {f"{KOHYA}.dora_scale": torch.zeros(24)}, ["dora_scale", "not one length for each row"]),
        (factors(32, 24) | {f"{KOHYA}.lora_magnitude_vector": torch.zeros(1, 24)}, ["not one length"]),
        (factors(32, 24) | {f"{KOHYA}.alpha": torch.tensor(float("nan"))}, [f"{KOHYA}.alpha", "is nan"]),
        (factors(32, 24) | {f"{KOHYA}.alpha": torch.tensor(float("inf"))}, [f"{KOHYA}.alpha", "is inf"]),
        (factors(32, 24) | {f"{KOHYA}.scalar": torch.tensor(float("-inf"))}, [f"{KOHYA}.scalar", "is -inf"]),
    ],
)
def test_tensors_of_every_kind_are_checked(
    checkpoint: Checkpoint, tmp_path: Path, tensors: Tensors, words: list[str]
) -> None:
    message = refusal(written(tensors, tmp_path), checkpoint)
    assert all(word in message for word in words), message


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        (f"{KOHYA}.oft_blocks", "an OFT"),
        (f"{KOHYA}.oft_R.default.weight", "an OFT"),
        (f"{KOHYA}.a1.weight", "a GLoRA"),
        (f"{KOHYA}.on_input", "an (IA)³"),
        ("lora_controlnet", "a control-LoRA"),
        ("base_model.model.x.lora_embedding_A", "a LoRA of an embedding"),
        (f"{KOHYA}.set_weight", "a file with whole weights"),
    ],
)
def test_another_kind_of_file_is_refused_by_its_name_and_not_half_applied(
    checkpoint: Checkpoint, tmp_path: Path, key: str, kind: str
) -> None:
    message = refusal(written(factors(32, 24) | {key: torch.zeros(1)}, tmp_path), checkpoint)
    assert f"this is {kind} ({key!r}), which is not supported yet" in message


@pytest.mark.parametrize("name", ["lora_unet_mid_block_attentions_7_proj_in", "lora_te2_text_model_final_layer_norm"])
def test_layers_that_the_networks_do_not_have_are_counted_and_one_is_named(
    checkpoint: Checkpoint, tmp_path: Path, name: str
) -> None:
    message = refusal(written(factors(32, 24) | factors(8, 8, name=name), tmp_path), checkpoint)
    assert "3 of its tensors are for layers that the model does not have: " in message
    assert f"'{name}." in message


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "is no table"),
        ('{"unet.lora_alpha": NaN}', "'nan' for alpha"),
        ('{"unet.lora_alpha": "8"}', "'8' for alpha"),
        ('{"unet.lora_alpha": 1' + "0" * 4000 + "}", "for alpha"),
        ('{"unet.alpha_pattern": {"(a+)+": 1}}', "'(a+)+', which is no plain name"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_refused(
    checkpoint: Checkpoint, tmp_path: Path, settings: str, words: str
) -> None:
    plain = factors(32, 24, alpha=None)
    tensors = {f"unet.{PATH}.lora_B.weight": plain[UP], f"unet.{PATH}.lora_A.weight": plain[DOWN]}
    path = written(tensors, tmp_path, metadata={"lora_adapter_metadata": settings})
    assert words in refusal(path, checkpoint)


def test_very_long_names_are_refused_in_no_time(checkpoint: Checkpoint, tmp_path: Path) -> None:
    name = f"{KOHYA}{'.lora_magnitude_vector' * 50_000}."
    begun = time.process_time()
    assert "not supported yet" in refusal(written(factors(32, 24) | {name: torch.zeros(1)}, tmp_path), checkpoint)
    assert time.process_time() - begun < 1


@pytest.mark.parametrize("content", [b"", b"PK\3\4" + b"x" * 100, b"\x02\0\0\0\0\0\0\0{}"])
def test_a_file_that_is_no_lora_is_refused_by_name(checkpoint: Checkpoint, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.safetensors").write_bytes(content)
    assert refusal(tmp_path / "bad.safetensors", checkpoint)


def test_a_file_that_was_cut_short_is_refused(checkpoint: Checkpoint, tmp_path: Path) -> None:
    path = written(factors(32, 24), tmp_path)
    path.write_bytes(path.read_bytes()[:-8])
    assert "cannot be bytes" in refusal(path, checkpoint)
