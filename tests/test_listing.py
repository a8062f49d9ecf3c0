"""Listings: all files of a folder, by the names that a workflow calls them."""

import os
from pathlib import Path

import pytest

from nodegraph import Listing


class Words(Listing, folder="words"):
    """The files of one folder."""


def test_files_have_their_names_in_the_folder_and_the_first_root_wins(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for path in (first / "a.txt", second / "a.txt", second / "sub" / "b.c.txt", second / ".hidden"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    found = Words.of({"words": (first, second), "other": (tmp_path,)})
    assert found.files == {"a.txt": first / "a.txt", "sub/b.c.txt": second / "sub" / "b.c.txt"}


@pytest.mark.parametrize("roots", [(), (Path("nowhere"),)])
def test_no_such_folder_is_an_empty_one(roots: tuple[Path, ...]) -> None:
    found = Words.of({"words": roots} if roots else {})
    assert found.files == {}
    assert found.fingerprint == Words().fingerprint == ()


def test_a_link_that_leaves_the_folder_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    (tmp_path / "words").mkdir()
    (tmp_path / "words" / "inside").write_text("x")
    (tmp_path / "words" / "link").symlink_to(tmp_path / "secret")
    assert list(Words.of({"words": (tmp_path / "words",)}).files) == ["inside"]


def test_names_sizes_and_times_are_what_stands_for_the_files(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("x")
    os.utime(path, ns=(0, 5))
    assert Words.of({"words": (tmp_path,)}).fingerprint == (("a", 1, 5),)


def test_a_file_that_goes_after_it_was_listed_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    found = Words.of({"words": (tmp_path,)})
    (tmp_path / "a").unlink()
    assert found.fingerprint == ()
