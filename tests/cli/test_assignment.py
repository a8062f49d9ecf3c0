"""`--set id.input=value`."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodegraph.catalogue import Catalogue
from nodegraph.cli.assignment import Assignment, assign, read
from nodegraph.errors import UsageError
from nodegraph.registry import Registry
from tests.cli import toy_nodes
from tests.cli.conftest import SUM

WORDS = st.text(st.characters(codec="utf-8", exclude_characters=".="), min_size=1)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Registry.from_modules(toy_nodes).catalogue()


def set_in(document: Any, catalogue: Catalogue, *words: str) -> Any:
    return assign(document, [Assignment.parse(word) for word in words], catalogue)


@given(WORDS, WORDS, st.text())
def test_an_assignment_is_taken_apart_at_the_first_equals_sign(node: str, name: str, text: str) -> None:
    assert Assignment.parse(f"{node}.{name}={text}") == Assignment(node, name, text)


@pytest.mark.parametrize("word", ["", "a", "a.b", "=", "a=b", ".b=1", "a.=1"])
def test_an_assignment_without_its_parts_is_a_usage_error(word: str) -> None:
    with pytest.raises(UsageError, match=r"id\.input=value"):
        Assignment.parse(word)


@given(st.text())
def test_text_stays_as_it_was_typed(catalogue: Catalogue, text: str) -> None:
    assert read(text, catalogue.nodes["Text"].inputs["text"]) == text


@given(st.integers(0, 1000))
def test_a_number_is_read_as_json(catalogue: Catalogue, value: int) -> None:
    assert read(json.dumps(value), catalogue.nodes["Number"].inputs["value"]) == value


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("amount", "0.25", 0.25),
        ("amount", "NaN", "NaN"),
        ("amount", "1e999", "1e999"),
        ("amount", "much", "much"),
        ("method", "cosine", "cosine"),
        ("method", "sine", "sine"),
        ("clamp", "false", False),
        ("clamp", "no", "no"),
    ],
)
def test_a_value_is_json_where_the_input_is_not_text(catalogue: Catalogue, name: str, text: str, value: object) -> None:
    assert read(text, catalogue.nodes["Mix"].inputs[name]) == value


def test_a_value_takes_the_place_of_a_link(catalogue: Catalogue) -> None:
    changed = set_in(SUM, catalogue, "sum.a=5")["nodes"]["sum"]
    assert (changed["values"], changed["links"]) == ({"a": 5, "b": 2}, {})


@pytest.mark.parametrize("posted", [False, True])
def test_a_value_takes_the_place_of_a_link_in_a_workflow_of_comfyui(catalogue: Catalogue, posted: bool) -> None:
    nodes = {"3": {"class_type": "Add", "inputs": {"a": ["1", 0], "b": 2}}, "5": {"class_type": "Number"}}
    changed = set_in({"prompt": nodes} if posted else nodes, catalogue, "3.a=5", "5.value=6")
    changed = changed["prompt"] if posted else changed
    assert (changed["3"]["inputs"], changed["5"]["inputs"]) == ({"a": 5, "b": 2}, {"value": 6})


def test_the_document_that_was_given_stays_as_it_was(catalogue: Catalogue) -> None:
    before = json.dumps(SUM)
    set_in(SUM, catalogue, "one.value=7", "sum.a=5")
    assert json.dumps(SUM) == before


def test_every_misfit_is_told_with_the_nearest_word(catalogue: Catalogue) -> None:
    with pytest.raises(UsageError) as caught:
        set_in(SUM, catalogue, "oen.value=7", "one.valeu=7")
    assert "'one'" in str(caught.value)
    assert "'value'" in str(caught.value)


@pytest.mark.parametrize("document", [None, [], {"nodes": 3}, {"nodes": {"one": 3}}, {"nodes": {"one": {}}}])
def test_a_document_of_another_shape_is_left_to_the_parser(catalogue: Catalogue, document: object) -> None:
    set_in(document, catalogue, "one.value=7")
