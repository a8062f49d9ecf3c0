"""SIGKILL at any moment: nothing that was acknowledged is lost, nothing is published twice."""

import os
import random
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

from nodegraph.service.records import Limits
from tests.service.conftest import Queue

ROOT = Path(__file__).parents[2]


def killed_run(path: Path, run: str, patience: int) -> list[list[str]]:
    """What a busy client acknowledged until it was killed, some time after its line number `patience`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.service.busy_client", str(path), run],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
    )
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(patience)]
    process.send_signal(signal.SIGKILL)
    lines += process.stdout.readlines()
    process.stdout.close()
    assert process.wait() == -signal.SIGKILL
    return [line.split() for line in lines if line.endswith("\n")]


def test_kills_lose_no_acknowledged_job_and_publish_none_twice(tmp_path: Path) -> None:
    path, chance = tmp_path / "jobs.sqlite", random.Random()
    said = [words for run in range(8) for words in killed_run(path, str(run), chance.randint(2, 40))]
    submitted = [words[1] for words in said if words[0] == "submitted"]
    published = [words[1] for words in said if words[0] == "published"]
    queue = Queue(path, Limits(interruptions=1000))
    queue.attempts.recover().result()
    history = queue.jobs.history(100_000).result()
    known = {job.id: job.state for job in [*queue.jobs.live().result(), *history]}
    assert set(submitted) <= set(known)
    assert set(known.values()) <= {"queued", "done"}
    assert {known[name] for name in published} <= {"done"}
    assert max(Counter(published).values(), default=0) <= 1
    assert all(len(job.outputs) == 1 for job in history)
    assert len({asset.output.name for job in history for asset in job.outputs}) == len(history)
    assert queue.jobs.faults().result() == []
    queue.store.close()
