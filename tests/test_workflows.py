"""The shipped workflows: each one is read, runs, and saves the pictures it should."""

import json
import re
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from PIL import Image as Picture

from nodegraph import Document, MemoryCache, Registry, Result, Runtime, read_document, results_of
from nodegraph.folders import default_folders
from nodegraph.picture import workflow_in
from nodes.types import Latent

FOLDER = Path(__file__).parents[1] / "workflows"
CHECKPOINT = FOLDER.parent / "nodes" / "checkpoints" / "emoji-64.safetensors"
# What each workflow saves: the node, how many pictures, and the side of each.
SAVED: dict[str, dict[str, tuple[int, int]]] = {
    "text_to_image": {"save": (1, 64)},
    "text_to_image_ksampler": {"save": (1, 64)},
    "image_to_image": {"save": (1, 64)},
    "inpaint": {"save": (1, 64)},
    "hires_fix": {"save": (1, 96), "preview": (1, 64)},
    "six_steps": {"save": (1, 64)},
    "three_steps_unrolled": {
        "save": (1, 64), "save_sampler": (1, 64), "preview_1": (1, 64), "preview_2": (1, 64)
    },
    "kinds_of_noise": {"save": (6, 64)},
}  # fmt: skip
# Those for models that do not come along; test_model_workflows runs them.
FOR_MODELS = [f"models/{path.stem}" for path in (FOLDER / "models").glob("*.json")]
# The lessons, whose claims are tested in tests/lessons.
LESSONS = sorted(f"lessons/{path.stem}" for path in (FOLDER / "lessons").glob("*.json"))
Nodes = dict[str, dict[str, Any]]


def document_of(name: str) -> dict[str, Any]:
    return cast("dict[str, Any]", read_document(FOLDER / f"{name}.json"))


def quick(document: Mapping[str, Any]) -> dict[str, Any]:
    """The same workflow with at most three steps in every schedule."""
    changed = deepcopy(dict(document))
    for node in cast(Nodes, changed["nodes"]).values():
        if "steps" in node.get("values", {}):
            node["values"]["steps"] = min(3, node["values"]["steps"])
    return changed


@pytest.fixture(scope="module")
def cache() -> MemoryCache:
    """Results that all tests share, the checkpoint among them."""
    assert CHECKPOINT.is_file(), f"the embedded checkpoint is missing: {CHECKPOINT}"
    return MemoryCache()


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry.from_packs()


@pytest.fixture
def runtime(registry: Registry, cache: MemoryCache, tmp_path: Path) -> Runtime:
    folders = default_folders(output=tmp_path / "output")
    return Runtime(registry, cache, {**folders, "temp": (tmp_path / "temp",)})


def outputs(runtime: Runtime, document: object, *nodes: str) -> list[Any]:
    """The first output of some nodes."""
    results = results_of(runtime.run(document, nodes))
    return [next(iter(results[node].outputs.values())) for node in nodes]


def saved_by(result: Result) -> list[Path]:
    return [artifact.path for artifact in result.artifacts]


def test_every_shipped_workflow_says_what_it_is_for_in_one_sentence_and_has_a_small_picture():
    titles = set[str]()
    for path in FOLDER.rglob("*.json"):
        about = cast("dict[str, str]", json.loads(path.read_text())["view"][".about"])
        assert about.keys() == {"title", "text"}
        assert len(about["title"]) <= 40
        assert re.fullmatch(r"[A-Z][^.!?]{20,130}\.", about["text"])
        titles.add(about["title"])
        picture = FOLDER / "pictures" / path.relative_to(FOLDER).with_suffix(".png")
        # What evaluate makes is a table of figures, and the models of others do not come along to make pictures.
        if path.stem != "evaluate" and path.parent.name != "models":
            assert picture.stat().st_size <= 40 << 10
            with Picture.open(picture) as opened:
                assert opened.width <= 256
    assert len(titles) == len(list(FOLDER.rglob("*.json")))
    assert len(titles) == len(list((FOLDER / "pictures").rglob("*.png"))) + 1 + len(FOR_MODELS)


def test_every_shipped_workflow_is_tested_here():
    assert {path.stem for path in FOLDER.glob("*.json")} == SAVED.keys()


@pytest.mark.parametrize("name", [*SAVED, *LESSONS])
def test_a_shipped_workflow_has_no_problems(runtime: Runtime, name: str):
    assert runtime.check(document_of(name)).nodes.keys() == document_of(name)["nodes"].keys()


@pytest.mark.parametrize("name", SAVED)
def test_a_shipped_workflow_saves_its_pictures(runtime: Runtime, name: str):
    results = results_of(runtime.run(quick(document_of(name))))
    assert results.keys() == SAVED[name].keys()
    for node, (count, side) in SAVED[name].items():
        paths = saved_by(results[node])
        assert len(paths) == count
        for path in paths:
            with Picture.open(path) as picture:
                assert (picture.format, picture.mode, picture.size) == ("PNG", "RGB", (side, side))


@pytest.mark.parametrize("name", [*SAVED, *FOR_MODELS, *LESSONS])
def test_every_node_of_a_shipped_workflow_has_a_place_right_of_what_feeds_it(name: str):
    document = document_of(name)
    places = {node: tuple(view["at"]) for node, view in document["view"].items() if node[0] != "."}
    assert places.keys() == document["nodes"].keys()
    assert len(set(places.values())) == len(places)
    for node, described in cast(Nodes, document["nodes"]).items():
        for link in described.get("links", {}).values():
            assert places[link.partition(".")[0]][0] < places[node][0]


@pytest.mark.parametrize("name", [*SAVED, *FOR_MODELS, *LESSONS])
def test_a_shipped_workflow_names_every_value_that_its_nodes_have_a_choice_in(registry: Registry, name: str):
    # So that whoever edits the file sees what there is to change. A seed that only some methods use may be left out,
    # and the type to compute in.
    for node, described in cast(Nodes, document_of(name)["nodes"]).items():
        inputs = registry[described["type"]].description.inputs
        widgets = {given for given, socket in inputs.items() if socket.widget}
        unsaid = widgets - described.get("values", {}).keys() - described.get("links", {}).keys()
        assert unsaid <= {"seed", "filename_prefix", "dtype", "weight_dtype"}, node


def test_the_three_steps_unrolled_are_the_sampler_bit_for_bit(runtime: Runtime):
    unrolled, sampled = outputs(runtime, document_of("three_steps_unrolled"), "add_back_3", "sampler")
    assert torch.equal(unrolled.samples, sampled.samples)
    assert unrolled.samples.std() > 0


def test_the_ksampler_gives_the_picture_of_the_decomposed_workflow_bit_for_bit(runtime: Runtime):
    (decomposed,) = outputs(runtime, quick(document_of("text_to_image")), "sampler")
    (whole,) = outputs(runtime, quick(document_of("text_to_image_ksampler")), "sampler")
    assert torch.equal(decomposed.samples, whole.samples)


def test_image_to_image_without_denoise_gives_the_encoded_picture_back(runtime: Runtime):
    document = document_of("image_to_image")
    document["nodes"]["schedule"]["values"]["denoise"] = 0.0
    encoded, sampled = outputs(runtime, document, "encode", "sampler")
    assert torch.equal(sampled.samples, encoded.samples)


def test_inpainting_keeps_the_latent_and_the_picture_outside_of_the_mask(runtime: Runtime):
    document = quick(document_of("inpaint"))
    encoded, sampled, picture, result = outputs(runtime, document, "encode", "sampler", "picture", "composite")
    rows = document["nodes"]["patch"]["values"]["height"]
    assert torch.equal(sampled.samples[:, :, rows // 8 :], encoded.samples[:, :, rows // 8 :])
    assert torch.equal(result.pixels[:, :, rows:], picture.pixels[:, :, rows:])
    assert not torch.equal(result.pixels[:, :, :rows], picture.pixels[:, :, :rows])


def test_each_kind_of_noise_starts_a_picture_of_its_own(runtime: Runtime):
    (sampled,) = outputs(runtime, quick(document_of("kinds_of_noise")), "sampler")
    samples = cast(Latent, sampled).samples
    assert all(not torch.equal(samples[a], samples[b]) for a in range(6) for b in range(a))


def test_a_saved_picture_runs_again_and_gives_the_same_picture(registry: Registry, runtime: Runtime):
    first = saved_by(results_of(runtime.run(quick(document_of("text_to_image"))))["save"])[0]
    carried = workflow_in(first.read_bytes())
    assert carried == quick(document_of("text_to_image"))
    afresh = Runtime(registry, {}, runtime.folders)
    second = saved_by(results_of(afresh.run(carried))["save"])[0]
    assert second != first
    assert second.read_bytes() == first.read_bytes()


def test_the_document_that_a_picture_carries_is_the_one_that_ran(runtime: Runtime):
    document = quick(document_of("text_to_image"))
    document["nodes"]["prompt"]["values"]["text"] = 'a "blue" fish — 魚'
    path = saved_by(results_of(runtime.run(document))["save"])[0]
    assert workflow_in(path.read_bytes()) == json.loads(Document(document).text())


def test_another_prompt_runs_only_what_depends_on_it(registry: Registry, tmp_path: Path):
    runtime = Runtime(registry, MemoryCache(), default_folders(output=tmp_path))
    document = quick(document_of("text_to_image"))
    results_of(runtime.run(document))
    document["nodes"]["prompt"]["values"]["text"] = "a green pear"
    ran = {step.id for step in runtime.plan(document).pending(runtime.cache)}
    assert ran == {"prompt", "with_text", "guide", "sampler", "decode", "save"}
