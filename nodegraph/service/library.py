"""Workflows on disk: named JSON files, saved whole, with the versions that came before."""

from __future__ import annotations

import hashlib
import re
import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import Conflict, MissingFile, Rejected, StorageFailed, shown
from ..files import NO_SPACE, find_file, list_files, save_path, write_whole

FOLDER = "workflows"
HISTORY = ".history"
MOST_VERSIONS = 50
VERSION = re.compile(r"\d{8}")


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
    """The workflows of a folder. Its methods touch the disk: call them in a thread."""

    def __init__(self, root: Path) -> None:
        self.root = root
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
        path = self._found(name)
        return self._saved(path, _file_name(name)), path.read_bytes()

    def save(self, name: str, content: bytes, expected: str | None = None) -> Saved:
        """Replace a workflow at once and wholly, keeping what it was before; StorageFailed where that cannot be.

        With `expected`, the version that the caller has seen ("" for none): Conflict if it is another by now.
        """
        try:
            return self._save(name, content, expected)
        except OSError as error:
            raise StorageFailed(
                f"the workflow cannot be saved: {error.strerror}", full=error.errno in NO_SPACE
            ) from error

    def _save(self, name: str, content: bytes, expected: str | None) -> Saved:
        path = self._place(name)
        current = _version(path.read_bytes()) if path.is_file() else ""
        if expected is not None and expected != current:
            raise Conflict(f"the workflow {shown(name)} has been changed meanwhile")
        if current and current != _version(content):
            self._keep(path)
        write_whole(path, content)
        return self._saved(path, _file_name(name))

    def delete(self, name: str) -> None:
        """Remove a workflow; its versions stay, so that it can be brought back."""
        path = self._found(name)
        self._keep(path)
        path.unlink()

    def versions(self, name: str) -> list[Saved]:
        """What a workflow was before, the newest first; the name of each is its number."""
        folder = self._history(self._place(name))
        kept = sorted((path for path in folder.glob("*") if VERSION.fullmatch(path.name)), reverse=True)
        return [self._saved(path, path.name) for path in kept]

    def read_version(self, name: str, number: str) -> bytes:
        path = self._history(self._place(name)) / number
        if not VERSION.fullmatch(number) or not path.is_file():
            raise MissingFile(f"the workflow {shown(name)} has no version {shown(number)}")
        return path.read_bytes()

    def _keep(self, path: Path) -> None:
        folder = self._history(path)
        folder.mkdir(parents=True, exist_ok=True)
        kept = sorted(each for each in folder.glob("*") if VERSION.fullmatch(each.name))
        number = int(kept[-1].name) + 1 if kept else 1
        # A copy, and not a link: the file that is being replaced must not be missing for a moment.
        shutil.copyfile(path, folder / f"{number:08}")
        for old in kept[: max(0, len(kept) + 1 - MOST_VERSIONS)]:
            old.unlink(missing_ok=True)

    def _history(self, path: Path) -> Path:
        return self.root / HISTORY / path.relative_to(self.root.resolve())

    def _place(self, name: str) -> Path:
        path = save_path(_file_name(name), FOLDER, self.folders)
        if path.is_symlink():  # or what it leads to would be kept among the versions
            raise Rejected("a name of a workflow", f"{shown(name)}, which is a link", "outside_folder")
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


def _version(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]
