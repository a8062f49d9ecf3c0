"""Headers of safetensors files that lie, and files that end too early: each is refused in words, never with a crash."""

import json
import pickle
import tracemalloc
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from nodes.diffusion.checkpoint import load_checkpoint
from nodes.diffusion.safetensors_file import LONGEST, MOST_TENSORS, BadCheckpoint, read_header, write_safetensors
from tests.diffusion.checkpoints import CPU, header_of, with_header


def refusal(path: Path, content: bytes | None = None) -> str:
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadCheckpoint) as caught:
        read_header(path)
    message = str(caught.value)
    assert message.startswith(path.name)
    assert len(message) < 600
    return message


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file.safetensors"


def entry(dtype: object = "F32", shape: object = (2,), offsets: object = (0, 8)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


def test_what_was_written_is_read(path: Path) -> None:
    write_safetensors({"a": torch.zeros(2, 3), "b": torch.zeros((), dtype=torch.int64)}, path, {"about": "it"})
    header = read_header(path)
    assert (header.shapes, header.dtypes) == ({"a": (2, 3), "b": ()}, {"a": "F32", "b": "I64"})
    assert header.metadata == {"about": "it"}
    begin = path.stat().st_size - 32  # the data: eight bytes and six times four, in an order of the writer's choice
    assert sorted(header.begins.values()) in ([begin, begin + 8], [begin, begin + 24])


@pytest.mark.parametrize("first", [b"\x80\x02", b"PK"])
def test_a_length_that_looks_like_the_start_of_a_pickle_is_no_pickle(first: bytes, path: Path) -> None:
    text = json.dumps({"a": entry()}).encode()
    length = int.from_bytes(first, "little")
    path.write_bytes(with_header(text + b" " * (length - len(text)), bytes(8)))
    assert read_header(path).shapes == {"a": (2,)}


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_pickle_with_another_name_is_refused_with_advice(protocol: int, path: Path) -> None:
    assert "convert it" in refusal(path, pickle.dumps({"state_dict": [0] * 9}, protocol))


def test_a_zipped_pickle_with_another_name_is_refused_with_advice(path: Path) -> None:
    torch.save({"state_dict": {"a": torch.zeros(1)}}, path)
    assert zipfile.is_zipfile(path)
    assert "convert it" in refusal(path)


def test_a_file_that_is_cut_short_anywhere_is_refused(tiny_file: Path, path: Path) -> None:
    whole = tiny_file.read_bytes()
    begin = 8 + int.from_bytes(whole[:8], "little")
    for end in (0, 1, 7, 8, 9, begin // 2, begin - 1, begin, begin + 1, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:end])
        with pytest.raises(BadCheckpoint):
            load_checkpoint(path, CPU)


def test_a_file_with_more_at_its_end_is_refused(tiny_file: Path, path: Path) -> None:
    path.write_bytes(tiny_file.read_bytes() + b"more")
    with pytest.raises(BadCheckpoint):
        load_checkpoint(path, CPU)


def test_a_gap_between_tensors_is_refused(tiny_file: Path, path: Path) -> None:
    header, data = header_of(tiny_file.read_bytes())
    last = max((name for name in header if name != "__metadata__"), key=lambda name: header[name]["data_offsets"][1])
    header[last]["data_offsets"] = [offset + 4 for offset in header[last]["data_offsets"]]
    path.write_bytes(with_header(header, data + bytes(4)))
    with pytest.raises(BadCheckpoint):
        load_checkpoint(path, CPU)


@pytest.mark.parametrize("length", [9, 10**6, 2**31, 2**63, 2**64 - 1])
def test_a_length_beyond_the_file_is_refused(length: int, path: Path) -> None:
    assert "cut short" in refusal(path, length.to_bytes(8, "little") + b"{}")


def test_a_header_of_100_megabytes_is_refused_unread(path: Path) -> None:
    with path.open("wb") as file:
        file.write((100_000_000).to_bytes(8, "little") + b"{")
        file.truncate(100_000_100)
    tracemalloc.start()
    try:
        assert str(LONGEST) in refusal(path)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("text", [b"", b"[]", b"{", b"{}x", b"null", b"\xff\xfe{\x00}\x00", b'{"a": ' + b"[" * 99_999])
def test_a_header_that_is_no_json_object_is_refused(text: bytes, path: Path) -> None:
    refusal(path, with_header(text))


@pytest.mark.parametrize(
    "lie",
    [
        None, [], "F32", {}, {"dtype": "F32"},
        entry(dtype="F33"), entry(dtype=[]), entry(dtype=None), entry(dtype={}),
        entry(shape=None), entry(shape=2), entry(shape=["2"]), entry(shape=[2.0]), entry(shape=[True, 2]),
        entry(shape=[-2]), entry(shape=[-1, -2]), entry(shape=[1] * 9 + [2]), entry(shape=[2**64]),
        entry(shape=[2**47] * 8), entry(shape=[3]), entry(shape=[0]), entry(dtype="F64"), entry(shape=[2**62, 4]),
        entry(offsets=None), entry(offsets=[0]), entry(offsets=[0, 8, 8]), entry(offsets=[8, 0]),
        entry(offsets=[0, 8.0]), entry(offsets=[-8, 0]), entry(offsets=[1, 9]),
        entry(offsets=[2**63, 2**63 + 8]), entry(offsets="08"),
    ],
)  # fmt: skip
def test_a_tensor_that_cannot_be_is_named(lie: object, path: Path) -> None:
    assert "'the.tensor'" in refusal(path, with_header({"the.tensor": lie}, bytes(8)))


def test_tensors_that_overlap_are_named(path: Path) -> None:
    message = refusal(path, with_header({"a": entry(), "b": entry(offsets=[4, 12])}, bytes(12)))
    assert "'a' and 'b' overlap" in message


@pytest.mark.parametrize("metadata", [None, [], "text", {"a": 1}, {"a": {}}])
def test_metadata_that_is_no_table_of_texts_is_refused(metadata: object, path: Path) -> None:
    assert "metadata" in refusal(path, with_header({"__metadata__": metadata}))


def test_too_many_tensors_are_refused(path: Path) -> None:
    none = entry(shape=[0], offsets=[0, 0])
    for count in (MOST_TENSORS + 1, 70_000):
        assert "16384" in refusal(path, with_header({str(index): none for index in range(count)}))
    path.write_bytes(with_header({str(index): none for index in range(MOST_TENSORS)}))
    assert len(read_header(path).shapes) == MOST_TENSORS


def test_a_tensor_of_no_size_can_be_read_but_not_loaded(tiny_file: Path, path: Path) -> None:
    header, data = header_of(tiny_file.read_bytes())
    for name, shape in (("time_embed.0.weight", [2**47, 0]), ("input_blocks.0.0.weight", [0, 2**47, 3, 3])):
        changed = json.loads(json.dumps(header))
        place = changed[f"model.diffusion_model.{name}"]
        begin, end = place["data_offsets"]
        place["shape"], place["data_offsets"] = shape, [begin, begin]
        changed["other"] = entry(dtype="U8", shape=[end - begin], offsets=[begin, end])
        path.write_bytes(with_header(changed, data))
        assert read_header(path).shapes[f"model.diffusion_model.{name}"] == tuple(shape)
        with pytest.raises(BadCheckpoint):
            load_checkpoint(path, CPU)


@pytest.mark.parametrize("name", ["\ud800", "a\nb\x1b[2J", "x" * 10_000, "\u202eabc"])
def test_names_are_shown_so_that_any_terminal_can_print_them(name: str, path: Path) -> None:
    message = refusal(path, with_header({name: None}))
    assert message.encode().isascii()
    assert message.isprintable()


def test_a_file_that_is_gone_and_a_folder_are_refused(tmp_path: Path) -> None:
    assert "cannot be read" in refusal(tmp_path / "gone.safetensors")
    assert "cannot be read" in refusal(tmp_path)


SIZES = st.one_of(st.integers(-2, 40), st.sampled_from([2**31, 2**47, 2**48, 2**64, 10**30]))
NUMBERS = st.one_of(st.lists(SIZES, max_size=10), st.none(), st.text(max_size=3), st.floats())
DTYPES = st.sampled_from(["F32", "F16", "I64", "BOOL", "X", 1, None])
VALUES = st.none() | st.booleans() | st.floats() | st.text(max_size=4)
ENTRIES = st.one_of(
    st.fixed_dictionaries({"dtype": DTYPES, "shape": NUMBERS, "data_offsets": NUMBERS}),
    st.recursive(VALUES, lambda inner: st.lists(inner, max_size=3)),
)
HEADERS = st.dictionaries(st.one_of(st.text(max_size=8), st.just("__metadata__")), ENTRIES, max_size=6)


def either_a_header_or_a_refusal(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    try:
        header = read_header(path)
    except BadCheckpoint:
        return
    assert header.shapes.keys() == header.dtypes.keys()
    assert 8 + int.from_bytes(content[:8], "little") <= len(content)


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzzed") / "file.safetensors"


@given(header=HEADERS, data=st.binary(max_size=64))
@example(header={"a": {"dtype": [], "shape": [1], "data_offsets": [0, 4]}}, data=bytes(4))
def test_any_json_gives_a_header_or_a_refusal(header: dict[str, Any], data: bytes, fuzzed: Path) -> None:
    either_a_header_or_a_refusal(fuzzed, with_header(header, data))


@given(content=st.binary(max_size=200))
def test_any_bytes_give_a_header_or_a_refusal(content: bytes, fuzzed: Path) -> None:
    either_a_header_or_a_refusal(fuzzed, content)


@given(data=st.data())
def test_a_damaged_file_loads_or_is_refused(data: st.DataObject, tiny_file: Path, fuzzed: Path) -> None:
    content = bytearray(tiny_file.read_bytes())
    end = 8 + int.from_bytes(content[:8], "little")
    for place in data.draw(st.lists(st.integers(0, end - 1), min_size=1, max_size=4)):
        content[place] = data.draw(st.integers(0, 255))
    fuzzed.write_bytes(content)
    with suppress(BadCheckpoint):
        load_checkpoint(fuzzed, CPU)
