"""The command, run in this process in an empty folder with the toy nodes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from nodegraph.cli import app

TOYS = str(Path(__file__).with_name("toy_nodes.py"))
Command = Callable[..., Result]
Write = Callable[..., str]

SUM: dict[str, Any] = {
    "nodegraph": 1,
    "nodes": {
        "one": {"type": "Number", "values": {"value": 1}},
        "sum": {"type": "Add", "values": {"b": 2}, "links": {"a": "one.int"}},
        "wait": {"type": "Wait", "links": {"value": "sum.int"}},
        "save": {"type": "Save", "links": {"value": "wait.int"}},
    },
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def command(folder: Path) -> Command:
    def call(*words: str, given: str | bytes | None = None) -> Result:
        packs = [] if words[0] == "--version" else ["--pack", TOYS]
        return CliRunner().invoke(app, [*words, *packs], input=given)

    return call


@pytest.fixture
def write(folder: Path) -> Write:
    """Write a workflow made of SUM and some changed nodes; None takes a node out."""

    def written(name: str = "sum.json", **changed: Any) -> str:
        nodes = {**SUM["nodes"], **changed}
        document = {"nodegraph": 1, "nodes": {name: node for name, node in nodes.items() if node is not None}}
        (folder / name).write_text(json.dumps(document))
        return name

    return written
