"""Workflow files: read strictly, and described for editors."""

import copy
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodegraph import Graph, InvalidGraph, MalformedDocument, MissingFile, json_schema, read_document
from tests.examples import REGISTRY, document, of

SCHEMA = json_schema(REGISTRY.catalogue())
VALIDATOR: Any = jsonschema.Draft7Validator(SCHEMA)
WORKFLOW = document(
    start=of("Empty", size=4, fill=0.5),
    walk=of("Walk", {"latent": "start.latent"}, steps=2, method="heun"),
    add=of("Add", {"latent": "walk.latent", "amount": "size.size"}),
    size=of("Measure", {"latent": "start.latent"}),
    **{"12:3": of("Save", {"latent": "add.latent"}, prefix="frog")},
)


@pytest.mark.parametrize(
    ("text", "line", "column", "said"),
    [
        ('{"a": 1,\n "b": }', 2, 7, "Expecting value"),
        ('{"a": "NaN",\n  "b": NaN}', 2, 8, "NaN"),
        ('[1, -Infinity]', 1, 5, "-Infinity"),
        ('{"a": 1e999}', 1, 7, "too large"),
        ('{"a": 1,\n "b": {"a": 1, "c": 2},\n "a": 3}', 3, 2, "'a' stands twice"),
        ('{"a": 1, "\\u0061": 2}', 1, 10, "'a' stands twice"),
        ('{"a": "\\ud800"}', 1, 8, "surrogate"),
        ('{"\\udc00": 1}', 1, 3, "surrogate"),
        (f'{{"a": {10**21 + 1}}}', 1, 7, "integer beyond"),
        (f'{{"a": {"9" * 100_000}}}', 1, 7, "integer beyond"),
        ("[" * 65 + "]" * 65, 1, 65, "deeper than 64"),
        ("[" * 10**6, 1, 65, "deeper than 64"),
        ("", 1, 1, "Expecting value"),
        ('{"a": 1} x', 1, 10, "Extra data"),
        ('{"a": "open', 1, 7, "Unterminated"),
    ],
    ids=lambda value: str(value)[:20],
)  # fmt: skip
def test_what_is_not_strict_json_is_refused_where_it_stands(text: str, line: int, column: int, said: str) -> None:
    with pytest.raises(MalformedDocument, match=said) as refused:
        read_document(text)
    assert (refused.value.line, refused.value.column) == (line, column)


def test_brackets_and_words_inside_text_mean_nothing() -> None:
    text = json.dumps({"a": "[" * 100 + '\\" NaN {', "b": ["}", "a", "a"]})
    assert read_document(text) == json.loads(text)


def test_the_limits_themselves_are_fine() -> None:
    assert read_document(f"[{2**64}, {-(10**21)}]") == [2**64, -(10**21)]
    assert read_document("[" * 64 + "]" * 64) is not None
    assert read_document('["\\ud83d\\ude00"]') == ["😀"]


def test_a_long_text_is_refused_before_it_is_read() -> None:
    with pytest.raises(MalformedDocument, match="longer than 10 bytes"):
        read_document("[1, 2, 3, 4]", limit=10)


def test_a_file_is_read_with_or_without_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b'\xef\xbb\xbf{"a": 1}')
    assert read_document(tmp_path / "a.json") == {"a": 1}
    with pytest.raises(MissingFile):
        read_document(tmp_path / "b.json")
    with pytest.raises(MissingFile):
        read_document(tmp_path)


def test_bytes_that_are_not_utf_8_are_refused_where_they_stand() -> None:
    with pytest.raises(MalformedDocument, match="line 2, column 3: not UTF-8"):
        read_document(b'["a",\n "\xff"]')


@given(st.text() | st.binary())
def test_any_text_is_read_or_refused(text: str | bytes) -> None:
    with suppress(MalformedDocument):
        read_document(text)


@given(st.recursive(st.none() | st.booleans() | st.integers(-(10**21), 10**21) | st.text(), st.lists, max_leaves=20))
def test_what_json_writes_is_read_back(data: Any) -> None:
    assert read_document(json.dumps(data)) == data


def test_the_schema_is_one() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    json.dumps(SCHEMA, ensure_ascii=False).encode()


def test_the_schema_takes_workflows_that_parse() -> None:
    VALIDATOR.validate(WORKFLOW)
    VALIDATOR.validate({"$schema": "x.json", **WORKFLOW, "view": {"start": {"at": [1, 2]}}})
    Graph.parse(WORKFLOW, REGISTRY.catalogue(), {"output": (Path("output"),)})


def test_the_schema_takes_nodes_that_do_not_run_and_lack_what_they_need() -> None:
    muted = changed("nodes", "walk", to={"type": "Walk", "mode": "bypass"})
    VALIDATOR.validate(muted)
    assert list(VALIDATOR.iter_errors(changed("nodes", "walk", to={"type": "Walk"})))


def changed(*steps: str, to: Any) -> dict[str, Any]:
    workflow = copy.deepcopy(WORKFLOW)
    place: Any = workflow
    for step in steps[:-1]:
        place = place[step]
    place[steps[-1]] = to
    return workflow


MISTAKES = {
    "type": changed("nodes", "start", "type", to="Emptyy"),
    "no type": changed("nodes", "start", to={"values": {"size": 1}}),
    "value type": changed("nodes", "start", "values", "size", to="4"),
    "out of range": changed("nodes", "start", "values", "size", to=65),
    "choice": changed("nodes", "walk", "values", "method", to="eular"),
    "unknown input": changed("nodes", "start", "values", "sizes", to=4),
    "unknown link": changed("nodes", "walk", "links", "latents", to="start.latent"),
    "value for a link": changed("nodes", "walk", "values", "latent", to=1),
    "missing value": changed("nodes", "start", "values", to={}),
    "missing link": changed("nodes", "walk", "links", to={}),
    "no links": changed("nodes", "walk", to={"type": "Walk"}),
    "link without output": changed("nodes", "walk", "links", "latent", to="start"),
    "link as list": changed("nodes", "walk", "links", "latent", to=["start", 0]),
    "node key": changed("nodes", "walk", "inputs", to={}),
    "top key": changed("nods", to={}),
    "version": changed("nodegraph", to=2),
    "mode": changed("nodes", "walk", "mode", to="off"),
    "id": changed("nodes", "a.b", to=of("Empty", size=1)),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_the_schema_and_the_parser_refuse_the_same_mistakes(name: str) -> None:
    assert list(VALIDATOR.iter_errors(MISTAKES[name]))
    with pytest.raises(InvalidGraph):
        Graph.parse(MISTAKES[name], REGISTRY.catalogue(), {"output": (Path("output"),)})


def test_the_schema_explains_types_and_inputs() -> None:
    node = SCHEMA["properties"]["nodes"]["additionalProperties"]
    place = node["properties"]["type"]["enum"].index("Empty")
    assert node["properties"]["type"]["markdownEnumDescriptions"][place].startswith("Make a latent")
    then = next(rule["then"] for rule in node["allOf"] if rule["if"]["properties"]["type"]["const"] == "Load")
    assert then["properties"]["values"]["properties"]["name"]["description"] == "what to read"
