"""Training as nodes: from icon packs to a checkpoint that loads, in a few steps, through the engine."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from nodegraph import InvalidGraph, NodeFailed, Progressed, Registry, Runtime, results_of
from nodegraph.folders import shipped_workflows
from nodes.diffusion.training.concepts import CONCEPTS

PACKS = ("noto", "twemoji", "fluent-emoji-flat")
FEW = {
    "vae": {"steps": 2, "encoder_steps": 2, "batch": 2},
    "clip": {"steps": 2, "batch": 4},
    "unet": {"steps": 2, "batch": 4},
    "judge": {"steps": 2, "batch": 4},
    "few": {"steps": 2, "batch": 6},
    "vision": {"steps": 2, "batch": 4},
}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with icon packs of plain rectangles, where the workflows look for them."""
    folder = tmp_path_factory.mktemp("training")
    for hue, pack in enumerate(PACKS):
        icons = {
            name: {
                "body": f'<rect x="4" y="{index % 8}" width="20" height="20" fill="hsl({hue * 90 + index},80%,50%)"/>'
            }
            for index, name in enumerate(CONCEPTS.values())
        }
        place = folder / "data" / "node_modules" / "@iconify-json" / pack
        place.mkdir(parents=True)
        (place / "icons.json").write_text(json.dumps({"icons": icons, "width": 32, "height": 32}))
    return folder


@pytest.fixture(scope="module")
def runtime(here: Path) -> Runtime:
    output = here / "output"
    folders = {"data": (here,), "output": (output,), "temp": (output / "temp",)}
    folders |= {kind: (output / kind,) for kind in ("checkpoints", "clip_vision", "loras")}
    return Runtime(Registry.from_packs(["nodes"]), folders=folders)


def shortened(name: str) -> dict[str, Any]:
    document = json.loads(shipped_workflows()[f"training/{name}"].read_text("utf-8"))
    for node, values in FEW.items():
        if node in document["nodes"] and document["nodes"][node]["type"].startswith("Train"):
            document["nodes"][node]["values"].update(values)
    return document


@pytest.mark.parametrize("name", ["pictures", "vae", "clip", "unet", "classifier", "checkpoint"])
def test_a_training_workflow_runs(name: str, runtime: Runtime):
    results = results_of(runtime.run(shortened(name)))
    assert results
    for result in results.values():
        assert all(artifact.path.stat().st_size > 0 for artifact in result.artifacts)


def test_the_trained_checkpoint_paints_and_is_judged(runtime: Runtime):
    for name in ("checkpoint", "classifier", "few_steps"):
        results_of(runtime.run(shortened(name)))
    document = shortened("evaluate")
    for node in ("any", "few_steps", "unseen"):
        document["nodes"][node]["values"].update({"count": 3, "steps": 2})
    (report,) = results_of(runtime.run(document))["any"].artifacts
    assert set(json.loads(report.path.read_text())) == {
        *("subject", "tint", "background", "style", "count", "relation", "feature_distance")
    }


def test_training_tells_its_progress_and_resumes_at_its_end(runtime: Runtime):
    document = shortened("clip")
    document["nodes"]["clip"]["values"]["state"] = "resumed/clip"
    first = [event for event in runtime.run(document) if isinstance(event, Progressed)]
    assert [(event.done, event.total) for event in first] == [(1, 2), (2, 2)]
    runtime.cache.clear()
    again = [event for event in runtime.run(document) if isinstance(event, Progressed)]
    assert again == []


def test_a_state_of_another_training_is_refused_by_name(runtime: Runtime):
    document = shortened("vae")
    document["nodes"]["vae"]["values"]["state"] = "mixed/a"
    results_of(runtime.run(document))
    folder = runtime.folders["output"][0] / "mixed"
    (folder / "a-decoder.state.safetensors").rename(folder / "b.state.safetensors")
    wrong = shortened("clip")
    wrong["nodes"]["clip"]["values"]["state"] = "mixed/b"
    with pytest.raises(NodeFailed, match=r"b\.state\.safetensors is the state of another training"):
        results_of(runtime.run(wrong))


def test_icon_packs_that_are_not_there_are_named(runtime: Runtime, tmp_path: Path):
    elsewhere = Runtime(runtime.registry, folders={**runtime.folders, "data": (tmp_path,)})
    with pytest.raises(InvalidGraph) as caught:
        elsewhere.check(shortened("pictures"))
    assert [problem.where for problem in caught.value.problems] == [
        "pictures.noto",
        "pictures.twemoji",
        "pictures.fluent",
    ]
    assert caught.value.exit_code == 4


def test_training_does_not_change_the_text_encoder_that_it_is_given(runtime: Runtime):
    document = shortened("unet")
    document["nodes"]["unet"]["values"].update({"steps": 2, "state": "pure/unet"})
    clip = results_of(runtime.run(document, targets=["clip"]))["clip"].outputs["clip"]
    before = {name: tensor.clone() for name, tensor in clip.towers[0].network.stored.items()}
    results_of(runtime.run(document, targets=["unet"]))
    assert all(torch.equal(tensor, before[name]) for name, tensor in clip.towers[0].network.stored.items())
