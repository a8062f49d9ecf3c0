"""What a value is, at a glance: a few facts, a small picture, a curve; for whoever points at a wire.

A value's type may have a method `peek()` that gives a `Peek`, or a plain tuple of its parts where it does not know the
engine. Numbers, texts and lists of numbers are described here, anything else by the name of its type.
"""

from __future__ import annotations

import base64
import math
import struct
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

from .errors import shown

MOST_FACTS, LONGEST_TEXT, MOST_POINTS = 24, 200, 256
LARGEST_SIDE, LARGEST_PICTURE = 192, 1 << 18  # pixels, bytes
PNG_START = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
PNG_SIZES = struct.Struct(">II")


class Peek(NamedTuple):
    """Facts as pairs of a name and a short text; a PNG file of at most 192 pixels a side; numbers to draw."""

    facts: Sequence[tuple[str, str]] = ()
    picture: bytes | None = None
    curve: Sequence[float] | None = None

    def to_json(self) -> dict[str, Any]:
        """As JSON data, the picture as a data URL."""
        picture = self.picture and f"data:image/png;base64,{base64.b64encode(self.picture).decode()}"
        return {"facts": [list(fact) for fact in self.facts], "curve": self.curve, "picture": picture}


def peek_at(value: object) -> Peek:
    """What a value is, within bounds: what is too much of facts, letters or points is left out, as is a large picture.

    Raises whatever the value's own `peek` raises.
    """
    own = cast("Callable[[], tuple[Any, ...]] | None", getattr(value, "peek", None))
    facts, picture, curve = _plain(value) if own is None else Peek(*own())
    return Peek(
        [(short(name), short(text)) for name, text in facts[:MOST_FACTS]],
        picture if picture and _is_small(picture) else None,
        None if curve is None else _thinned([float(number) for number in curve if _is_finite(number)]),
    )


def short(text: str) -> str:
    """A text that can be sent and shown: at most 200 characters, and no half of a surrogate pair."""
    cut = text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}…"
    return cut.encode("utf-8", "replace").decode()


def _plain(value: object) -> Peek:
    if isinstance(value, str):
        return Peek([("value", value), ("length", _counted(len(value), "character"))])
    if value is None or isinstance(value, bool | int | float):
        return Peek([("value", shown(value))])
    if isinstance(value, list | tuple):
        return _listed(cast("Sequence[object]", value))
    return Peek([("is", type(value).__name__)])


def _listed(values: Sequence[object]) -> Peek:
    length = ("length", _counted(len(values), "item"))
    numbers = [each for each in values if isinstance(each, int | float) and not isinstance(each, bool)]
    if not values or len(numbers) < len(values):
        return Peek([("is", "a list"), length])
    finite = [number for number in numbers if _is_finite(number)]
    span = [("range", f"{min(finite):.4g} … {max(finite):.4g}")] if finite else []
    return Peek([length, *span], curve=numbers)


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _is_finite(number: float) -> bool:
    # Not math.isfinite, which fails at an integer that is too large for a float.
    return -sys.float_info.max <= number <= sys.float_info.max


def _thinned(curve: list[float]) -> list[float]:
    """At most 256 of the points, evenly spread, with both ends."""
    if len(curve) <= MOST_POINTS:
        return curve
    stride = (len(curve) - 1) / (MOST_POINTS - 1)
    return [curve[math.floor(stride * place + 0.5)] for place in range(MOST_POINTS)]


def _is_small(picture: bytes) -> bool:
    """Whether this is a PNG file within the bounds, by its header."""
    if not picture.startswith(PNG_START) or not len(PNG_START) + PNG_SIZES.size <= len(picture) <= LARGEST_PICTURE:
        return False
    return max(PNG_SIZES.unpack_from(picture, len(PNG_START))) <= LARGEST_SIDE
