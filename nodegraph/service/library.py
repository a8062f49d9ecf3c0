"""Workflows on disk: named JSON files, saved whole, with the versions that came before."""

from __future__ import annotations

import hashlib
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from ..errors import Conflict, MissingFile, Rejected, StorageFailed, shown
from ..files import NO_SPACE, find_file, list_files, save_path, write_whole
from .history import History

FOLDER = "workflows"
HISTORY = ".history"


@dataclass(frozen=True)
class Saved:
    """A saved workflow: its name, the hash of its content, its size in bytes and the time of its last change."""

    name: str
    version: str
    size: int
    at: float

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class Library:
    """The workflows of a folder. Its methods touch the disk: call them in a thread, in many if need be."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._turn = Lock()
        self.folders = {FOLDER: (root,)}
        root.mkdir(parents=True, exist_ok=True)

    def list(self) -> list[Saved]:
        """The workflows that can be read: not what a link outside leads to, nor what is gone meanwhile."""
        found: list[Saved] = []
        for name in list_files(FOLDER, self.folders):
            if name.endswith(".json"):
                with suppress(Rejected, OSError):
                    found.append(self._saved(find_file(name, FOLDER, self.folders), name))
        return found

    def read(self, name: str) -> tuple[Saved, bytes]:
        """A workflow and its text; MissingFile."""
        with self._alone("read"):
            path = self._found(name)
            return self._saved(path, _file_name(name)), path.read_bytes()

    def save(self, name: str, content: bytes, expected: str | None = None) -> Saved:
        """Replace a workflow at once and wholly, keeping what it was before; StorageFailed where that cannot be.

        With `expected`, the version that the caller has seen ("" for none): Conflict if it is another by now.
        """
        with self._alone("saved"):
            path = self._place(name)
            current = _version(path.read_bytes()) if path.is_file() else ""
            _check(name, expected, current)
            if current and current != _version(content):
                self._history(path).keep(path)
            write_whole(path, content)
            return self._saved(path, _file_name(name))

    def move(self, name: str, to: str, expected: str | None = None) -> Saved:
        """Give a workflow and its versions another name, and leave the content alone; MissingFile, Rejected.

        Conflict if that name is taken, or if the version is not the `expected` one by now. Wherever this is cut off,
        the workflow is whole under one of the names, and every version of it is there under the same.
        """
        with self._alone("renamed"):
            path, target = self._own(name), self._place(to)
            _check(name, expected, _version(path.read_bytes()))
            if target != path:
                if target.exists():
                    raise Conflict(f"there is a workflow {shown(to)} already")
                target.parent.mkdir(parents=True, exist_ok=True)
                before, after = self._history(path), self._history(target)
                after.share(before)
                path.rename(target)
                before.forget()
            return self._saved(target, _file_name(to))

    def delete(self, name: str) -> None:
        """Remove a workflow; its versions stay, so that it can be brought back."""
        with self._alone("deleted"):
            path = self._own(name)
            self._history(path).keep(path)
            path.unlink()

    def versions(self, name: str) -> list[Saved]:
        """What a workflow was before, also one that is deleted, the newest first; the name of each is its number."""
        with self._alone("read"):
            kept = self._history(self._place(name)).versions()
            return [self._saved(path, path.name) for path in reversed(kept)]

    def read_version(self, name: str, number: str) -> bytes:
        with self._alone("read"):
            path = self._history(self._place(name)).version(number)
            if path is None:
                raise MissingFile(f"the workflow {shown(name)} has no version {shown(number)}")
            return path.read_bytes()

    @contextmanager
    def _alone(self, done: str) -> Generator[None]:
        """One caller at a time, so that what was looked at still holds; the disk's errors become ours."""
        try:
            with self._turn:
                yield
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            raise Conflict("a workflow has the name of the folder, or a folder that of the workflow") from error
        except OSError as error:
            full = error.errno in NO_SPACE
            raise StorageFailed(f"the workflow cannot be {done}: {error.strerror}", full=full) from error

    def _history(self, path: Path) -> History:
        return History(self.root / HISTORY / path.relative_to(self.root.resolve()))

    def _place(self, name: str) -> Path:
        path = save_path(_file_name(name), FOLDER, self.folders)
        _refuse_link(path, name)  # or what it leads to would be kept among the versions
        return path

    def _own(self, name: str) -> Path:
        """An existing workflow that may be taken away."""
        path = self._found(name)
        _refuse_link(self.root / _file_name(name), name)  # or another workflow would be taken away
        return path

    def _found(self, name: str) -> Path:
        try:
            return find_file(_file_name(name), FOLDER, self.folders)
        except Rejected as error:
            raise MissingFile(f"there is no workflow {shown(name)}") from error

    def _saved(self, path: Path, name: str) -> Saved:
        status = path.stat()
        return Saved(name.removesuffix(".json"), _version(path.read_bytes()), status.st_size, status.st_mtime)


def _file_name(name: str) -> str:
    return name if name.endswith(".json") else f"{name}.json"


def _refuse_link(path: Path, name: str) -> None:
    if path.is_symlink():
        raise Rejected("a name of a workflow", f"{shown(name)}, which is a link", "outside_folder")


def _check(name: str, expected: str | None, current: str) -> None:
    if expected is not None and expected != current:
        raise Conflict(f"the workflow {shown(name)} has been changed meanwhile")


def _version(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]
