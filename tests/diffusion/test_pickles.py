"""Pickles: refused unless they are allowed, and then read for their tensors alone, in no more memory than they take."""

import os
import pickle
import tracemalloc
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from nodes.diffusion.safetensors_file import BadCheckpoint, SafetensorsFile, read_header, write_safetensors
from nodes.diffusion.weights_file import ALLOWED, PickleFile, open_weights, read_pickle

ONE: Any = torch.ones(1)
REBUILD: Callable[..., Any] = ONE.__reduce_ex__(2)[0]  # what the tensors of a file are made by
WEIGHTS = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(2, dtype=torch.float16)}


@pytest.fixture(autouse=True)
def allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ALLOWED, "1")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file.ckpt"


def saved(path: Path, content: object, *, zipped: bool = True) -> Path:
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(BadCheckpoint) as caught:
        open_weights(path)
    message = str(caught.value)
    assert message.startswith(path.name)
    assert len(message) < 400
    assert message.isprintable()
    return message


class Runs:
    """What a pickle would run when it is read."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, ...]]:
        return os.putenv, ("TAKEN", "OVER")


class Callback:
    """An object of a program that is not here, as trainers leave them in their checkpoints."""


@pytest.mark.parametrize("zipped", [True, False])
def test_the_tensors_of_a_checkpoint_are_read_and_its_numbers_are_metadata(path: Path, zipped: bool) -> None:
    saved(path, {"state_dict": WEIGHTS, "global_step": 875000, "loops": {"x": [1]}}, zipped=zipped)
    weights = open_weights(path)
    assert isinstance(weights, PickleFile)
    assert weights.name == "file.ckpt"
    assert weights.header.shapes == {"a": (2, 3), "b": (2,)}
    assert weights.header.dtypes == {"a": "F32", "b": "F16"}
    assert weights.header.metadata == {"global_step": "875000"}
    assert all(torch.equal(weights.tensor(key), tensor) for key, tensor in WEIGHTS.items())


def test_tensors_without_a_state_dict_are_those_of_the_file(path: Path) -> None:
    assert open_weights(saved(path, {**WEIGHTS, "epoch": 3, "names": ["x"], 7: torch.ones(1)})).header.shapes == {
        "a": (2, 3),
        "b": (2,),
    }


def test_a_lone_tensor_is_read(path: Path) -> None:
    assert torch.equal(open_weights(saved(path, torch.ones(3))).tensor(""), torch.ones(3))


def test_parameters_and_views_become_plain_tensors(path: Path) -> None:
    whole = torch.arange(12.0).reshape(3, 4)
    weights = open_weights(saved(path, {"p": nn.Parameter(torch.ones(2)), "view": whole[1:, :2].t()}))
    assert not weights.tensor("p").requires_grad
    assert torch.equal(weights.tensor("view"), whole[1:, :2].t())
    assert weights.tensor("view").is_contiguous()


def test_tensors_are_mapped_and_not_read(path: Path) -> None:
    weights = open_weights(saved(path, {"a": torch.zeros(1 << 20)}))
    with path.open("r+b") as file:
        file.seek(path.read_bytes().index(bytes(1 << 20)) + 4096)
        file.write(b"\x00\x00\x80?" * 4096)
    assert weights.tensor("a").max() == 1


def test_without_leave_a_pickle_is_refused_with_advice_whatever_its_name(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    renamed = path.with_suffix(".safetensors")
    for file in (saved(path, WEIGHTS), saved(renamed, WEIGHTS, zipped=False)):
        monkeypatch.setenv(ALLOWED, "yes")
        said = refusal(file).removeprefix(file.name)
        monkeypatch.delenv(ALLOWED)
        for read in (open_weights, PickleFile, read_pickle, SafetensorsFile, read_header):
            with pytest.raises(BadCheckpoint) as caught:
                read(file)
            assert str(caught.value) == file.name + said
        assert "convert it to safetensors" in said
        assert "--allow-pickle" in said


@pytest.mark.parametrize("zipped", [True, False])
def test_the_content_decides_and_not_the_name(path: Path, zipped: bool) -> None:
    renamed = saved(path.with_suffix(".safetensors"), WEIGHTS, zipped=zipped)
    assert torch.equal(open_weights(renamed).tensor("a"), WEIGHTS["a"])
    write_safetensors(WEIGHTS, path)
    assert isinstance(open_weights(path), SafetensorsFile)


@pytest.mark.parametrize("zipped", [True, False])
def test_nothing_in_a_pickle_is_run(path: Path, zipped: bool) -> None:
    assert "putenv" in refusal(saved(path, {**WEIGHTS, "x": Runs()}, zipped=zipped))
    assert "putenv" in refusal(saved(path, Runs(), zipped=zipped))


def test_an_object_of_another_program_is_named_with_advice(path: Path) -> None:
    message = refusal(saved(path, {"state_dict": WEIGHTS, "callbacks": [Callback()]}))
    assert "Callback'" in message
    assert "convert" in message


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([torch.ones(1)], "a list, and not tensors"),
        ({"state_dict": {}}, "0 tensors"),
        ({"a": 1}, "0 tensors"),
        ({"a": torch.ones(2, dtype=torch.complex64)}, "'a' of complex64"),
        ({"a": torch.ones(2, device="meta")}, "'a' of float32"),
        ({"a": torch.ones(2, 2).to_sparse()}, "'a' of float32"),
        ({"a": torch.ones(1).expand(10**12)}, "larger than the file"),
    ],
)
def test_what_holds_no_weights_is_refused(path: Path, content: object, said: str) -> None:
    assert said in refusal(saved(path, content))


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_that_is_cut_short_anywhere_is_refused(path: Path, zipped: bool) -> None:
    whole = saved(path, WEIGHTS, zipped=zipped).read_bytes()
    for end in (2, 3, 9, len(whole) // 3, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:end])
        refusal(path)


class Claim:
    """A tensor that says of itself, and of the storage that it is in, what is not so."""

    def __init__(self, shape: tuple[int, ...], stride: tuple[int, ...], claimed: int, offset: int = 0) -> None:
        self.shape, self.stride, self.claimed, self.offset = shape, stride, claimed, offset

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        hooks: OrderedDict[str, Any] = OrderedDict()
        return REBUILD, (Storage(self.claimed), self.offset, self.shape, self.stride, False, hooks)


class Storage:
    """The numbers of a tensor."""

    def __init__(self, claimed: int) -> None:
        self.claimed = claimed


class Pickler(pickle.Pickler):
    def persistent_id(self, obj: object) -> object:
        return ("storage", torch.FloatStorage, "0", "cpu", obj.claimed) if isinstance(obj, Storage) else None


def forged(path: Path, claim: Claim, compression: int = zipfile.ZIP_STORED, numbers: int = 6) -> Path:
    """A file like PyTorch's, with one tensor and its numbers, all of them 0."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        with archive.open("x/data.pkl", "w") as file:
            Pickler(file, 2).dump({"a": claim})
        archive.writestr("x/byteorder", "little")
        archive.writestr("x/data/0", bytes(4 * numbers))
        archive.writestr("x/version", "3\n")
    return path


def test_what_is_forged_honestly_is_read(path: Path) -> None:
    assert torch.equal(open_weights(forged(path, Claim((2, 3), (3, 1), 6))).tensor("a"), torch.zeros(2, 3))


@pytest.mark.parametrize(
    "claim",
    [
        Claim((10**11,), (1,), 10**11),
        Claim((10**11,), (1,), 6),
        Claim((10**11,), (0,), 6),
        Claim((7,), (1,), 6),
        Claim((2, 3), (3, 1), 6, offset=10**11),
        Claim((2, 3), (3, 1), 6, offset=-6),
        Claim((2, 3), (-3, 1), 6),
        Claim((-2, -3), (3, 1), 6),
        Claim((2, 3), (3, 1), -6),
        Claim((2**62, 4), (4, 1), 6),
    ],
)
def test_a_tensor_that_claims_more_than_there_is_is_refused(path: Path, claim: Claim) -> None:
    refusal(forged(path, claim))


def test_a_compressed_file_is_refused_unread(path: Path) -> None:
    forged(path, Claim((2, 3), (3, 1), 6), zipfile.ZIP_DEFLATED, numbers=4 << 20)
    assert path.stat().st_size < 1 << 20
    assert "compressed" in refusal(path)


def test_a_program_of_torchscript_is_no_weights(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x/constants.pkl", b"x")
    assert "TorchScript" in refusal(path)


def test_a_list_of_contents_that_is_too_long_is_refused_unread(path: Path) -> None:
    # The end of a zip, which says: the list of contents has 20 MB and begins at 8.
    end = b"PK\5\6" + bytes(8) + (20 << 20).to_bytes(4, "little") + (8).to_bytes(4, "little") + bytes(2)
    path.write_bytes(b"PK\3\4" + b"\xff" * 4 + bytes(20 << 20) + end)
    tracemalloc.start()
    try:
        assert "more than" in refusal(path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(tmp_path_factory.mktemp("fuzzed") / "whole.ckpt", {"state_dict": WEIGHTS, "global_step": 1})


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
@given(data=st.data())
@pytest.mark.filterwarnings("ignore")
def test_a_damaged_pickle_is_read_or_refused(data: st.DataObject, fuzzed: Path) -> None:
    content = bytearray(fuzzed.read_bytes())
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=4)):
        content[place] = data.draw(st.integers(0, 255))
    path = fuzzed.with_name("damaged.ckpt")
    path.write_bytes(content)
    tensors: list[Tensor] = []
    try:
        weights = open_weights(path)
        tensors = [weights.tensor(key) for key in weights.header.shapes]
    except BadCheckpoint:
        return
    assert sum(tensor.nbytes for tensor in tensors) <= len(content)
