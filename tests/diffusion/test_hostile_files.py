"""Files that are damaged, dishonest or of another kind: all loaders refuse them by name, soon, in little memory."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
import torch

from nodes.diffusion.checkpoint import load_checkpoint, load_text_encoder, load_unet, load_vae
from nodes.diffusion.controlnet import ControlEncoder
from nodes.diffusion.controlnet_file import load_controlnet
from nodes.diffusion.devices import placement
from nodes.diffusion.folder import FolderFile
from nodes.diffusion.inspection import inspect
from nodes.diffusion.safetensors_file import LONGEST, BadCheckpoint, SafetensorsFile
from nodes.diffusion.textual_inversion import read_embedding
from tests.diffusion.checkpoints import CPU, UNET, Contents, header_of, read, tiny, with_header
from tests.diffusion.loras import KOHYA, changed, factors, written

PREFIX = {
    "U-Net": "model.diffusion_model.",
    "VAE": "first_stage_model.",
    "text encoder": "cond_stage_model.transformer.",
}
TIME = "model.diffusion_model.time_embed.0.weight"
Loader = Callable[[Path], Any]
LOADERS: dict[str, Loader] = {
    "checkpoint": lambda path: load_checkpoint(path, CPU),
    "U-Net": lambda path: load_unet(path, CPU),
    "VAE": lambda path: load_vae(path, CPU),
    "text encoder": lambda path: load_text_encoder([path], CPU),
    "LoRA": lambda path: changed(path, tiny()),
    "embedding": read_embedding,
    "ControlNet": lambda path: load_controlnet(path, CPU),
}
# What may be loaded as what: the parts of a checkpoint, too.
FITS = {(kind, kind) for kind in LOADERS} | {("checkpoint", part) for part in PREFIX}


@pytest.fixture(scope="module")
def files(tiny_file: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A good file of each kind."""
    folder, whole = tmp_path_factory.mktemp("kinds"), read(tiny_file)
    made = {"checkpoint": tiny_file}
    for kind, prefix in PREFIX.items():
        part = {key.removeprefix(prefix): each for key, each in whole.tensors.items() if key.startswith(prefix)}
        made[kind] = Contents(part, whole.metadata).write(folder / f"{kind}.safetensors")
    control = {key: torch.zeros_like(each) for key, each in ControlEncoder(UNET).state_dict().items()}
    made["ControlNet"] = Contents(control, whole.metadata).write(folder / "ControlNet.safetensors")
    made["LoRA"] = written(factors(32, 24), folder, "LoRA.safetensors")
    made["embedding"] = written({"emb_params": torch.zeros(2, 24)}, folder, "embedding.safetensors")
    return made


def refused(loader: Loader, path: Path) -> str:
    with pytest.raises(BadCheckpoint) as caught:
        loader(path)
    message = str(caught.value)
    assert path.stem in message
    assert len(message) < 700
    assert message.isprintable()
    return message


@pytest.mark.parametrize("wanted", LOADERS)
@pytest.mark.parametrize("kind", LOADERS)
def test_each_kind_of_file_is_loaded_as_what_it_is_and_as_nothing_else(
    kind: str, wanted: str, files: dict[str, Path]
) -> None:
    if (kind, wanted) in FITS:
        LOADERS[wanted](files[kind])
    else:
        refused(LOADERS[wanted], files[kind])


NOTHING = {"shape": [0], "data_offsets": [0, 0]}
BLOCK = "model.diffusion_model.input_blocks"
MANY = 1_900_000


def entry(key: str, **more: object) -> bytes:
    """An entry of a header, as it stands in the file."""
    whole = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], **more}
    return f"{json.dumps(key)}: {json.dumps(whole)}".encode()


def of(*entries: bytes, data: int = 0, notes: Mapping[str, str] | None = None) -> bytes:
    """A file with these entries in its header, and so many bytes of data."""
    metadata = [b'"__metadata__": ' + json.dumps(notes, ensure_ascii=False).encode()] if notes else []
    return with_header(b"{" + b", ".join((*metadata, *entries)) + b"}", bytes(data))


A, LISTS = entry("a"), f"[[]{',[]' * MANY}]"
HOSTILE = {
    "empty": b"",
    "no header": with_header(b""),
    "length only": b"\x10" + bytes(7),
    "100 MB": (100_000_000).to_bytes(8, "little") + b"{",
    "twice": of(A, A, data=8),
    "twice in an entry": of(A.replace(b'"dtype"', b'"shape": [2], "dtype"'), data=8),
    "twice in metadata": with_header(b'{"__metadata__": {"a": "b", "a": "c"}}'),
    "deep": with_header(b'{"a":' + b"[" * 30_000),
    "deep tables": with_header(b'{"a":' * 16_000),
    "not a number": of(A.replace(b"[2]", b"[NaN]"), data=8),
    "infinite": of(A.replace(b"[2]", b"[1e999]"), data=8),
    "many digits": of(A.replace(b"[2]", b"[" + b"1" * 5_000_000 + b"]"), data=8),
    "before the data": of(entry("a", data_offsets=[-8, 0]), data=8),
    "overlap": of(A, entry("b", data_offsets=[4, 12]), data=12),
    "gap": of(A, entry("b", data_offsets=[12, 20]), data=20),
    "more at its end": of(A, data=9),
    "nothing of a lot": of(entry("a", shape=[2**47, 0], data_offsets=[0, 0])),
    "lists": of(b'"a":[' + b"[]," * MANY + b"[]]"),
    "tables": of(b'"a":[' + b"{}," * MANY + b"{}]"),
    "texts": of(b'"",' * MANY),
    "texts with escapes": of(rb'"\\",' * 1_000_000),
    "an open text": with_header(b'{"' + rb"\"" * 3_000_000),
    "long notes": of(notes={"a": "a" * 6_000_000 + "\N{GRINNING FACE}"}),
    "many notes": of(notes={str(index): "" for index in range(200_000)}),
    "our notes": of(notes={"nodegraph.model": LISTS}),
    "notes of a lora": of(
        entry(f"{KOHYA}.lora_down.weight", shape=[1, 2, 1]), data=8, notes={"lora_adapter_metadata": LISTS}
    ),
    "many tensors": of(
        *(entry(f"{index:0200}", shape=[0] + [2**47 - index] * 7, data_offsets=[0, 0]) for index in range(16_384))
    ),
    "long names": of(entry("model.diffusion_model." + "a." * 1_000_000), entry("b", **NOTHING), data=8),
    "many blocks": of(
        entry(f"{BLOCK}.0.0.weight", **NOTHING),
        *(entry(f"{BLOCK}.{index}.1.transformer_blocks.{9**9}.norm1.weight", **NOTHING) for index in range(9000)),
    ),
}


# The refusals of all loaders, each in how much memory and time, in a process that has nothing else in it.
MEASURED = """
import json, sys, time
from pathlib import Path
from tests.diffusion.test_hostile_files import LOADERS, inspect, tiny
from nodes.diffusion.safetensors_file import BadCheckpoint
model = tiny()
def peak():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]) / 1024
for path in sorted(Path(sys.argv[1]).iterdir()):
    for name, load in {**LOADERS, "inspection": inspect}.items():
        Path("/proc/self/clear_refs").write_text("5")
        before, began, said = peak(), time.process_time(), ""
        try:
            load(path)
        except BadCheckpoint as error:
            said = str(error)
        print(json.dumps([path.stem, name, peak() - before, time.process_time() - began, said]), flush=True)
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux tells the peak of memory")
def test_hostile_files_are_refused_by_name_in_little_memory_and_time(tmp_path: Path) -> None:
    for name, content in HOSTILE.items():
        (tmp_path / f"{name}.safetensors").write_bytes(content)
    os.truncate(tmp_path / "100 MB.safetensors", 100_000_008)
    words = [sys.executable, "-c", MEASURED, str(tmp_path)]
    done = subprocess.run(words, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rows) == len(HOSTILE) * 8
    assert [row for row in rows if row[2] > 64 or row[3] > 2] == []
    silent = [row for row in rows if row[1] != "inspection" and not (row[0] in row[4] and len(row[4]) < 700)]
    assert silent == []


def test_a_header_that_is_too_long_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "long.safetensors"
    path.write_bytes((LONGEST + 1).to_bytes(8, "little"))
    os.truncate(path, 2**33)
    assert str(LONGEST) in refused(LOADERS["checkpoint"], path)


# What is no file


@pytest.fixture(params=["folder", "pipe", "device", "gone"])
def no_file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / f"{request.param}.safetensors"
    if request.param == "folder":
        path.mkdir()
    elif request.param == "pipe":
        os.mkfifo(path)  # whoever opens it waits for somebody who writes
    elif request.param == "device":
        path.symlink_to("/dev/zero")
    return path


@pytest.mark.parametrize("name", LOADERS)
def test_what_is_no_file_is_refused_without_waiting_for_it(name: str, no_file: Path) -> None:
    refused(LOADERS[name], no_file)


def test_a_pipe_in_a_folder_of_diffusers_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "model_index.json")
    with pytest.raises(BadCheckpoint, match="regular file"):
        FolderFile(tmp_path / "model_index.json")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_refused(tiny_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "locked.safetensors"
    path.write_bytes(tiny_file.read_bytes())
    path.chmod(0)
    assert "Permission denied" in refused(LOADERS["checkpoint"], path)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])  # one computes with the mapped numbers, one converts them
def test_a_file_that_becomes_shorter_while_it_is_used_is_told_and_does_not_end_the_process(
    dtype: str, tiny_file: Path, tmp_path: Path
) -> None:
    path = tmp_path / "shrinks.safetensors"
    path.write_bytes(tiny_file.read_bytes())
    model = load_checkpoint(path, placement("cpu", dtype)).model
    if dtype == "float32":
        model.unet.resident()
    os.truncate(path, 8192)
    with pytest.raises(BadCheckpoint, match=r"^shrinks\.safetensors: it became shorter"):
        model.unet.resident()


# What is unusual, and good


def test_tensors_of_several_types_are_loaded_as_they_are(contents: Contents, tmp_path: Path) -> None:
    expected = {key: tensor.half().float() for key, tensor in contents.tensors.items()}
    types = (torch.float16, torch.float32, torch.bfloat16, torch.float64)
    contents.tensors = {
        key: tensor.half().float().to(torch.float32 if types[place % 4] is torch.bfloat16 else types[place % 4])
        for place, (key, tensor) in enumerate(contents.tensors.items())
    }
    unet = load_checkpoint(contents.write(tmp_path / "mixed.safetensors"), CPU).model.unet
    assert len({tensor.dtype for tensor in unet.stored.values()}) == 3
    found = unet.resident().state_dict()
    assert all(torch.equal(tensor, expected[PREFIX["U-Net"] + key]) for key, tensor in found.items())


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.float8_e5m2])
def test_eight_bit_floats_are_loaded(dtype: torch.dtype, contents: Contents, tmp_path: Path) -> None:
    contents.tensors = {key: tensor.to(dtype) for key, tensor in contents.tensors.items()}
    model, clip, vae = load_checkpoint(contents.write(tmp_path / "eight.safetensors"), CPU)
    assert torch.equal(model.unet.resident().state_dict()["time_embed.0.weight"], contents.tensors[TIME].float())
    assert torch.isfinite(vae.decode(torch.zeros(1, 4, 4, 4))).all()
    assert torch.isfinite(clip.encode("red frog").context).all()


@pytest.mark.parametrize("shift", [1, 2, 3])
def test_numbers_at_odd_places_are_loaded(shift: int, tiny_file: Path, tmp_path: Path) -> None:
    header, data = header_of(tiny_file.read_bytes())
    length = len(json.dumps(header))
    path = tmp_path / "odd.safetensors"
    path.write_bytes(with_header(json.dumps(header).encode() + b" " * (shift - length % 4 + 4), data))
    weights = SafetensorsFile(path)
    assert all(begin % 4 == shift for begin in weights.header.begins.values())
    own, other = (load_checkpoint(each, CPU).model.unet for each in (path, tiny_file))
    assert all(torch.equal(own.stored[name], other.stored[name]) for name in other.stored)


# Keys and shapes that do not fit


def test_a_joint_matrix_that_is_not_three_is_refused_by_its_name(tmp_path: Path) -> None:
    width, layer = 64, "transformer.resblocks.0"
    tensors = {
        "token_embedding.weight": torch.zeros(49408, width),
        "positional_embedding": torch.zeros(77, width),
        f"{layer}.attn.in_proj_weight": torch.zeros(3 * width + 1, width),
    }
    path = written(tensors, tmp_path, "joint.safetensors")
    refused(LOADERS["text encoder"], path)


def test_shapes_of_any_kind_are_refused(contents: Contents, tmp_path: Path) -> None:
    """One tensor after the other with another shape; no loader fails in any other way than by refusing the file."""
    shapes = cycle([(), (1,), (0, 3), (3, 5), (2, 2, 2, 2, 2)])
    for key, shape in zip(list(contents.tensors)[::20], shapes, strict=False):
        changed_one = replace(contents, tensors=contents.tensors | {key: torch.zeros(shape)})
        path = changed_one.write(tmp_path / "shape.safetensors")
        refused(LOADERS["checkpoint"], path)
        inspect(path)
