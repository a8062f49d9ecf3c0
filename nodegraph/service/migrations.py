"""The shape of the database, as the list of steps that led to it; only ever append to it."""

import sqlite3
from collections.abc import Callable

from ..errors import StorageFailed

# `place` orders the jobs within a priority. The document comes last in its row, so that lists skip over it.
QUEUE_OF_JOBS = (
    """
    CREATE TABLE queue (
        only INTEGER PRIMARY KEY CHECK (only = 1),
        paused INTEGER NOT NULL DEFAULT 0,
        attempt INTEGER NOT NULL DEFAULT 0
    )
    """,
    "INSERT INTO queue (only) VALUES (1)",
    """
    CREATE TABLE jobs (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        client TEXT NOT NULL,
        priority INTEGER NOT NULL,
        place INTEGER NOT NULL,
        state TEXT NOT NULL DEFAULT 'queued'
            CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled', 'crashed')),
        cancelling INTEGER NOT NULL DEFAULT 0,
        attempt INTEGER UNIQUE,
        attempts INTEGER NOT NULL DEFAULT 0,
        crashes INTEGER NOT NULL DEFAULT 0,
        interruptions INTEGER NOT NULL DEFAULT 0,
        device TEXT,
        reason TEXT,
        created_at REAL NOT NULL,
        started_at REAL,
        ended_at REAL,
        ended INTEGER,
        seconds REAL,
        digest TEXT NOT NULL,
        extra TEXT NOT NULL,
        document TEXT NOT NULL,
        CHECK ((ended IS NULL) = (state IN ('queued', 'running')))
    )
    """,
    "CREATE INDEX jobs_in_order ON jobs (state, priority DESC, place)",
    "CREATE INDEX jobs_by_place ON jobs (place)",
    "CREATE INDEX jobs_of_client ON jobs (client, state)",
    "CREATE INDEX jobs_by_end ON jobs (ended)",
    """
    CREATE TABLE events (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
        kind TEXT NOT NULL,
        at REAL NOT NULL,
        event TEXT NOT NULL
    )
    """,
    "CREATE INDEX events_of_job ON events (job, number)",
    """
    CREATE TABLE outputs (
        id TEXT PRIMARY KEY,
        job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
        position INTEGER NOT NULL,
        node TEXT NOT NULL,
        folder TEXT NOT NULL,
        name TEXT NOT NULL,
        kind TEXT NOT NULL,
        media_type TEXT NOT NULL,
        size INTEGER NOT NULL,
        sha256 TEXT NOT NULL,
        UNIQUE (job, position)
    )
    """,
    "CREATE INDEX outputs_by_name ON outputs (folder, name)",
)


def queue_of_jobs(connection: sqlite3.Connection) -> None:
    """Jobs, their events and their outputs."""
    for statement in QUEUE_OF_JOBS:
        connection.execute(statement)


def uploads(connection: sqlite3.Connection) -> None:
    """What clients sent: the files of the "input" folder that have an id."""
    connection.execute(
        """
        CREATE TABLE uploads (
            id TEXT PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            media_type TEXT NOT NULL,
            size INTEGER NOT NULL,
            sha256 TEXT NOT NULL,
            at REAL NOT NULL
        )
        """
    )


def shelf(connection: sqlite3.Connection) -> None:
    """Small files that a front end keeps here."""
    connection.execute("CREATE TABLE shelf (name TEXT PRIMARY KEY, content BLOB NOT NULL, at REAL NOT NULL)")


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (queue_of_jobs, uploads, shelf)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the database to the newest shape, each step in one transaction with the number that remembers it."""
    done: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if done > len(MIGRATIONS):
        raise StorageFailed("the database was written by a newer nodegraph", hint="install that version, or newer")
    for number, migration in enumerate(MIGRATIONS[done:], done + 1):
        connection.execute("BEGIN IMMEDIATE")
        migration(connection)
        connection.execute(f"PRAGMA user_version = {number}")
        connection.execute("COMMIT")
