"""`nodegraph inspect`: what is said of a file, by whom, and how it ends where there is nothing to say."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Command

ROOT = Path(__file__).parents[2]
EMBEDDED = ROOT / "nodes" / "checkpoints" / "emoji-64.safetensors"
PACK = '''
def __inspect__(path):
    """Knows files of numbers."""
    if path.suffix == ".broken":
        raise ValueError(f"{path.name}: it is broken\\x1b[2J")
    if path.suffix != ".toy":
        return None
    rows = {"first": {"count": 1234567, "bytes": 2_500_000, "kinds": ["a", "b"]}, "second": {"bytes": 12}}
    return {"is": "a toy\\x1b[2J\\u202e", "parts": rows, "missing": [], "left": {}, "notes": {"by": "x" * 5},
            "long": ["word " * 10, "word " * 10]}
'''


def process(*words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "nodegraph", *words], capture_output=True, text=True, check=False, env=environment
    )


@pytest.fixture
def pack(folder: Path) -> str:
    """A pack of no nodes that knows a kind of file."""
    name = f"knowing_{folder.name}.py"  # a module is imported once in a process
    (folder / name).write_text(PACK)
    for file in ("some.toy", "some.broken", "some.other"):
        (folder / file).touch()
    return name


def test_the_embedded_checkpoint_is_told() -> None:
    done = process("inspect", str(EMBEDDED))
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["family:", "SD1"] in lines
    assert ["VAE", "184", "2,776,455", "F16", "5.55", "MB"] in lines
    assert ["missing:", "nothing"] in lines


def test_json_has_the_numbers_themselves() -> None:
    found = json.loads(process("inspect", str(EMBEDDED), "--json").stdout)
    assert found["parts"]["U-Net"] == {"tensors": 402, "parameters": 7014532, "types": ["F16"], "bytes": 14029064}


def test_what_a_pack_says_is_shown_in_columns_and_cannot_steer_the_terminal(command: Command, pack: str) -> None:
    result = command("inspect", "some.toy", "--pack", pack)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "is:       a toy\\x1b[2J\\u202e",
        "parts:",
        "          count      bytes     kinds",
        "  first   1,234,567  2.5 MB    a, b",
        "  second             12 bytes",
        "missing:  nothing",
        "left:     nothing",
        "notes:",
        "  by:  xxxxx",
        "long:",
        f"  {'word ' * 10}",
        f"  {'word ' * 10}",
    ]


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("gone.toy", 4, "error: gone.toy cannot be read: No such file or directory\n"),
        ("a\0b", 4, "error: a\\x00b cannot be read: "),
        ("x" * 5000, 4, "cannot be read: File name too long"),
        ("some.broken", 1, "error: some.broken: it is broken\\x1b[2J\n"),
        ("some.other", 1, "error: some.other is no file that a pack of nodes knows\n"),
    ],
)
def test_a_file_that_cannot_be_told_ends_in_a_word(
    command: Command, pack: str, name: str, code: int, said: str
) -> None:
    result = command("inspect", name, "--pack", pack)
    assert (result.exit_code, result.stdout) == (code, "")
    assert said in result.stderr


def test_a_damaged_file_is_told_as_json_too(folder: Path) -> None:
    (folder / "bad.safetensors").write_bytes(EMBEDDED.read_bytes()[:100_000])
    done = process("inspect", str(folder / "bad.safetensors"), "--json")
    said = json.loads(done.stdout)
    assert (done.returncode, said["event"], said["kind"]) == (1, "error", "bad_input")
    assert said["error"].startswith("bad.safetensors: tensor '")


def test_a_pickle_is_refused_unless_it_is_allowed(folder: Path) -> None:
    torch = pytest.importorskip("torch")
    torch.save({"emb_params": torch.zeros(2, 768)}, folder / "word.pt")
    refused = process("inspect", str(folder / "word.pt"))
    assert (refused.returncode, "--allow-pickle" in refused.stderr) == (1, True)
    allowed = process("inspect", str(folder / "word.pt"), "--allow-pickle")
    assert "a textual inversion" in allowed.stdout, allowed.stderr
