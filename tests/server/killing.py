"""A driver outside of the server: it posts jobs, kills the server again and again, and counts what that cost."""

from __future__ import annotations

import hashlib
import http.client
import os
import random
import signal
import subprocess
import threading
import time
from collections import Counter, deque
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nodegraph.service.jobs import Jobs
from nodegraph.service.records import ENDED, Job
from nodegraph.service.store import Store
from tests.server.serving import Server, of, wait_for, workflow

FAILPOINTS = ("after_accept", "after_claim", "after_write", "after_place", "before_publish", "after_publish")
SETTINGS = """
[limits]
interruptions = 100000
queued = 100000
queued_per_client = 100000
[bounds]
submits_at_once = 1000000
"""
MOST_PASSES = 4  # a failpoint kills at one of its first so many passes
LONGEST_PAUSE = 0.060
STARTING = 0.15, 0.5  # seconds from the start of the process, about when it opens its files
LIMIT = 30.0


def some_job(number: int) -> tuple[dict[str, Any], int]:
    """A quick workflow of one kind or another, and how many files it saves."""
    match number % 4:
        case 0:
            return workflow(a=of("Number", value=number), save=of("Save", {"value": "a.int"})), 1
        case 1:
            return workflow(a=of("Number", value=number), save=of("Save", {"value": "a.int"}, batch_size=3)), 3
        case 2:
            two = {name: of("Save", {"value": "a.int"}, filename_prefix=f"in/{name}") for name in ("x", "y")}
            return workflow(a=of("Sleep", value=number, seconds=0.03, steps=3), **two), 2
        case _:  # the same for all, so that its numbers come from the cache
            return workflow(
                a=of("Number", value=-1), b=of("Add", {"a": "a.int"}), save=of("Save", {"value": "b.int"})
            ), 1


@dataclass
class Toll:
    """What the kills have cost: everything but the first lines should be nothing."""

    seed: int
    kills: int = 0
    at: Counter[str] = field(default_factory=Counter[str])
    jobs: int = 0
    lost: list[str] = field(default_factory=list[str])
    unfinished: list[str] = field(default_factory=list[str])
    published_twice: list[str] = field(default_factory=list[str])
    wrong_files: list[str] = field(default_factory=list[str])
    orphans: list[str] = field(default_factory=list[str])
    left_aside: list[str] = field(default_factory=list[str])
    faults: list[str] = field(default_factory=list[str])

    @property
    def nothing(self) -> bool:
        """Whether nothing was lost, doubled, left or damaged."""
        found = (self.lost, self.unfinished, self.published_twice, self.wrong_files, self.orphans, self.left_aside)
        return not any((*found, self.faults))


class Driver:
    """Posts jobs under ids of its own, each until it is acknowledged, however often the server dies meanwhile."""

    def __init__(self, server: Server, jobs: int, seed: int) -> None:
        self.server, self.chance = server, random.Random(seed)
        self.waiting = deque(range(jobs))
        self.receipts: dict[int, set[int]] = {}
        self.toll = Toll(seed, jobs=jobs)

    def kill_once(self, posts: int) -> None:
        """Start the server, post some jobs, and kill it at a failpoint or at a random moment."""
        kind = self.chance.random()
        if kind < 0.1:
            self.kill_while_starting()
        elif kind < 0.5:
            self.kill_at(self.chance.choice(FAILPOINTS), self.chance.randint(1, MOST_PASSES), posts)
        else:
            self.kill_after(self.chance.randint(0, posts), self.chance.uniform(0, LONGEST_PAUSE), posts)

    def kill_at(self, point: str, passes: int, posts: int) -> None:
        self.server.environment = {"NODEGRAPH_FAILPOINT": f"{point}:{passes}"}
        self.server.start(until_ready=False)
        posting = threading.Thread(target=self.post, args=(posts,))
        posting.start()
        try:
            self.server.process.wait(LIMIT)
            self.toll.at[point] += 1
        except subprocess.TimeoutExpired:  # there were too few jobs to get there
            self.toll.at["idle"] += 1
        self.kill(posting)

    def kill_after(self, accepted: int, seconds: float, posts: int) -> None:
        self.server.environment = {}
        self.server.start(until_ready=False)
        posting, before = threading.Thread(target=self.post, args=(posts,)), len(self.receipts)
        posting.start()
        wait_for(lambda: len(self.receipts) - before >= accepted or not posting.is_alive(), LIMIT, 0.001)
        time.sleep(seconds)
        self.toll.at["a random moment"] += 1
        self.kill(posting)

    def kill_while_starting(self) -> None:
        """While it may just be taking back what the last one left."""
        self.server.environment = {}
        starting = threading.Thread(target=self.start_in_vain)
        starting.start()
        time.sleep(self.chance.uniform(*STARTING))
        self.toll.at["the start"] += 1
        self.kill(starting)

    def start_in_vain(self) -> None:
        with suppress(AssertionError):  # it never says that it serves
            self.server.start(until_ready=False)

    def kill(self, posting: threading.Thread) -> None:
        if self.server.process.poll() is None:
            os.killpg(self.server.process.pid, signal.SIGKILL)
        posting.join(LIMIT)
        self.server.reap()
        self.toll.kills += 1

    def post(self, count: int) -> None:
        """Post the next jobs until so many are acknowledged, or the server is dead."""
        for _ in range(min(count, len(self.waiting))):
            number = self.waiting[0]
            try:
                if not self.post_one(number):
                    return
            except (OSError, http.client.HTTPException):
                return
            self.waiting.popleft()

    def post_one(self, number: int) -> bool:
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            answer = self.server.post("/api/v1/jobs", {"workflow": some_job(number)[0], "id": f"job-{number}"})
            if answer.status == 200:
                self.receipts.setdefault(number, set()).add(answer.json["number"])
                return True
            if answer.status != 503:  # before the first worker has told its nodes
                raise AssertionError(answer.body)
            time.sleep(0.02)
        return False

    def finish(self) -> None:
        """Start the server a last time, and wait until everything has ended."""
        self.server.environment = {}
        self.server.start()
        self.post(len(self.waiting))
        # Asked for again after all that, each of some ids still gives the receipt that it gave first.
        for number in self.chance.sample(sorted(self.receipts), min(50, len(self.receipts))):
            self.post_one(number)
        seconds = LIMIT + 0.5 * self.toll.jobs
        wait_for(lambda: self.server.get("/api/v1/queue").json["queued"] == 0, seconds, 0.1)
        wait_for(lambda: self.server.get("/api/v1/queue").json["running"] == 0, LIMIT, 0.1)
        assert self.server.stop() == 0

    def count(self) -> None:
        """Compare what is on the disk with what was acknowledged."""
        toll, root = self.toll, self.server.data / "output"
        with Store(self.server.data / "jobs.sqlite") as store:
            jobs = Jobs(store)
            toll.faults = jobs.faults().result()
            known = {job.id: job for job in [*jobs.live().result(), *jobs.history(10**6).result()]}
            events = [entry for name in known for entry in jobs.events(job=name, most=10**6).result()]
        toll.lost = [f"job-{number}" for number in self.receipts if f"job-{number}" not in known]
        toll.lost += [f"job-{number} was never accepted" for number in self.waiting]
        toll.unfinished = [f"{job.id} is {job.state}" for job in known.values() if job.state != "done"]
        ends = Counter(entry.job for entry in events if entry.event.get("state") in ENDED)
        toll.published_twice = [name for name in known if ends[name] > 1]
        toll.published_twice += [f"job-{number}: {found}" for number, found in self.receipts.items() if len(found) > 1]
        for number in self.receipts.keys() - {int(name.split("-")[1]) for name in toll.lost}:
            toll.wrong_files += wrong_files(known[f"job-{number}"], some_job(number)[1], root)
        names = Counter(asset.output.name for job in known.values() for asset in job.outputs)
        toll.wrong_files += [f"{name} belongs to {count} jobs" for name, count in names.items() if count > 1]
        files = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
        toll.orphans = [path.as_posix() for path in files if path.parts[0] != ".nodegraph" and str(path) not in names]
        toll.left_aside = [str(path) for folder in ("output", "temp") for path in left(self.server.data / folder)]


def wrong_files(job: Job, count: int, root: Path) -> list[str]:
    """What is wrong with the outputs of a job that should have so many."""
    found = [] if len(job.outputs) == count else [f"{job.id} has {len(job.outputs)} outputs, not {count}"]
    for asset in job.outputs:
        path = root / asset.output.name
        content = path.read_bytes() if path.is_file() else b""
        if (len(content), hashlib.sha256(content).hexdigest()) != (asset.output.size, asset.output.sha256):
            found.append(f"{job.id}: {asset.output.name} is not what was published")
    return found


def left(folder: Path) -> list[Path]:
    return [path for path in (folder / ".nodegraph").rglob("*") if path.is_file()]


def kill_again_and_again(data: Path, kills: int, jobs: int, seed: int) -> Toll:
    """Post so many jobs to a server that is killed so often; what it cost."""
    driver = Driver(Server(data, settings=SETTINGS), jobs, seed)
    try:
        for left_over in range(kills, 0, -1):
            driver.kill_once(-(-len(driver.waiting) // left_over))
        driver.finish()
    finally:
        driver.server.reap()
    driver.count()
    return driver.toll
