"""Names become contained paths; files become what is in them."""

import hashlib
import os
import time
from pathlib import Path

import pytest

from nodegraph.errors import MissingFile, Rejected
from nodegraph.files import Folders, content_hash, find_file, hashing, list_files, save_path

LEAVING = [
    "../secret", "a/../../secret", "/etc/passwd", "..", ".", "", "a//b", "a/", "./a", "..\\secret", "a\\b", "C:x",
    "C:/x", "\\\\server\\share", "a\0b", "a\nb", "\ud800", "x" * 5000, "/", "//", "\x7f", "file:///etc/passwd",
]  # fmt: skip


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    for name in ("first", "second", "elsewhere"):
        (tmp_path / name / "sub").mkdir(parents=True)
    (tmp_path / "secret").write_text("canary")
    (tmp_path / "first" / "a.txt").write_text("a")
    (tmp_path / "second" / "sub" / "b.txt").write_text("b")
    return {"data": (tmp_path / "first", tmp_path / "second"), "output": (tmp_path / "out",)}


def test_a_file_is_found_in_any_root_of_its_folder(folders: Folders, tmp_path: Path) -> None:
    assert find_file("a.txt", "data", folders) == (tmp_path / "first" / "a.txt").resolve()
    assert find_file("sub/b.txt", "data", folders) == (tmp_path / "second" / "sub" / "b.txt").resolve()


@pytest.mark.parametrize("name", LEAVING)
def test_a_name_that_could_leave_its_folder_is_refused(name: str, folders: Folders) -> None:
    with pytest.raises(Rejected) as refused:
        find_file(name, "data", folders)
    assert refused.value.problem == "outside_folder"


@pytest.mark.parametrize("name", LEAVING)
def test_a_name_to_save_under_cannot_leave_its_folder_either(name: str, folders: Folders) -> None:
    with pytest.raises(Rejected):
        save_path(name, "output", folders)


@pytest.mark.parametrize("name", [None, 3, True, ["a.txt"], {"a": 1}])
def test_a_name_is_text(name: object, folders: Folders) -> None:
    with pytest.raises(Rejected):
        find_file(name, "data", folders)


def test_a_link_may_not_lead_out_of_the_folder(folders: Folders, tmp_path: Path) -> None:
    (tmp_path / "first" / "link").symlink_to(tmp_path / "secret")
    (tmp_path / "first" / "dir").symlink_to(tmp_path)
    for name in ("link", "dir/secret"):
        with pytest.raises(Rejected, match="link that leaves"):
            find_file(name, "data", folders)


def test_a_link_may_lead_to_another_root_of_the_folder(folders: Folders, tmp_path: Path) -> None:
    (tmp_path / "first" / "link.txt").symlink_to(tmp_path / "second" / "sub" / "b.txt")
    assert find_file("link.txt", "data", folders).read_text() == "b"


def test_a_root_may_itself_be_a_link(folders: Folders, tmp_path: Path) -> None:
    (tmp_path / "linked").symlink_to(tmp_path / "first")
    assert find_file("a.txt", "data", {"data": (tmp_path / "linked",)}).read_text() == "a"


def test_what_is_not_a_regular_file_is_not_there(folders: Folders, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "first" / "pipe")
    (tmp_path / "first" / "loop").symlink_to("loop")
    for name in ("pipe", "sub", "loop", "none.txt"):
        with pytest.raises(Rejected) as refused:
            find_file(name, "data", folders)
        assert refused.value.problem == "missing_file"


def test_a_missing_file_is_told_with_the_names_there_are(folders: Folders) -> None:
    with pytest.raises(Rejected) as refused:
        find_file("b.txt", "data", folders)
    assert refused.value.words is not None
    assert list(refused.value.words()) == ["a.txt", "sub/b.txt"]


def test_a_folder_that_is_not_set_up_has_no_files() -> None:
    assert list_files("nowhere", {}) == []
    with pytest.raises(Rejected):
        find_file("a.txt", "nowhere", {})
    with pytest.raises(Rejected, match="no such folder"):
        save_path("a", "nowhere", {})


def test_a_name_to_save_under_is_inside_the_folder_and_nothing_is_made(folders: Folders, tmp_path: Path) -> None:
    assert save_path("sub/frog 1", "output", folders) == (tmp_path / "out").resolve() / "sub" / "frog 1"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", [".hidden", "a/.b", "CON", "nul.txt", "a" * 65, "a/b/c/d/e", "a?b", "é"])
def test_a_name_to_save_under_must_work_on_every_machine(name: str, folders: Folders) -> None:
    with pytest.raises(Rejected):
        save_path(name, "output", folders)


def test_saving_does_not_follow_a_link_out_of_the_folder(folders: Folders, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "away").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Rejected, match="elsewhere"):
        save_path("away/frog", "output", folders)


def test_a_file_is_what_is_in_it_and_not_its_name_or_time(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_text("same")
    second.write_text("same")
    os.utime(second, (0, 0))
    assert content_hash(first, {}) == content_hash(second, {})


def test_a_change_that_keeps_size_and_time_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "a"
    known: dict[tuple[int, int, int, int, int], str] = {}
    for content in ("one", "two", "six"):
        path.write_text(content)
        os.utime(path, (1_000_000, 1_000_000))
        digest = content_hash(path, known)
        path.write_text("xxx")
        os.utime(path, (1_000_000, 1_000_000))
        assert content_hash(path, known) != digest


def test_only_a_file_that_has_settled_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    path.write_text("one")
    known: dict[tuple[int, int, int, int, int], str] = {}
    digest = content_hash(path, known)
    assert known == {}
    later = time.time_ns() + 10**10
    monkeypatch.setattr(time, "time_ns", lambda: later)
    assert content_hash(path, known) == digest
    assert list(known.values()) == [digest]
    known[next(iter(known))] = "remembered"
    assert content_hash(path, known) == "remembered"


@pytest.mark.parametrize("changes", [1, 9])
def test_a_file_that_changes_while_it_is_read_is_read_again(changes: int, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("begun")
    contents = [f"content {place}" for place in range(changes)]

    def read() -> str:
        steps = hashing(path, {})
        while True:
            try:
                next(steps)
            except StopIteration as end:
                return end.value
            if contents:
                path.write_text(contents.pop())

    if changes == 1:
        assert read() == hashlib.sha256(b"content 0").hexdigest()
    else:
        with pytest.raises(MissingFile, match="keeps changing"):
            read()


def test_a_file_that_has_gone_is_missing(tmp_path: Path) -> None:
    with pytest.raises(MissingFile):
        content_hash(tmp_path / "gone", {})
