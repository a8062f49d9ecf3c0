"""What kills and broken jobs cost: nothing that was accepted, and one job each."""

from __future__ import annotations

import itertools
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.server.killing import Toll, kill_again_and_again
from tests.server.serving import ENDED, QUICK, Server, saving, serving, wait_for

from .bench_server import cost
from .figure import Figure, Scale

JOBS_PER_KILL = 5
# Each way to break, and the state in which its job ends.
FAULTS: tuple[tuple[dict[str, Any], str], ...] = (
    (saving("Allocate"), "failed"),
    (saving("Kill", how="SIGSEGV"), "crashed"),
    (saving("Raise"), "failed"),
    (saving("Kill", how="SIGKILL"), "crashed"),
    (saving("Kill", how="exit"), "crashed"),
)


def kills(count: int) -> Iterator[Figure]:
    """SIGKILL of the server with its workers."""
    with tempfile.TemporaryDirectory() as folder:
        toll = kill_again_and_again(Path(folder), count, count * JOBS_PER_KILL, random.randrange(2**32))
    for line in lines(toll):
        print(f"  {line}")
    costs = {
        "lost": toll.lost, "published twice": toll.published_twice, "unfinished": toll.unfinished,
        "files not as published": toll.wrong_files, "orphans": toll.orphans + toll.left_aside,
    }  # fmt: skip
    what = f"{toll.kills} kills, {toll.jobs:,} jobs: "
    for name, found in costs.items():
        yield Figure(what + name, f"{len(found)}", "0", not found and toll.kills == count)
    yield Figure(what + "the database", ", ".join(toll.faults) or "ok", "ok", not toll.faults)
    spread = ", ".join(f"{count} {place}" for place, count in toll.at.most_common(3))
    yield Figure("  where most of them struck", spread, "-", None)


def lines(toll: Toll) -> list[str]:
    """What went wrong, to be looked at."""
    found = (toll.lost, toll.published_twice, toll.unfinished, toll.wrong_files, toll.orphans, toll.left_aside)
    return [*itertools.chain(*found), *([] if toll.nothing else [f"seed {toll.seed}"])]


def next_start(server: Server, number: int) -> float:
    """How long the job after a broken one waits, which was submitted together with it."""
    document, expected = FAULTS[number % len(FAULTS)]
    broken, after = server.submit(document), server.submit(saving("Number", value=number))
    wait_for(lambda: server.job(broken)["state"] in ENDED, 60)
    assert server.job(broken)["state"] == expected, server.job(broken)
    began = time.perf_counter()
    wait_for(lambda: server.job(after)["state"] != "queued", 60)
    waited = time.perf_counter() - began
    assert server.ended(after)["state"] == "done"
    return waited


def faults(count: int) -> Iterator[Figure]:
    with serving(settings=QUICK) as server:
        pid, before = server.process.pid, cost(server.process.pid)[1]
        waits = [next_start(server, number) for number in range(count)]
        alive = server.process.poll() is None and server.process.pid == pid
        grown = cost(pid)[1] - before
        ends = Counter(job["state"] for job in server.get("/api/v1/jobs?limit=1000").json["jobs"])
    survived = f"{count} of {count}" if alive else "the server died"
    yield Figure(f"{count} jobs that exhaust memory, raise or kill their worker", survived, "same pid", alive)
    yield Figure("  the next job starts after, at most", f"{max(waits):.1f} s", "≤ 10 s", max(waits) <= 10)
    yield Figure("  the server's memory grew by", f"{grown:.1f} MB", "≤ 6 MB", grown <= 6)
    yield Figure(
        "  how they and the next ones ended", ", ".join(f"{n} {state}" for state, n in ends.items()), "-", None
    )


def figures(scale: Scale) -> Iterator[Figure]:
    """Kills of the whole server, and jobs that break their worker."""
    yield from kills(scale.kills)
    yield from faults(scale.faults)
