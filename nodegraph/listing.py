"""All files of a folder at once, for nodes whose values name files in their own way, as prompts name embeddings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Self

from .errors import Rejected
from .files import Folders, find_file, list_files


@dataclass(frozen=True, eq=False)
class Listing:
    """The files of a folder, by the names that a workflow calls them; empty where there is no such folder.

    A subclass names the folder: `class Embeddings(Listing, folder="embeddings")`. A node that has a parameter of it is
    supplied with the files as they are when the run is planned, and runs again when one of them changes; not so with
    `counts=False`, for files that change no result.
    """

    folder: ClassVar[str]
    counts: ClassVar[bool]
    files: Mapping[str, Path] = field(default_factory=dict[str, Path])

    def __init_subclass__(cls, *, folder: str, counts: bool = True) -> None:
        super().__init_subclass__()
        cls.folder, cls.counts = folder, counts

    @classmethod
    def of(cls, folders: Folders) -> Self:
        """What is in the folder now, at most 2,000 files of it; what cannot be opened by its name is left out."""
        found: dict[str, Path] = {}
        for name in list_files(cls.folder, folders):
            try:
                found[name] = find_file(name, cls.folder, folders)
            except Rejected:  # a link that leaves the folder, or a name that no workflow may write
                continue
        return cls(found)

    @cached_property
    def fingerprint(self) -> tuple[tuple[str, int, int], ...]:
        """What stands for the files in a key: names, sizes and times. To read them all would take too long."""
        stamps: list[tuple[str, int, int]] = []
        for name, path in self.files.items():
            try:
                status = path.stat()
            except OSError:  # it is gone since it was listed
                continue
            stamps.append((name, status.st_size, status.st_mtime_ns))
        return tuple(stamps)
