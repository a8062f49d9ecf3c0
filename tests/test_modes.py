"""Modes: what a muted and a bypassed node leave of a graph, and what is kept of the workflow all the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodegraph import Graph, InvalidGraph, Link, Plan, Problem, Registry, UsageError, node
from tests.examples import REGISTRY, Latent, Masked, document, of


class Both(NamedTuple):
    text: str
    latent: Latent


@node("Join")
def join(text: str, masked: Masked | None, first: Latent, second: Latent | None = None) -> Both:
    """Give a text and a latent."""
    return Both(text, second or masked or first)


@node("Mask")
def mask(latent: Latent) -> Masked:
    """Make another kind of latent."""
    return Masked(latent.numbers)


class Pair(NamedTuple):
    positive: Latent
    negative: Latent


@node("Control")
def control(positive: Latent, negative: Latent, amount: int = 1) -> Pair:
    """Change two latents in the same way."""
    return Pair(positive, negative)


NODES = Registry([*REGISTRY.values(), *Registry.of(join, mask, control).values()])
CATALOGUE = NODES.catalogue()
FOLDERS = {"output": (Path("output"),)}
FINE = {
    "a": of("Empty", size=1),
    "b": of("Empty", size=2),
    "m": of("Mask", {"latent": "b.latent"}),
    "t": of("Paint", text="x"),
}


def off(mode: str, type_name: str, links: dict[str, str] | None = None, /, **values: Any) -> dict[str, Any]:
    return {**of(type_name, links, **values), "mode": mode}


def parse(**nodes: Any) -> Graph:
    return Graph.parse(document(**nodes), CATALOGUE, FOLDERS)


def problems(**nodes: Any) -> tuple[Problem, ...]:
    with pytest.raises(InvalidGraph) as invalid:
        parse(**nodes)
    return invalid.value.problems


def keys(graph: Graph) -> dict[str, str | None]:
    return {step.id: step.key for step in Plan.of(graph, NODES).steps}


def test_a_bypassed_node_passes_on_what_it_was_given() -> None:
    graph = parse(
        a=of("Empty", size=4),
        off=off("bypass", "Add", {"latent": "a.latent"}, amount=3),
        end=of("Split", {"latent": "off.latent"}),
    )
    assert graph.nodes["end"].links == {"latent": Link("a", "latent")}
    assert graph.nodes.keys() == {"a", "end"}
    assert graph.idle == {"off": "it is bypassed"}


def test_each_output_of_a_bypassed_node_passes_on_the_input_of_its_name() -> None:
    graph = parse(
        a=of("Empty", size=4),
        b=of("Empty", size=5),
        first=off("bypass", "Control", {"positive": "a.latent", "negative": "b.latent"}),
        second=off("bypass", "Control", {"positive": "first.positive", "negative": "first.negative"}),
        one=of("Split", {"latent": "second.positive"}),
        other=of("Split", {"latent": "second.negative"}),
    )
    assert graph.nodes["one"].links == {"latent": Link("a", "latent")}
    assert graph.nodes["other"].links == {"latent": Link("b", "latent")}


def test_a_graph_with_a_bypassed_node_has_the_keys_of_the_graph_without() -> None:
    start, end = of("Empty", size=4), of("Split", {"latent": "off.latent"})
    bypassed = parse(a=start, off=off("bypass", "Walk", {"latent": "a.latent"}), end=end)
    without = parse(a=start, end=of("Split", {"latent": "a.latent"}))
    assert keys(bypassed) == keys(without)
    assert keys(parse(a=start, off=of("Walk", {"latent": "a.latent"}), end=end))["end"] != keys(without)["end"]


def test_bypassed_nodes_pass_on_through_each_other_however_many_there_are() -> None:
    chain = {f"n{i}": off("bypass", "Add", {"latent": f"n{i - 1}.latent"}) for i in range(1, 5000)}
    graph = parse(n0=of("Empty", size=1), **chain, end=of("Split", {"latent": "n4999.latent"}))
    assert graph.nodes["end"].links == {"latent": Link("n0", "latent")}


@pytest.mark.parametrize(
    ("links", "source"),
    [
        ({"first": "a.latent", "text": "t.str", "second": "b.latent"}, "a"),
        ({"text": "t.str", "second": "b.latent"}, "b"),
        # Masked fits Latent too, but the type of the output itself is preferred.
        ({"masked": "m.masked", "second": "b.latent", "text": "t.str"}, "b"),
        ({"masked": "m.masked"}, "m"),
    ],
)
def test_of_the_inputs_that_fit_the_first_of_the_same_type_is_passed_on(links: dict[str, str], source: str) -> None:
    graph = parse(**FINE, off=off("bypass", "Join", links), end=of("Add", {"latent": "off.latent"}))
    assert graph.nodes["end"].links["latent"].node == source


def test_a_required_input_that_nothing_reaches_is_a_problem_that_names_the_bypassed_node() -> None:
    (problem,) = problems(
        **FINE, off=off("bypass", "Walk"), off2=off("bypass", "Add", {"latent": "off.latent"}),
        end=of("Split", {"latent": "off2.latent"}),
    )  # fmt: skip
    assert (problem.node, problem.socket, problem.kind) == ("end", "latent", "missing_input")
    assert str(problem) == "end.latent: comes from the bypassed node off2, which has no Latent to pass on"
    assert problem.pointer == "/nodes/end/links/latent"


def test_what_does_not_fit_is_not_passed_on() -> None:
    (problem,) = problems(
        **FINE, off=off("bypass", "Measure", {"latent": "a.latent"}), end=of("Empty", {"size": "off.size"})
    )
    assert "has no int to pass on" in problem.message


def test_an_optional_input_that_nothing_reaches_has_its_default() -> None:
    graph = parse(
        **FINE, off=off("bypass", "Measure", {"latent": "a.latent"}),
        end=of("Walk", {"latent": "a.latent", "steps": "off.size"}),
    )  # fmt: skip
    assert graph.nodes["end"].links == {"latent": Link("a", "latent")}
    assert graph.nodes["end"].values["steps"] == 3


def test_a_muted_node_takes_all_that_needs_it_along() -> None:
    graph = parse(
        a=of("Empty", size=1),
        off=off("mute", "Add", {"latent": "a.latent"}),
        through=off("bypass", "Add", {"latent": "off.latent"}),
        needs=of("Split", {"latent": "through.latent"}),
        saves=of("Save", {"latent": "needs.left"}),
        may=of("Add", {"latent": "a.latent", "other": "needs.right"}),
    )
    assert graph.nodes.keys() == {"a", "may"}
    assert graph.nodes["may"].links == {"latent": Link("a", "latent")}
    assert graph.idle["needs"] == graph.idle["saves"] == "it needs off, which is muted"


def test_nothing_may_be_left_to_run() -> None:
    graph = parse(a=off("mute", "Empty"), b=of("Save", {"latent": "a.latent"}))
    assert graph.nodes == {}
    assert Plan.of(graph, NODES).steps == ()


def test_what_a_node_that_does_not_run_lacks_is_no_problem() -> None:
    idle = {"x": off("mute", "Load", name="gone.txt"), "y": off("bypass", "Split"), "z": off("mute", "NotThere")}
    assert parse(a=of("Empty", size=1), **idle, w=of("NotThereEither", {"in": "z.out"})).nodes.keys() == {"a"}


def test_a_bypassed_node_of_an_unknown_type_passes_on_what_fits() -> None:
    graph = parse(
        **FINE, off=off("bypass", "NotThere", {"a": "a.latent", "b": "b.latent"}), end=of("Mask", {"latent": "off.x"})
    )
    assert graph.nodes["end"].links == {"latent": Link("a", "latent")}


@pytest.mark.parametrize(
    ("wrong", "kind", "pointer", "hint"),
    [
        ({"mode": "bypas"}, "not_a_choice", "/nodes/x/mode", "bypass"),
        ({"mode": 4}, "not_a_choice", "/nodes/x/mode", None),
        ({"mode": None}, "not_a_choice", "/nodes/x/mode", None),
        ({"mode": "mute", "moda": 1}, "unknown_key", "/nodes/x/moda", "mode"),
        ({"mode": "mute", "values": 3}, "bad_document", "/nodes/x/values", None),
        ({"mode": "mute", "type": 3}, "unknown_type", "/nodes/x/type", None),
        ({"mode": "mute", "links": {"latent": "gone.latent"}}, "unknown_node", "/nodes/x/links/latent", None),
        ({"mode": "bypass", "links": {"latent": "x.left"}}, "cycle", "/nodes/x/links/latent", None),
    ],
)
def test_the_shape_of_nodes_that_do_not_run_is_checked_all_the_same(
    wrong: dict[str, Any], kind: str, pointer: str, hint: str | None
) -> None:
    user = of("Save", {"latent": "x.left"})
    (problem,) = problems(**FINE, x={**of("Split", {"latent": "a.latent"}), **wrong}, user=user)
    assert (problem.kind, problem.pointer) == (kind, pointer)
    assert hint is None or f"'{hint}'" in str(problem.hint)


def test_a_wrong_mode_says_what_is_expected() -> None:
    (problem,) = problems(x={**of("Empty", size=1), "mode": "off"})
    assert problem.message == "expected mute or bypass, got 'off'"


def test_the_whole_workflow_is_kept_with_what_does_not_run() -> None:
    nodes = {
        "a": {"type": "Empty", "values": {"size": 4}},
        "off": {"type": "Walk", "mode": "bypass", "values": {"steps": 9}, "links": {"latent": "a.latent"}},
        "gone": {"type": "NotThere", "mode": "mute", "values": {"x": [1]}},
        "end": {"type": "Save", "links": {"latent": "off.latent"}},
    }
    graph = Graph.parse({**document(**nodes), "view": {"off": {"at": [1, 2]}}}, CATALOGUE, FOLDERS)
    assert graph.document.data == {"nodegraph": 1, "nodes": nodes, "view": {"off": {"at": [1, 2]}}}
    assert list(graph.document.data["nodes"]) == list(nodes)
    assert Graph.parse(graph.document.data, CATALOGUE, FOLDERS) == graph


def test_a_target_that_does_not_run_is_refused_with_the_reason() -> None:
    graph = parse(a=off("mute", "Empty"), b=of("Split", {"latent": "a.latent"}), c=of("Empty", size=1))
    with pytest.raises(UsageError, match="'b' does not run: it needs a, which is muted"):
        Plan.of(graph, NODES, targets=["b"])
    assert [step.id for step in Plan.of(graph, NODES, targets=["c"]).steps] == ["c"]


def test_a_plan_explains_the_nodes_that_do_not_run() -> None:
    graph = parse(
        a=of("Empty", size=1), x=off("bypass", "Add", {"latent": "a.latent"}), b=of("Save", {"latent": "x.latent"})
    )
    told = [(each.node, each.action) for each in Plan.of(graph, NODES).explain({})]
    assert told == [("a", "run"), ("x", "not needed"), ("b", "run")]


IDS = st.integers(0, 6)
DRAWN = st.lists(st.tuples(st.sampled_from(["", "mute", "bypass"]), IDS, IDS), min_size=1, max_size=7)


@settings(max_examples=300)
@given(DRAWN)
def test_what_is_left_always_trusts(rows: list[tuple[str, int, int]]) -> None:
    """Of any graph of latents, what runs has all that it requires, from nodes that run, and is closed."""
    nodes: dict[str, Any] = {}
    for place, (mode, first, second) in enumerate(rows):
        links = {name: f"n{at}.latent" for name, at in (("latent", first), ("other", second)) if at < place}
        links = links if "latent" in links else {}
        kind = of("Add", links) if links else of("Empty", size=1)
        # A source that is bypassed has nothing to pass on.
        mode = "mute" if mode and not links else mode
        nodes[f"n{place}"] = {**kind, **({"mode": mode} if mode else {})}
    graph = parse(**nodes)
    for each in graph.nodes.values():
        assert not nodes[each.id].get("mode")
        assert each.type == "Empty" or "latent" in each.links
        assert {link.node for link in each.links.values()} <= graph.nodes.keys()
    assert graph.nodes.keys() | graph.idle.keys() == nodes.keys()
    assert len(Plan.of(graph, NODES).steps) <= len(graph.nodes)
