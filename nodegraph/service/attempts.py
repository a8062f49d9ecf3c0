"""The durable queue, as the supervisor of the workers sees it: claim a job, report on it, end it.

An attempt holds its job from `claim` until one of publish, fail, stop, crash or release; whatever comes later from it
is refused with StaleAttempt. So a job may run twice, and is published once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import StaleAttempt
from .ledger import Ledger
from .records import FLEETING, Asset, Attempt, Claim, Job, Preview, Reason
from .store import Store, reading, writing

STOPPED = Reason("cancelled", "cancelled while it ran")


class Attempts:
    """What the supervisor of the workers does with the queue of a store; one per store."""

    def __init__(self, store: Store) -> None:
        self.store = store
        # By the monotonic clock, and gone with the process: what ran in an earlier one is not running any more.
        self._started: dict[int, float] = {}

    @writing
    def claim(self, ledger: Ledger, device: str) -> Claim | None:
        """The next job, which `device` now runs; None when none waits or the queue is paused."""
        if ledger.value("SELECT paused FROM queue"):
            return None
        for job in ledger.jobs("WHERE state = 'queued' ORDER BY priority DESC, place LIMIT 1"):
            number: int = ledger.value("UPDATE queue SET attempt = attempt + 1 RETURNING attempt")
            ledger.rows(
                """
                UPDATE jobs SET state = 'running', attempt = ?, attempts = attempts + 1, device = ?, started_at = ?
                WHERE id = ?
                """,
                number, device, ledger.at, job.id,
            )  # fmt: skip
            ledger.note(job, {"event": "job", "state": "running", "attempt": number, "device": device})
            self._forget_the_ended(ledger)
            self._started[number] = self.store.clock()
            return Claim(Attempt(job.id, number), job.client, ledger.submitted(job.id))
        return None

    @writing
    def record(self, ledger: Ledger, attempt: Attempt, events: Iterable[Mapping[str, Any] | Preview]) -> int | None:
        """Append what the run said (`event.to_json()`), in one commit; gives the number of the last that is kept.

        Many at once cost no more than one. Progress and previews are told in their place, and not kept. The "artifacts"
        of a finished node (`Asset.to_json()`) become the job's outputs, which must be complete on the disk by now.
        """
        job = ledger.held(attempt)
        return _record(ledger, job, events)

    @writing
    def publish(
        self,
        ledger: Ledger,
        attempt: Attempt,
        events: Iterable[Mapping[str, Any] | Preview] = (),
    ) -> Job:
        """End a job as done, once and for all; `events` are the last that the run said.

        The attempt that published may ask again (it may have missed the answer): nothing changes.
        """
        for job in ledger.jobs("WHERE id = ? AND attempt = ? AND state = 'done'", attempt.job, attempt.number):
            return job
        job = ledger.held(attempt)
        _record(ledger, job, events)
        return ledger.end(job, "done", seconds=self._seconds(attempt))

    @writing
    def fail(
        self,
        ledger: Ledger,
        attempt: Attempt,
        reason: Reason,
        events: Iterable[Mapping[str, Any] | Preview] = (),
    ) -> Job:
        """End a job that failed by itself: it would fail again. What it has saved until then is kept."""
        job = ledger.held(attempt)
        _record(ledger, job, events)
        return ledger.end(job, "failed", reason, self._seconds(attempt))

    @writing
    def stop(self, ledger: Ledger, attempt: Attempt) -> Job:
        """End a job as cancelled, once its worker has let go of it; StaleAttempt unless that was asked for."""
        job = ledger.held(attempt)
        if not job.cancelling:
            raise StaleAttempt(f"nobody asked to cancel the job {job.id!r}")
        return ledger.end(job, "cancelled", STOPPED, self._seconds(attempt))

    @writing
    def crash(self, ledger: Ledger, attempt: Attempt, reason: Reason) -> Job:
        """The worker died of this job, or was killed for it: run it once more, or end it as crashed.

        A job that was to be cancelled is cancelled.
        """
        job = ledger.held(attempt)
        if job.cancelling:
            return ledger.end(job, "cancelled", STOPPED, self._seconds(attempt))
        ledger.rows("UPDATE jobs SET crashes = crashes + 1 WHERE id = ?", job.id)
        if job.crashes + 1 >= ledger.limits.crashes:
            return ledger.end(job, "crashed", reason, self._seconds(attempt))
        return ledger.requeue(job, reason.message)

    @writing
    def release(self, ledger: Ledger, attempt: Attempt) -> Job:
        """Give a job back unharmed, because the server goes down or the device went away: it waits where it stood."""
        job = ledger.held(attempt)
        if job.cancelling:
            return ledger.end(job, "cancelled", STOPPED, self._seconds(attempt))
        return ledger.requeue(job, "released")

    @reading
    def orphans(self, ledger: Ledger, placed: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """Those files (folder, name) that no job has among its outputs."""
        known = "SELECT 1 FROM outputs WHERE folder = ? AND name = ?"
        return [(folder, name) for folder, name in placed if not ledger.rows(known, folder, name)]

    @writing
    def recover(self, ledger: Ledger) -> list[Job]:
        """At start, before any claim: requeue what the last process left running, or end it; gives those jobs.

        The server's death is seldom the job's fault, so it is counted apart from crashes, with more patience.
        """
        self._forget_the_ended(ledger)
        return [_recovered(ledger, job) for job in ledger.jobs("WHERE state = 'running' ORDER BY place")]

    def _seconds(self, attempt: Attempt) -> float | None:
        started = self._started.get(attempt.number)
        return None if started is None else self.store.clock() - started

    def _forget_the_ended(self, ledger: Ledger) -> None:
        running = {row[0] for row in ledger.rows("SELECT attempt FROM jobs WHERE state = 'running'")}
        self._started = {number: at for number, at in self._started.items() if number in running}


def _record(ledger: Ledger, job: Job, events: Iterable[Mapping[str, Any] | Preview]) -> int | None:
    number: int | None = None
    for event in events:
        if isinstance(event, Preview):
            ledger.tell(job, event.event, event.picture)
        elif event["event"] in FLEETING:
            ledger.tell(job, event)
        else:
            for artifact in event.get("artifacts", ()):
                ledger.keep(Asset.from_json(job.id, artifact))
            number = ledger.note(job, event)
    return number


def _recovered(ledger: Ledger, job: Job) -> Job:
    if job.cancelling:
        return ledger.end(job, "cancelled", STOPPED)
    ledger.rows("UPDATE jobs SET interruptions = interruptions + 1 WHERE id = ?", job.id)
    if job.interruptions + 1 >= ledger.limits.interruptions:
        message = f"the server died {job.interruptions + 1} times while this job ran"
        return ledger.end(job, "crashed", Reason("interrupted", message))
    return ledger.requeue(job, "the server was restarted")
