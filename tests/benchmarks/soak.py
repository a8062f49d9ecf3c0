"""`make soak`: the whole table of the server, with all the kills, faults, frames and hostile workflows."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator

from . import bench_cancel, bench_faults, bench_listeners, bench_server
from .figure import FULL, QUICK, Figure, show

SUITES: dict[str, tuple[str, dict[str, str]]] = {
    "hostile workflows, 100,000": ("tests/server/test_hostile.py", {"NODEGRAPH_HOSTILE": "100000"}),
    "the OpenAPI document against the server": ("tests/server/test_openapi.py", {}),
    "path traversal, every route and input": ("tests/server/test_traversal.py", {}),
    "header matrix, exposure": ("tests/server/test_guard.py tests/server/test_exposure.py", {}),
    "floods": ("tests/server/test_flood.py", {}),
    "calls that block the event loop (blockbuster)": ("tests/server/test_loop.py", {}),
    "restarts, drains, full disks": (
        "tests/server/test_restart.py tests/server/test_drain.py tests/server/test_full_disk.py", {},
    ),
    "listeners that come, go and do not read": ("tests/server/test_listeners.py", {}),
}  # fmt: skip


def suites() -> Iterator[Figure]:
    """Facts that hold or do not: the tests that show them."""
    for what, (paths, variables) in SUITES.items():
        # The marks that `make test` leaves out belong here.
        words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "", *paths.split()]
        done = subprocess.run(
            words, env={**os.environ, **variables}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        if done.returncode:
            print(done.stdout)
        found = re.findall(r"\d+ (?:passed|failed|errors?)", done.stdout)
        yield Figure(what, ", ".join(found) or "nothing ran", "all pass", done.returncode == 0)


def main(words: list[str]) -> int:
    """The whole table, or a short one for a look at it (`--quick`, without the suites)."""
    scale = QUICK if "--quick" in words else FULL
    parts: dict[str, Callable[[], Iterable[Figure]]] = {
        "Server": lambda: bench_server.figures(scale),
        "Cancel": lambda: bench_cancel.figures(scale),
        "Kills and faults": lambda: bench_faults.figures(scale),
        "Listeners": lambda: bench_listeners.figures(scale),
    }
    return min(show(parts if scale is QUICK else parts | {"Tests": suites}), 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
