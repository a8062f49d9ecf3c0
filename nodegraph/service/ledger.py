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
        self._noted: set[str] = set()

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
        """Append an event to a job's; gives its number."""
        text = json_text(event, self.limits.event, "an event")
        number: int = self.value(
            "INSERT INTO events (job, kind, at, event) VALUES (?, ?, ?, ?) RETURNING number",
            job.id, str(event["event"]), self.at, text,
        )  # fmt: skip
        self._noted.add(job.id)
        self.entries.append(Entry(number, job.id, job.client, self.at, json.loads(text)))
        return number

    def tell(self, job: Job, event: Mapping[str, Any], picture: bytes = b"") -> None:
        """Pass an event on, in its place among the others, without keeping it."""
        text = json_text(event, self.limits.event, "an event")
        self.entries.append(Entry(None, job.id, job.client, self.at, json.loads(text), picture))

    def keep(self, asset: Asset) -> None:
        """Add an output to those of its job."""
        self.rows(
            """
            INSERT INTO outputs VALUES (
                ?1, ?2, (SELECT COALESCE(MAX(position) + 1, 0) FROM outputs WHERE job = ?2), ?, ?, ?, ?, ?, ?, ?
            )
            """,
            asset.id, asset.job, *(getattr(asset.output, name) for name in OF_AN_OUTPUT),
        )  # fmt: skip

    def requeue(self, job: Job, because: str) -> Job:
        """Back to where it stood, without the attempt that held it and what that had made."""
        self.rows("UPDATE jobs SET state = 'queued', attempt = NULL, device = NULL WHERE id = ?", job.id)
        self.rows("DELETE FROM outputs WHERE job = ?", job.id)
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
        """What is due before the commit: forget the events and the ended jobs that there is no more room for."""
        for job in self._noted:
            self.rows(
                """
                DELETE FROM events WHERE number IN (
                    SELECT number FROM events WHERE job = ?1 ORDER BY number
                    LIMIT MAX(0, (SELECT COUNT(*) FROM events WHERE job = ?1) - ?2)
                )
                """,
                job, self.limits.events_per_job,
            )  # fmt: skip
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
        ran, reason = row["state"] != "queued", row["reason"]
        fields["cancelling"] = bool(row["cancelling"])
        fields["reason"] = Reason(**json.loads(reason)) if reason else None
        fields["outputs"] = tuple(self.assets("WHERE job = ? ORDER BY position", row["id"])) if ran else ()
        return Job(**fields)
