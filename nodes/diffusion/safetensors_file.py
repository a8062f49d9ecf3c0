"""Safetensors files: the header checked before the library or any allocation trusts it, and whole files written."""

import json
import math
import os
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from safetensors.torch import save
from torch import Tensor

LONGEST = 16 << 20
MOST_TENSORS = 65_536
MOST_DIMENSIONS = 8
WIDTHS = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1,
    "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "U16": 2, "U32": 4, "U64": 8, "BOOL": 1,
}  # fmt: skip
PICKLES = (b"PK", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")


class BadCheckpoint(ValueError):
    """A file that is not a whole, honest checkpoint; the message names the file and what is wrong with it."""


@dataclass(frozen=True)
class Header:
    """Names, shapes and types of the tensors of a file, and its metadata."""

    shapes: dict[str, tuple[int, ...]]
    dtypes: dict[str, str]
    metadata: dict[str, str]


def read_header(path: Path) -> Header:
    """Read and check a header; BadCheckpoint for anything that the file does not keep its word on.

    Only the header is read, at most 16 MiB of it.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(8)
            length = int.from_bytes(start, "little")
            if len(start) < 8 or length > min(LONGEST, size - 8):
                raise BadCheckpoint(f"{path.name}: {_why_not(start, length, size)}")
            text = file.read(length)
    except OSError as error:
        raise BadCheckpoint(f"{path.name}: cannot be read: {error.strerror or error}") from error
    if not text.startswith(b"{"):
        raise BadCheckpoint(f"{path.name}: not a safetensors file")
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadCheckpoint(f"{path.name}: the header is not JSON: {error}") from error
    return _checked(path, entries, size - 8 - length)


def _why_not(start: bytes, length: int, size: int) -> str:
    if start[:2] in PICKLES:  # asked only of files that are refused: the length of an honest header may begin like this
        return "this is a pickle (.ckpt, .pt), which can run code; convert it to safetensors first"
    if len(start) == 8 and LONGEST < length <= size - 8:
        return f"its header claims {length} bytes, more than {LONGEST}"
    return f"the file has {size} bytes, its header claims {length}: cut short, or no safetensors file"


def _checked(path: Path, entries: dict[str, object], data: int) -> Header:
    metadata = entries.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise BadCheckpoint(f"{path.name}: its metadata is not a table of texts")
    if len(entries) > MOST_TENSORS:
        raise BadCheckpoint(f"{path.name}: {len(entries)} tensors, more than {MOST_TENSORS}")
    shapes: dict[str, tuple[int, ...]] = {}
    dtypes: dict[str, str] = {}
    spans: list[tuple[int, int, str]] = []
    for name, entry in entries.items():
        dtype, shape, (begin, end) = _entry(path, name, entry)
        if not 0 <= begin <= end <= data or end - begin != math.prod(shape) * WIDTHS[dtype]:
            place = f"cannot be bytes {begin} to {end} of {data}"
            raise BadCheckpoint(f"{path.name}: tensor {shortened(name)} of {dtype}{list(shape)} {place}")
        shapes[name], dtypes[name] = shape, dtype
        spans.append((begin, end, name))
    _no_overlap(path, sorted(spans))
    return Header(shapes, dtypes, metadata)


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


def _sizes(value: object) -> tuple[int, ...] | None:
    if isinstance(value, list) and all(type(item) is int and 0 <= item < 2**48 for item in value):
        return tuple(value)
    return None


def _no_overlap(path: Path, spans: list[tuple[int, int, str]]) -> None:
    for (_, end, first), (begin, _, second) in pairwise(spans):
        if begin < end:
            raise BadCheckpoint(f"{path.name}: tensors {shortened(first)} and {shortened(second)} overlap")


def write_safetensors(tensors: dict[str, Tensor], path: Path, metadata: dict[str, str] | None = None) -> None:
    """Write tensors to a file whole or not at all; OSError if there is no room."""
    write_bytes(save(tensors, metadata), path)


def write_bytes(content: bytes, path: Path) -> None:
    """Write a file whole or not at all: beside the target first, flushed to the disk, then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
