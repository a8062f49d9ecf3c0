"""A database of very many jobs, written in a few transactions: one by one they would take minutes."""

from collections.abc import Iterator
from pathlib import Path

from nodegraph.service.jobs import Jobs
from nodegraph.service.ledger import Ledger
from nodegraph.service.records import Asset, Attempt, Job, Limits, Output, json_text
from nodegraph.service.store import Store
from tests.server.serving import NUMBER

LIMITS = Limits(queued=10**6, queued_per_client=10**6, history=10**6)
SETTINGS = "[limits]\nqueued = 1000000\nqueued_per_client = 1000000\nhistory = 1000000\n"
AT_ONCE = 1000


def fill(path: Path, *, queued: int, history: int) -> None:
    """Add jobs that have ended, `h0` and on, and after them jobs that wait, `q0` and on; the queue is paused."""
    with Store(path, LIMITS) as store:
        Jobs(store).pause().result()
        for numbers in _parts(history):
            store.write(lambda ledger, numbers=numbers: [_ended(ledger, number) for number in numbers]).result()
        for numbers in _parts(queued):
            store.write(lambda ledger, numbers=numbers: [_added(ledger, f"q{number}") for number in numbers]).result()


def _parts(count: int) -> Iterator[range]:
    for start in range(0, count, AT_ONCE):
        yield range(start, min(start + AT_ONCE, count))


def _added(ledger: Ledger, name: str) -> Job:
    ledger.rows(
        """
        INSERT INTO jobs (id, client, priority, place, created_at, digest, document, extra)
        VALUES (?, '', 0, ?, ?, '', ?, '{}')
        """,
        name, ledger.last_place() + 1, ledger.at, json_text(NUMBER, 10**6, "a document"),
    )  # fmt: skip
    job = ledger.job(name)
    ledger.note(job, {"event": "job", "state": "queued"})
    return job


def _ended(ledger: Ledger, number: int) -> Job:
    """A job with the events and the output of a run."""
    job = _added(ledger, f"h{number}")
    attempt = Attempt(job.id, ledger.value("UPDATE queue SET attempt = attempt + 1 RETURNING attempt"))
    ledger.rows("UPDATE jobs SET state = 'running', attempt = ?, attempts = 1 WHERE id = ?", attempt.number, job.id)
    for node in ("it", "save"):
        ledger.note(job, {"event": "started", "node": node, "type": "Number", "index": 1, "total": 2})
        ledger.note(job, {"event": "finished", "node": node, "seconds": 0.001})
    ledger.keep(Asset(f"asset {number}", job.id, Output("save", "output", f"old_{number:05}_.png")))
    return ledger.end(ledger.held(attempt), "done", seconds=0.01)
