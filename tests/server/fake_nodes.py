"""A pack of nodes that misbehave in every way a worker must survive, without torch."""

import os
import signal
import struct
import sys
import time
import zlib
from pathlib import Path
from typing import Annotated, Literal

from nodegraph import Artifact, BadInput, Document, File, Multiline, Progress, Range, SaveName, Steps, node

Long = Annotated[int, Range(0, 1_000_000)]


class Glimpse:
    """A preview of some bytes that need not be a picture."""

    def __init__(self, size: int) -> None:
        self.size = size

    def encode(self) -> tuple[bytes, str]:
        return b"\xff\xd8" + bytes(self.size), "image/jpeg"


class Riddle:
    """A value that is described well, badly, or not at all."""

    def __init__(self, how: str) -> None:
        self.how = how

    def peek(self) -> object:
        described: dict[str, object] = {
            "well": ((("answer", "42"),), png({}), [3.0, 1.0]),
            "at length": ((("x" * 1000, "\ud800" * 1000),) * 100, bytes(1 << 20), [0.0] * 100_000),
            "no tuple": 42,
        }
        if self.how == "exit":
            sys.exit(3)
        if self.how not in described:
            raise ValueError(f"\ud800 nobody knows: {__file__}")
        return described[self.how]


@node("Number", category="numbers")
def number(value: int = 1) -> int:
    """A whole number."""
    return value


@node("Add", category="numbers")
def add(a: int, b: int = 10) -> int:
    """The sum of two numbers."""
    return a + b


@node("Text", category="texts")
def text(text: Annotated[str, Multiline()] = "", name: str = "") -> str:
    """Some text."""
    return text + name


@node("Read", category="texts")
def read(name: Annotated[Path, File("input")]) -> str:
    """The text in a file."""
    return name.read_text()


@node("Sleep", category="numbers")
def sleep(value: int = 0, seconds: float = 0.1, steps: Long = 1, preview: int = 0) -> Steps[int]:
    """Sleep, step by step."""
    for step in range(steps):
        time.sleep(seconds / steps)
        yield Progress(step + 1, steps, Glimpse(preview) if preview else None)
    return value


@node("Ask", category="faults")
def ask(how: Literal["well", "at length", "no tuple", "error", "exit"] = "well") -> Riddle:
    """A value to be looked at."""
    return Riddle(how)


@node("Hang", category="faults")
def hang(value: int = 0) -> int:
    """Never return."""
    while True:
        time.sleep(60)


@node("Allocate", category="faults")
def allocate(value: int = 0, limit_mb: int = 512) -> int:
    """Take memory until there is no more: more than this process may have."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (limit_mb << 20, hard))
    try:
        held: list[bytearray] = []
        while True:
            held.append(bytearray(16 << 20))
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@node("Kill", category="faults")
def kill(value: int = 0, how: Literal["SIGKILL", "SIGSEGV", "SIGSTOP", "exit"] = "SIGKILL") -> int:
    """End this process."""
    if how == "exit":
        os._exit(7)
    os.kill(os.getpid(), signal.Signals[how])
    time.sleep(60)
    return value


@node("Raise", category="faults")
def fail(value: int = 0, how: Literal["fault", "refusal", "path", "long"] = "fault") -> int:
    """Fail in one way or another."""
    faults: dict[str, Exception] = {
        "fault": ValueError("the value is odd"),
        "refusal": BadInput("expected an even value, got 3", hint="add one"),
        "path": FileNotFoundError(2, "No such file or directory", __file__),
        "long": ValueError("x" * 1_000_000),
    }
    raise faults[how]


@node("Save", category="output", effect=True)
def save(
    value: int,
    document: Document,
    filename_prefix: Annotated[Path, SaveName()] = Path("toy"),
    batch_size: Annotated[int, Range(1, 1000)] = 1,
) -> tuple[Artifact, ...]:
    """Save one-pixel pictures that carry their workflow."""
    filename_prefix.parent.mkdir(parents=True, exist_ok=True)
    paths = [
        filename_prefix.with_name(f"{filename_prefix.name}_{number:05}_.png") for number in range(1, batch_size + 1)
    ]
    for path in paths:
        path.write_bytes(png({"value": str(value), "nodegraph": document.text(), **document.texts}))
    return tuple(Artifact(path) for path in paths)


@node("Shout", category="output", effect=True)
def shout(text: str) -> None:
    """Print some text, and put it on standard error."""
    print(text)  # noqa: T201 -- what nodes print is what this is for
    sys.stderr.write(text)


@node("Keep", category="output", effect=True)
def keep(value: int) -> None:
    """Do nothing with a number: a target that writes no file."""


def png(texts: dict[str, str]) -> bytes:
    """A picture of one black pixel with some text chunks."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    said = [chunk(b"iTXt", f"{key}\0\0\0\0\0{text}".encode()) for key, text in texts.items()]
    body = chunk(b"IDAT", zlib.compress(b"\0\0"))
    return b"".join((b"\x89PNG\r\n\x1a\n", header, *said, body, chunk(b"IEND", b"")))


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
