"""Addresses of results: type-tagged, length-prefixed bytes of everything that a result depends on, hashed."""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Iterable
from typing import Any, cast

Key = str


class Unkeyable(Exception):
    """A value of a type whose bytes are not defined. Never leaves the engine: its node is just not cached."""


def canonical(value: Any) -> bytes:
    """The bytes that stand for a value: different for different values, the same in every process.

    1, 1.0 and True differ, and 0.0 and -0.0. Unkeyable for NaN and for every type not listed here, so that two values
    are never wrongly taken for equal.
    """
    pieces: list[bytes] = []
    pending = [value]
    while pending:
        tag, body, inner = _piece(pending.pop())
        pieces.append(b"%c%d:%b" % (tag, len(body), body))
        pending.extend(reversed(inner))
    return b"".join(pieces)


def _piece(value: Any) -> tuple[bytes, bytes, tuple[Any, ...]]:
    # `type(...) is`: a subclass may mean something else by its value.
    kind = cast("type[object]", type(value))
    if kind is str:
        return b"s", value.encode("utf-8", "surrogatepass"), ()
    if kind is int:
        return b"i", b"%d" % value, ()
    if kind is float and not math.isnan(value):
        return b"f", struct.pack(">d", value), ()
    if kind is bool:
        return b"b", b"1" if value else b"0", ()
    if value is None:
        return b"n", b"", ()
    if kind is bytes:
        return b"y", value, ()
    if kind is tuple or kind is list:
        return b"t", b"%d" % len(value), tuple(value)
    raise Unkeyable(kind.__name__)


def key_of(parts: Iterable[bytes]) -> Key:
    """The hash of some parts, each prefixed with its length."""
    return hashlib.sha256(b"".join([b"%d:%b" % (len(part), part) for part in parts])).hexdigest()
