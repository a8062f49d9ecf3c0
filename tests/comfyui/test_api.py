"""ComfyUI's workflows: read as native documents, or refused with problems that can be found in them."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodegraph import Graph, InvalidGraph, Link, Problem
from tests.comfyui.resolving import resolve
from tests.examples import REGISTRY, document, of

CATALOGUE = REGISTRY.catalogue()


def api(class_type: str, title: str | None = None, /, **inputs: Any) -> dict[str, Any]:
    """A node in API format."""
    meta = {} if title is None else {"_meta": {"title": title}}
    return {"inputs": inputs, "class_type": class_type, **meta}


FINE = {
    "3": api("Split", "Two halves", latent=["5", 0]),
    "5": api("Empty", size=4, fill=1),
    "7:1": api("Add", latent=["3", 1], other=["3", 0], amount=2.5),
}


def parse(data: object, folders: dict[str, tuple[Path, ...]] | None = None) -> Graph:
    return Graph.parse(data, CATALOGUE, folders or {"output": (Path("output"),)})


def problems(data: object) -> tuple[Problem, ...]:
    with pytest.raises(InvalidGraph) as invalid:
        parse(data)
    return invalid.value.problems


def test_links_by_index_become_links_by_name() -> None:
    graph = parse(FINE)
    assert graph.nodes["3"].links == {"latent": Link("5", "latent")}
    assert graph.nodes["7:1"].links == {"latent": Link("3", "right"), "other": Link("3", "left")}


def test_a_workflow_is_the_native_one_that_says_the_same() -> None:
    native = document(
        **{
            "3": of("Split", {"latent": "5.latent"}),
            "5": of("Empty", size=4, fill=1),
            "7:1": of("Add", {"latent": "3.right", "other": "3.left"}, amount=2.5),
        }
    )
    assert parse(FINE) == parse({**native, "view": {"3": {"title": "Two halves"}}})


def test_what_is_kept_of_a_workflow_is_native() -> None:
    written = parse(FINE).document.data
    assert (written["nodegraph"], written["view"]) == (1, {"3": {"title": "Two halves"}})
    assert parse(written) == parse(FINE)


def test_what_a_client_posts_is_read() -> None:
    canvas: dict[str, Any] = {"nodes": [], "links": []}
    extra = {"extra_pnginfo": {"workflow": canvas}}
    assert parse({"prompt": FINE, "client_id": "x", "extra_data": extra}) == parse(FINE)


def test_a_native_document_is_never_taken_for_another() -> None:
    native = document(prompt=of("Empty", size=2), class_type=of("Split", {"latent": "prompt.latent"}))
    assert parse(native).nodes.keys() == {"prompt", "class_type"}


def test_ids_may_be_the_words_of_another_format() -> None:
    nodes = {"prompt": api("Empty", size=2), "nodes": api("Split", latent=["prompt", 0])}
    assert parse(nodes).nodes.keys() == {"prompt", "nodes"}


@pytest.mark.parametrize(("given", "value"), [(8.0, 8), (8, 8)])
def test_whole_numbers_may_be_written_as_floats(given: object, value: int) -> None:
    found = parse({"1": api("Empty", size=given), "2": api("Walk", latent=["1", 0], seed=given)}).nodes
    size, seed = found["1"].values["size"], found["2"].values["seed"]
    assert [(size, type(size)), (seed, type(seed))] == [(value, int), (value, int)]


def test_floats_may_be_written_as_whole_numbers() -> None:
    fill = parse({"1": api("Empty", size=1, fill=3)}).nodes["1"].values["fill"]
    assert (fill, type(fill)) == (3.0, float)


def test_where_lists_go_a_list_is_a_link_only_if_it_names_a_node() -> None:
    fine = {**FINE, "1": api("Paint", text="x", sizes=[1, 2])}
    assert parse(fine).nodes["1"].values["sizes"] == (1, 2)
    for source, kind in (("5", "incompatible"), ("55", "wrong_type")):
        (problem,) = problems({**FINE, "1": api("Paint", text="x", sizes=[source, 0])})
        assert problem.kind == kind


def test_what_the_front_end_adds_is_dropped_and_nothing_else() -> None:
    added = {"control_after_generate": "fixed", "upload": "image", "speak_and_recognation": True}
    assert parse({"1": api("Empty", size=1, **added)}) == parse({"1": api("Empty", size=1)})
    (problem,) = problems({"1": api("Empty", size=1, sise=2)})
    assert (problem.kind, problem.pointer) == ("unknown_input", "/1/inputs/sise")


def test_other_parts_of_a_node_change_nothing() -> None:
    assert parse({"1": {**api("Empty", size=1), "is_changed": None, "_meta": []}}) == parse({"1": api("Empty", size=1)})


def test_names_of_files_may_be_those_of_windows_and_stay_contained(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").touch()
    folders = {"data": (tmp_path,)}
    assert parse({"1": api("Load", name="in\\a.txt")}, folders) == parse({"1": api("Load", name="in/a.txt")}, folders)
    (problem,) = problems({"1": api("Load", name="..\\a.txt")})
    assert problem.kind == "outside_folder"


ONE_MISTAKE: list[tuple[str, Any, str, str, str | None]] = [
    ("not an object", 3, "bad_document", "/x", None),
    ("no type", {"inputs": {}}, "unknown_type", "/x", None),
    ("unknown type", api("Emty"), "unknown_type", "/x/class_type", "Empty"),
    ("type is a list", {"class_type": [], "inputs": {}}, "unknown_type", "/x/class_type", None),
    ("no inputs", {"class_type": "Split"}, "bad_document", "/x", None),
    ("inputs is a list", {"class_type": "Split", "inputs": []}, "bad_document", "/x/inputs", None),
    ("unknown input", api("Empty", **{"size": 1, "fi/l": 2}), "unknown_input", "/x/inputs/fi~1l", "fill"),
    ("unknown linked input", api("Empty", size=1, fil=["5", 0]), "unknown_input", "/x/inputs/fil", "fill"),
    ("missing value", api("Empty"), "missing_input", "/x/inputs", None),
    ("missing link", api("Split"), "missing_input", "/x/inputs", None),
    ("wrong type", api("Empty", size="2"), "wrong_type", "/x/inputs/size", None),
    ("half", api("Empty", size=2.5), "wrong_type", "/x/inputs/size", None),
    ("out of range", api("Empty", size=65.0), "out_of_range", "/x/inputs/size", None),
    ("not a choice", api("Paint", text="x", color="rad"), "not_a_choice", "/x/inputs/color", "red"),
    ("value for a link", api("Split", latent=3), "bad_link", "/x/inputs/latent", None),
    ("link without index", api("Split", latent=["5"]), "bad_link", "/x/inputs/latent", None),
    ("link by number", api("Split", latent=[5, 0]), "bad_link", "/x/inputs/latent", None),
    ("link by name", api("Split", latent=["5", "latent"]), "bad_link", "/x/inputs/latent", None),
    ("unknown node", api("Split", latent=["55", 0]), "unknown_node", "/x/inputs/latent", "5"),
    ("unknown node for a value", api("Empty", size=["55", 0]), "unknown_node", "/x/inputs/size", "5"),
    ("index too large", api("Split", latent=["3", 2]), "unknown_output", "/x/inputs/latent", "0 left, 1 right"),
    ("index below 0", api("Split", latent=["3", -1]), "unknown_output", "/x/inputs/latent", "0 left, 1 right"),
    ("incompatible", api("Empty", size=["3", 0]), "incompatible", "/x/inputs/size", None),
    ("itself", api("Split", latent=["x", 0]), "cycle", "/x/inputs/latent", None),
    ("missing file", api("Load", name="a.txt"), "missing_file", "/x/inputs/name", None),
    ("pattern", api("Save", latent=["3", 0], prefix="%date%"), "wrong_type", "/x/inputs/prefix", "%date%"),
]  # fmt: skip


@pytest.mark.parametrize("posted", [False, True], ids=["bare", "posted"])
@pytest.mark.parametrize(
    ("node", "kind", "path", "hint"), [row[1:] for row in ONE_MISTAKE], ids=[row[0] for row in ONE_MISTAKE]
)
def test_a_mistake_is_told_once_with_its_place_in_the_original(
    node: Any, kind: str, path: str, hint: str | None, posted: bool
) -> None:
    data: dict[str, Any] = {**FINE, "x": node}
    data, path = ({"prompt": data}, f"/prompt{path}") if posted else (data, path)
    (problem,) = problems(data)
    assert (problem.node, problem.kind, problem.pointer) == ("x", kind, path)
    assert hint in problem.hint if hint and problem.hint else problem.hint is hint
    resolve(data, problem.pointer)


def test_all_mistakes_are_told_at_once() -> None:
    nodes = {f"x{place}": row[1] for place, row in enumerate(ONE_MISTAKE) if row[0] != "itself"}
    found = problems({**FINE, **nodes})
    assert sorted(problem.kind for problem in found) == sorted(row[2] for row in ONE_MISTAKE if row[0] != "itself")


def test_a_node_of_unknown_type_brings_no_problems_upon_those_that_it_feeds() -> None:
    (problem,) = problems({**FINE, "5": api("Emty", size=1)})
    assert problem.pointer == "/5/class_type"


def test_an_id_that_cannot_be_written_before_a_dot_is_told_once() -> None:
    (problem,) = problems({**FINE, "1.5": api("Empty", size=1), "6": api("Split", latent=["1.5", 0])})
    assert (problem.kind, problem.pointer) == ("bad_id", "/1.5")


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["a", "b", "latent"])
ANYTHING = st.recursive(
    LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner), max_leaves=10
)
LINKS = st.tuples(st.sampled_from(["a", "b", "c.d"]) | st.text(), st.integers(-2, 3) | st.integers()).map(list)
INPUTS = st.dictionaries(
    st.sampled_from(["latent", "size", "text", "fill", "amount", "other", "sizes", "prefix", "name", "upload"])
    | st.text(),
    LINKS | st.integers(0, 5) | ANYTHING,
)
NODES = st.fixed_dictionaries(
    {"class_type": st.sampled_from(list(REGISTRY)) | ANYTHING},
    optional={"inputs": INPUTS | ANYTHING, "_meta": st.fixed_dictionaries({"title": ANYTHING}) | ANYTHING},
)
WORKFLOWS = st.dictionaries(st.sampled_from(["a", "b", "c.d", "nodes", "prompt"]) | st.text(), NODES | ANYTHING)
CANVASES = st.fixed_dictionaries({"nodes": st.lists(ANYTHING), "links": st.lists(ANYTHING) | ANYTHING})


@settings(max_examples=500)
@given(WORKFLOWS | CANVASES | st.fixed_dictionaries({"prompt": WORKFLOWS | CANVASES | ANYTHING}))
def test_anything_is_read_or_refused_with_problems_that_can_be_found(data: Any) -> None:
    with suppress(InvalidGraph):
        graph = parse(data)
        assert parse(graph.document.data) == graph
        return
    for problem in problems(data):
        assert len(str(problem).splitlines()) == 1
        resolve(data, problem.pointer)
