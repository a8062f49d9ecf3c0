"""Workflows on disk: saved whole, with what came before, and never outside of their folder."""

from pathlib import Path

import pytest

from nodegraph.errors import Conflict, MissingFile, Rejected
from nodegraph.service.library import MOST_VERSIONS, Library


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "workflows")


def test_what_was_saved_is_listed_and_read(library: Library) -> None:
    saved = library.save("cats/first", b'{"a": 1}')
    assert [each.name for each in library.list()] == ["cats/first"]
    assert library.read("cats/first") == (saved, b'{"a": 1}')
    assert library.read("cats/first.json")[1] == b'{"a": 1}'


def test_every_earlier_version_can_be_read(library: Library) -> None:
    for content in (b"1", b"2", b"2", b"3"):
        library.save("cat", content)
    numbers = [version.name for version in library.versions("cat")]
    assert [library.read_version("cat", number) for number in numbers] == [b"2", b"1"]
    with pytest.raises(MissingFile):
        library.read_version("cat", "../cat.json")


def test_versions_are_bounded_and_the_oldest_go(library: Library) -> None:
    for count in range(MOST_VERSIONS + 5):
        library.save("cat", str(count).encode())
    kept = library.versions("cat")
    assert (len(kept), library.read_version("cat", kept[-1].name)) == (MOST_VERSIONS, b"4")


def test_what_somebody_else_has_changed_is_not_overwritten(library: Library) -> None:
    first = library.save("cat", b"1", expected="")
    library.save("cat", b"2", expected=first.version)
    for seen in (first.version, ""):
        with pytest.raises(Conflict):
            library.save("cat", b"3", expected=seen)
    assert library.read("cat")[1] == b"2"


def test_a_deleted_workflow_leaves_its_versions(library: Library) -> None:
    library.save("cat", b"1")
    library.delete("cat")
    assert library.list() == []
    assert [library.read_version("cat", version.name) for version in library.versions("cat")] == [b"1"]
    with pytest.raises(MissingFile):
        library.delete("cat")


@pytest.mark.parametrize("name", ["../cat", "/cat", "a/../../cat", ".history/cat", "", "a//b", "con", "a\0b", "C:cat"])
def test_a_name_leads_nowhere_else(library: Library, name: str) -> None:
    with pytest.raises(Rejected):
        library.save(name, b"1")
    with pytest.raises((Rejected, MissingFile)):
        library.read(name)
    assert list(library.root.parent.rglob("*cat*")) == []
