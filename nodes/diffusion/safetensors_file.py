"""Safetensors files: the header checked before anything trusts it, tensors mapped into memory, whole files written."""

import errno
import json
import math
import mmap
import os
import re
import stat
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol
from weakref import WeakValueDictionary

import torch
from safetensors.torch import save
from torch import Tensor

# A header takes up to ten times its bytes of memory while it is read; the longest are of megabytes of training notes.
LONGEST = 6 << 20
MOST_TENSORS = 16_384
MOST_DIMENSIONS = 8
LONGEST_NOTE = 1 << 20  # characters of JSON in a text of the metadata
# What may stand in a header how often, outside of its texts.
MOST_QUOTES = 12 * MOST_TENSORS
MOST_SIGNS = {b"{": MOST_TENSORS + 2, b"[": 2 * MOST_TENSORS, b",": (MOST_DIMENSIONS + 4) * MOST_TENSORS}
TEXT = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\Z)', re.DOTALL)
WIDTHS = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1,
    "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "U16": 2, "U32": 4, "U64": 8, "BOOL": 1,
}  # fmt: skip
TYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2,
    "I64": torch.int64, "I32": torch.int32, "I16": torch.int16, "I8": torch.int8,
    "U8": torch.uint8, "U16": torch.uint16, "U32": torch.uint32, "U64": torch.uint64, "BOOL": torch.bool,
}  # fmt: skip
PICKLES = (b"PK", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
PICKLE_REFUSED = (
    "this is a pickle (.ckpt, .pt, .bin), which can run code: convert it to safetensors, "
    "or have its tensors alone read with --allow-pickle"
)


class BadCheckpoint(ValueError):
    """A file that is not a whole, honest checkpoint; the message names the file and what is wrong with it."""


@dataclass(frozen=True)
class Header:
    """Names, shapes and types of the tensors of a file, and its metadata."""

    shapes: dict[str, tuple[int, ...]]
    dtypes: dict[str, str]
    metadata: dict[str, str]
    begins: dict[str, int]


class Weights(Protocol):
    """The tensors of a file, whatever its format, by their keys; `name` is the file's, for messages."""

    name: str
    header: Header

    def tensor(self, key: str) -> Tensor:
        """A tensor of the file; it is not read before it is looked at."""
        ...


# The start of a mapping in memory → the mapping, as long as some tensor of it is in use.
_mappings: WeakValueDictionary[int, mmap.mmap] = WeakValueDictionary()


class SafetensorsFile:
    """A file whose tensors are mapped into memory: they take none until they are read, and can be let go again.

    What is mapped must not be cut short by others: reading what is not there any more ends the process.
    """

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self.header = read_header(path)
        try:
            with open_regular(path) as file:
                # Private and writable, as PyTorch wants memory to be; nobody writes to it.
                mapping = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        except (OSError, ValueError) as error:
            raise BadCheckpoint(f"{path.name}: cannot be read: {error}") from error
        self._bytes = torch.frombuffer(mapping, dtype=torch.uint8)
        _mappings[self._bytes.data_ptr()] = mapping
        last = max((self.header.begins[key] + self._size(key) for key in self.header.shapes), default=0)
        if last > len(mapping):
            raise BadCheckpoint(f"{path.name}: it became shorter while it was read")

    def _size(self, key: str) -> int:
        return math.prod(self.header.shapes[key]) * WIDTHS[self.header.dtypes[key]]

    def tensor(self, key: str) -> Tensor:
        begin, dtype = self.header.begins[key], TYPES[self.header.dtypes[key]]
        piece = self._bytes[begin : begin + self._size(key)]
        if piece.numel() == 0:
            return torch.empty(self.header.shapes[key], dtype=dtype)
        if begin % dtype.itemsize:
            piece = piece.clone()
        return piece.view(dtype).reshape(self.header.shapes[key])


def let_go(tensor: Tensor) -> None:
    """Give the memory of a tensor back where it is mapped from a file: it is read again when it is looked at again."""
    mapping = _mappings.get(tensor.untyped_storage().data_ptr()) if tensor.device.type == "cpu" else None
    if mapping is None or not hasattr(mmap, "MADV_DONTNEED"):
        return
    begin = int(tensor.storage_offset()) * tensor.itemsize
    first, end = -(-begin // mmap.PAGESIZE), (begin + tensor.nbytes) // mmap.PAGESIZE
    if first < end and tensor.is_contiguous():
        mapping.madvise(mmap.MADV_DONTNEED, first * mmap.PAGESIZE, (end - first) * mmap.PAGESIZE)


def whole(tensor: Tensor) -> bool:
    """Whether what a tensor is mapped from is still as long as it was; of others, always."""
    mapping = _mappings.get(tensor.untyped_storage().data_ptr()) if tensor.device.type == "cpu" else None
    return mapping is None or mapping.size() >= len(mapping)


def open_regular(path: Path) -> BinaryIO:
    """A file opened for reading; OSError where it is none, such as a pipe, for which one would wait, or a device."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    return path.open("rb", buffering=0)


def read_header(path: Path) -> Header:
    """Read and check a header; BadCheckpoint for anything that the file does not keep its word on.

    Only the header is read, at most 6 MiB of it.
    """
    try:
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            start = file.read(8)
            length = int.from_bytes(start, "little")
            if len(start) < 8 or length > min(LONGEST, size - 8):
                raise BadCheckpoint(f"{path.name}: {_why_not(start, length, size)}")
            text = file.read(length)
    except OSError as error:
        raise BadCheckpoint(f"{path.name}: cannot be read: {error.strerror or error}") from error
    if not text.startswith(b"{"):
        raise BadCheckpoint(f"{path.name}: not a safetensors file")
    if _is_too_much(text):
        raise BadCheckpoint(f"{path.name}: its header has more in it than {MOST_TENSORS} tensors need")
    try:
        entries = json.loads(text, object_pairs_hook=_table)
    except (ValueError, RecursionError) as error:
        raise BadCheckpoint(f"{path.name}: the header is not JSON: {error}") from error
    return _checked(path, entries, size, size - 8 - length)


def _is_too_much(text: bytes) -> bool:
    """Whether a header has so many texts, lists or tables in it that, once read, they would fill the memory."""
    if text.count(b'"') - text.count(b'\\"') > MOST_QUOTES:
        return True
    bare = TEXT.sub(b"", text)
    return any(bare.count(sign) > most for sign, most in MOST_SIGNS.items())


def _table(pairs: list[tuple[str, object]]) -> dict[str, object]:
    table = dict(pairs)
    if len(table) < len(pairs):
        key, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise ValueError(f"the key {shortened(key)} stands in it more than once")
    return table


def _why_not(start: bytes, length: int, size: int) -> str:
    if start[:2] in PICKLES:  # asked only of files that are refused: the length of an honest header may begin like this
        return PICKLE_REFUSED
    if len(start) == 8 and LONGEST < length <= size - 8:
        return f"its header claims {length} bytes, more than {LONGEST}"
    return f"the file has {size} bytes, its header claims {length}: cut short, or no safetensors file"


def _checked(path: Path, entries: dict[str, object], size: int, data: int) -> Header:
    metadata = entries.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise BadCheckpoint(f"{path.name}: its metadata is not a table of texts")
    if len(entries) > MOST_TENSORS:
        raise BadCheckpoint(f"{path.name}: {len(entries)} tensors, more than {MOST_TENSORS}")
    shapes: dict[str, tuple[int, ...]] = {}
    dtypes: dict[str, str] = {}
    begins: dict[str, int] = {}
    spans: list[tuple[int, int, str]] = []
    for name, entry in entries.items():
        dtype, shape, (begin, end) = _entry(path, name, entry)
        if not 0 <= begin <= end <= data or end - begin != math.prod(shape) * WIDTHS[dtype]:
            place = f"cannot be bytes {begin} to {end} of {data}"
            raise BadCheckpoint(f"{path.name}: tensor {shortened(name)} of {dtype}{list(shape)} {place}")
        shapes[name], dtypes[name], begins[name] = shape, dtype, size - data + begin
        spans.append((begin, end, name))
    _check_places(path, sorted(spans), data)
    return Header(shapes, dtypes, metadata, begins)


def _entry(path: Path, name: str, entry: object) -> tuple[str, tuple[int, ...], tuple[int, int]]:
    if isinstance(entry, dict):
        dtype, shape, place = entry.get("dtype"), _sizes(entry.get("shape")), _sizes(entry.get("data_offsets"))
        known = isinstance(dtype, str) and dtype in WIDTHS
        if known and shape is not None and len(shape) <= MOST_DIMENSIONS and place is not None and len(place) == 2:
            return str(dtype), shape, (place[0], place[1])
    raise BadCheckpoint(f"{path.name}: tensor {shortened(name)} has no known dtype, shape and place")


def shortened(name: str) -> str:
    """A key of a file for a message: quoted, what cannot be printed escaped, and cut where it is long."""
    return repr(name if len(name) <= 120 else f"{name[:117]}...")


def parsed_note(text: str) -> object:
    """JSON in the metadata of a file; ValueError for what is none, or so much that it would fill the memory."""
    if len(text) > LONGEST_NOTE:
        raise ValueError(f"it has {len(text)} characters, more than {LONGEST_NOTE}")
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _sizes(value: object) -> tuple[int, ...] | None:
    if isinstance(value, list) and all(type(item) is int and 0 <= item < 2**48 for item in value):
        return tuple(value)
    return None


def _check_places(path: Path, spans: list[tuple[int, int, str]], data: int) -> None:
    """BadCheckpoint unless every byte of the data is of one tensor."""
    known, before = 0, ""
    for begin, end, name in spans:
        if begin < known:
            raise BadCheckpoint(f"{path.name}: tensors {shortened(before)} and {shortened(name)} overlap")
        if begin > known:
            raise BadCheckpoint(f"{path.name}: before tensor {shortened(name)} are {begin - known} bytes of none")
        known, before = end, name
    if known < data:
        raise BadCheckpoint(f"{path.name}: after its last tensor are {data - known} bytes of none")


def write_safetensors(tensors: dict[str, Tensor], path: Path, metadata: dict[str, str] | None = None) -> None:
    """Write tensors to a file whole or not at all; OSError if there is no room."""
    write_bytes(save(tensors, metadata), path)


def write_bytes(content: bytes, path: Path) -> None:
    """Write a file whole or not at all."""
    with written_whole(path) as file:
        file.write(content)


@contextmanager
def written_whole(path: Path) -> Generator[BinaryIO]:
    """A file to write to that becomes `path` at the end: written beside it, flushed to the disk, then renamed.

    Where something goes wrong meanwhile, `path` stays as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
