"""What a workflow was before: numbered files in a folder of its own, fewer the older they are."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..files import write_whole

NUMBER = re.compile(r"\d{8}")
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
# Up to which age there is one version in how long; the newest of all stay, however close they are.
SPACING = ((10 * MINUTE, MINUTE), (2 * HOUR, 10 * MINUTE), (DAY, HOUR), (float("inf"), DAY))
RECENT, MOST_RECENT, MOST_VERSIONS = 10 * MINUTE, 50, 120


@dataclass(frozen=True)
class History:
    """The versions of one workflow, in `folder`, which need not be there. Its methods touch the disk."""

    folder: Path

    def versions(self) -> list[Path]:
        """The kept versions in the order in which they were; each file's time is that of its content."""
        return sorted(path for path in self.folder.glob("*") if NUMBER.fullmatch(path.name))

    def version(self, number: str) -> Path | None:
        path = self.folder / number
        return path if NUMBER.fullmatch(number) and path.is_file() else None

    def keep(self, path: Path) -> None:
        """Keep what a file is now, as the newest version, and let go of versions that are too many."""
        # A copy, and not the file itself: what is being replaced must not be missing for a moment.
        status, copy = path.stat(), self._next()
        write_whole(copy, path.read_bytes())
        os.utime(copy, ns=(status.st_atime_ns, status.st_mtime_ns))
        self._thin()

    def share(self, other: History) -> None:
        """Have the versions of another history too, behind one's own; those that are here already stay as they are."""
        known = {_identity(path) for path in self.versions()}
        for path in other.versions():
            if _identity(path) not in known:
                # Versions never change, so both may be one file; and a link is there wholly or not at all.
                self._next().hardlink_to(path)
        self._thin()

    def forget(self) -> None:
        for path in self.versions():
            path.unlink(missing_ok=True)
        with suppress(OSError):  # the folder of another workflow may be in it
            self.folder.rmdir()

    def _next(self) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        numbers = [int(path.name) for path in self.versions()]
        return self.folder / f"{max(numbers, default=0) + 1:08}"

    def _thin(self) -> None:
        found = self.versions()
        worth = set(worth_keeping([path.stat().st_mtime for path in found], time.time()))
        for place, path in enumerate(found):
            if place not in worth:
                path.unlink(missing_ok=True)


def worth_keeping(times: Sequence[float], now: float) -> list[int]:
    """Which of some versions stay, by place, the newest first; `times` has them in order, the oldest first.

    All of the last ten minutes up to 50; then the last of each minute, of each ten minutes after those, of each hour,
    and of each day; at most 120. Of each such span the last stays until it is in a longer one, so what is spared today
    is there tomorrow to be chosen from.
    """
    kept: list[int] = []
    spans: set[tuple[float, float]] = set()
    for place in reversed(range(len(times))):
        age = now - times[place]
        length = next(length for until, length in SPACING if age < until)
        span = length, times[place] // length
        if span not in spans or (age < RECENT and len(kept) < MOST_RECENT):
            kept.append(place)
        spans.add(span)
    return kept[:MOST_VERSIONS]


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino
