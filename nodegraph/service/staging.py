"""The files of an attempt: written aside, given their names one by one, and taken back if the attempt comes to nothing.

Each folder ("output", "temp") has a hidden place where the nodes of an attempt write. A finished file is linked under
its name in the folder, after that name was noted in a journal; the database learns of it in the same commit as the
event that tells of it. So after a crash every file that the journal names and the database does not is an orphan.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..events import Artifact
from .failpoints import failpoint
from .records import Asset, Output

HIDDEN = ".nodegraph"
JOURNAL = "journal"
NUMBERED = re.compile(r"(?P<start>.+_)(?P<number>\d{5,})(?P<end>_?\.\w+)", re.DOTALL)


@dataclass
class Staging:
    """Where the nodes of the attempts write, by folder; `roots` are where their files get to."""

    roots: Mapping[str, Path]
    _numbers: dict[tuple[Path, str], int] = field(default_factory=dict[tuple[Path, str], int])

    def folder(self, attempt: int, folder: str) -> Path:
        return self.roots[folder] / HIDDEN / str(attempt)

    def place(self, attempt: int, job: str, node: str, artifact: Artifact) -> Asset:
        """Give a written file its name in its folder: the next number where it is numbered, else its own."""
        folder = next(name for name in self.roots if artifact.path.is_relative_to(self.folder(attempt, name)))
        staged, root = self.folder(attempt, folder), self.roots[folder]
        with artifact.path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            size = file.tell()
            os.fsync(file.fileno())
        failpoint("after_write")
        final = self._placed(artifact.path, root / artifact.path.relative_to(staged), staged / JOURNAL)
        failpoint("after_place")
        name = final.relative_to(root).as_posix()
        output = Output(node, folder, name, artifact.kind, artifact.media_type, size, digest)
        return Asset(secrets.token_urlsafe(16), job, output)

    def _placed(self, path: Path, wanted: Path, journal: Path) -> Path:
        wanted.parent.mkdir(parents=True, exist_ok=True)
        numbered = NUMBERED.fullmatch(wanted.name)
        if not numbered:
            _note(journal, wanted)
            os.replace(path, wanted)  # noqa: PTH105 -- atomic on every system, which Path.rename is not
            _sync_folder(wanted.parent)
            return wanted
        start, end = numbered["start"], numbered["end"]
        for number in self._free(wanted.parent, start):
            final = wanted.with_name(f"{start}{number:05}{end}")
            _note(journal, final)
            try:
                _link(path, final)
            except FileExistsError:
                continue
            _sync_folder(final.parent)
            return final
        raise AssertionError("there is always a free number")

    def _free(self, parent: Path, start: str) -> Iterator[int]:
        """Numbers that may be free, from the lowest: the folder is looked through once, since it may be large."""
        key = parent, start
        if key not in self._numbers:
            taken = (
                entry.name.removeprefix(start)[:12] for entry in os.scandir(parent) if entry.name.startswith(start)
            )
            digits = (re.match(r"\d+", name) for name in taken)
            self._numbers[key] = max((int(each[0]) for each in digits if each), default=0)
        while True:
            self._numbers[key] += 1
            yield self._numbers[key]

    def left(self) -> list[int]:
        """The attempts that wrote something and have not been settled: after a crash, before any runs."""
        places = {place for root in self.roots.values() for place in (root / HIDDEN).glob("*")}
        return sorted({int(place.name) for place in places if place.name.isdecimal()})

    def placed(self, attempt: int) -> list[tuple[str, str]]:
        """The files that an attempt may have given a name, by folder and name."""
        return [
            (folder, Path(line).relative_to(root).as_posix())
            for folder, root in self.roots.items()
            for line in _journalled(self.folder(attempt, folder))
            if Path(line).is_relative_to(root)
        ]

    def settle(self, attempt: int, orphans: Iterable[tuple[str, str]]) -> None:
        """Take back those files of an attempt that came to nothing, and remove what it left aside."""
        for folder, name in orphans:
            aside = self.folder(attempt, folder)
            written = {_identity(path) for path in aside.rglob("*") if path.name != JOURNAL}
            _take_back(self.roots[folder] / name, written)
        for folder in self.roots:
            shutil.rmtree(self.folder(attempt, folder), ignore_errors=True)


def _note(journal: Path, final: Path) -> None:
    with journal.open("a", encoding="utf-8", errors="surrogateescape") as file:
        file.write(f"{final}\n")
        file.flush()
        os.fsync(file.fileno())


def _journalled(place: Path) -> list[str]:
    try:
        return (place / JOURNAL).read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return []


def _identity(path: Path) -> tuple[int, int]:
    status = path.lstat()
    return status.st_dev, status.st_ino


def _take_back(final: Path, written: set[tuple[int, int]]) -> None:
    """Unlink a file if it is one of those that the attempt wrote: under that name may be somebody else's."""
    with contextlib.suppress(OSError):
        if _identity(final) in written:
            final.unlink()


def _link(path: Path, final: Path) -> None:
    """A second name for a file; where the file system has no links, it is moved to a name that was free."""
    try:
        final.hardlink_to(path)
    except FileExistsError:
        raise
    except OSError:
        final.open("xb").close()
        os.replace(path, final)  # noqa: PTH105 -- atomic on every system, which Path.rename is not


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
