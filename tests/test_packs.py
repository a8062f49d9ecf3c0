"""The fingerprint of a pack is that of its source, and needs no import."""

import subprocess
import sys
from pathlib import Path

import pytest

from nodegraph.packs import source_fingerprint


def fingerprint_elsewhere(folder: Path) -> str:
    program = "from nodegraph.packs import source_fingerprint; import sys; print(source_fingerprint('some_pack')); "
    program += "assert 'some_pack' not in sys.modules"
    environment = {"PYTHONPATH": f"{folder}:{Path(__file__).parents[1]}"}
    return subprocess.check_output([sys.executable, "-c", program], text=True, env=environment).strip()


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    (tmp_path / "some_pack" / "inner").mkdir(parents=True)
    (tmp_path / "some_pack" / "__init__.py").write_text("raise RuntimeError('imported')")
    (tmp_path / "some_pack" / "inner" / "a.py").write_text("x = 1")
    return tmp_path


def test_it_changes_with_any_source_file_and_with_nothing_else(pack: Path) -> None:
    before = fingerprint_elsewhere(pack)
    (pack / "some_pack" / "notes.txt").write_text("not source")
    (pack / "some_pack" / "inner" / "a.py").touch()
    assert fingerprint_elsewhere(pack) == before
    (pack / "some_pack" / "inner" / "a.py").write_text("x = 2")
    changed = fingerprint_elsewhere(pack)
    assert changed != before
    (pack / "some_pack" / "inner" / "a.py").rename(pack / "some_pack" / "inner" / "b.py")
    assert fingerprint_elsewhere(pack) not in (before, changed)


def test_code_that_is_in_no_file_is_never_the_same() -> None:
    assert source_fingerprint("a_module_that_is_not_there") != source_fingerprint("another_that_is_not_there")
