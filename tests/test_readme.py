"""What the README says is true: its commands run, its workflow runs, its node is a node, its make targets exist."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def commands() -> list[str]:
    return [line for block in blocks("sh") for line in block.splitlines()]


def nodegraph(folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    """Run a command line that begins with `nodegraph`, with the shell's redirection."""
    python = shlex.quote(sys.executable)
    line = re.sub(r"^nodegraph\b", f"{python} -m nodegraph", command)
    environment = {**os.environ, "HOME": str(folder)}
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


def test_the_make_targets_of_the_readme_exist():
    named = set(re.findall(r"make (run|test|help|bench|data|train)\b", README))
    assert named == {"run", "test", "help", "bench", "data", "train"}
    for target in named:
        subprocess.run(["make", "-n", target], cwd=ROOT, check=True, capture_output=True)


def test_the_files_that_the_readme_points_to_exist():
    for link in re.findall(r"\]\(([^)]+)\)", README):
        assert (ROOT / link).exists(), link
