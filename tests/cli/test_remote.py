"""`submit`, `jobs`, `cancel` and `logs`: a running server, with the output of `run`."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from nodegraph.cli import app
from tests.server.serving import FAKES, Server, saving, serving, wait_for

SERVER_ONLY = ("submit", "jobs", "cancel", "logs")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


def call(server: Server, *words: str) -> Result:
    where = ("--server", server.origin) if words[0] in SERVER_ONLY else ("--pack", FAKES)
    return CliRunner().invoke(app, [*words, *where])


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)

    def written(kind: str, **values: Any) -> str:
        (tmp_path / "it.json").write_text(json.dumps(saving(kind, **values)))
        return "it.json"

    return written


def events(result: Result) -> list[dict[str, Any]]:
    """The events that were printed, without what differs between any two runs."""
    found = [json.loads(line) for line in result.stdout.splitlines()]
    return [{key: value for key, value in event.items() if key not in ("seconds", "artifacts")} for event in found]


def test_a_job_on_a_server_says_what_a_run_here_says(server: Server, write: Any) -> None:
    file = write("Sleep", seconds=0.2, steps=3, value=11)
    here, there = call(server, "run", file, "--json"), call(server, "submit", file, "--json")
    assert (here.exit_code, there.exit_code) == (0, 0)
    told = events(there)
    # Progress may be told less often over a network, and nothing else.
    steady = [event for event in events(here) if event["event"] != "progressed"]
    assert [event for event in told if event["event"] != "progressed"] == steady
    assert {"event": "progressed", "node": "it", "done": 3, "total": 3} in told


def test_out_fetches_the_pictures_under_the_names_asked_for(server: Server, write: Any) -> None:
    result = call(server, "submit", write("Number", value=5), "--set", "save.batch_size=2", "--out", "cat.png")
    assert result.stdout.splitlines() == ["cat.png", "cat-2.png"]
    assert Path("cat.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in Path.cwd().iterdir()) == ["cat-2.png", "cat.png", "it.json"]


@pytest.mark.parametrize(("how", "code"), [("Raise", 1), ("Allocate", 5)])
def test_a_job_that_fails_ends_with_the_exit_code_of_a_run(server: Server, write: Any, how: str, code: int) -> None:
    result = call(server, "submit", write(how))
    assert result.exit_code == code
    assert result.stderr.startswith("error: it: ")


def test_a_workflow_with_problems_is_refused_with_all_of_them(server: Server, write: Any) -> None:
    file = write("Numbr", value=5)
    here, there = call(server, "run", file), call(server, "submit", file)
    assert there.exit_code == here.exit_code == 3
    assert there.stderr == here.stderr


def test_jobs_are_listed_shown_and_cancelled(server: Server, write: Any) -> None:
    name = call(server, "submit", write("Sleep", seconds=30, steps=300), "--no-wait", "--id", "nap").stdout.strip()
    assert name == "nap"
    server.running(name)
    assert call(server, "jobs", "--state", "running").stdout.split()[:2] == ["nap", "running"]
    assert call(server, "cancel", "nap").stdout == "nap: cancelling\n"
    server.ended(name)
    assert call(server, "logs", "nap").exit_code == 130
    assert [event["event"] for event in events(call(server, "logs", "nap", "--json"))][-1] == "cancelled"
    assert call(server, "cancel", "nothing").exit_code == 4
    assert call(server, "cancel").exit_code == 2


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["jobs", "--server", "http://127.0.0.1:9"])
    assert (result.exit_code, result.stderr.splitlines()[0]) == (2, "error: no server answers at http://127.0.0.1:9")


def test_ctrl_c_cancels_the_job(server: Server, write: Any) -> None:
    file = write("Sleep", seconds=30, steps=300)
    words = [sys.executable, "-m", "nodegraph", "submit", file, "--id", "stopped", "--server", server.origin]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, env={"PYTHONPATH": str(Path(__file__).parents[2])})
    wait_for(lambda: server.get("/api/v1/jobs/stopped").status == 200)
    server.running("stopped")
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert (process.returncode, said.decode().strip().splitlines()[-1]) == (130, "stopped")
    assert server.job("stopped")["state"] == "cancelled"
