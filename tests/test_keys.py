"""Canonical bytes: different for different values, the same in every process."""

import math
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodegraph.keys import Unkeyable, canonical, key_of

DISTINCT: list[Any] = [
    None, True, False, 0, 1, -1, 2**53 - 1, 2**53, 2**53 + 1, 0.0, -0.0, 1.0, math.inf, -math.inf, float(2**53),
    "", "1", "é", "e\u0301", b"", b"1", (), ((),), (1,), (1, 2), ((1,), 2), (1, (2,)), ("1", "2"), ("12",), ("1,2",),
    (None,), (True,), (1.0,), "i1:1", ("s", "1:1"), 5e-324, "\ud800",
]  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner).map(tuple),
)


def tagged(value: Any) -> Any:
    """A value that is equal to another only if type, sign and order are."""
    if isinstance(value, tuple):
        return tuple(tagged(item) for item in value)  # pyright: ignore[reportUnknownVariableType] -- any tuple
    return type(value), struct.pack(">d", value) if isinstance(value, float) else value


def test_values_that_python_takes_for_equal_differ() -> None:
    assert len({canonical(value) for value in DISTINCT}) == len(DISTINCT)


@settings(max_examples=500)
@given(VALUES, VALUES)
def test_different_values_have_different_bytes(first: Any, second: Any) -> None:
    assert (canonical(first) == canonical(second)) == (tagged(first) == tagged(second))


@given(VALUES, VALUES)
def test_no_value_begins_with_the_bytes_of_another(first: Any, second: Any) -> None:
    if tagged(first) != tagged(second):
        assert not canonical(first).startswith(canonical(second))


def test_a_list_and_a_tuple_are_one_value() -> None:
    assert canonical([1, [2]]) == canonical((1, (2,)))


@pytest.mark.parametrize(
    "value", [math.nan, {1}, {"a": 1}, object(), Path("a"), 1j, (1, math.nan), type("S", (str,), {})()]
)
def test_what_has_no_defined_bytes_is_refused(value: object) -> None:
    with pytest.raises(Unkeyable):
        canonical(value)


def test_depth_does_not_matter() -> None:
    value: Any = ()
    for _ in range(100_000):
        value = (value,)
    assert canonical(value)


def test_the_parts_of_a_key_are_kept_apart() -> None:
    assert key_of([b"ab", b"c"]) != key_of([b"a", b"bc"])
    assert key_of([b"ab", b""]) != key_of([b"ab"])


@pytest.mark.parametrize("seed", ["0", "1", "random"])
def test_keys_are_the_same_in_every_process(seed: str) -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from tests.test_keys import DISTINCT, canonical, key_of; "
        "print(key_of(map(canonical, DISTINCT)))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    command = [sys.executable, "-c", program, str(Path(__file__).parents[1])]
    assert subprocess.check_output(command, text=True, env=environment).strip() == key_of(map(canonical, DISTINCT))
