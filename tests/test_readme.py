"""What the README says is true: its commands run, its workflow runs, its node is a node, its make targets exist."""

import os
import re
import shlex
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from nodegraph.server.settings import load_settings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def commands() -> list[str]:
    return [line for block in blocks("sh") for line in block.splitlines()]


def nodegraph(folder: Path, command: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command line that begins with `nodegraph`, with the shell's redirection."""
    python = shlex.quote(sys.executable)
    line = re.sub(r"^nodegraph\b", f"{python} -m nodegraph", command)
    environment = {**os.environ, "HOME": str(folder), **more}
    return subprocess.run(line, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as somebody has it who typed in the README's files."""
    place = tmp_path_factory.mktemp("readme")
    (place / "brighten.py").write_text(blocks("python")[0])
    (place / "fox.json").write_text(blocks("json")[0])
    # Stands in for the checkpoint of 2 GB that the README speaks of: the same layout, other numbers.
    (place / "models" / "checkpoints").mkdir(parents=True)
    embedded = ROOT / "nodes" / "checkpoints" / "emoji-64.safetensors"
    (place / "models" / "checkpoints" / "sd15.safetensors").write_bytes(embedded.read_bytes())
    return place


@pytest.mark.parametrize("command", commands())
def test_a_command_of_the_readme_runs(command: str, folder: Path):
    done = nodegraph(folder, command)
    assert done.returncode == 0, done.stderr
    made = re.search(r"--out (\S+)", command)
    assert made is None or (folder / made[1]).stat().st_size > 1000


def test_the_workflow_of_the_readme_runs(folder: Path):
    done = nodegraph(folder, "nodegraph run fox.json --out fox.png --set sampler.steps=2")
    assert done.returncode == 0, done.stderr
    assert (folder / "fox.png").stat().st_size > 1000


def free_port() -> int:
    with socket.socket() as any_one:
        any_one.bind(("127.0.0.1", 0))
        return any_one.getsockname()[1]


@pytest.fixture(scope="module")
def port(folder: Path) -> Iterator[int]:
    """The server that the README starts, in the folder, at another port than the usual."""
    start, number = blocks("bash")[0].splitlines()[0], free_port()
    assert start == "nodegraph serve"
    words = [sys.executable, "-m", *start.split(), "--port", str(number)]
    with subprocess.Popen(
        words, cwd=folder, env={**os.environ, "HOME": str(folder)}, stdout=subprocess.DEVNULL
    ) as server:
        wait_until_ready(number)
        yield number
        server.terminate()
        assert server.wait(60) == 0


def wait_until_ready(port: int) -> None:
    for _ in range(600):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready") as answer:
                assert answer.status == 200
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the server did not get ready")


@pytest.mark.parametrize("command", blocks("bash")[0].splitlines()[1:])
def test_a_command_to_the_server_of_the_readme_runs(command: str, folder: Path, port: int):
    done = nodegraph(folder, command.replace("8188", str(port)), NODEGRAPH_SERVER=f"http://127.0.0.1:{port}")
    assert done.returncode == 0, done.stderr
    assert "error" not in done.stdout + done.stderr
    if "logs" in command:
        assert done.stdout.endswith(".png\n")


def test_the_settings_of_the_readme_are_settings(tmp_path: Path):
    (tmp_path / "server.toml").write_text(blocks("toml")[0])
    settings = load_settings(tmp_path / "server.toml", {})
    assert (settings.device, settings.bounds.steps) == (("cuda:0", "cuda:1"), 10_000)


def test_the_options_that_the_readme_starts_the_server_with_exist():
    help_text = subprocess.run(
        [sys.executable, "-m", "nodegraph", "serve", "--help"],
        env={**os.environ, "COLUMNS": "200"}, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    started = re.findall(r"nodegraph serve (.*)", README)
    assert len(started) >= 2
    for option in re.findall(r"--[a-z-]+", " ".join(started)):
        assert option in help_text


def test_the_make_targets_of_the_readme_exist():
    named = set(re.findall(r"make (run|test|help|bench|soak|web|data|train)\b", README))
    assert named == {"run", "test", "help", "bench", "soak", "web", "data", "train"}
    for target in named:
        subprocess.run(["make", "-n", target], cwd=ROOT, check=True, capture_output=True)


def test_the_files_that_the_readme_points_to_exist():
    for link in re.findall(r"\]\(([^)]+)\)", README):
        assert (ROOT / link).exists(), link
