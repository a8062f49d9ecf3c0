"""The files of an attempt: written aside, given their names one by one, and taken back if the attempt comes to nothing.

Each folder ("output", "temp") has a hidden place where the nodes of an attempt write. A finished file is linked under
its name in the folder, after that name was noted in a journal; the database learns of it in the same commit as the
event that tells of it. So after a crash every file that the journal names and the database does not is an orphan. The
journal says which file it was, too: under the same name may be somebody else's by now.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..events import Artifact
from .failpoints import failpoint
from .records import Asset, Output

HIDDEN = ".nodegraph"
JOURNAL = "journal"
NUMBERED = re.compile(r"(?P<start>.+_)(?P<number>\d{5,})(?P<end>_?\.\w+)", re.DOTALL)
NOTED = re.compile(r"(\d+) (\d+) (\d+) (.+)")
Identity = tuple[int, int, int]  # device, inode, time of the last change in ns: they stay when a file is moved


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
        final = _placed(artifact.path, root / artifact.path.relative_to(staged), Journal(root, staged), self._free)
        failpoint("after_place")
        name = final.relative_to(root).as_posix()
        output = Output(node, folder, name, artifact.kind, artifact.media_type, size, digest)
        return Asset(secrets.token_urlsafe(16), job, output)

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
            (folder, name)
            for folder, root in self.roots.items()
            for name in Journal(root, self.folder(attempt, folder)).read()
        ]

    def settle(self, attempt: int, orphans: Iterable[tuple[str, str]]) -> None:
        """Take back those files of an attempt that came to nothing, and remove what it left aside."""
        for folder, name in orphans:
            root = self.roots[folder]
            written = Journal(root, self.folder(attempt, folder)).read().get(name, set())
            with contextlib.suppress(OSError):
                if _identity(root / name) in written:
                    (root / name).unlink()
        for folder in self.roots:
            shutil.rmtree(self.folder(attempt, folder), ignore_errors=True)


@dataclass(frozen=True)
class Journal:
    """What an attempt gave names to in the folder `root`, written before it did; `place` is where it writes."""

    root: Path
    place: Path

    def note(self, file: Path, final: Path) -> None:
        device, inode, changed = _identity(file)
        with (self.place / JOURNAL).open("a", encoding="utf-8", errors="surrogateescape") as journal:
            journal.write(f"{device} {inode} {changed} {final.relative_to(self.root).as_posix()}\n")
            journal.flush()
            os.fsync(journal.fileno())

    def read(self) -> dict[str, set[Identity]]:
        """The files that may stand under each name."""
        noted: dict[str, set[Identity]] = {}
        with contextlib.suppress(OSError):
            for line in (self.place / JOURNAL).read_text("utf-8", "surrogateescape").splitlines():
                if found := NOTED.fullmatch(line):
                    device, inode, changed, name = found.groups()
                    noted.setdefault(name, set()).add((int(device), int(inode), int(changed)))
        return noted


def _identity(path: Path) -> Identity:
    status = path.lstat()
    return status.st_dev, status.st_ino, status.st_mtime_ns


def _placed(path: Path, wanted: Path, journal: Journal, free: Callable[[Path, str], Iterator[int]]) -> Path:
    wanted.parent.mkdir(parents=True, exist_ok=True)
    numbered = NUMBERED.fullmatch(wanted.name)
    if not numbered:
        journal.note(path, wanted)
        os.replace(path, wanted)  # noqa: PTH105 -- atomic on every system, which Path.rename is not
        _sync_folder(wanted.parent)
        return wanted
    start, end = numbered["start"], numbered["end"]
    for number in free(wanted.parent, start):
        final = wanted.with_name(f"{start}{number:05}{end}")
        journal.note(path, final)
        try:
            _link(path, final, journal)
        except FileExistsError:
            continue
        _sync_folder(final.parent)
        return final
    raise AssertionError("there is always a free number")


def _link(path: Path, final: Path, journal: Journal) -> None:
    """Move a file to a name that must be free: by a link, or where the file system has none, over an empty file."""
    try:
        final.hardlink_to(path)
    except FileExistsError:
        raise
    except OSError:
        final.open("xb").close()
        journal.note(final, final)
        os.replace(path, final)  # noqa: PTH105 -- atomic on every system, which Path.rename is not
    # Or the next node that writes there would write into the file that has just got its name.
    path.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
