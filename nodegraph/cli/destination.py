"""`--out`: the saved files get the names that the caller asked for."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

from nodegraph.errors import NodegraphError, UsageError
from nodegraph.events import Artifact, Event, Finished

NUMBER, NODE = "{n}", "{node}"


class Destination:
    """Save nodes write into a hidden folder beside the destination; each file is then renamed to its place at once.

    So a name is either the whole file or what it was before, and a run that stops leaves nothing behind.
    """

    def __init__(self, pattern: str) -> None:
        if not pattern or pattern.endswith(("/", os.sep)) or Path(pattern).is_dir():
            raise UsageError(f"--out expects the name of a file, got {pattern!r}", hint="--output names a folder")
        self._pattern = Path(pattern)
        self._used: set[Path] = set()

    def __enter__(self) -> Self:
        parents = self._pattern.absolute().parents
        parent = next(parent for parent in parents if NUMBER not in str(parent) and NODE not in str(parent))
        try:
            parent.mkdir(parents=True, exist_ok=True)
            self.staging = Path(tempfile.mkdtemp(prefix=".nodegraph-", dir=parent))
        except OSError as error:
            raise NodegraphError(f"--out: nothing can be written in {parent}: {error.strerror}") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self.staging, ignore_errors=True)

    def receive(self, event: Event) -> Event:
        """The event with its files moved to their place."""
        if not isinstance(event, Finished):
            return event
        return replace(event, artifacts=tuple(self._place(artifact, event.node) for artifact in event.artifacts))

    def _place(self, artifact: Artifact, node: str) -> Artifact:
        if not artifact.path.is_relative_to(self.staging.resolve()):
            return artifact
        path = self._free(artifact.path.suffix, node)
        os.replace(artifact.path, path)  # noqa: PTH105 -- atomic on every system, which Path.rename is not
        return replace(artifact, path=path)

    def _free(self, suffix: str, node: str) -> Path:
        """The name of the next file: with {n} the first that is not there yet, else frog.png, frog-2.png, …"""
        name = str(self._pattern).replace(NODE, node)
        name = name if name.lower().endswith(suffix.lower()) else name + suffix
        if NUMBER in name:
            return next(path for n in count(1) if reserve(path := Path(name.replace(NUMBER, str(n)))))
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        numbered = (path.with_stem(f"{path.stem}-{n}") if n > 1 else path for n in count(1))
        free = next(path for path in numbered if path not in self._used)
        self._used.add(free)
        return free


def reserve(path: Path) -> bool:
    """Create an empty file, unless there is one by that name: two runs at a time take different numbers."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True
