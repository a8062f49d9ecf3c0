"""Widgets: what a literal may be."""

import json
import math
from contextlib import suppress
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodegraph.errors import Rejected
from nodegraph.widgets import (
    WIDGETS,
    Choice,
    Color,
    File,
    Many,
    Multiline,
    Range,
    SaveName,
    Seed,
    Text,
    Toggle,
    Widget,
    widget_from_json,
)

EXAMPLES: list[tuple[Widget, list[Any], list[Any]]] = [
    (Range(1, 10, whole=True), [1, 10], [0, 11, 1.0, "1", True, None, 10**400, [], {}]),
    (Range(whole=True), [-5, 2**64], [2**64 + 1, -(2**65), 0.5, False]),
    (Range(0, 1), [0, 1, 0.5], [-0.1, 1.5, "0.5", True, math.nan, math.inf, 10**400, None]),
    (Range(min=0), [0, 1e300], [-1, -math.inf]),
    (Seed(), [0, 2**64 - 1], [-1, 2**64, 0.5, True, "7"]),
    (Toggle(), [True, False], [0, 1, "true", None]),
    (Text(), ["", "a red heart", "ü\n😀"], [1, None, "\ud800", "a" * (2**20 + 1)]),
    (Multiline(), ["a\nb"], [1, "\udfff"]),
    (Color(), ["#ff8000", "#FF8000"], ["red", "#ff80", "#ff80000", 3, "#gg0000"]),
    (Choice(("euler", "heun", 2)), ["euler", 2], ["eular", "2", 2.0, True, None]),
    (Many(Range(1, whole=True)), [[], [1, 2]], [1, [0], ["1"], [[1]], None, "12"]),
    (File("data"), [], ["../a", "a", 1, None]),
    (SaveName(), [], ["../a", "/a", 1, None]),
]
GOOD = [(widget, literal) for widget, literals, _ in EXAMPLES for literal in literals]
BAD = [(widget, literal) for widget, _, literals in EXAMPLES for literal in literals]


def test_every_widget_is_tried_here() -> None:
    assert {type(widget) for widget, _, _ in EXAMPLES} == set(WIDGETS.values())


@pytest.mark.parametrize(("widget", "literal"), GOOD)
def test_a_widget_takes_what_it_holds_and_so_does_its_schema(widget: Widget, literal: Any) -> None:
    widget.parse(literal, {})
    jsonschema.validate(literal, widget.schema())


@pytest.mark.parametrize(("widget", "literal"), BAD)
def test_a_widget_refuses_anything_else_and_says_what_it_expects(widget: Widget, literal: Any) -> None:
    with pytest.raises(Rejected, match=r"expected .*, got "):
        widget.parse(literal, {})


@pytest.mark.parametrize("widget", [widget for widget, _, _ in EXAMPLES])
@given(literal=st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists))
def test_a_widget_takes_or_refuses_any_literal_and_never_breaks(widget: Widget, literal: Any) -> None:
    with suppress(Rejected):
        widget.parse(literal, {})


@pytest.mark.parametrize("widget", [widget for widget, _, _ in EXAMPLES])
def test_a_widget_survives_json(widget: Widget) -> None:
    returned = widget_from_json(json.loads(json.dumps(widget.to_json())))
    assert json.dumps(returned.to_json()) == json.dumps(widget.to_json())
    assert type(returned) is type(widget)


def test_an_integer_for_a_number_becomes_a_float() -> None:
    value = Range().parse(1, {})
    assert (value, type(value)) == (1.0, float)


def test_a_choice_may_be_worked_out_when_it_is_declared() -> None:
    assert Choice(lambda: ["a", "b"]) == Choice(("a", "b"))


def test_a_wrong_choice_knows_the_right_words() -> None:
    with pytest.raises(Rejected) as refused:
        Choice(("euler", "heun", 3)).parse("eular", {})
    assert refused.value.words is not None
    assert list(refused.value.words()) == ["euler", "heun"]


def test_a_file_widget_gives_a_path_whose_fingerprint_is_the_content(tmp_path: Path) -> None:
    widget = File("data")
    (tmp_path / "a").write_text("one")
    (tmp_path / "b").write_text("one")
    first, second = (widget.parse(name, {"data": (tmp_path,)}) for name in "ab")
    assert first != second
    assert widget.fingerprint(first) == widget.fingerprint(second)
    (tmp_path / "b").write_text("two")
    assert widget.fingerprint(first) != widget.fingerprint(second)
