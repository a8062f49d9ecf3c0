"""Messages between the server and a worker, over pipes: a JSON object each, and bytes that go with it."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Mapping
from typing import Any, BinaryIO, NamedTuple

HEAD = struct.Struct(">II")  # the lengths of the JSON text and of the bytes
LARGEST = 64 << 20


class Frame(NamedTuple):
    """One message; `blob` is a preview's picture."""

    message: dict[str, Any]
    blob: bytes = b""


def packed(message: Mapping[str, Any], blob: bytes = b"") -> bytes:
    """A message as bytes."""
    text = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    return HEAD.pack(len(text), len(blob)) + text + blob


def read_frame(stream: BinaryIO) -> Frame | None:
    """The next message of a pipe; None at its end, or where it is cut."""
    head = stream.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    sizes = HEAD.unpack(head)
    body = stream.read(sum(sizes))
    return _frame(body, *sizes) if len(body) == sum(sizes) else None


async def next_frame(stream: asyncio.StreamReader) -> Frame | None:
    """As `read_frame`, for the event loop. What is larger than any message ends the stream too."""
    try:
        text, blob = HEAD.unpack(await stream.readexactly(HEAD.size))
        if text + blob > LARGEST:
            return None
        return _frame(await stream.readexactly(text + blob), text, blob)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


def _frame(body: bytes, text: int, blob: int) -> Frame:
    return Frame(json.loads(body[:text]), body[text:])
