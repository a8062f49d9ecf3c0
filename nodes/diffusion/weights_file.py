"""Files of weights in any format, told by their first bytes: safetensors, and pickles where they are allowed.

A pickle is a program. Of one that is allowed only that is run which PyTorch calls weights: it makes tensors, numbers,
texts and containers of these.
"""

import io
import os
import re
import zipfile
from contextlib import nullcontext
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from .safetensors_file import (
    LONGEST,
    MOST_TENSORS,
    PICKLE_REFUSED,
    PICKLES,
    TYPES,
    BadCheckpoint,
    Header,
    SafetensorsFile,
    open_regular,
    shortened,
)

ALLOWED = "NODEGRAPH_ALLOW_PICKLE"  # an environment variable, so that it reaches processes that are started
TABLES = ("state_dict", "string_to_param")  # under which a checkpoint, and a textual inversion, keep their tensors
NAMES = {dtype: name for name, dtype in TYPES.items()}
UNKNOWN_CLASS = re.compile(r"GLOBAL (\S+)")


class PickleFile:
    """The tensors of a pickle (.ckpt, .pt, .pth, .bin), as a SafetensorsFile has them.

    They are those of its `state_dict`, or of the file itself where it has none; a lone tensor has the key "". What is
    no tensor is passed over. Numbers and texts beside the `state_dict` are the metadata.
    """

    def __init__(self, path: Path) -> None:
        self.name = path.name
        content = read_pickle(path)
        if isinstance(content, Tensor):
            content = {"": content}
        if not isinstance(content, dict):
            raise BadCheckpoint(f"{self.name}: it holds a {type(content).__name__}, and not tensors by their names")
        entries = cast("dict[object, object]", content)
        table = next((inner for name in TABLES if isinstance(inner := entries.get(name), dict)), entries)
        self._tensors = {key: each for key, each in _named(table) if isinstance(each, Tensor)}
        if not 0 < len(self._tensors) <= MOST_TENSORS:
            raise BadCheckpoint(f"{self.name}: it holds {len(self._tensors)} tensors, not 1 to {MOST_TENSORS}")
        size = path.stat().st_size
        for key, tensor in self._tensors.items():
            self._check(key, tensor, size)
        self.header = Header(
            shapes={key: tuple(tensor.shape) for key, tensor in self._tensors.items()},
            dtypes={key: NAMES[tensor.dtype] for key, tensor in self._tensors.items()},
            metadata={key: str(each) for key, each in _named(entries) if isinstance(each, str | int | float)},
            begins={},
        )

    def _check(self, key: str, tensor: Tensor, size: int) -> None:
        kind = f"{str(tensor.dtype).removeprefix('torch.')}{list(tensor.shape)}"
        if tensor.layout is not torch.strided or tensor.device.type != "cpu" or tensor.dtype not in NAMES:
            raise BadCheckpoint(f"{self.name}: tensor {shortened(key)} of {kind} is of a kind that is not read")
        # One number may be repeated as often as it likes to claim; copying it would take that memory.
        if tensor.numel() * tensor.itemsize > size:
            raise BadCheckpoint(f"{self.name}: tensor {shortened(key)} of {kind} is larger than the file")

    def tensor(self, key: str) -> Tensor:
        return self._tensors[key].detach().contiguous()


def open_weights(path: Path) -> SafetensorsFile | PickleFile:
    """The weights of a file, whatever its name says; BadCheckpoint for what is neither, and for pickles if refused."""
    return PickleFile(path) if is_pickle(path) else SafetensorsFile(path)


def is_pickle(path: Path) -> bool:
    """Whether a file begins as a pickle or a zip of one does, and cannot be a safetensors file."""
    try:
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            start = file.read(8)
    except OSError:
        return False
    # The length of a safetensors header may be of the same bytes; but then the file is long enough for it.
    return start[:2] in PICKLES and int.from_bytes(start, "little") > min(LONGEST, size - 8)


def read_pickle(path: Path) -> object:
    """What a pickle holds, its tensors mapped into memory where it is a zip.

    BadCheckpoint unless pickles are allowed, and for one that is damaged or holds more than weights.
    """
    if os.environ.get(ALLOWED) != "1":
        raise BadCheckpoint(f"{path.name}: {PICKLE_REFUSED}")
    try:
        zipped = _is_zip(path)
        # PyTorch takes a file for safetensors if it is named so, but not one that is open; that cannot be mapped.
        misnamed = path.suffix == ".safetensors"
        with path.open("rb") if misnamed else nullcontext(path) as source:
            return torch.load(source, map_location="cpu", weights_only=True, mmap=zipped and not misnamed)
    except BadCheckpoint:
        raise
    except Exception as error:  # a damaged pickle may raise anything
        raise BadCheckpoint(f"{path.name}: {_reason(error)}") from error


class _Sparing(io.FileIO):
    """A file of which not too much is read at once, whatever it claims about its own parts."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > LONGEST:
            raise zipfile.BadZipFile(f"its list of contents claims {size} bytes, more than {LONGEST}")
        return super().read(size)


def _is_zip(path: Path) -> bool:
    """Whether a pickle is a zip; BadCheckpoint for one whose parts are not plain bytes of the file."""
    with _Sparing(path) as file:
        if file.read(2) != b"PK":
            return False
        with zipfile.ZipFile(cast("Any", file)) as archive:
            parts = archive.infolist()
    if any(part.filename.endswith("/constants.pkl") for part in parts):
        raise BadCheckpoint(f"{path.name}: this is a TorchScript program, and not weights")
    for part in parts:
        shown = shortened(part.filename)
        if part.compress_type != zipfile.ZIP_STORED or part.file_size != part.compress_size:
            raise BadCheckpoint(f"{path.name}: its part {shown} is compressed, which those of weights never are")
        if part.filename.endswith(".pkl") and part.file_size > LONGEST:
            raise BadCheckpoint(f"{path.name}: its part {shown} has {part.file_size} bytes, more than {LONGEST}")
    return True


def _named(table: dict[Any, Any]) -> list[tuple[str, object]]:
    return [(key, value) for key, value in table.items() if isinstance(key, str)]


def _reason(error: Exception) -> str:
    unknown = UNKNOWN_CLASS.search(str(error))
    if unknown:
        return (
            f"it holds {shortened(unknown[1])}, which is no weight and could run code; it is not read, "
            "so convert the file to safetensors with the program that made it"
        )
    said = str(error).strip().partition("\n")[0][:200]
    return f"cut short or damaged ({type(error).__name__}: {said})"
