"""Restarts, and the same job asked for many times: the queue goes on where it was."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.server.filling import SETTINGS, fill
from tests.server.serving import NUMBER, Answer, Server, saving, wait_for

MANY = 10_000
CALLERS = 64


@dataclass
class Restarted:
    server: Server
    seconds: float  # from the start of the process until it was ready


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Restarted]:
    """A server that was started with 10,000 jobs that wait and 10,000 in the history."""
    server = Server(tmp_path_factory.mktemp("full"), settings=SETTINGS)
    try:
        server.start()
        assert server.stop() == 0
        fill(server.data / "jobs.sqlite", queued=MANY, history=MANY)
        began = time.monotonic()
        server.start()
        yield Restarted(server, time.monotonic() - began)
    finally:
        server.reap()


def test_a_full_queue_and_history_are_ready_soon_after_a_restart(full: Restarted) -> None:
    assert full.seconds < 10  # `make bench` holds it to 3 s, on a machine that does nothing else


def test_a_full_queue_and_history_are_whole_after_a_restart(full: Restarted) -> None:
    counts = full.server.get("/api/v1/queue").json
    assert counts == {"queued": MANY, "running": 0, "history": MANY, "paused": True}


def test_the_history_can_be_leafed_through_after_a_restart(full: Restarted) -> None:
    first = full.server.get("/api/v1/jobs?state=done&limit=100").json["jobs"]
    second = full.server.get(f"/api/v1/jobs?state=done&limit=100&before={first[-1]['ended']}").json["jobs"]
    assert [job["id"] for job in (*first, *second)] == [f"h{MANY - 1 - number}" for number in range(200)]
    assert {len(job["outputs"]) for job in first} == {1}


def test_the_queue_goes_on_in_order_after_a_restart(full: Restarted) -> None:
    full.server.post("/api/v1/queue/resume")
    full.server.ended("q29")
    full.server.post("/api/v1/queue/pause")
    wait_for(lambda: full.server.get("/api/v1/queue").json["running"] == 0)
    newest = full.server.get("/api/v1/jobs?state=done&limit=1000").json["jobs"]
    ran = [job["id"] for job in reversed(newest) if job["id"].startswith("q")]
    assert len(ran) >= 30
    assert ran == [f"q{number}" for number in range(len(ran))]
    assert full.server.get("/api/v1/queue").json["queued"] == MANY - len(ran)


def submit_often(server: Server, identifier: str, values: list[int]) -> list[Answer]:
    """The answers to the same id, asked for at once with workflows that save these numbers."""
    with ThreadPoolExecutor(len(values)) as pool:
        asked = [
            pool.submit(server.post, "/api/v1/jobs", {"workflow": saving("Number", value=value), "id": identifier})
            for value in values
        ]
        return [each.result(30) for each in asked]


def test_the_same_job_asked_for_64_times_at_once_is_one_job(server: Server) -> None:
    answers = submit_often(server, "one", [5] * CALLERS)
    assert {answer.status for answer in answers} == {200}
    assert len({answer.json["number"] for answer in answers}) == 1
    assert len(server.ended("one")["outputs"]) == 1
    assert [job["id"] for job in server.get("/api/v1/jobs").json["jobs"]] == ["one"]


def test_of_different_jobs_under_one_id_one_is_taken_and_the_others_are_conflicts(server: Server) -> None:
    statuses = sorted(answer.status for answer in submit_often(server, "one", list(range(CALLERS))))
    assert statuses == [200] + [409] * (CALLERS - 1)


def test_a_job_asked_for_again_after_a_kill_gives_the_same_receipt(server: Server) -> None:
    first = server.post("/api/v1/jobs", {"workflow": NUMBER, "id": "one"})
    server.kill()
    server.start()
    again = server.post("/api/v1/jobs", {"workflow": NUMBER, "id": "one"})
    assert (first.status, first.json) == (again.status, again.json)
    assert len(server.get("/api/v1/jobs").json["jobs"]) == 1


def test_pause_holds_across_a_kill(server: Server, tmp_path: Path) -> None:
    server.post("/api/v1/queue/pause")
    server.submit(NUMBER, id="one")
    server.kill()
    server.start()
    assert server.get("/api/v1/queue").json == {"queued": 1, "running": 0, "history": 0, "paused": True}
