"""Workflows on disk: saved whole, with what came before, and never outside of their folder."""

import os
import resource
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Barrier

import pytest

from nodegraph.errors import Conflict, MissingFile, Rejected, StorageFailed
from nodegraph.service.library import Library

# What Python tells of before a program does it; each is a place where the power may fail.
TOUCHES = ("open", "os.mkdir", "os.rename", "os.link", "os.remove", "os.rmdir", "os.utime")


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


def test_what_a_deleted_workflow_was_has_the_times_of_then(library: Library) -> None:
    saved = library.save("cat", b"1")
    os.utime(library.root / "cat.json", (1e9, 1e9))
    library.save("cat", b"2")
    library.delete("cat")
    second, first = library.versions("cat")
    assert (first.at, first.version) == (1e9, saved.version)
    assert second.at > 1e9


def test_a_workflow_gets_another_name_and_its_versions_too(library: Library) -> None:
    for content in (b"1", b"2"):
        saved = library.save("cat", content)
    moved = library.move("cat", "pets/tom", saved.version)
    assert (moved.name, moved.version, moved.at) == ("pets/tom", saved.version, saved.at)
    assert [each.name for each in library.list()] == ["pets/tom"]
    assert contents(library, "pets/tom") == [b"1", b"2"]
    assert library.versions("cat") == []
    assert library.move("pets/tom", "pets/tom") == moved


def test_the_versions_of_a_deleted_workflow_stay_when_another_takes_its_name(library: Library) -> None:
    library.save("old", b"1")
    library.delete("old")
    for content in (b"2", b"3"):
        library.save("cat", content)
    library.move("cat", "old")
    assert contents(library, "old") == [b"1", b"2", b"3"]


def test_a_name_that_is_taken_or_a_version_of_long_ago_changes_nothing(library: Library) -> None:
    first = library.save("cat", b"1")
    library.save("cat", b"2")
    library.save("dog", b"3")
    for to, expected in (("dog", None), ("tom", first.version), ("tom", ""), ("cat.json/tom", None)):
        with pytest.raises(Conflict):
            library.move("cat", to, expected)
    with pytest.raises(MissingFile):
        library.move("nobody", "tom")
    for to in ("../tom", "", ".history/tom", "a//b", "con"):
        with pytest.raises(Rejected):
            library.move("cat", to)
    assert [each.name for each in library.list()] == ["cat", "dog"]
    assert contents(library, "cat") == [b"1", b"2"]


def test_what_a_link_leads_to_is_neither_moved_nor_deleted(library: Library) -> None:
    library.save("cat", b"1")
    (library.root / "link.json").symlink_to("cat.json")
    with pytest.raises(Rejected):
        library.delete("link")
    with pytest.raises(Rejected):
        library.move("link", "tom")
    assert library.read("cat")[1] == b"1"


def test_of_many_who_saw_the_same_version_one_saves(library: Library) -> None:
    seen = library.save("cat", b"0").version
    together = Barrier(8)

    def save(number: int) -> bool:
        together.wait(10)
        with suppress(Conflict):
            library.save("cat", str(number).encode() * 100_000, seen)
            return True
        return False

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(save, range(1, 9))) == 1
    assert len(library.versions("cat")) == 1


def test_a_version_that_finds_no_space_is_not_kept_in_part(library: Library) -> None:
    library.save("cat", large := b"1" * 100_000)
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, unlimited[1]))
    try:
        with pytest.raises(StorageFailed) as refused:
            library.save("cat", b"2")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    assert refused.value.full
    assert contents(library, "cat") == [large]


def contents(library: Library, name: str) -> list[bytes]:
    """All that a workflow has been, and what it is, the oldest first."""
    kept = [library.read_version(name, version.name) for version in reversed(library.versions(name))]
    with suppress(MissingFile):
        kept.append(library.read(name)[1])
    return kept


def cut_off(root: Path, change: Callable[[Library], object]) -> list[Library]:
    """Libraries in which a change was cut off before its first touch of the disk, its second, …; the last did it.

    Each begins with a workflow "cat" that was 1, then 2, then 3.
    """
    libraries: list[Library] = []
    done = False
    while not done:
        libraries.append(Library(root / str(len(libraries))))
        for content in (b"1", b"2", b"3"):
            libraries[-1].save("cat", content)
        done = done_within(len(libraries) - 1, lambda: change(libraries[-1]))
        assert len(libraries) < 100
    return libraries


def done_within(touches: int, change: Callable[[], object]) -> bool:
    """Do a change in a process that dies when it would touch the disk once more; whether it was done by then."""
    child = os.fork()
    if child == 0:
        left = touches

        def count(event: str, _: object) -> None:
            nonlocal left
            left -= event in TOUCHES
            if left < 0:
                os._exit(1)

        sys.addaudithook(count)
        with suppress(BaseException):
            change()
            os._exit(0)
        os._exit(2)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, 1)
    return code == 0


@pytest.mark.parametrize("to", ["tom", "pets/tom"])
def test_a_move_that_is_cut_off_anywhere_leaves_the_workflow_whole_under_one_name(tmp_path: Path, to: str) -> None:
    libraries = cut_off(tmp_path, lambda library: library.move("cat", to))
    names = [[each.name for each in library.list()] for library in libraries]
    assert names == sorted(names)
    assert (names[0], names[-1]) == (["cat"], [to])
    for library, (name,) in zip(libraries, names, strict=True):
        assert contents(library, name) == [b"1", b"2", b"3"]
        if name == "cat":
            library.move("cat", to)
            assert contents(library, to) == [b"1", b"2", b"3"]
    assert libraries[-1].versions("cat") == []


def test_a_save_that_is_cut_off_anywhere_loses_nothing(tmp_path: Path) -> None:
    libraries = cut_off(tmp_path, lambda library: library.save("cat", b"4"))
    for library in libraries:
        assert {b"1", b"2", b"3"} <= set(contents(library, "cat")) <= {b"1", b"2", b"3", b"4"}
        assert library.read("cat")[1] in (b"3", b"4")
    assert contents(libraries[-1], "cat") == [b"1", b"2", b"3", b"4"]


def test_a_removal_that_is_cut_off_anywhere_loses_nothing(tmp_path: Path) -> None:
    libraries = cut_off(tmp_path, lambda library: library.delete("cat"))
    assert all(set(contents(library, "cat")) == {b"1", b"2", b"3"} for library in libraries)
    assert libraries[-1].list() == []


@pytest.mark.parametrize("name", ["../cat", "/cat", "a/../../cat", ".history/cat", "", "a//b", "con", "a\0b", "C:cat"])
def test_a_name_leads_nowhere_else(library: Library, name: str) -> None:
    with pytest.raises(Rejected):
        library.save(name, b"1")
    with pytest.raises((Rejected, MissingFile)):
        library.read(name)
    assert list(library.root.parent.rglob("*cat*")) == []
