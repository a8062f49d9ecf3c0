"""Canvases that are short to write and would be long to read: what comes of them is bounded, and has a reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from nodegraph import Graph, InvalidGraph, Problem, comfyui
from tests.comfyui.drawing import box, canvas, long, subgraph
from tests.comfyui.resolving import resolve
from tests.examples import REGISTRY

CATALOGUE = REGISTRY.catalogue()
Drawn = dict[str, Any]


def uses(definition: Drawn, count: int = 2000) -> Drawn:
    """A canvas that uses one subgraph many times."""
    return canvas([box(i, "s") for i in range(count)], [], definitions={"subgraphs": [definition]})


def many_inputs(count: int, link: int = 1) -> dict[str, int | None]:
    return {f"input{i}": link for i in range(count)}


def levels(depth: int, width: int) -> Drawn:
    """Subgraphs that each use the next one."""
    definitions = [subgraph(f"s{i}", [box(j, f"s{i + 1}") for j in range(width)], []) for i in range(depth)]
    return canvas([box(1, "s0")], [], definitions={"subgraphs": definitions})


def primitive(length: int, users: int) -> Drawn:
    nodes = [box(i, "Paint", links={"text": 1}) for i in range(1, users + 1)]
    return canvas([box(0, "PrimitiveNode", "x" * length), *nodes], [[1, 0, 0, 1, 0, "*"]])


def widget(length: int, users: int) -> Drawn:
    """A text that a subgraph's own node gives to very many inputs in it."""
    inner = subgraph("s", [box(i, "Paint", links={"text": 1}) for i in range(users)], [long(1, -10, 0, 0, 0)], ("a",))
    node = box(0, "s", "x" * length) | {"inputs": [{"name": "a", "link": None, "widget": {"name": "a"}}]}
    return canvas([node], [], definitions={"subgraphs": [inner]})


def dots(count: int, users: int) -> Drawn:
    chain = [box(i, "Reroute", links={"": i}, pos=[99999.5, 99999.5]) for i in range(1, count + 1)]
    links = [[i, i - 1, 0, i, 0, "*"] for i in range(1, count + 2)]
    return canvas([box(0, "Empty", 1), *chain, box(9999, "Gone", links=many_inputs(users, count + 1))], links)


TOO_MUCH: dict[str, Callable[[], Drawn]] = {
    "groups": lambda: uses(subgraph("s", [], []) | {"groups": [{"bounding": [0, 0, 1, 1]}] * 20_000}),
    "a long note": lambda: uses(subgraph("s", [box(1, "Note", "x" * 500_000)], [])),
    "dots": lambda: uses(subgraph("s", [], []) | {"reroutes": [{"id": i, "pos": [0, 0]} for i in range(20_000)]}),
    "inputs": lambda: uses(subgraph("s", [box(1, "Gone", links=many_inputs(20_000))], [long(1, 1, 0, 1, 0)])),
    "values": lambda: uses(subgraph("s", [box(1, "Gone", *[1] * 50_000)], [])),
    "nodes": lambda: uses(subgraph("s", [box(i, "Empty", 1) for i in range(1000)], [])),
    "uses of uses": lambda: levels(12, 10),
    "twice, and twice again": lambda: levels(1000, 2),
    "levels": lambda: levels(10_000, 1),
    "a primitive's text": lambda: primitive(50_000, 1999),
    "a widget's text": lambda: widget(50_000, 1000),
}


@pytest.mark.parametrize("kind", TOO_MUCH)
def test_what_stands_for_too_much_is_refused_and_stays_short(kind: str) -> None:
    data = TOO_MUCH[kind]()
    read = comfyui.read(data, CATALOGUE)
    assert len(json.dumps(read.document)) < 4_000_000
    assert "out_of_range" in {problem.kind for problem in read.problems}
    with pytest.raises(InvalidGraph) as invalid:
        Graph.parse(data, CATALOGUE, {})
    for problem in invalid.value.problems:
        resolve(data, problem.pointer)


def test_the_dots_of_one_wire_are_not_written_out_for_very_many_others() -> None:
    read: Any = comfyui.read(dots(100, 20_000), CATALOGUE).document
    assert len(read["nodes"]["9999"]["links"]) == 20_000
    via = read["view"]["9999"]["via"]
    assert 0 < len(via) < 2000
    assert {len(each) for each in via.values()} == {100}


def test_a_long_text_may_be_given_to_some_nodes() -> None:
    assert Graph.parse(primitive(60_000, 30), CATALOGUE, {}).nodes["30"].values["text"] == "x" * 60_000


def test_a_subgraph_may_be_used_often() -> None:
    inner = subgraph("s", [box(i, "Empty", 1, pos=[i, i]) for i in range(20)], [])
    assert len(Graph.parse(uses(inner, 50), CATALOGUE, {}).nodes) == 1000


@pytest.mark.parametrize("link", [1, 2, 3])
def test_an_input_of_a_subgraph_without_a_source_brings_nothing(link: int) -> None:
    """Its link is none, leads to nothing, or is that of an input that the subgraph does not have."""
    rows = [long(1, -10, 0, 1, 0), long(2, -10, 1, 1, 0), long(3, -10, 7, 1, 0)]
    inner = subgraph("s", [box(1, "Split", links={"latent": link})], rows, ("a", "b"))
    data = canvas([box(1, "s", links={"a": None, "b": 99})], [], definitions={"subgraphs": [inner]})
    with pytest.raises(InvalidGraph) as invalid:
        Graph.parse(data, CATALOGUE, {})
    assert [problem.kind for problem in invalid.value.problems] == ["missing_input"]


def test_problems_of_very_many_nodes_are_found_in_the_original() -> None:
    data = canvas([box(i, "Empty", 1) for i in range(2000)], [])
    found = [Problem(f"{i}", "size", "too large", f"/nodes/{i}/values/size") for i in range(2000)]
    assert [each.pointer for each in comfyui.in_original(found, data)] == [f"/nodes/{i}" for i in range(2000)]


def test_numbers_may_be_as_large_as_a_browser_writes_them() -> None:
    """Older canvases say of each seed what the largest one is, which a browser rounds to more than 2^64."""
    largest = {"widget": {"name": "size", "config": ["INT", {"max": 18446744073709552000}]}}
    node = box(1, "Empty", 4) | {"inputs": [{"name": "size", "type": "INT", "link": None, **largest}]}
    data = comfyui.read(json.loads(json.dumps(canvas([node], []))), CATALOGUE).document
    assert Graph.parse(data, CATALOGUE, {}).nodes["1"].values["size"] == 4
