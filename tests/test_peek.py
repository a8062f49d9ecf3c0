"""What a value is at a glance: plain values, those that tell of themselves, and the bounds of what is told."""

import json
import math
import struct
from collections.abc import Sequence
from itertools import pairwise

import pytest

from nodegraph import Peek
from nodegraph.peek import PNG_START, peek_at


class Told:
    """A value that tells of itself."""

    def __init__(self, *parts: object) -> None:
        self.parts = parts

    def peek(self) -> tuple[object, ...]:
        return self.parts


def picture(width: int, height: int, size: int = 100) -> bytes:
    """The start of a PNG file, and as many bytes as it should have."""
    return (PNG_START + struct.pack(">II", width, height)).ljust(size, b"\0")


@pytest.mark.parametrize(
    ("value", "facts"),
    [
        (7, {"value": "7"}),
        (0.5, {"value": "0.5"}),
        (True, {"value": "true"}),
        (None, {"value": "null"}),
        (-(2**65), {"value": "an integer beyond 2^64"}),
        ("red", {"value": "red", "length": "3 characters"}),
        ("x", {"value": "x", "length": "1 character"}),
        ([], {"is": "a list", "length": "0 items"}),
        (["a", 1], {"is": "a list", "length": "2 items"}),
        ([True, False], {"is": "a list", "length": "2 items"}),
        (object(), {"is": "object"}),
    ],
)
def test_plain_values_are_described_by_the_engine(value: object, facts: dict[str, str]) -> None:
    peek = peek_at(value)
    assert (dict(peek.facts), peek.picture, peek.curve) == (facts, None, None)


@pytest.mark.parametrize("values", [[3, 1, 2.5], (3, 1, 2.5)])
def test_numbers_in_a_row_are_a_curve(values: Sequence[float]) -> None:
    peek = peek_at(values)
    assert peek.curve == [3.0, 1.0, 2.5]
    assert dict(peek.facts) == {"length": "3 items", "range": "1 … 3"}


def test_a_value_tells_of_itself_by_a_peek_or_a_plain_tuple() -> None:
    facts, small = (("size", "large"),), picture(192, 1)
    for told in (Told(*Peek(facts, small, (1.0, 2.0))), Told(facts, small, (1.0, 2.0))):
        assert peek_at(told) == Peek([("size", "large")], small, [1.0, 2.0])
    assert peek_at(Told(facts)) == Peek([("size", "large")], None, None)


def test_a_long_curve_is_thinned_evenly_and_keeps_its_ends() -> None:
    curve = peek_at(list(range(10_001))).curve
    assert curve is not None
    assert (len(curve), curve[0], curve[-1]) == (256, 0, 10_000)
    assert {round(after - before) for before, after in pairwise(curve)} == {39, 40}


def test_what_json_cannot_say_is_left_out() -> None:
    peek = peek_at([1.0, math.nan, math.inf, 10**400, 2.0])
    assert peek.curve == [1.0, 2.0]
    said = json.dumps(peek_at("\ud800 half").to_json(), ensure_ascii=False, allow_nan=False).encode()
    assert b"? half" in said


def test_too_much_text_is_cut() -> None:
    facts = peek_at(Told([("n" * 1000, "t" * 1000)] * 1000)).facts
    assert len(facts) == 24
    assert [(len(name), text[-2:]) for name, text in facts[:1]] == [(200, "t…")]


@pytest.mark.parametrize(
    "given", [b"", b"GIF89a", PNG_START, picture(193, 1), picture(1, 193), picture(1, 1, 1 << 20), b"<svg/>" * 20]
)
def test_a_picture_that_is_too_large_or_no_png_is_left_out(given: bytes) -> None:
    assert peek_at(Told([("a", "b")], given)) == Peek([("a", "b")], None, None)
