"""LoRA files that are refused, and with which words."""

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
        ({f"{KOHYA}.scalar": torch.zeros(())}, [f"{KOHYA}.scalar", "not supported yet"]),
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


@pytest.mark.parametrize(
    ("ending", "kind"),
    [
        ("dora_scale", "DoRA"),
        ("lora_magnitude_vector.default.weight", "DoRA"),
        ("hada_w1_a", "LoHa"),
        ("lokr_w1", "LoKr"),
        ("oft_blocks", "OFT"),
        ("oft_R.weight", "OFT"),
        ("a1.weight", "GLoRA"),
        ("on_input", "(IA)³"),
        ("diff", "whole differences"),
        ("diff_b", "whole differences"),
        ("w_norm", "normalizations"),
    ],
)
def test_another_kind_of_file_is_refused_by_its_name_and_not_half_applied(
    checkpoint: Checkpoint, tmp_path: Path, ending: str, kind: str
) -> None:
    key = f"{KOHYA}.{ending}"
    message = refusal(written(factors(32, 24) | {key: torch.zeros(1)}, tmp_path), checkpoint)
    assert kind in message
    assert f"({key!r}), which is not supported yet" in message


@pytest.mark.parametrize("content", [b"", b"PK\3\4" + b"x" * 100, b"\x02\0\0\0\0\0\0\0{}"])
def test_a_file_that_is_no_lora_is_refused_by_name(checkpoint: Checkpoint, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.safetensors").write_bytes(content)
    assert refusal(tmp_path / "bad.safetensors", checkpoint)


def test_a_file_that_was_cut_short_is_refused(checkpoint: Checkpoint, tmp_path: Path) -> None:
    path = written(factors(32, 24), tmp_path)
    path.write_bytes(path.read_bytes()[:-8])
    assert "cannot be bytes" in refusal(path, checkpoint)
