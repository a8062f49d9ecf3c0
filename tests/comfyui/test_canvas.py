"""ComfyUI's canvas format: read as the native document that says the same, with what it looks like in the view."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodegraph import File, Graph, InvalidGraph, Link, Problem, Registry, Seed, comfyui, node
from nodegraph.catalogue import Catalogue
from tests.comfyui.drawing import LONG_LINK, box, canvas, long, subgraph
from tests.comfyui.resolving import resolve
from tests.examples import REGISTRY, Latent, document, of


@node("Dream")
def dream(seed: Annotated[int, Seed()], size: int, latent: Latent | None = None, wild: bool = False) -> Latent:
    """Make a latent of a seed."""
    return Latent((float(seed),) * size)


@node("Look")
def look(picture: Annotated[Path, File("input")], channel: str = "red") -> str:
    """Look at a picture."""
    return f"{picture} {channel}"


CATALOGUE: Catalogue = Registry([*REGISTRY.values(), *Registry.of(dream, look).values()]).catalogue()


def native(data: dict[str, Any]) -> Any:
    return comfyui.read(data, CATALOGUE).document


def view(data: dict[str, Any]) -> Any:
    return native(data)["view"]


def parse(data: object) -> Graph:
    return Graph.parse(data, CATALOGUE, {"output": (Path("output"),), "input": (Path(__file__).parent,)})


def problems(data: object) -> tuple[Problem, ...]:
    with pytest.raises(InvalidGraph) as invalid:
        parse(data)
    return invalid.value.problems


FINE = canvas(
    [
        box(5, "Empty", 4, 1.0),
        box(3, "Split", links={"latent": 1}),
        box(7, "Add", 2.5, links={"latent": 2, "other": 3}),
    ],
    [[1, 5, 0, 3, 0, "LATENT"], [2, 3, 1, 7, 0, "LATENT"], [3, 3, 0, 7, 1, "LATENT"]],
)
SAME = document(
    **{
        "5": of("Empty", size=4, fill=1.0),
        "3": of("Split", {"latent": "5.latent"}),
        "7": of("Add", {"latent": "3.right", "other": "3.left"}, amount=2.5),
    }
)


def test_a_workflow_is_the_native_one_that_says_the_same() -> None:
    assert parse(FINE) == parse(SAME)


def test_links_may_be_objects_as_in_the_newer_version() -> None:
    links = [dict(zip(LONG_LINK, link, strict=True)) for link in FINE["links"]]
    assert parse({**FINE, "version": 1, "links": links}) == parse(SAME)


def test_what_a_client_posts_is_read() -> None:
    assert parse({"prompt": FINE, "client_id": "x"}) == parse(SAME)


@pytest.mark.parametrize(
    ("control", "seeds"),
    [
        ("fixed", None),
        ("randomize", "random"),
        ("increment", "step"),
        ("decrement", "step"),
        (True, None),
        (False, None),
    ],
)
def test_what_happens_to_a_seed_stands_in_the_view_and_shifts_no_value(control: object, seeds: str | None) -> None:
    data = canvas([box(1, "Dream", 7, control, 3, True)], [])
    assert native(data)["nodes"]["1"]["values"] == {"seed": 7, "size": 3, "wild": True}
    assert native(data).get("view") == ({"1": {"seeds": {"seed": seeds}}} if seeds else None)


SEEDED = {"seed": 7}


def test_a_seed_may_have_no_control_behind_it() -> None:
    assert native(canvas([box(1, "Dream", 7, 3, True)], []))["nodes"]["1"]["values"] == {
        **SEEDED,
        "size": 3,
        "wild": True,
    }


@pytest.mark.parametrize("values", [["a.png", "image", "blue"], ["a.png", "blue"], ["a.png", "blue", "image"]])
def test_the_button_to_upload_a_picture_shifts_no_value(values: list[str]) -> None:
    read = native(canvas([box(1, "Look", *values)], []))["nodes"]["1"]["values"]
    assert read == {"picture": "a.png", "channel": "blue"}


def test_values_may_be_given_by_name() -> None:
    by_name: dict[str, Any] = {"size": 3.0, "seed": 7, "preview": {}, "control_after_generate": "fixed"}
    both: dict[str, Any] = {"widgets_values": [1, "fixed", 1], "widgets_values_named": by_name}
    for more in ({"widgets_values": by_name}, both):
        assert native(canvas([box(1, "Dream") | more], []))["nodes"]["1"]["values"] == {"seed": 7, "size": 3}


def test_a_widget_that_became_a_socket_keeps_its_place_among_the_values() -> None:
    nodes = [
        box(1, "Dream", 7, "randomize", 3, True, links={"latent": None, "seed": 1}),
        box(2, "Measure", links={"latent": 2}),
        box(3, "Empty", 2, 0.5),
    ]
    read = parse(canvas(nodes, [[1, 2, 0, 1, 1, "INT"], [2, 3, 0, 2, 0, "LATENT"]]))
    assert read.nodes["1"].links == {"seed": Link("2", "size")}
    assert read.nodes["1"].literals == {"size": 3, "wild": True}
    assert "view" not in read.document.data


REROUTED = canvas(
    [
        box(1, "Empty", 4),
        box(2, "Reroute", links={"": 1}, pos=[100, 50], size=[80, 20]),
        box(3, "Reroute", links={"": 2}, pos={"0": 200, "1": 60}, size={"0": 80, "1": 20}),
        box(4, "Split", links={"latent": 3}, pos=[300, 10]),
    ],
    [[1, 1, 0, 2, 0, "*"], [2, 2, 0, 3, 0, "*"], [3, 3, 0, 4, 0, "*"]],
)


def test_reroutes_become_dots_on_the_wire() -> None:
    read = native(REROUTED)
    assert read["nodes"] == {
        "1": {"type": "Empty", "values": {"size": 4}},
        "4": {"type": "Split", "links": {"latent": "1.latent"}},
    }
    assert read["view"] == {"4": {"at": [300, 10], "via": {"latent": [[140, 60], [240, 70]]}}}


@pytest.mark.parametrize("newer", [True, False])
def test_the_dots_of_newer_canvases_are_kept_in_their_order(newer: bool) -> None:
    dots = [{"id": 1, "pos": [10, 0], "linkIds": [9]}, {"id": 2, "pos": [20, 0], "linkIds": [9], "parentId": 1}]
    nodes = [box(1, "Empty", 4), box(2, "Split", links={"latent": 9})]
    row = [9, 1, 0, 2, 0, "LATENT"]
    if newer:
        link = dict(zip(LONG_LINK, row, strict=True)) | {"parentId": 2}
        data = canvas(nodes, [link], reroutes=dots, version=1)
    else:
        data = canvas(nodes, [row], extra={"reroutes": dots, "linkExtensions": [{"id": 9, "parentId": 2}]})
    assert view(data) == {"2": {"via": {"latent": [[10, 0], [20, 0]]}}}


def test_reroutes_that_go_round_in_a_circle_lead_to_nothing() -> None:
    nodes = [box(1, "Reroute", links={"": 2}), box(2, "Reroute", links={"": 1}), box(3, "Split", links={"latent": 1})]
    data = canvas(nodes, [[1, 1, 0, 2, 0, "*"], [2, 2, 0, 1, 0, "*"]])
    assert [problem.kind for problem in problems(data)] == ["missing_input"]


def test_a_wire_keeps_no_more_dots_than_can_be_drawn() -> None:
    count = 2000
    chain = [box(i, "Reroute", links={"": i}, pos=[i, 0], size=[0, 0]) for i in range(1, count)]
    links: list[Any] = [[i, i - 1, 0, i, 0, "*"] for i in range(1, count + 500)]
    ends = [box(i, "Split", links={"latent": count}) for i in range(count, count + 500)]
    links[count - 1] = [count, count - 1, 0, count, 0, "*"]
    read = native(canvas([box(0, "Empty", 1), *chain, *ends], links))
    assert read["nodes"][f"{count + 9}"]["links"] == {"latent": "0.latent"}
    dots = read["view"][f"{count + 9}"]["via"]["latent"]
    assert (len(dots), dots[-1]) == (100, [count - 1, 0])


def test_a_primitive_gives_its_value_to_all_that_it_feeds() -> None:
    nodes = [
        box(1, "PrimitiveNode", 5, "fixed"),
        box(2, "Empty", 2, 0.5, links={"size": 1}),
        box(3, "Dream", 7, "fixed", 3, links={"size": 3}),
        box(4, "Reroute", links={"": 2}),
    ]
    links = [[1, 1, 0, 2, 0, "INT"], [2, 1, 0, 4, 0, "INT"], [3, 4, 0, 3, 0, "INT"]]
    read = native(canvas(nodes, links))["nodes"]
    assert read["2"]["values"] == {"size": 5, "fill": 0.5}
    assert read["3"]["values"] == {"seed": 7, "size": 5}
    assert read.keys() == {"2", "3"}


@pytest.mark.parametrize(("users", "seeds"), [(1, {"seed": "random"}), (2, None)])
def test_a_seed_that_nodes_share_is_not_drawn_for_each_of_them(users: int, seeds: object) -> None:
    nodes = [box(1, "PrimitiveNode", 5, "randomize")]
    nodes += [box(2 + i, "Dream", 7, "fixed", 3, links={"seed": 1 + i}) for i in range(users)]
    read = native(canvas(nodes, [[1 + i, 1, 0, 2 + i, 0, "INT"] for i in range(users)]))
    assert read["nodes"]["2"]["values"]["seed"] == 5
    assert read.get("view", {}).get("2", {}).get("seeds") == seeds


def test_titles_places_and_colors_are_kept_and_sizes_are_not() -> None:
    nodes = [
        box(1, "Empty", 4, pos=[1, 2.5], size=[3, 4], title="Empty", flags={"collapsed": True}, color="#322"),
        box(2, "Empty", 4, pos={"0": 5, "1": 6}, title="Mine", flags={"pinned": True}),
        box(3, "Empty", 4, pos=[1e9, "x"], title=4, flags=[], color=7),
    ]
    assert view(canvas(nodes, [])) == {
        "1": {"at": [1, 2.5], "collapsed": True, "color": "#322"},
        "2": {"at": [5, 6], "title": "Mine"},
    }


def test_notes_and_groups_become_notes_and_frames() -> None:
    notes = [
        box(8, "Note", "see here", pos=[1, 2], size=[200, 90], color="#432"),
        box(9, "MarkdownNote", "# Title", pos=[3, 4], size={"0": 5, "1": 6}),
    ]
    groups = [{"title": "Load", "bounding": [0, 1, 20, 30], "color": "#3f789e"}, {"bounding": [1, 2]}, 3]
    assert view(canvas([box(1, "Empty", 4), *notes], [], groups=groups)) == {
        ".frames": {"1": {"title": "Load", "at": [0, 1], "size": [20, 30], "color": "#3f789e"}},
        ".notes": {
            "8": {"text": "see here", "at": [1, 2], "size": [200, 90], "color": "#432"},
            "9": {"text": "# Title", "at": [3, 4], "size": [5, 6]},
        },
    }


def test_muted_and_bypassed_nodes_are_those_of_our_modes() -> None:
    nodes = [
        box(1, "Empty", 4),
        box(2, "Add", 1, links={"latent": 1}, mode=4),
        box(3, "Split", links={"latent": 2}),
        box(4, "Split", links={"latent": 1}, mode=2),
    ]
    data = canvas(nodes, [[1, 1, 0, 2, 0, "*"], [2, 2, 0, 3, 0, "*"]])
    graph = parse(data)
    assert graph.nodes.keys() == {"1", "3"}
    assert graph.nodes["3"].links == {"latent": Link("1", "latent")}
    assert {name: each.get("mode") for name, each in native(data)["nodes"].items()} == {
        "1": None, "2": "bypass", "3": None, "4": "mute",
    }  # fmt: skip


def test_links_that_lead_to_nothing_are_none() -> None:
    nodes = [
        box(1, "Empty", 4),
        box(2, "Add", 1, links={"latent": 1, "other": 7}),
        box(3, "Split", links={"latent": 8}),
    ]
    data = canvas(nodes, [[1, 1, 0, 2, 0, "*"], [8, 99, 0, 3, 0, "*"]])
    (problem,) = problems(data)
    assert (problem.node, problem.socket, problem.kind) == ("3", "latent", "missing_input")
    assert native(data)["nodes"]["2"]["links"] == {"latent": "1.latent"}


def test_nodes_of_unknown_types_are_kept_with_all_that_they_say() -> None:
    nodes = [
        box(1, "Emty", 4, "x", outputs=[{"name": "LATENT"}, {"name": "twice"}, {"name": "twice"}]),
        box(2, "Split", links={"latent": 1}),
        box(3, "Other", 4) | {"inputs": [{"name": "fill", "link": None, "widget": {"name": "fill"}}]},
        box(4, "Split", links={"latent": 2}),
    ]
    data = canvas(nodes, [[1, 1, 0, 2, 0, "*"], [2, 1, 2, 4, 0, "*"]])
    assert native(data)["nodes"] == {
        "1": {"type": "Emty", "values": {"widget_0": 4, "widget_1": "x"}},
        "2": {"type": "Split", "links": {"latent": "1.LATENT"}},
        "3": {"type": "Other", "values": {"fill": 4}},
        "4": {"type": "Split", "links": {"latent": "1.2"}},
    }
    first, second = problems(data)
    assert (first.pointer, first.hint) == ("/nodes/0/type", "did you mean 'Empty'?")
    assert second.pointer == "/nodes/2/type"


ONE_MISTAKE: list[tuple[Any, str, str]] = [
    (box(9, "Empty", "big"), "wrong_type", "/nodes/3/widgets_values/0"),
    (box(9, "Empty", 65), "out_of_range", "/nodes/3/widgets_values/0"),
    (box(9, "Empty") | {"widgets_values": {"size": 65}}, "out_of_range", "/nodes/3/widgets_values/size"),
    (box(9, "Empty"), "missing_input", "/nodes/3"),
    (box(9, "Split"), "missing_input", "/nodes/3"),
    (box(9, "Paint", "x", "rad"), "not_a_choice", "/nodes/3/widgets_values/1"),
    (box(9, "Empty", 4, links={"size": 1}), "incompatible", "/nodes/3/inputs/0"),
    (box(9, "Empty", 4, links={"x/y": 1}), "unknown_input", "/nodes/3/inputs/0"),
    (box(9, "Split", links={"latent": 4}), "unknown_output", "/nodes/3/inputs/0"),
    (box(9, "Save", "%date%", links={"latent": 1}), "wrong_type", "/nodes/3/widgets_values/0"),
    (box(9, "Save", "%date%/../x", links={"latent": 1}), "wrong_type", "/nodes/3/widgets_values/0"),
    (box(9, "Load", "gone.txt"), "missing_file", "/nodes/3/widgets_values/0"),
    (box("a.b", "Empty", 4), "bad_id", "/nodes/3/id"),
    (box(5, "Empty", 4), "bad_id", "/nodes/3/id"),
    ({"type": "Empty"}, "bad_id", "/nodes/3"),
    ({"id": 9}, "unknown_type", "/nodes/3"),
    ({"id": 9, "type": 7}, "unknown_type", "/nodes/3/type"),
    (box(9, "Measure") | {"inputs": 7}, "bad_document", "/nodes/3/inputs"),
    (7, "bad_document", "/nodes/3"),
]


@pytest.mark.parametrize("posted", [False, True], ids=["bare", "posted"])
@pytest.mark.parametrize(("extra", "kind", "path"), ONE_MISTAKE)
def test_a_mistake_is_told_with_its_place_in_the_original(extra: Any, kind: str, path: str, posted: bool) -> None:
    data: dict[str, Any] = {**FINE, "nodes": [*FINE["nodes"], extra], "links": [*FINE["links"], [4, 3, 2, 9, 0, "*"]]}
    data, path = ({"prompt": data}, f"/prompt{path}") if posted else (data, path)
    found = problems(data)
    assert (found[0].kind, found[0].pointer) == (kind, path)
    assert len(found) == (2 if kind == "bad_document" and isinstance(extra, dict) else 1)
    resolve(data, path)


def test_a_problem_of_the_graph_is_found_in_the_original_without_the_nodes_being_known() -> None:
    problem = Problem("7", "amount", "too much", "/nodes/7/values/amount")
    assert comfyui.in_original([problem], FINE)[0].pointer == "/nodes/2"
    assert comfyui.in_original([problem], {"prompt": FINE})[0].pointer == "/prompt/nodes/2"


def test_a_cycle_is_told_in_the_original() -> None:
    data = canvas([box(1, "Split", links={"latent": 1})], [[1, 1, 0, 1, 0, "*"]])
    (problem,) = problems(data)
    assert (problem.kind, problem.pointer) == ("cycle", "/nodes/0/inputs/0")


# An Add whose amount is a widget of the subgraph's own node, then a Split, whose right half goes out.
INNER = subgraph(
    "inner-id",
    [
        box(1, "Add", 1.0, links={"latent": 1, "amount": 4}, pos=[1000, 1000]),
        box(2, "Split", links={"latent": 2}, pos=[1100, 1050]),
    ],
    [long(1, -10, 0, 1, 0), long(2, 1, 0, 2, 0), long(3, 2, 1, -20, 0), long(4, -10, 1, 1, 1)],
    ("latent", "amount"),
)
AMOUNT = {"name": "amount", "link": None, "widget": {"name": "amount"}}


def using(*definitions: Any, mode: int = 0) -> dict[str, Any]:
    instance = box(12, "inner-id", 7.5, links={"latent": 1}, pos=[300, 20], mode=mode)
    instance["inputs"].append(AMOUNT)
    nodes = [box(5, "Empty", 4), instance, box(7, "Split", links={"latent": 2})]
    links = [[1, 5, 0, 12, 0, "*"], [2, 12, 0, 7, 0, "*"]]
    return canvas(nodes, links, definitions={"subgraphs": list(definitions)})


def test_the_nodes_of_a_subgraph_take_the_place_of_its_own_node() -> None:
    read = native(using(INNER))
    assert read["nodes"] == {
        "5": {"type": "Empty", "values": {"size": 4}},
        "7": {"type": "Split", "links": {"latent": "12:2.right"}},
        "12:1": {"type": "Add", "values": {"amount": 7.5}, "links": {"latent": "5.latent"}},
        "12:2": {"type": "Split", "links": {"latent": "12:1.latent"}},
    }
    assert (read["view"]["12:1"]["at"], read["view"]["12:2"]["at"]) == ([300, 20], [400, 70])


def test_subgraphs_may_use_each_other() -> None:
    outer = subgraph(
        "outer-id",
        [box(3, "inner-id", 2.5, links={"latent": 1})],
        [long(1, -10, 0, 3, 0), long(2, 3, 0, -20, 0)],
        ("latent",),
    )
    outer["nodes"][0]["inputs"].append(AMOUNT)
    nodes = [box(5, "Empty", 4), box(12, "outer-id", links={"latent": 1}), box(7, "Split", links={"latent": 2})]
    data = canvas(nodes, using()["links"], definitions={"subgraphs": [INNER, outer]})
    assert native(data)["nodes"]["7"]["links"] == {"latent": "12:3:2.right"}
    assert parse(data).nodes["12:3:1"].values["amount"] == 2.5


def test_a_problem_in_a_subgraph_is_told_where_it_is_defined() -> None:
    wrong = subgraph("inner-id", [box(1, "Empty", 99)], [], ())
    found = [problem for problem in problems(using(wrong)) if problem.node == "12:1"]
    assert [problem.pointer for problem in found] == ["/definitions/subgraphs/0/nodes/0/widgets_values/0"]


def test_what_is_in_a_muted_subgraph_is_muted_and_a_bypassed_one_passes_on() -> None:
    assert parse(using(INNER, mode=2)).nodes.keys() == {"5"}
    assert parse(using(INNER, mode=4)).nodes["7"].links == {"latent": Link("5", "latent")}


def test_a_subgraph_that_contains_itself_is_refused() -> None:
    again = subgraph("inner-id", [box(1, "inner-id")], [], ())
    found = problems(using(again))
    assert (found[0].kind, found[0].pointer) == ("cycle", "/definitions/subgraphs/0/nodes/0")


LEAVES = st.none() | st.booleans() | st.integers(-21, 9) | st.floats() | st.text(max_size=3) | st.just("fixed")
ANYTHING = st.recursive(
    LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=3), inner), max_leaves=8
)
NUMBERS = st.integers(-1, 6)
NAMES = st.sampled_from(["latent", "size", "seed", "amount", "other", ""])
SOCKETS = st.lists(st.fixed_dictionaries({"name": NAMES | ANYTHING, "link": NUMBERS | ANYTHING}) | ANYTHING)
KINDS = st.sampled_from(["Empty", "Add", "Split", "Dream", "Reroute", "PrimitiveNode", "Note", "sub", "other"])
BOXES = st.fixed_dictionaries(
    {"id": NUMBERS | ANYTHING, "type": KINDS | ANYTHING},
    optional={
        "inputs": SOCKETS | ANYTHING,
        "widgets_values": st.lists(LEAVES) | ANYTHING,
        "mode": st.sampled_from([0, 2, 4]) | ANYTHING,
        "pos": st.lists(st.integers(0, 9) | LEAVES, min_size=2, max_size=2) | ANYTHING,
        "outputs": SOCKETS | ANYTHING,
    },
)
ROWS = st.tuples(NUMBERS, NUMBERS | st.just(-10), st.integers(-1, 2), NUMBERS | st.just(-20), st.integers(-1, 2))
LEVELS: Any = {
    "nodes": st.lists(BOXES | ANYTHING, max_size=6),
    "links": st.lists(ROWS.map(list) | ROWS.map(lambda row: long(*row)) | ANYTHING, max_size=8),
}
SUBGRAPHS = st.fixed_dictionaries({"id": st.just("sub"), "inputs": SOCKETS | ANYTHING, **LEVELS})
WORKFLOWS = st.fixed_dictionaries(
    LEVELS,
    optional={
        "definitions": st.fixed_dictionaries({"subgraphs": st.lists(SUBGRAPHS | ANYTHING, max_size=2) | ANYTHING}),
        "groups": ANYTHING,
        "extra": ANYTHING,
    },
)


@settings(max_examples=300)
@given(WORKFLOWS)
def test_anything_is_read_or_refused_with_problems_that_can_be_found(data: Any) -> None:
    with suppress(InvalidGraph):
        graph = parse(data)
        assert parse(graph.document.data) == graph
        return
    for problem in problems(data):
        assert len(str(problem).splitlines()) == 1
        resolve(data, problem.pointer)
