"""The durable queue, as clients see it: submit, look, cancel, reorder; `attempts.py` is the workers' side.

    store = Store(path, Limits(), listener=…)       # opens (and migrates) the file, starts its thread
    jobs, attempts = Jobs(store), Attempts(store)
    attempts.recover()                              # at start: nothing is left running
    receipt = await jobs.submit(document, job=…)    # in a coroutine; .result() in a thread

    queued ──claim──► running ──publish──► done            (once, by the attempt that holds the claim)
      ▲  │               ├──fail───► failed
      │  └─cancel, clear─┼──stop───► cancelled             (or crash, after a cancel was asked for)
      └─crash, release,──┴──crash──► crashed               (the 2nd time)
        recover

Every method gives an `Answer`: a future that can also be awaited, fulfilled after COMMIT. Refusals are `QueueRefused`
errors; a full or failing disk is `StorageFailed`, after which nothing has changed and the call may be repeated.

Order is by priority (largest first), then by place in the line; numbers of jobs, attempts and events only grow, and no
clock decides anything. Every change of state is an event in the same transaction: `events(after=n)` resumes.

The supervisor claims when its listener hears that a job is queued, records what the run says in batches, and ends the
attempt in one of the ways above. A drain is `release`.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Iterable
from typing import NamedTuple

from ..errors import Conflict, QueueFull, Rejected, shown
from .ledger import Ledger
from .records import Asset, Counts, Entry, Job, Reason, Receipt, Submitted, json_text
from .store import Answer, Store, reading, writing

IDENTIFIER = re.compile(r"[!-~]{1,128}")
CLIENT = re.compile(r"[ -~]{0,128}")
LARGEST_PRIORITY = 2**31
CANCELLED = Reason("cancelled", "cancelled before it ran")
CLEARED = Reason("cancelled", "the queue was cleared")


class Jobs:
    """What a client may do with the queue of a store."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def submit(
        self,
        document: object,
        *,
        job: str | None = None,
        client: str = "",
        priority: int = 0,
        front: bool = False,
        extra: object = None,
    ) -> Answer[Receipt]:
        """Store a job for good, under the id `job`; the same one with the same content gives the same receipt again.

        The content is the document and `extra`, which is kept with it. Conflict for an id that is another content's;
        QueueFull when too many jobs wait, in all or of this client; TooLarge and Rejected at once, before anything is
        stored. An id is free again when its job is forgotten. A job at the `front` goes before all that wait.
        """
        identifier = str(uuid.uuid4()) if job is None else job
        if not IDENTIFIER.fullmatch(identifier):
            raise Rejected("a job id of 1 to 128 printable ASCII characters", shown(identifier))
        if not CLIENT.fullmatch(client):
            raise Rejected("a client id of at most 128 printable ASCII characters", shown(client))
        if abs(priority) > LARGEST_PRIORITY:
            raise Rejected("a priority within ±2^31", shown(priority))
        # Here, and not on the store's thread, where the caller could have changed them meanwhile.
        limit = self.store.limits.document
        texts = json_text(document, limit, "a document"), json_text(extra, limit, "what comes with a document")
        digest = _digest(texts)
        place = _Place(client, priority, front)
        return self.store.write(lambda ledger: _insert(ledger, identifier, place, texts, digest))

    @reading
    def get(self, ledger: Ledger, job: str) -> Job:
        """The job with an id; UnknownJob."""
        return ledger.job(job)

    @reading
    def submitted(self, ledger: Ledger, job: str) -> Submitted:
        """What a job was submitted with; UnknownJob."""
        return ledger.submitted(job)

    @reading
    def live(self, ledger: Ledger, most: int = -1) -> list[Job]:
        """The jobs that run, then the first of those that wait, in the order in which they will be claimed."""
        order = "WHERE state = ? ORDER BY priority DESC, place LIMIT ?"
        return [*ledger.jobs(order, "running", -1), *ledger.jobs(order, "queued", most)]

    @reading
    def history(self, ledger: Ledger, most: int = 100, before: int | None = None) -> list[Job]:
        """The jobs that have ended, last first; `before` is the `ended` of the last one seen, for the next page."""
        if before is None:
            return ledger.jobs("WHERE ended IS NOT NULL ORDER BY ended DESC LIMIT ?", most)
        return ledger.jobs("WHERE ended < ? ORDER BY ended DESC LIMIT ?", before, most)

    @reading
    def remaining(self, ledger: Ledger) -> int:
        """How many jobs wait or run."""
        return ledger.value("SELECT COUNT(*) FROM jobs WHERE state IN ('queued', 'running')")

    @reading
    def documents(self, ledger: Ledger, jobs: Iterable[str]) -> dict[str, Submitted]:
        """What some jobs were submitted with; those that are unknown are left out."""
        return {job: ledger.submitted(job) for job in jobs if ledger.rows("SELECT 1 FROM jobs WHERE id = ?", job)}

    @reading
    def counts(self, ledger: Ledger) -> Counts:
        found = dict(tuple(row) for row in ledger.rows("SELECT state, COUNT(*) FROM jobs GROUP BY state"))
        queued, running = found.pop("queued", 0), found.pop("running", 0)
        return Counts(queued, running, sum(found.values()), bool(ledger.value("SELECT paused FROM queue")))

    @reading
    def events(
        self, ledger: Ledger, after: int = 0, *, job: str | None = None, client: str | None = None, most: int = 1000
    ) -> list[Entry]:
        """The events numbered above `after`, oldest first; of one job, of one client, or of all.

        Numbers have gaps: those of other jobs, of jobs that were forgotten, and of progress beyond the limit.
        """
        # One job's are found by an index, which a condition that may be NULL would not use.
        of_job = "" if job is None else "AND events.job = ?2"
        found = ledger.rows(
            f"""
            SELECT events.number, events.job, client, at, event FROM events JOIN jobs ON jobs.id = events.job
            WHERE events.number > ?1 {of_job} AND (?3 IS NULL OR client = ?3) ORDER BY events.number LIMIT ?4
            """,
            after, job, client, most,
        )  # fmt: skip
        return [Entry(number, owner, of, at, json.loads(event)) for number, owner, of, at, event in found]

    @reading
    def asset(self, ledger: Ledger, asset: str) -> Asset | None:
        return next(iter(ledger.assets("WHERE id = ?", asset)), None)

    @reading
    def assets_named(self, ledger: Ledger, folder: str, name: str) -> list[Asset]:
        """The outputs under a name, newest first: names are looked up as strings, never joined to a path."""
        return ledger.assets("WHERE folder = ? AND name = ? ORDER BY rowid DESC", folder, name)

    @reading
    def known_files(self, ledger: Ledger, folder: str) -> set[str]:
        """Every name that an output has in a folder: a file that is not among them belongs to no job."""
        return {row[0] for row in ledger.rows("SELECT name FROM outputs WHERE folder = ?", folder)}

    @writing
    def cancel(self, ledger: Ledger, job: str) -> Job:
        """End a job that waits; ask for the end of one that runs (`cancelling`); leave one that has ended as it is."""
        found = ledger.job(job)
        if found.state == "queued":
            return ledger.end(found, "cancelled", CANCELLED)
        if found.state == "running" and not found.cancelling:
            ledger.rows("UPDATE jobs SET cancelling = 1 WHERE id = ?", job)
            ledger.note(found, {"event": "job", "state": "running", "cancelling": True})
        return ledger.job(job)

    @writing
    def withdraw(self, ledger: Ledger, job: str) -> bool:
        """Cancel a job only if it still waits; gives whether it did."""
        waits = [found for found in ledger.jobs("WHERE id = ?", job) if found.state == "queued"]
        for found in waits:
            ledger.end(found, "cancelled", CANCELLED)
        return bool(waits)

    @writing
    def clear(self, ledger: Ledger, client: str | None = None) -> int:
        """Cancel every job that waits, or those of one client; gives how many."""
        waiting = ledger.jobs("WHERE state = 'queued' AND (?1 IS NULL OR client = ?1) ORDER BY number", client)
        for job in waiting:
            ledger.end(job, "cancelled", CLEARED)
        return len(waiting)

    @writing
    def move(self, ledger: Ledger, job: str, before: str | None = None) -> Job:
        """Put a waiting job right before another waiting one, with its priority; without one, last in its own."""
        moved, place = _waiting(ledger, job), ledger.last_place() + 1
        next_one = moved if before is None else _waiting(ledger, before)
        if before == job:
            return moved
        if before is not None:
            place = ledger.value("SELECT place FROM jobs WHERE id = ?", before)
            ledger.rows("UPDATE jobs SET place = place + 1 WHERE state IN ('queued', 'running') AND place >= ?", place)
        ledger.rows("UPDATE jobs SET priority = ?, place = ? WHERE id = ?", next_one.priority, place, job)
        ledger.note(moved, {"event": "job", "state": "queued", "before": before})
        return ledger.job(job)

    @writing
    def pause(self, ledger: Ledger) -> None:
        """Let no job be claimed, across restarts too, until `resume`; what runs goes on."""
        ledger.rows("UPDATE queue SET paused = 1")

    @writing
    def resume(self, ledger: Ledger) -> None:
        ledger.rows("UPDATE queue SET paused = 0")

    @writing
    def forget(self, ledger: Ledger, jobs: Iterable[str] | None = None) -> int:
        """Remove jobs that have ended from the history, with their events and assets (not the files); gives how many.

        Without `jobs`, all of them. Jobs that are live or unknown are passed over.
        """
        before: int = ledger.value("SELECT COUNT(*) FROM jobs")
        if jobs is None:
            ledger.rows("DELETE FROM jobs WHERE ended IS NOT NULL")
        for job in jobs or ():
            ledger.rows("DELETE FROM jobs WHERE id = ? AND ended IS NOT NULL", job)
        return before - ledger.value("SELECT COUNT(*) FROM jobs")

    @writing
    def probe(self, ledger: Ledger) -> None:
        """Write something that changes nothing: StorageFailed if nothing can be written."""
        # A row that comes and goes: SQLite does not write a page to which nothing has happened.
        ledger.rows("INSERT INTO shelf VALUES ('', X'', 0)")
        ledger.rows("DELETE FROM shelf WHERE name = ''")

    @reading
    def faults(self, ledger: Ledger) -> list[str]:
        """What SQLite's own check of the whole file finds; nothing in a sound one. Slow: for tests and for doubts."""
        found: list[str] = [row[0] for row in ledger.rows("PRAGMA integrity_check")]
        orphans = [f"a row of {row[0]} belongs to no job" for row in ledger.rows("PRAGMA foreign_key_check")]
        return [fault for fault in found if fault != "ok"] + orphans


def _digest(texts: tuple[str, str]) -> str:
    """Equal for equal JSON, whatever the order of its keys; 1, 1.0 and true differ."""
    same = json.dumps([json.loads(text) for text in texts], sort_keys=True)
    return hashlib.sha256(same.encode()).hexdigest()


class _Place(NamedTuple):
    """Whose a new job is, and where it goes in the line."""

    client: str
    priority: int
    front: bool


def _insert(ledger: Ledger, identifier: str, where: _Place, texts: tuple[str, str], digest: str) -> Receipt:
    for row in ledger.rows("SELECT number, digest FROM jobs WHERE id = ?", identifier):
        if row["digest"] != digest:
            raise Conflict(f"the id {shown(identifier)} belongs to a job with another document")
        return Receipt(identifier, row["number"])
    limits = ledger.limits
    for count, limit, whose in (
        (ledger.value("SELECT COUNT(*) FROM jobs WHERE state = 'queued'"), limits.queued, ""),
        (
            ledger.value("SELECT COUNT(*) FROM jobs WHERE state = 'queued' AND client = ?", where.client),
            limits.queued_per_client,
            " of this client",
        ),
    ):
        if count >= limit:
            raise QueueFull(f"{count} jobs{whose} wait already; at most {limit} may", limits.retry_after)
    priority, place = where.priority, ledger.last_place() + 1
    if where.front:
        for first, lowest in ledger.rows(
            """
            SELECT MAX(priority) FILTER (WHERE state = 'queued'), MIN(place) FROM jobs
            WHERE state IN ('queued', 'running')
            """
        ):
            priority = priority if first is None else max(priority, first)
            place = place if lowest is None else lowest - 1
    number: int = ledger.value(
        """
        INSERT INTO jobs (id, client, priority, place, created_at, digest, document, extra)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING number
        """,
        identifier, where.client, priority, place, ledger.at, digest, *texts,
    )  # fmt: skip
    ledger.note(ledger.job(identifier), {"event": "job", "state": "queued"})
    return Receipt(identifier, number)


def _waiting(ledger: Ledger, identifier: str) -> Job:
    job = ledger.job(identifier)
    if job.state != "queued":
        raise Conflict(f"the job {shown(identifier)} does not wait in the queue: it is {job.state}")
    return job
