"""The files of an attempt: their names, and what is left of them after a crash between any two steps."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from nodegraph import Artifact
from nodegraph.service.records import Asset
from nodegraph.service.staging import HIDDEN, JOURNAL, Journal, Staging


@dataclass
class Place:
    """An output folder, and what writes to it; `named` is what the database knows."""

    root: Path
    named: list[Asset] = field(default_factory=list[Asset])

    def __post_init__(self) -> None:
        self.staging = Staging({"output": self.root})

    def write(self, name: str, content: bytes = b"picture", attempt: int = 1) -> Artifact:
        path = self.staging.folder(attempt, "output") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return Artifact(path)

    def save(self, name: str, content: bytes = b"picture", attempt: int = 1) -> str:
        asset = self.staging.place(attempt, "job", "save", self.write(name, content, attempt))
        self.named.append(asset)
        return asset.output.name

    def crash(self) -> None:
        """What the next process does: it settles everything that the last one left."""
        self.staging = Staging({"output": self.root})
        known = {asset.output.name for asset in self.named}
        for attempt in self.staging.left():
            placed = self.staging.placed(attempt)
            self.staging.settle(attempt, [(folder, name) for folder, name in placed if name not in known])

    def files(self) -> dict[str, bytes]:
        """The files that a user sees."""
        found = [path for path in self.root.rglob("*") if path.is_file() and HIDDEN not in path.parts]
        return {path.relative_to(self.root).as_posix(): path.read_bytes() for path in found}

    def aside(self) -> list[Path]:
        return list((self.root / HIDDEN).glob("*"))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_files_are_numbered_on_from_the_highest_number_there(place: Place) -> None:
    (place.root / "cat_00007_.png").write_bytes(b"mine")
    assert [place.save("cat_00001_.png"), place.save("cat_00001_.png")] == ["cat_00008_.png", "cat_00009_.png"]
    assert place.files()["cat_00007_.png"] == b"mine"


def test_a_file_that_a_user_put_there_meanwhile_is_passed_over(place: Place) -> None:
    place.save("cat_00001_.png")
    (place.root / "cat_00002_.png").write_bytes(b"mine")
    assert place.save("cat_00001_.png") == "cat_00003_.png"
    assert place.files()["cat_00002_.png"] == b"mine"


def test_names_in_folders_keep_their_folder(place: Place) -> None:
    assert place.save("animals/cat_00001_.png") == "animals/cat_00001_.png"


def test_a_file_without_a_number_keeps_its_name(place: Place) -> None:
    place.save("model.safetensors", b"old")
    assert place.save("model.safetensors", b"new") == "model.safetensors"
    assert place.files() == {"model.safetensors": b"new"}


def test_the_asset_tells_what_is_in_the_file(place: Place) -> None:
    place.save("cat_00001_.png", b"meow")
    (asset,) = place.named
    assert (asset.output.size, asset.output.sha256) == (4, hashlib.sha256(b"meow").hexdigest())


def test_what_was_written_and_not_named_is_gone_after_a_crash(place: Place) -> None:
    place.write("cat_00001_.png")
    place.crash()
    assert (place.files(), place.aside()) == ({}, [])


def test_what_was_noted_and_not_linked_is_gone_after_a_crash(place: Place) -> None:
    path = place.write("cat_00001_.png").path
    Journal(place.root, place.staging.folder(1, "output")).note(path, place.root / "cat_00001_.png")
    place.crash()
    assert (place.files(), place.aside()) == ({}, [])


@pytest.mark.parametrize("name", ["cat_00001_.png", "model.safetensors", "animals/cat_00001_.png"])
def test_what_was_named_and_not_published_is_taken_back_after_a_crash(place: Place, name: str) -> None:
    place.save(name)
    place.named.clear()
    place.crash()
    assert (place.files(), place.aside()) == ({}, [])


@pytest.mark.parametrize("name", ["cat_00001_.png", "model.safetensors"])
def test_what_was_published_stays_after_a_crash(place: Place, name: str) -> None:
    place.save(name)
    place.crash()
    assert (place.files(), place.aside()) == ({name: b"picture"}, [])


def test_what_is_written_in_the_place_of_a_named_file_does_not_change_it(place: Place) -> None:
    place.save("cat_00001_.png", b"first")
    place.save("cat_00001_.png", b"second")
    assert place.files() == {"cat_00001_.png": b"first", "cat_00002_.png": b"second"}


def test_of_two_files_of_an_attempt_only_the_published_one_stays(place: Place) -> None:
    place.save("cat_00001_.png", b"first")
    place.save("cat_00001_.png", b"second")
    del place.named[1]
    place.crash()
    assert place.files() == {"cat_00001_.png": b"first"}


@pytest.mark.parametrize("name", ["cat_00001_.png", "model.safetensors"])
def test_somebody_elses_file_under_a_noted_name_is_never_removed(place: Place, name: str) -> None:
    path = place.write(name).path
    (place.root / name).write_bytes(b"mine")
    Journal(place.root, place.staging.folder(1, "output")).note(path, place.root / name)
    place.crash()
    assert place.files() == {name: b"mine"}


def test_a_file_that_replaced_an_orphan_is_not_removed(place: Place) -> None:
    place.save("cat_00001_.png")
    place.named.clear()
    (place.root / "cat_00001_.png").unlink()
    (place.root / "cat_00001_.png").write_bytes(b"mine")
    place.crash()
    assert place.files() == {"cat_00001_.png": b"mine"}


def test_a_journal_that_was_cut_while_it_was_written_does_no_harm(place: Place) -> None:
    place.save("cat_00001_.png")
    place.named.clear()
    with (place.staging.folder(1, "output") / JOURNAL).open("a") as journal:
        journal.write("17 ")
    place.crash()
    assert (place.files(), place.aside()) == ({}, [])


def test_attempts_do_not_see_each_others_files(place: Place) -> None:
    place.save("cat_00001_.png", b"one", attempt=1)
    place.save("cat_00001_.png", b"two", attempt=2)
    place.staging.settle(1, place.staging.placed(1))
    assert place.files() == {"cat_00002_.png": b"two"}


def test_two_processes_that_save_at_once_never_take_the_same_name(place: Place) -> None:
    other = Place(place.root)
    place.save("cat_00001_.png", attempt=1)
    other.save("cat_00001_.png", attempt=2)
    names = [place.save("cat_00001_.png", attempt=1), other.save("cat_00001_.png", attempt=2)]
    assert sorted(names) == ["cat_00003_.png", "cat_00004_.png"]
