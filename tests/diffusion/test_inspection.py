"""What is said of files by their headers alone."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from nodes.diffusion.checkpoint import load_checkpoint
from nodes.diffusion.controlnet import ControlEncoder
from nodes.diffusion.inspection import inspect
from nodes.diffusion.safetensors_file import BadCheckpoint
from tests.diffusion.checkpoints import CPU, UNET, Contents, header_of, with_header
from tests.diffusion.loras import CONVOLUTION, KOHYA, LOCON, TEXT_KOHYA, Tensors, factors, written

PREFIX = {"unet": "model.diffusion_model.", "vae": "first_stage_model.", "text": "cond_stage_model.transformer."}


def said(path: Path) -> dict[str, Any]:
    found = inspect(path)
    assert found is not None
    json.dumps(found)
    return found


def part(contents: Contents, name: str) -> dict[str, Tensor]:
    """The tensors of one part, by the names that they have in a file of their own."""
    prefix = PREFIX[name]
    return {key.removeprefix(prefix): each for key, each in contents.tensors.items() if key.startswith(prefix)}


def test_a_checkpoint_is_told_with_its_parts(tiny_file: Path, contents: Contents) -> None:
    found = said(tiny_file)
    assert (found["is"], found["family"], found["missing"], found["left aside"]) == ("a checkpoint", "SD1", [], {})
    assert found["predicts"] == "the noise (eps), by its metadata"
    for name, key in (("U-Net", "unet"), ("VAE", "vae"), ("CLIP-L", "text")):
        own = part(contents, key)
        assert found["parts"][name] == {
            "tensors": len(own),
            "parameters": sum(tensor.numel() for tensor in own.values()),
            "types": ["F32"],
            "bytes": sum(tensor.nbytes for tensor in own.values()),
        }
    assert found["parts"]["whole file"]["tensors"] == len(contents.tensors)


def test_what_is_left_aside_is_counted_by_its_kind(contents: Contents, tmp_path: Path) -> None:
    contents.tensors |= {f"model_ema.{index}": torch.zeros(2) for index in range(3)}
    contents.tensors |= {"betas": torch.zeros(1000), "alphas_cumprod": torch.zeros(1000)}
    contents.tensors["cond_stage_model.transformer.text_model.embeddings.position_ids"] = torch.arange(16)[None]
    contents.tensors |= {f"other.{index}": torch.zeros(1) for index in range(4)}
    contents.tensors |= {f"x{index}.y": torch.zeros(1) for index in range(40)}
    found = said(contents.write(tmp_path / "more.safetensors"))
    aside = found["left aside"]
    assert aside["averaged weights (model_ema.…)"] == 3
    assert (aside["noise schedule"], aside["other.…"]) == (2, 4)
    assert len(aside) == 13
    assert sum(aside.values()) == 3 + 2 + 1 + 4 + 40
    assert found["missing"] == []


def test_what_is_missing_is_named(contents: Contents, tmp_path: Path) -> None:
    gone = "model.diffusion_model.time_embed.0.weight"
    del contents.tensors[gone]
    without_vae = {key: each for key, each in contents.tensors.items() if not key.startswith(PREFIX["vae"])}
    found = said(Contents(without_vae, contents.metadata).write(tmp_path / "less.safetensors"))
    assert (found["is"], len(found["missing"])) == ("a checkpoint", 2)
    assert "VAE" in found["missing"][0]
    assert gone in found["missing"][1]


@pytest.mark.parametrize(
    ("changes", "metadata", "predicts", "zero"),
    [
        ({}, {}, "the noise (eps), by its family, SD1", False),
        ({"v_pred": torch.zeros(0)}, {}, "the velocity (v), by its key 'v_pred'", False),
        ({}, {"modelspec.prediction_type": "v"}, "the velocity (v), by its metadata", False),
        ({"v_pred": torch.zeros(0), "ztsnr": torch.zeros(0)}, {}, "the velocity (v), by its key 'v_pred'", True),
    ],
)
def test_what_it_predicts_is_told_with_what_says_so_and_as_it_is_loaded(
    contents: Contents, tmp_path: Path, changes: Tensors, metadata: dict[str, str], predicts: str, zero: bool
) -> None:
    contents.metadata = {"nodegraph.model": contents.metadata["nodegraph.model"], **metadata}
    contents.tensors |= changes
    found = said(contents.write(tmp_path / "some.safetensors"))
    assert (found["predicts"], "noise" in found) == (predicts, zero)
    levels = load_checkpoint(tmp_path / "some.safetensors", CPU).model.parameterization
    assert levels.prediction == ("v" if "velocity" in predicts else "eps")
    assert (levels.sigma_max > 1000) == zero


def test_sd2_is_told_by_its_weights_only(contents: Contents, tmp_path: Path) -> None:
    for key, tensor in contents.tensors.items():
        if key.endswith(("proj_in.weight", "proj_out.weight")) and "diffusion_model" in key:
            contents.tensors[key] = tensor[:, :, 0, 0]
    del contents.metadata["modelspec.prediction_type"]
    found = said(contents.write(tmp_path / "two.safetensors"))
    assert (found["family"], found["predicts"]) == (
        "SD2",
        "the noise or the velocity: told by its weights when it is loaded",
    )


def test_an_inpainting_model_is_told(contents: Contents, tmp_path: Path) -> None:
    contents.tensors["model.diffusion_model.input_blocks.0.0.weight"] = torch.zeros(16, 9, 3, 3)
    assert said(contents.write(tmp_path / "some.safetensors"))["input"] == "9 channels (inpainting)"


@pytest.mark.parametrize(("name", "kind"), [("unet", "a U-Net"), ("vae", "a VAE"), ("text", "a text encoder")])
def test_a_part_alone_is_told(contents: Contents, tmp_path: Path, name: str, kind: str) -> None:
    found = said(Contents(part(contents, name), contents.metadata).write(tmp_path / "part.safetensors"))
    assert (found["is"], found["missing"], found["left aside"]) == (kind, [], {})


def test_a_lora_is_told_with_its_family_its_kinds_and_its_layers(tmp_path: Path) -> None:
    reads_text = {
        f"{KOHYA}.lora_up.weight": torch.zeros(320, 8),
        f"{KOHYA}.lora_down.weight": torch.zeros(8, 768),
        f"{KOHYA}.dora_scale": torch.zeros(320, 1),
    }
    tensors = reads_text | factors(16, 16, 3, 3, name=LOCON) | factors(40, 24, name=TEXT_KOHYA)
    tensors |= factors(40, 24, name=TEXT_KOHYA.replace("te_", "te2_"), alpha=None)
    found = said(written(tensors, tmp_path, metadata={"ss_network_alpha": "4.0"}))
    assert (found["is"], found["family"], found["kinds"]) == ("a LoRA", "SD1", ["LoRA", "LoCon", "DoRA"])
    assert found["layers"] == {"U-Net": 2, "text encoder": 1, "second text encoder": 1}
    assert (found["rank"], found["alpha"]) == ([3, 8], "4.0")
    assert found["parts"]["U-Net"]["tensors"] == 6
    assert CONVOLUTION not in str(found)
    del tensors[f"{LOCON}.alpha"]
    assert said(written(tensors, tmp_path))["alpha"] == "1 numbers in the file, one for each layer"


def test_a_kind_of_lora_that_is_not_supported_is_told(tmp_path: Path) -> None:
    found = said(written({f"{KOHYA}.oft_blocks": torch.zeros(4, 8, 8)}, tmp_path))
    assert found["is"] == "an OFT"
    assert "not supported" in found["missing"][0]


@pytest.mark.parametrize(
    ("tensors", "family", "vectors"),
    [
        ({"emb_params": torch.zeros(3, 768)}, "SD1", {"'emb_params'": "3 of 768 channels"}),
        ({"a word": torch.zeros(1024)}, "SD2", {"'a word'": "1 of 1024 channels"}),
        (
            {"clip_l": torch.zeros(2, 768), "clip_g": torch.zeros(2, 1280)},
            "SDXL",
            {"'clip_l'": "2 of 768 channels", "'clip_g'": "2 of 1280 channels"},
        ),
    ],
)
def test_a_textual_inversion_is_told(tmp_path: Path, tensors: Tensors, family: str, vectors: dict[str, str]) -> None:
    found = said(written(tensors, tmp_path))
    assert (found["is"], found["family"], found["vectors"]) == ("a textual inversion", family, vectors)


def test_a_controlnet_is_told_even_where_it_is_damaged(contents: Contents, tmp_path: Path) -> None:
    tensors = {f"control_model.{key}": each for key, each in ControlEncoder(UNET).state_dict().items()}
    found = said(written(tensors, tmp_path, metadata=contents.metadata))
    assert (found["is"], found["family"], found["missing"]) == ("a ControlNet", "SD1", [])
    assert found["parts"]["ControlNet"]["tensors"] == len(tensors)
    both = said(Contents(tensors | contents.tensors, contents.metadata).write(tmp_path / "both.safetensors"))
    assert (both["is"], both["left aside"]) == ("a checkpoint", {})
    assert both["parts"]["ControlNet"]["tensors"] == len(tensors)
    del tensors["control_model.time_embed.0.weight"]
    assert (
        "control_model.time_embed.0.weight"
        in said(written(tensors, tmp_path, metadata=contents.metadata))["missing"][0]
    )
    first = "control_model.input_hint_block.0.weight"
    assert said(written({first: tensors[first]}, tmp_path))["family"] == "unknown"


def test_what_nobody_knows_is_told_as_far_as_it_can_be(tmp_path: Path) -> None:
    flux = said(written({"double_blocks.0.img_attn.qkv.weight": torch.zeros(3, 3)}, tmp_path))
    assert "Flux" in flux["why"]
    assert flux["parts"]["whole file"]["parameters"] == 9
    assert said(written({}, tmp_path, "none.safetensors"))["is"] == "unknown"
    picture = tmp_path / "picture.png"
    picture.touch()
    assert inspect(picture) is None


def test_a_folder_of_diffusers_is_told_by_itself_and_by_its_index(contents: Contents, tmp_path: Path) -> None:
    for name, folder in (("unet", "unet"), ("vae", "vae"), ("text", "text_encoder")):
        (tmp_path / folder).mkdir()
        Contents(part(contents, name)).write(tmp_path / folder / "model.safetensors")
    with pytest.raises(BadCheckpoint, match="without a model_index"):
        inspect(tmp_path)
    (tmp_path / "model_index.json").write_text("{}")
    found = said(tmp_path)
    assert found == said(tmp_path / "model_index.json")
    assert (found["is"], found["family"]) == ("a checkpoint", "SD1")
    assert said(tmp_path / "vae")["is"] == "a VAE"


def test_how_it_was_trained_is_told_within_bounds(tmp_path: Path) -> None:
    tags = {"10_cats": {f"tag {index}": index for index in range(30)}, "2_dogs": {"tag 3": 100, "odd": "x"}, "no": 3}
    notes = {
        "ss_sd_model_name": "base.safetensors",
        "ss_resolution": "(512, 512)",
        "ss_steps": "None",
        "ss_max_train_steps": "2000",
        "ss_num_epochs": "10",
        "modelspec.trigger_phrase": "a \x1b[2J" + "cat " * 1000,
        "ss_tag_frequency": json.dumps(tags),
    }
    found = said(written(factors(32, 24), tmp_path, metadata=notes))["training"]
    assert (found["base model"], found["steps"], found["epochs"]) == ("base.safetensors", "2000", "10")
    assert len(found["trigger words"]) == 200
    assert found["tags"][:2] == ["tag 3 (103)", "tag 29 (29)"]
    assert len(found["tags"]) == 10


@pytest.mark.parametrize("text", ["", "{", "[1]", "[" * 100_000, '{"a": {"b": 1e999}}', "[]" * 2**20])
def test_tags_that_cannot_be_read_are_left_out(text: str, tmp_path: Path) -> None:
    assert "training" not in said(written(factors(32, 24), tmp_path, metadata={"ss_tag_frequency": text}))


def test_no_more_than_the_header_is_read(tiny_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of 8 GB, all of which but the header is a hole."""
    header, data = header_of(tiny_file.read_bytes())
    size = len(data) + 2**33
    header["model_ema.huge"] = {"dtype": "U8", "shape": [2**33], "data_offsets": [len(data), size]}
    path, counted = tmp_path / "huge.safetensors", list[int]()
    content = with_header(header)
    path.write_bytes(content)
    os.truncate(path, len(content) + size)
    opened: Any = Path.open

    def counting(self: Path, *words: Any, **more: Any) -> Any:
        file = opened(self, *words, **more)
        return Counting(file, counted) if self == path else file

    monkeypatch.setattr(Path, "open", counting)
    assert said(path)["left aside"] == {"averaged weights (model_ema.…)": 1}
    assert len(content) <= sum(counted) <= len(content) + 16


class Counting:
    """A file that counts the bytes that are read of it."""

    def __init__(self, file: Any, counted: list[int]) -> None:
        self._file, self._counted = file, counted

    def read(self, size: int = -1) -> bytes:
        content = self._file.read(size)
        self._counted.append(len(content))
        return content

    def fileno(self) -> int:
        return self._file.fileno()

    def __enter__(self) -> "Counting":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def test_a_file_that_ends_after_its_header_is_damaged(tiny_file: Path, tmp_path: Path) -> None:
    content = tiny_file.read_bytes()
    path = tmp_path / "short.safetensors"
    path.write_bytes(content[: 8 + int.from_bytes(content[:8], "little")])
    with pytest.raises(BadCheckpoint, match=r"^short\.safetensors: tensor '"):
        inspect(path)
