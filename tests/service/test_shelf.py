"""A front end's small files: by name, whatever the name is, and bounded."""

import pytest

from nodegraph.errors import Rejected, TooLarge
from nodegraph.service.shelf import LARGEST, LONGEST_NAME, Shelf
from tests.service.conftest import Queue


@pytest.fixture
def shelf(queue: Queue) -> Shelf:
    return Shelf(queue.store)


def test_files_are_kept_replaced_renamed_and_removed(shelf: Shelf) -> None:
    shelf.put("workflows/a.json", b"1").result()
    shelf.put("workflows/a.json", b"22").result()
    shelf.put("other", b"").result()
    assert [(kept.name, kept.size) for kept in shelf.names("workflows/").result()] == [("workflows/a.json", 2)]
    assert shelf.rename("workflows/a.json", "b").result()
    assert (shelf.get("b").result(), shelf.get("workflows/a.json").result()) == (b"22", None)
    assert shelf.rename("b", "other").result()
    assert [kept.name for kept in shelf.names().result()] == ["other"]
    assert shelf.remove("other").result()
    assert not shelf.remove("other").result()
    assert not shelf.rename("other", "b").result()


def test_a_name_is_text_and_no_pattern(shelf: Shelf) -> None:
    for name in ("a_b", "a%b", "../../etc/passwd", "ä/ö"):
        shelf.put(name, name.encode()).result()
    assert [kept.name for kept in shelf.names("a_").result()] == ["a_b"]
    assert shelf.get("../../etc/passwd").result() == b"../../etc/passwd"


@pytest.mark.parametrize("name", ["", "a\n", "x" * (LONGEST_NAME + 1)])
def test_what_is_no_name_is_refused(shelf: Shelf, name: str) -> None:
    with pytest.raises(Rejected):
        shelf.put(name, b"").result()


def test_a_file_that_is_too_large_is_refused(shelf: Shelf) -> None:
    with pytest.raises(TooLarge):
        shelf.put("large", bytes(LARGEST + 1)).result()
