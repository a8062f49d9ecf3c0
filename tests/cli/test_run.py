"""`nodegraph run`."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from nodegraph.picture import workflow_in
from tests.cli.conftest import Command, Write
from tests.cli.toy_nodes import png


def test_a_run_prints_the_path_of_what_it_saves_and_nothing_else(command: Command, write: Write, folder: Path) -> None:
    result = command("run", write())
    assert result.exit_code == 0, result.stderr
    assert result.stdout == f"{folder / 'output' / 'toy_00001.png'}\n"
    assert result.stderr == ""


def test_json_is_one_event_a_line(command: Command, write: Write) -> None:
    events = [json.loads(line) for line in command("run", write(), "--json").stdout.splitlines()]
    names = [event["event"] for event in events]
    assert names[0] == "planned"
    assert names[-1] == "completed"
    assert names.count("finished") == 4
    assert [event["done"] for event in events if event["event"] == "progressed"] == [1, 2, 3]


def test_a_dry_run_says_what_would_run_and_runs_nothing(command: Command, write: Write, folder: Path) -> None:
    result = command("run", write(), "--dry-run", "--out", "here/frog.png")
    assert result.exit_code == 0
    assert [line.split()[:2] for line in result.stdout.splitlines()] == [
        ["run", name] for name in ("one", "sum", "wait", "save")
    ]
    assert [path.name for path in folder.iterdir()] == ["sum.json"]


@pytest.mark.parametrize(("words", "allowed"), [((), "no"), (("--allow-pickle",), "1")])
def test_pickles_are_read_only_if_that_is_said(
    command: Command, write: Write, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], allowed: str
) -> None:
    monkeypatch.setenv("NODEGRAPH_ALLOW_PICKLE", "no")  # so that it is as before afterwards
    assert command("run", write(), "--dry-run", *words).exit_code == 0
    assert os.environ["NODEGRAPH_ALLOW_PICKLE"] == allowed


def test_a_dry_run_can_be_json(command: Command, write: Write) -> None:
    lines = command("run", write(), "--dry-run", "--json").stdout.splitlines()
    assert {json.loads(line)["event"] for line in lines} == {"explained"}


def test_set_changes_a_value_and_the_picture_carries_it(command: Command, write: Write, folder: Path) -> None:
    command("run", write(), "--set", "sum.a=40", "--out", "frog.png")
    assert b"value\0\0\0\0\x0042" in (folder / "frog.png").read_bytes()
    again = command("run", "frog.png", "--out", "again.png")
    assert again.exit_code == 0, again.stderr
    assert (folder / "again.png").read_bytes() == (folder / "frog.png").read_bytes()


def test_a_workflow_of_comfyui_runs_takes_values_by_id_and_is_carried_as_a_native_one(
    command: Command, folder: Path
) -> None:
    nodes = {
        "1": {"class_type": "Number", "inputs": {"value": 1}},
        "3": {"class_type": "Add", "inputs": {"a": ["1", 0], "b": 2}, "_meta": {"title": "Sum"}},
        "9": {"class_type": "Save", "inputs": {"value": ["3", 0]}},
    }
    (folder / "comfy.json").write_text(json.dumps({"prompt": nodes}))
    result = command("run", "comfy.json", "--set", "1.value=40", "--set", "3.b=3", "--out", "frog.png")
    assert result.exit_code == 0, result.stderr
    assert b"value\0\0\0\0\x0043" in (folder / "frog.png").read_bytes()
    document = workflow_in((folder / "frog.png").read_bytes())
    assert document == {
        "nodegraph": 1,
        "nodes": {
            "1": {"type": "Number", "values": {"value": 40}},
            "3": {"type": "Add", "values": {"b": 3}, "links": {"a": "1.int"}},
            "9": {"type": "Save", "links": {"value": "3.int"}},
        },
        "view": {"3": {"title": "Sum"}},
    }
    assert command("check", "comfy.json", "frog.png").exit_code == 0
    assert command("run", "comfy.json", "--set", "2.value=40").exit_code == 2


def test_a_workflow_can_come_from_standard_input(command: Command, write: Write, folder: Path) -> None:
    result = command("run", "-", given=(folder / write()).read_text())
    assert result.exit_code == 0, result.stderr


@pytest.mark.parametrize(
    ("pattern", "copies", "names"),
    [
        ("frog.png", 1, ["frog.png"]),
        ("frog", 1, ["frog.png"]),
        ("frog.v2", 1, ["frog.v2.png"]),
        ("deep/er/frog.png", 2, ["deep/er/frog-2.png", "deep/er/frog.png"]),
        ("{node}/{n}.png", 2, ["save/1.png", "save/2.png"]),
    ],
)
def test_out_names_what_is_saved(
    command: Command, write: Write, folder: Path, pattern: str, copies: int, names: list[str]
) -> None:
    result = command("run", write(), "--out", pattern, "--set", f"save.copies={copies}")
    assert result.exit_code == 0, result.stderr
    found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    assert found == sorted([*names, "sum.json"])
    assert sorted(Path(line).as_posix() for line in result.stdout.splitlines()) == sorted(names)
    assert not list(folder.rglob(".nodegraph-*"))


def test_out_with_a_number_never_takes_the_place_of_a_file(command: Command, write: Write, folder: Path) -> None:
    (folder / "frog-1.png").write_text("mine")
    assert command("run", write(), "--out", "frog-{n}.png").stdout == "frog-2.png\n"
    assert (folder / "frog-1.png").read_text() == "mine"


def test_out_leaves_the_old_file_if_the_run_fails(command: Command, write: Write, folder: Path) -> None:
    (folder / "frog.png").write_text("old")
    failing = write(wait={"type": "Fail", "links": {"value": "sum.int"}})
    assert command("run", failing, "--out", "frog.png").exit_code == 1
    assert (folder / "frog.png").read_text() == "old"
    assert not list(folder.rglob(".nodegraph-*"))


@pytest.mark.parametrize("pattern", ["", "there/", "."])
def test_out_that_names_a_folder_is_a_usage_error(command: Command, write: Write, pattern: str) -> None:
    result = command("run", write(), "--out", pattern)
    assert result.exit_code == 2
    assert "--output names a folder" in result.stderr


def test_output_is_the_folder_to_save_in(command: Command, write: Write, folder: Path) -> None:
    assert command("run", write(), "--output", "there").exit_code == 0
    assert (folder / "there" / "toy_00001.png").is_file()


def test_models_are_looked_for_in_the_given_folder_first(command: Command, write: Write, folder: Path) -> None:
    (folder / "models" / "checkpoints").mkdir(parents=True)
    (folder / "models" / "checkpoints" / "words.txt").write_text("hello")
    reading = {"nodegraph": 1, "nodes": {"read": {"type": "Read", "values": {"name": "words.txt"}}}}
    (folder / "read.json").write_text(json.dumps(reading))
    assert command("run", "read.json", "--models", "models").exit_code == 0
    assert command("run", "read.json").exit_code == 4


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_told(command: Command, write: Write, folder: Path) -> None:
    (folder / "locked").mkdir(mode=0o500)
    result = command("run", write(), "--out", "locked/frog.png")
    assert result.exit_code == 1
    assert "Permission denied" in result.stderr


@pytest.mark.parametrize("words", [["--out", "sum.json/frog.png"], ["--output", "sum.json"]])
def test_a_folder_that_cannot_be_made_is_told(command: Command, write: Write, words: list[str]) -> None:
    result = command("run", write(), *words)
    assert result.exit_code == 1
    assert "sum.json" in result.stderr
    assert "fault of the program" not in result.stderr
    assert "Traceback" not in result.output


def test_a_picture_without_a_workflow_is_refused(command: Command, folder: Path) -> None:
    (folder / "plain.png").write_bytes(png({}))
    result = command("run", "plain.png")
    assert result.exit_code == 3
    assert "plain.png" in result.stderr
    assert "carries no workflow" in result.stderr


CANVAS: dict[str, Any] = {
    "nodes": [
        {"id": 1, "type": "Number", "widgets_values": [2]},
        {"id": 2, "type": "Add", "widgets_values": [5], "inputs": [{"name": "a", "type": "INT", "link": 1}], "mode": 4},
        {"id": 3, "type": "Save", "inputs": [{"name": "value", "type": "INT", "link": 2}]},
    ],
    "links": [[1, 1, 0, 2, 0, "INT"], [2, 2, 0, 3, 0, "INT"]],
}


def test_what_comfyui_saves_is_run_with_what_is_bypassed(command: Command, folder: Path) -> None:
    (folder / "drawn.json").write_text(json.dumps(CANVAS))
    planned = command("run", "drawn.json", "--dry-run", "--set", "1.value=7", "--json").stdout.splitlines()
    assert [(json.loads(line)["node"], json.loads(line)["action"]) for line in planned] == [
        ("1", "run"), ("2", "not needed"), ("3", "run"),
    ]  # fmt: skip
    assert command("run", "drawn.json", "--set", "1.value=7", "--out", "it.png").exit_code == 0
    document: Any = workflow_in((folder / "it.png").read_bytes())
    assert document["nodes"]["1"]["values"] == {"value": 7}
    assert document["nodes"]["2"]["mode"] == "bypass"


def test_a_value_can_be_set_only_in_a_canvas_that_can_be_read(command: Command, folder: Path) -> None:
    (folder / "drawn.json").write_text(json.dumps({**CANVAS, "nodes": [*CANVAS["nodes"], 7]}))
    result = command("run", "drawn.json", "--set", "1.value=7")
    assert (result.exit_code, "expected an object, got 7" in result.stderr) == (3, True)
