"""Laws that hold for every workflow: of keys, of events, of caching, of purity, of round trips."""

import copy
import json
import pickle
import re
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st

from nodegraph import Event, Graph, MemoryCache, NodeFailed, Plan, Reused, Run, execute, results_of
from tests.examples import REGISTRY, document, of

CATALOGUE = REGISTRY.catalogue()
FOLDERS = {"output": (Path("output"),)}
GRAMMAR = re.compile(r"p(r|sg*f)*(c|sg*x)")
LETTERS = {
    "Planned": "p",
    "Reused": "r",
    "Started": "s",
    "Progressed": "g",
    "Finished": "f",
    "Completed": "c",
    "Failed": "x",
}
LATENTS = {"Empty": ["latent"], "Add": ["latent"], "Split": ["left", "right"], "Walk": ["latent"], "Fail": ["latent"]}


@st.composite
def workflows(draw: st.DrawFn, types: tuple[str, ...] = ("Empty", "Add", "Split", "Walk", "Save")) -> dict[str, Any]:
    """A workflow of at most ten nodes, each linked to earlier ones."""
    nodes: dict[str, Any] = {"n0": of("Empty", size=draw(st.integers(1, 4)))}
    outputs = ["n0.latent"]
    for place in range(1, draw(st.integers(1, 10))):
        name = draw(st.sampled_from(types))
        links = {} if name == "Empty" else {"latent": draw(st.sampled_from(outputs))}
        values: dict[str, Any] = {"size": draw(st.integers(1, 4))} if name == "Empty" else {}
        if name == "Add":
            values["amount"] = draw(st.sampled_from([0.0, -0.0, 1, 2.5]))
            if draw(st.booleans()):
                links["other"] = draw(st.sampled_from(outputs))
        if name == "Walk":
            values["steps"] = draw(st.integers(0, 2))
        nodes[f"n{place}"] = of(name, links, **values)
        outputs += [f"n{place}.{output}" for output in LATENTS.get(name, ())]
    return document(**nodes)


def plan_of(data: object) -> Plan:
    graph = Graph.parse(data, CATALOGUE, FOLDERS)
    return Plan.of(graph, REGISTRY, targets=list(graph.nodes))


def keys(data: object) -> dict[str, str | None]:
    return {step.id: step.key for step in plan_of(data).steps}


def descendants(data: Mapping[str, Any], start: str) -> set[str]:
    found = {start}
    for node_id, node in data["nodes"].items():  # links lead to earlier nodes, so once through is enough
        if any(link.split(".")[0] in found for link in node["links"].values()):
            found.add(node_id)
    return found


@given(workflows(), st.data())
def test_a_changed_value_changes_the_keys_of_its_node_and_what_follows_and_no_other(
    data: Any, pick: st.DataObject
) -> None:
    cacheable = [name for name, key in keys(data).items() if key]
    node_id = pick.draw(st.sampled_from(cacheable))
    changed = copy.deepcopy(data)
    values = changed["nodes"][node_id]["values"]
    name = {"Empty": "fill", "Add": "amount", "Walk": "seed"}.get(changed["nodes"][node_id]["type"])
    if name is None:
        return
    values[name] = 77
    before, after = keys(data), keys(changed)
    following = {name for name in descendants(data, node_id) if before[name]}
    assert {name for name in before if before[name] != after[name]} == following


@given(workflows(), st.data())
def test_ids_positions_and_order_are_in_no_key(data: Any, pick: st.DataObject) -> None:
    names = {name: f"renamed {place}" for place, name in enumerate(data["nodes"])}
    order = pick.draw(st.permutations(list(data["nodes"])))

    def renamed(node: Any) -> dict[str, Any]:
        links = {name: f"{names[link.split('.')[0]]}.{link.split('.')[1]}" for name, link in node["links"].items()}
        return {"links": dict(reversed(links.items())), "values": node["values"], "type": node["type"]}

    moved = document(**{names[name]: renamed(data["nodes"][name]) for name in order})
    moved["view"] = {names[name]: {"at": [3, 4], "title": "moved"} for name in order}
    after = keys(moved)
    assert {names[name]: key for name, key in keys(data).items()} == after


def test_a_document_has_the_same_keys_in_every_process() -> None:
    data = document(
        a=of("Empty", size=2, fill=-0.0), p=of("Paint", text="größe", color="blue", sizes=[1, 2], strength=0.1),
        w=of("Walk", {"latent": "a.latent"}, seed=2**64 - 1), s=of("Split", {"latent": "w.latent"}),
    )  # fmt: skip
    program = (
        "import json, sys; sys.path.insert(0, sys.argv[1]); from tests.test_laws import keys; "
        "print(json.dumps(keys(json.loads(sys.argv[2]))))"
    )
    command = [sys.executable, "-c", program, str(Path(__file__).parents[1]), json.dumps(data)]
    assert json.loads(subprocess.check_output(command)) == keys(data)


def letters(events: list[Event]) -> str:
    return "".join(LETTERS[type(event).__name__] for event in events)


@given(workflows(("Empty", "Add", "Split", "Walk", "Save", "Fail")), st.booleans())
def test_every_run_follows_the_grammar_of_events(data: Any, warm: bool) -> None:
    plan, cache = plan_of(data), MemoryCache()
    for _ in range(1 + warm):
        events: list[Event] = []
        with suppress(NodeFailed):
            events.extend(execute(plan, cache))
        assert GRAMMAR.fullmatch(letters(events))
        if letters(events)[-1] == "c":
            told = [cast("Any", event).node for event in events if letters([event]) in "rf"]
            assert sorted(told) == sorted(plan.graph.nodes)


@settings(max_examples=50)
@given(workflows(("Empty", "Add", "Split", "Walk", "Fail")))
def test_a_run_that_is_closed_anywhere_keeps_only_whole_results_and_can_be_taken_up_again(data: Any) -> None:
    plan = plan_of(data)
    whole: dict[str, Any] = {}
    events: list[Event] = []
    with suppress(NodeFailed):
        events.extend(execute(plan, whole))
    for position in range(len(events) + 1):
        cache: dict[str, Any] = {}
        run = execute(plan, cache)
        taken = [next(run) for _ in range(position)]
        run.close()
        assert taken == [*events[:position]] or letters(taken) == letters(events[:position])
        assert cache.items() <= whole.items()
        again: list[Event] = []
        with suppress(NodeFailed):
            again.extend(execute(plan, cache))
        assert letters(again)[-1:] == letters(events)[-1:]
        assert cache == whole


@given(workflows(), st.data())
def test_whatever_is_cached_the_results_are_those_of_a_cold_run(data: Any, pick: st.DataObject) -> None:
    plan = plan_of(data)
    cache: dict[str, Any] = {}
    cold = results_of(execute(plan, cache))
    for key in pick.draw(st.sets(st.sampled_from(sorted(cache)))):
        del cache[key]
    assert repr(results_of(execute(plan, cache))) == repr(cold)  # unlike ==, it tells 0.0 from -0.0


@given(workflows())
def test_only_what_is_pending_runs(data: Any) -> None:
    plan, cache = plan_of(data), MemoryCache()
    results_of(execute(plan, cache))
    effects = {step.id for step in plan.steps if step.type.description.effect}
    assert {step.id for step in plan.pending(cache)} == effects
    reused = {event.node for event in execute(plan, cache) if isinstance(event, Reused)}
    assert reused == plan.graph.nodes.keys() - effects


@given(workflows())
def test_no_node_changes_what_it_was_given(data: Any) -> None:
    plan = plan_of(data)
    cache: dict[str, Any] = {}
    seen: dict[str, bytes] = {}
    run: Run = execute(plan, cache)
    for _ in run:
        for key, outputs in cache.items():
            assert seen.setdefault(key, pickle.dumps(outputs)) == pickle.dumps(outputs)


@given(workflows())
def test_a_document_comes_back_from_its_graph(data: Any) -> None:
    graph = Graph.parse(data, CATALOGUE, FOLDERS)
    written = graph.document.data
    assert Graph.parse(written, CATALOGUE, FOLDERS) == graph
    assert json.loads(graph.document.text()) == written
    assert {name: node["type"] for name, node in written["nodes"].items()} == {
        name: node["type"] for name, node in data["nodes"].items()
    }
