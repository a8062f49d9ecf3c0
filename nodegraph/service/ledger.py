"""What one transaction sees of the queue and may do to it: plain calls, made on the store's thread only."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from ..errors import StaleAttempt, UnknownJob, shown
from .records import Asset, Attempt, Entry, Job, Limits, Output, Reason, State, Submitted, json_text

COLUMNS = (
    "id", "number", "client", "priority", "state", "cancelling", "attempt", "attempts", "crashes", "interruptions",
    "device", "reason", "created_at", "started_at", "ended_at", "ended", "seconds",
)  # fmt: skip
OF_AN_OUTPUT = ("node", "folder", "name", "kind", "media_type", "size", "sha256")


class Ledger:
    """The queue inside a transaction; `entries` are the events that become true when it commits."""

    def __init__(self, connection: sqlite3.Connection, limits: Limits, at: float) -> None:
        self._connection, self.limits, self.at = connection, limits, at
        self.entries: list[Entry] = []
        self._ended = False

    def rows(self, sql: str, *values: object) -> list[sqlite3.Row]:
        return self._connection.execute(sql, values).fetchall()

    def value(self, sql: str, *values: object) -> Any:
        """The first column of the first row; None without one."""
        row = self._connection.execute(sql, values).fetchone()
        return None if row is None else row[0]

    def jobs(self, which: str, *values: object) -> list[Job]:
        """The jobs that the rest of a SELECT names (WHERE, ORDER BY, LIMIT)."""
        found = self.rows(f"SELECT {', '.join(COLUMNS)} FROM jobs {which}", *values)
        return [self._job(row) for row in found]

    def job(self, identifier: str) -> Job:
        for job in self.jobs("WHERE id = ?", identifier):
            return job
        raise UnknownJob(f"no job is called {shown(identifier)}")

    def held(self, attempt: Attempt) -> Job:
        """The job that an attempt is running; StaleAttempt if it is not, or not any more."""
        for job in self.jobs("WHERE id = ? AND attempt = ? AND state = 'running'", attempt.job, attempt.number):
            return job
        raise StaleAttempt(f"attempt {attempt.number} does not hold the job {shown(attempt.job)} any more")

    def submitted(self, identifier: str) -> Submitted:
        for row in self.rows("SELECT document, extra FROM jobs WHERE id = ?", identifier):
            return Submitted(json.loads(row["document"]), json.loads(row["extra"]))
        raise UnknownJob(f"no job is called {shown(identifier)}")

    def assets(self, which: str, *values: object) -> list[Asset]:
        found = self.rows(f"SELECT * FROM outputs {which}", *values)
        return [Asset(row["id"], row["job"], Output(*(row[name] for name in OF_AN_OUTPUT))) for row in found]

    def last_place(self) -> int:
        return self.value("SELECT COALESCE(MAX(place), 0) FROM jobs")

    def note(self, job: Job, event: Mapping[str, Any]) -> int:
        """Append an event to a job's, and drop what is beyond the limit; gives the event's number."""
        text = json_text(event, self.limits.event, "an event")
        number: int = self.value(
            "INSERT INTO events (job, kind, at, event) VALUES (?, ?, ?, ?) RETURNING number",
            job.id, str(event["event"]), self.at, text,
        )  # fmt: skip
        beyond = self.value("SELECT COUNT(*) FROM events WHERE job = ?", job.id) - self.limits.events_per_job
        if beyond > 0:
            self.rows(
                """
                DELETE FROM events WHERE number IN (
                    SELECT number FROM events WHERE job = ? ORDER BY kind <> 'progressed', number LIMIT ?
                )
                """,
                job.id, beyond,
            )  # fmt: skip
        self.entries.append(Entry(number, job.id, job.client, self.at, json.loads(text)))
        return number

    def requeue(self, job: Job, because: str) -> Job:
        """Back to where it stood, without the attempt that held it."""
        self.rows("UPDATE jobs SET state = 'queued', attempt = NULL, device = NULL WHERE id = ?", job.id)
        self.note(job, {"event": "job", "state": "queued", "because": because})
        return self.job(job.id)

    def end(self, job: Job, state: State, reason: Reason | None = None, seconds: float | None = None) -> Job:
        """End a job for good."""
        told = None if reason is None else reason.to_json()
        number = self.note(job, {"event": "job", "state": state} | ({"reason": told} if told else {}))
        self.rows(
            "UPDATE jobs SET state = ?, cancelling = 0, reason = ?, ended = ?, ended_at = ?, seconds = ? WHERE id = ?",
            state, told and json.dumps(told), number, self.at, seconds, job.id,
        )  # fmt: skip
        self._ended = True
        return self.job(job.id)

    def settle(self) -> None:
        """What is due before the commit: forget the jobs that ended before the ones the history has room for."""
        if self._ended:
            self.rows(
                """
                DELETE FROM jobs WHERE number IN (
                    SELECT number FROM jobs WHERE ended IS NOT NULL ORDER BY ended DESC LIMIT -1 OFFSET ?
                )
                """,
                self.limits.history,
            )

    def _job(self, row: sqlite3.Row) -> Job:
        fields: dict[str, Any] = {name: row[name] for name in COLUMNS}
        done, reason = row["state"] == "done", row["reason"]
        fields["cancelling"] = bool(row["cancelling"])
        fields["reason"] = Reason(**json.loads(reason)) if reason else None
        fields["outputs"] = tuple(self.assets("WHERE job = ? ORDER BY position", row["id"])) if done else ()
        return Job(**fields)
