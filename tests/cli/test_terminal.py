"""The live bar, on a real terminal."""

import os
import pty
import subprocess
import sys
from pathlib import Path

from tests.cli.conftest import TOYS, Write

BRISK = {"type": "Wait", "values": {"steps": 20, "seconds": 0.02}, "links": {"value": "sum.int"}}


def on_terminal(*words: str) -> tuple[str, str]:
    """What a command writes to standard output, which is a pipe, and to standard error, which is a terminal."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "TERM": "xterm", "COLUMNS": "120"}
    with subprocess.Popen(
        [sys.executable, "-m", "nodegraph", *words, "--pack", TOYS],
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
        env=environment,
    ) as process:
        os.close(theirs)
        shown = b""
        try:
            while piece := os.read(ours, 4096):
                shown += piece
        except OSError:  # Linux reports the end of a terminal as an input/output error
            pass
        assert process.stdout
        said = process.stdout.read()
    os.close(ours)
    return said, shown.decode()


def test_the_bar_tells_node_step_and_speed_and_results_go_to_standard_output(folder: Path, write: Write) -> None:
    said, shown = on_terminal("run", write(wait=BRISK), "--out", "frog.png")
    assert said == "frog.png\n"
    assert "node 3 of 4" in shown
    assert "wait (Wait)" in shown
    assert "of 20" in shown
    assert "it/s" in shown
    assert "4 nodes run, 0 reused" in shown


def test_reused_nodes_are_counted(folder: Path, write: Write) -> None:
    file = write(two={"type": "Number"}, sum={"type": "Add", "links": {"a": "one.int", "b": "two.int"}}, wait=BRISK)
    _, shown = on_terminal("run", file, "--out", "frog.png")
    assert "1 reused" in shown


def test_no_bar_is_drawn_for_json(folder: Path, write: Write) -> None:
    said, shown = on_terminal("run", write(), "--json")
    assert said.startswith('{"event": "planned"')
    assert shown == ""
