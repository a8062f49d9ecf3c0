"""A queue on a real file, and clocks that a test can turn."""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from nodegraph.service.attempts import Attempts
from nodegraph.service.jobs import Jobs
from nodegraph.service.records import Asset, Claim, Entry, Limits, Output
from nodegraph.service.store import Store


def saved(*outputs: Output) -> list[dict[str, Any]]:
    """What a run says of a node that has written some files."""
    artifacts = [Asset(secrets.token_urlsafe(), "", output).to_json() for output in outputs]
    return [{"event": "finished", "node": "save", "seconds": 0.0, "artifacts": artifacts}]


@dataclass
class Queue:
    """One opened store with its two sides, what its listener heard, and its clocks."""

    path: Path
    limits: Limits = field(default_factory=Limits)
    now: float = 0.0
    date: float = 1000.0
    heard: list[Entry] = field(default_factory=list[Entry])

    def __post_init__(self) -> None:
        self.store = Store(
            self.path, self.limits, listener=self.heard.extend, clock=lambda: self.now, wall=lambda: self.date
        )
        self.jobs, self.attempts = Jobs(self.store), Attempts(self.store)

    def reopen(self) -> None:
        self.store.close()
        self.__post_init__()

    def submit(self, *names: str, **how: Any) -> None:
        for name in names:
            self.jobs.submit({"name": name}, job=name, **how).result()

    def claim(self) -> Claim:
        claim = self.attempts.claim("cpu").result()
        assert claim is not None
        return claim

    def line(self) -> list[str]:
        return [job.id for job in self.jobs.live().result()]

    def state(self, name: str) -> str:
        return self.jobs.get(name).result().state


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., Queue]]:
    """Opens a queue with the limits given by name; closed after the test."""
    queues: list[Queue] = []

    def open_one(**limits: int) -> Queue:
        queues.append(Queue(tmp_path / "jobs.sqlite", Limits(**limits)))
        return queues[-1]

    yield open_one
    for queue in queues:
        queue.store.close()


@pytest.fixture
def queue(opened: Callable[..., Queue]) -> Queue:
    return opened()
