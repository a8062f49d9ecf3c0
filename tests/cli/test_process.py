"""The command as a process: signals and pipes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.conftest import TOYS, Write

SLOW = {"type": "Wait", "values": {"steps": 2000, "seconds": 0.05}, "links": {"value": "sum.int"}}
STUCK = {"type": "Wait", "values": {"steps": 1, "seconds": 60.0}, "links": {"value": "sum.int"}}
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}


def start(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "nodegraph", *words, "--pack", TOYS],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    )


def wait_for(process: subprocess.Popen[str], event: str) -> None:
    assert process.stdout
    while json.loads(process.stdout.readline())["event"] != event:
        pass


def leave_nothing(folder: Path) -> bool:
    return [path.name for path in folder.iterdir()] == ["sum.json"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_within_a_step_and_leaves_no_file(folder: Path, write: Write, number: signal.Signals) -> None:
    with start("run", write(wait=SLOW), "--json", "--out", "frog.png") as process:
        wait_for(process, "progressed")
        process.send_signal(number)
        out, err = process.communicate(timeout=10)
    assert (process.returncode, err) == (130, "")
    assert json.loads(out.splitlines()[-1]) == {"event": "cancelled", "node": "wait"}
    assert leave_nothing(folder)


def test_a_second_signal_stops_a_node_that_does_not_yield(folder: Path, write: Write) -> None:
    with start("run", write(wait=STUCK), "--json", "--out", "frog.png") as process:
        while True:
            assert process.stdout
            event = json.loads(process.stdout.readline())
            if event["event"] == "started" and event["node"] == "wait":
                break
        time.sleep(0.3)  # until the node, which says nothing, is really at it
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)
    assert process.returncode == 130
    assert leave_nothing(folder)


def test_a_sweep_that_is_stopped_keeps_the_pictures_that_were_done_and_writes_no_sheet(
    folder: Path, write: Write
) -> None:
    sweep = ("--sweep", "wait.steps=1,2000", "--sheet", "sheet.png")
    with start("run", write(wait=SLOW), "--json", "--out", "frog.png", *sweep) as process:
        wait_for(process, "completed")
        wait_for(process, "progressed")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=10)
    assert (process.returncode, err) == (130, "")
    last = {"event": "cancelled", "node": "wait", "values": {"wait.steps": 2000}}
    assert json.loads(out.splitlines()[-1]) == last
    assert sorted(path.name for path in folder.iterdir()) == ["frog.png", "sum.json"]


def test_a_stop_is_told_in_a_word(folder: Path, write: Write) -> None:
    with start("run", write(wait=SLOW), "--out", "{n}.png") as process:
        while leave_nothing(folder):
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=10)
    assert (process.returncode, err) == (130, "stopped\n")


@pytest.mark.parametrize("words", [["schema"], ["run", "sum.json", "--json"]])
def test_a_reader_that_leaves_is_no_error(folder: Path, write: Write, words: list[str]) -> None:
    write()
    with start(*words) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 1


def test_a_run_that_is_not_on_a_terminal_says_only_its_results(folder: Path, write: Write) -> None:
    with start("run", write(), "--out", "frog.png") as process:
        assert process.communicate(timeout=30) == ("frog.png\n", "")
    assert process.returncode == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_output_that_does_not_fit_is_told(folder: Path) -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "nodegraph", "nodes", "--pack", TOYS],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env=ENVIRONMENT,
            check=False,
        )
    assert (ended.returncode, ended.stderr) == (1, "error: No space left on device\n")
