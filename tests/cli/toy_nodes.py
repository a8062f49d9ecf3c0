"""A pack of small nodes without torch, for the tests of the command line."""

import errno
import struct
import time
import zlib
from pathlib import Path
from typing import Annotated, Literal

from nodegraph import Artifact, BadInput, Document, File, Multiline, Progress, Range, SaveName, Steps, node


@node("Number", category="numbers")
def number(value: Annotated[int, Range(0, 1000)] = 1) -> int:
    """A whole number."""
    return value


@node("Add", category="numbers")
def add(a: int, b: int = 10) -> int:
    """The sum of two numbers."""
    return a + b


@node("Mix", category="numbers")
def mix(amount: float = 0.5, method: Literal["linear", "cosine"] = "linear", clamp: bool = True) -> float:
    """Mix, by a method."""
    return amount


@node("Text", category="texts")
def text(text: Annotated[str, Multiline()] = "") -> str:
    """Some text."""
    return text


@node("Read", category="texts")
def read(name: Annotated[Path, File("checkpoints")]) -> str:
    """The text in a file."""
    return name.read_text()


@node("Wait", category="numbers")
def wait(value: int, steps: int = 3, seconds: float = 0.0) -> Steps[int]:
    """Wait, step by step."""
    for step in range(steps):
        time.sleep(seconds)
        yield Progress(step + 1, steps)
    return value


@node("Fail", category="faults")
def fail(value: int, how: Literal["fault", "refusal", "memory", "full"] = "fault") -> int:
    """Fail in one way or another."""
    faults = {
        "fault": ValueError("the value is odd"),
        "refusal": BadInput("expected an even value, got 3", hint="add one"),
        "memory": MemoryError(),
        "full": OSError(errno.ENOSPC, "No space left on device", "picture.png"),
    }
    raise faults[how]


@node("Save", category="output", effect=True)
def save(
    value: int, document: Document, prefix: Annotated[Path, SaveName()] = Path("toy"), copies: int = 1
) -> tuple[Artifact, ...]:
    """Save a one-pixel picture that carries its workflow, and the number as text."""
    prefix.parent.mkdir(parents=True, exist_ok=True)
    paths = [prefix.with_name(f"{prefix.name}_{copy:05}.png") for copy in range(1, copies + 1)]
    for path in paths:
        path.write_bytes(png({"value": str(value), "nodegraph": document.text()}))
    return tuple(Artifact(path) for path in paths)


@node("Paint", category="output", effect=True)
def paint(
    value: int, prefix: Annotated[Path, SaveName()] = Path("paint"), copies: Annotated[int, Range(0, 9)] = 1
) -> tuple[Artifact, ...]:
    """Save pictures of one pixel that is as bright as a number says, and so on."""
    prefix.parent.mkdir(parents=True, exist_ok=True)
    paths = [prefix.with_name(f"{prefix.name}_{value}_{copy}.png") for copy in range(copies)]
    for copy, path in enumerate(paths):
        path.write_bytes(png({}, value + copy))
    return tuple(Artifact(path) for path in paths)


@node("Look", category="output", effect=True)
def look(value: int, prefix: Annotated[Path, SaveName("temp")] = Path("look")) -> tuple[Artifact, ...]:
    """Show a picture of one pixel that is as bright as a number says."""
    return paint(value, prefix)


def png(texts: dict[str, str], gray: int = 0) -> bytes:
    """A picture of one pixel with some text chunks."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    said = [chunk(b"iTXt", f"{key}\0\0\0\0\0{text}".encode()) for key, text in texts.items()]
    body = chunk(b"IDAT", zlib.compress(bytes((0, gray))))
    return b"".join((b"\x89PNG\r\n\x1a\n", header, *said, body, chunk(b"IEND", b"")))


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
