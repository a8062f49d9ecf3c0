"""Safetensors files: the header checked before the library or any allocation trusts it, and whole files written."""

import json
import math
import os
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor

LONGEST = 16 << 20
MOST_TENSORS = 65_536
MOST_DIMENSIONS = 8
WIDTHS = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1,
    "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "U16": 2, "U32": 4, "U64": 8, "BOOL": 1,
}  # fmt: skip


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
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        length = int.from_bytes(start, "little")
        if len(start) < 8 or start[:2] in (b"PK", b"\x80\x02"):
            raise BadCheckpoint(_not_safetensors(path, start))
        if length > min(LONGEST, size - 8):
            raise BadCheckpoint(
                f"{path.name}: the file has {size} bytes, its header claims {length}: cut short, or no safetensors file"
            )
        text = file.read(length)
    if not text.startswith(b"{"):
        raise BadCheckpoint(_not_safetensors(path, start))
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadCheckpoint(f"{path.name}: the header is not JSON: {error}") from error
    return _checked(path, entries, size - 8 - length)


def _not_safetensors(path: Path, start: bytes) -> str:
    if start[:2] in (b"PK", b"\x80\x02"):
        return f"{path.name}: this is a pickle (.ckpt, .pt), which can run code; convert it to safetensors first"
    return f"{path.name}: not a safetensors file"


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
            raise BadCheckpoint(
                f"{path.name}: tensor {name!r} of {dtype}{list(shape)} cannot be bytes {begin} to {end} of {data}"
            )
        shapes[name], dtypes[name] = shape, dtype
        spans.append((begin, end, name))
    _no_overlap(path, sorted(spans))
    return Header(shapes, dtypes, metadata)


def _entry(path: Path, name: str, entry: object) -> tuple[str, tuple[int, ...], tuple[int, int]]:
    if isinstance(entry, dict) and entry.get("dtype") in WIDTHS:
        shape, offsets = entry.get("shape"), entry.get("data_offsets")
        if _sizes(shape) and len(shape) <= MOST_DIMENSIONS and _sizes(offsets) and len(offsets) == 2:
            return entry["dtype"], tuple(shape), (offsets[0], offsets[1])
    raise BadCheckpoint(f"{path.name}: tensor {name!r} has no known dtype, shape and place")


def _sizes(value: object) -> bool:
    return isinstance(value, list) and all(type(item) is int and 0 <= item < 2**48 for item in value)


def _no_overlap(path: Path, spans: list[tuple[int, int, str]]) -> None:
    for (_, end, first), (begin, _, second) in zip(spans, spans[1:], strict=False):
        if begin < end:
            raise BadCheckpoint(f"{path.name}: tensors {first!r} and {second!r} overlap")


def write_safetensors(tensors: dict[str, Tensor], path: Path, metadata: dict[str, str] | None = None) -> None:
    """Write a file whole or not at all: beside the target first, flushed to the disk, then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        save_file(tensors, partial, metadata)
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
