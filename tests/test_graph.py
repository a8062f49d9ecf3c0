"""Parsing: a document becomes a graph, or every problem in it is told, with its place."""

import copy
from contextlib import suppress
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodegraph import Graph, InvalidGraph, Link, Problem
from nodegraph.errors import ProblemKind
from nodegraph.report import pointer
from tests.examples import REGISTRY, chain, document, of

CATALOGUE = REGISTRY.catalogue()
FINE = {"start": of("Empty", size=2), "add": of("Add", {"latent": "start.latent"})}


def parse(data: object) -> Graph:
    return Graph.parse(data, CATALOGUE)


def problems(data: object) -> tuple[Problem, ...]:
    with pytest.raises(InvalidGraph) as invalid:
        parse(data)
    return invalid.value.problems


def resolve(data: Any, path: str) -> Any:
    """What an RFC 6901 pointer names; KeyError if nothing."""
    for part in path.split("/")[1:]:
        data = data[part.replace("~1", "/").replace("~0", "~")]
    return data


def test_a_graph_has_parsed_values_with_defaults_and_links() -> None:
    node = parse(document(**FINE)).nodes["add"]
    assert node.type == "Add"
    assert node.values == {"amount": 1.0}
    assert node.links == {"latent": Link("start", "latent")}
    assert node.literals == {}


def test_names_of_files_become_paths(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    graph = Graph.parse(document(a=of("Load", name="a.txt")), CATALOGUE, {"data": (tmp_path,)})
    assert graph.nodes["a"].values["name"] == (tmp_path / "a.txt").resolve()
    assert graph.document.data["nodes"]["a"]["values"] == {"name": "a.txt"}


def test_a_document_comes_back_from_its_graph() -> None:
    data = document(**FINE, **{"12:3": of("Measure", {"latent": "add.latent"})})
    data |= {"$schema": "schema.json", "view": {"add": {"at": [1, 2]}}}
    written = parse(data).document.data
    assert parse(written).document.data == written
    assert parse(written) == parse(data)
    assert written["view"] == data["view"]


def test_a_graph_keeps_nothing_of_a_document_that_is_changed_later() -> None:
    data = document(**copy.deepcopy(FINE))
    graph = parse(data)
    data["nodes"]["start"]["values"]["size"] = 3
    data["nodes"]["add"]["links"].clear()
    assert graph == parse(document(**FINE))


ONE_MISTAKE: list[tuple[str, Any, str, str, str | None]] = [
    # what is wrong: the node, the problem's kind, its pointer, the hint
    ("unknown type", of("Splitt", {"latent": "start.latent"}), "unknown_type", "/nodes/x/type", "Split"),
    ("no type", {"values": {}}, "unknown_type", "/nodes/x", None),
    ("type is a number", {"type": 3}, "unknown_type", "/nodes/x/type", None),
    ("type is a list", {"type": ["Add"]}, "unknown_type", "/nodes/x/type", None),
    ("not an object", [], "bad_document", "/nodes/x", None),
    ("values is a list", {"type": "Empty", "values": []}, "bad_document", "/nodes/x/values", None),
    ("unknown key", of("Empty", size=1) | {"value": {}}, "unknown_key", "/nodes/x/value", "values"),
    ("unknown value", of("Empty", size=1, fil=1), "unknown_input", "/nodes/x/values/fil", "fill"),
    ("unknown link", of("Empty", {"fil/l": "start.latent"}, size=1), "unknown_input", "/nodes/x/links/fil~1l", "fill"),
    ("missing value", of("Empty"), "missing_input", "/nodes/x/values", None),
    ("missing link", {"type": "Split"}, "missing_input", "/nodes/x", None),
    ("wrong type", of("Empty", size="2"), "wrong_type", "/nodes/x/values/size", None),
    ("bool for int", of("Empty", size=True), "wrong_type", "/nodes/x/values/size", None),
    ("out of range", of("Empty", size=65), "out_of_range", "/nodes/x/values/size", None),
    ("not a number", of("Empty", size=1, fill=float("nan")), "wrong_type", "/nodes/x/values/fill", None),
    ("not a choice", of("Paint", text="x", color="rad"), "not_a_choice", "/nodes/x/values/color", "red"),
    ("value for a link", of("Split", latent=3), "wrong_type", "/nodes/x/values/latent", "links"),
    ("both", of("Empty", {"size": "size.size"}, size=1), "conflict", "/nodes/x/values/size", None),
    ("no dot", of("Split", {"latent": "start"}), "bad_link", "/nodes/x/links/latent", None),
    ("link is a list", {"type": "Split", "links": {"latent": ["start", 0]}}, "bad_link", "/nodes/x/links/latent", None),
    ("unknown node", of("Split", {"latent": "strat.latent"}), "unknown_node", "/nodes/x/links/latent", "start"),
    ("unknown output", of("Split", {"latent": "start.latnet"}), "unknown_output", "/nodes/x/links/latent", "latent"),
    ("incompatible", of("Split", {"latent": "size.size"}), "incompatible", "/nodes/x/links/latent", None),
    ("itself", of("Split", {"latent": "x.left"}), "cycle", "/nodes/x/links/latent", None),
    ("missing file", of("Load", name="a.txt"), "missing_file", "/nodes/x/values/name", None),
    ("outside", of("Load", name="../a.txt"), "outside_folder", "/nodes/x/values/name", None),
]  # fmt: skip
NO_NODES: dict[str, Any] = {}
SIZE = of("Measure", {"latent": "start.latent"})


@pytest.mark.parametrize(
    ("node", "kind", "path", "hint"), [row[1:] for row in ONE_MISTAKE], ids=[row[0] for row in ONE_MISTAKE]
)
def test_a_mistake_is_told_once_with_its_place_and_the_nearest_word(
    node: Any, kind: str, path: str, hint: str | None
) -> None:
    data = document(**FINE, size=SIZE, x=node)
    (problem,) = problems(data)
    assert (problem.node, problem.kind, problem.pointer) == ("x", kind, path)
    assert hint in problem.hint if hint and problem.hint else problem.hint is hint
    resolve(data, problem.pointer)


def test_every_kind_of_problem_is_tried_here() -> None:
    assert {row[2] for row in ONE_MISTAKE} | {"bad_id"} == set(get_args(ProblemKind))


def test_all_mistakes_of_a_document_are_told_at_once() -> None:
    nodes = {f"x{place}": row[1] for place, row in enumerate(ONE_MISTAKE) if row[0] != "itself"}
    found = problems({**document(**FINE, size=SIZE, **nodes), "nods": NO_NODES})
    mistakes = ["unknown_key", *(row[2] for row in ONE_MISTAKE if row[0] != "itself")]
    assert sorted(problem.kind for problem in found) == sorted(mistakes)


def test_a_wrong_link_says_what_was_expected_and_what_came() -> None:
    (problem,) = problems(document(**FINE, size=SIZE, x=of("Split", {"latent": "size.size"})))
    assert (problem.expected, problem.got) == ("Latent", "int from size.size")
    assert str(problem) == "x.latent: expected Latent, got int from size.size"


@pytest.mark.parametrize("node_id", ["", "a.b", "a\nb", "\x00", "\u2028", "\ud800", "a" * 201])
def test_an_id_must_be_writable_before_a_dot(node_id: str) -> None:
    data = document(**{node_id: of("Empty", size=1)})
    (problem,) = problems(data)
    assert problem.kind == "bad_id"
    resolve(data, problem.pointer)


def test_a_problem_is_one_line_whatever_the_names_are() -> None:
    bad = {"a\nb": of("Empty", size=1), "x": {"type": "Empty", "values": {"size": 1, "c\nd": 1, "e" * 999: 1}}}
    found = problems(document(**bad, y=of("Split", {"latent": "a\nb.latent", "f\x1b[31m": "x.none\n"})))
    assert len(found) == 6
    assert all(str(problem).isprintable() and len(str(problem)) < 300 for problem in found)


@pytest.mark.parametrize("node_id", ["a", "3", "12:3", "a-b_c", "größe", "with space", "a/b~c"])
def test_words_and_the_ids_of_other_editors_are_fine(node_id: str) -> None:
    parse(document(**{node_id: of("Empty", size=1), "next": of("Split", {"latent": f"{node_id}.latent"})}))


@pytest.mark.parametrize(
    ("data", "path"),
    [
        (None, ""),
        ([], ""),
        ({}, ""),
        ({"nodegraph": 1}, ""),
        ({"nodes": {}}, ""),
        ({"nodegraph": True, "nodes": {}}, "/nodegraph"),
        ({"nodegraph": 2, "nodes": {}}, "/nodegraph"),
        ({"nodegraph": 1, "nodes": []}, "/nodes"),
        ({"nodegraph": 1, "nodes": {}, "view": 3}, "/view"),
        ({"nodegraph": 1, "nodes": {}, "$schema": 3}, "/$schema"),
        ({"nodegraph": 1, "nodes": {}, 3: 4}, "/3"),
    ],
)
def test_the_shape_of_the_document_is_checked_as_well(data: object, path: str) -> None:
    assert [problem.pointer for problem in problems(data)][-1] == path


def test_each_loop_is_named_once_by_its_nodes() -> None:
    data = document(
        **FINE,
        a=of("Add", {"latent": "c.latent"}),
        b=of("Add", {"latent": "a.latent"}),
        c=of("Add", {"latent": "b.latent", "other": "start.latent"}),
        d=of("Add", {"latent": "e.latent"}),
        e=of("Add", {"latent": "d.latent", "other": "c.latent"}),
        after=of("Add", {"latent": "e.latent"}),
    )
    found = problems(data)
    assert [problem.kind for problem in found] == ["cycle", "cycle"]
    named = {frozenset(problem.message.partition(": ")[2].split(" → ")) for problem in found}
    assert named == {frozenset("abc"), frozenset("de")}
    for problem in found:
        resolve(data, problem.pointer)


def test_a_long_loop_is_told_shortly() -> None:
    data = chain(20_000)
    data["nodes"]["n0"] = of("Add", {"latent": "n19999.latent"})
    (problem,) = problems(data)
    assert problem.kind == "cycle"
    assert len(problem.message) < 300


def test_links_may_lead_to_nodes_that_come_later() -> None:
    data = chain(50)
    data["nodes"] = dict(reversed(data["nodes"].items()))
    assert len(parse(data).nodes) == 50


def test_very_many_mistakes_are_all_told_without_looking_for_words_forever() -> None:
    nodes = {f"node{place}": of("Split", {"latent": f"nod{place}.latent"}) for place in range(5000)}
    found = problems(document(**nodes))
    assert len(found) == 5000
    assert found[0].hint
    assert found[-1].hint is None


def test_a_number_keeps_its_value_and_takes_the_type_of_its_input() -> None:
    value = parse(document(a=of("Empty", size=1, fill=3))).nodes["a"].values["fill"]
    assert (value, type(value)) == (3.0, float)


def test_null_stands_for_nothing_where_nothing_is_allowed() -> None:
    assert parse(document(a=of("Paint", text="x", strength=None))).nodes["a"].values["strength"] is None
    assert problems(document(a=of("Paint", text=None)))[0].kind == "wrong_type"


NAMES = st.sampled_from(
    ["a", "b", "latent", "size", "nodegraph", "nodes", "type", "values", "links", "Empty", "Add", "text"]
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | NAMES
    | st.sampled_from(["a.latent", "b.size"])
)
ANYTHING = st.recursive(
    LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text() | NAMES | st.integers(), inner), max_leaves=12
)
INPUTS = st.dictionaries(st.sampled_from(["latent", "size", "text", "fill", "amount", "other", "name", "?"]), ANYTHING)
NODES = st.fixed_dictionaries(
    {"type": st.sampled_from(list(REGISTRY)) | ANYTHING},
    optional={"values": INPUTS | ANYTHING, "links": INPUTS | ANYTHING},
)
DOCUMENTS = st.fixed_dictionaries(
    {"nodegraph": st.just(1) | ANYTHING, "nodes": st.dictionaries(st.text() | NAMES, NODES | ANYTHING)},
    optional={"view": ANYTHING, "$schema": ANYTHING, "else": ANYTHING},
)


@settings(max_examples=500)
@given(ANYTHING | DOCUMENTS)
def test_anything_parses_or_is_refused_with_problems_that_can_be_found(data: Any) -> None:
    with suppress(InvalidGraph):
        parse(data)
        return
    for problem in problems(data):
        assert len(str(problem).splitlines()) == 1
        place: Any = data
        for part in problem.pointer.split("/")[1:]:
            keys = {pointer(key)[1:]: key for key in place}
            place = place[keys[part]]
