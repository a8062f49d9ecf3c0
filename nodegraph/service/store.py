"""The database: one connection, owned by one thread that answers calls in the order they come.

SQLite before 3.51.3 can corrupt a WAL database that two connections write, and threads that share one break each
other's transactions; so there is one of each, and the file is locked against other processes as long as it is open.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from ..errors import QueueFull, StorageFailed
from .ledger import Ledger
from .migrations import migrate
from .records import Entry, Limits

T = TypeVar("T")
P = ParamSpec("P")
Listener = Callable[[tuple[Entry, ...]], None]
Clock = Callable[[], float]

MOST_WAITING = 4096
LARGEST_LEFT_WAL = 2**26
# What the world, and not our code, can do to a database; by SQLite's primary result code.
CAUSES = {
    sqlite3.SQLITE_FULL: "there is no space left for it",
    sqlite3.SQLITE_IOERR: "the disk reports an error",
    sqlite3.SQLITE_READONLY: "it is read-only",
    sqlite3.SQLITE_PERM: "access is denied",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened",
    sqlite3.SQLITE_CORRUPT: "it is damaged",
    sqlite3.SQLITE_NOTADB: "it is not a database",
    sqlite3.SQLITE_BUSY: "another process uses it",
    sqlite3.SQLITE_LOCKED: "another process uses it",
    sqlite3.SQLITE_PROTOCOL: "another process uses it",
    sqlite3.SQLITE_NOMEM: "there is not enough memory",
}

log = logging.getLogger(__name__)


class Answer(Future[T]):
    """What a call will give: `.result()` in a thread, `await` in a coroutine.

    A coroutine that is cancelled while it waits cuts no transaction: the call is made wholly or not at all.
    """

    def __await__(self) -> Generator[Any, None, T]:
        return asyncio.wrap_future(self).__await__()


class Store:
    """The open database; StorageFailed if it cannot be opened.

    `listener` is told every committed event before the call that caused it is answered, on the store's thread: it must
    hand over and return (as `loop.call_soon_threadsafe` does). `clock` measures durations, `wall` only dates what
    people read.
    """

    def __init__(
        self,
        path: Path,
        limits: Limits | None = None,
        *,
        listener: Listener | None = None,
        clock: Clock = time.monotonic,
        wall: Clock = time.time,
        patience: float = 5.0,
    ) -> None:
        self.path, self.limits, self.clock = path, limits or Limits(), clock
        self._listener, self._wall, self._patience = listener, wall, patience
        self._calls: queue.Queue[Callable[[sqlite3.Connection], None] | None] = queue.Queue(MOST_WAITING)
        self._lock, self._closed = threading.Lock(), False
        opened = Answer[None]()
        self._thread = threading.Thread(target=self._serve, args=(opened,), name="nodegraph-store", daemon=True)
        self._thread.start()
        opened.result()

    def write(self, change: Callable[[Ledger], T]) -> Answer[T]:
        """Call `change` in a transaction of its own; the answer comes after the commit, or nothing has changed."""
        return self._submit(change, "BEGIN IMMEDIATE")

    def read(self, question: Callable[[Ledger], T]) -> Answer[T]:
        """Call `question` in a transaction that only reads: it works on a full disk too."""
        return self._submit(question, "BEGIN DEFERRED")

    def close(self) -> None:
        """Answer the calls that wait, then close the file; a second call does nothing."""
        with self._lock:
            first, self._closed = not self._closed, True
        if first:
            self._calls.put(None)
        self._thread.join()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _submit(self, function: Callable[[Ledger], T], begin: str) -> Answer[T]:
        answer = Answer[T]()

        def call(connection: sqlite3.Connection) -> None:
            if answer.set_running_or_notify_cancel():
                self._answer(answer, function, begin, connection)

        with self._lock:
            if self._closed:
                raise StorageFailed("the queue is closed: the server is going down")
            try:
                self._calls.put_nowait(call)
            except queue.Full:
                raise QueueFull("the database is busy", self.limits.retry_after) from None
        return answer

    def _answer(
        self, answer: Answer[T], function: Callable[[Ledger], T], begin: str, connection: sqlite3.Connection
    ) -> None:
        ledger = Ledger(connection, self.limits, self._wall())
        try:
            result = _transaction(connection, begin, ledger, function)
        except Exception as error:  # whatever it is, it belongs to the caller; the thread goes on
            answer.set_exception(error)
            return
        # Before the answer, so that whoever has the answer knows that its events were told.
        if self._listener and ledger.entries:
            try:
                self._listener(tuple(ledger.entries))
            except Exception:  # a listener that is gone must not undo or stop what is committed
                log.exception("a listener failed")
        answer.set_result(result)

    def _serve(self, opened: Answer[None]) -> None:
        try:
            connection = _open(self.path, self._patience)
        except Exception as error:
            opened.set_exception(error)
            return
        opened.set_result(None)
        while call := self._calls.get():
            call(connection)
        connection.close()


def _open(path: Path, patience: float) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(path, isolation_level=None, timeout=patience)
        try:
            connection.row_factory = sqlite3.Row
            for pragma in (
                "locking_mode = EXCLUSIVE",  # before WAL: then the file is ours alone, and needs no shared memory
                "journal_mode = WAL",
                "synchronous = FULL",
                "foreign_keys = ON",
                f"busy_timeout = {round(patience * 1000)}",
                f"journal_size_limit = {LARGEST_LEFT_WAL}",
            ):
                connection.execute(f"PRAGMA {pragma}").fetchall()
            migrate(connection)
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise _explained(error) from error
    return connection


def _transaction(connection: sqlite3.Connection, begin: str, ledger: Ledger, function: Callable[[Ledger], T]) -> T:
    try:
        connection.execute(begin)
        try:
            result = function(ledger)
            ledger.settle()
            connection.execute("COMMIT")
        except BaseException:
            # SQLite has already rolled back by itself after some errors.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
    except sqlite3.Error as error:
        raise _explained(error) from error
    return result


def _explained(error: sqlite3.Error) -> Exception:
    extended = getattr(error, "sqlite_errorcode", 0)
    code = extended & 0xFF
    if code not in CAUSES:
        return error  # a fault of our own
    # A quota that is used up is no full disk to SQLite, but a write that the system refuses.
    full = code == sqlite3.SQLITE_FULL or extended == sqlite3.SQLITE_IOERR_WRITE
    return StorageFailed(f"the database of jobs cannot be used: {CAUSES[code]}", full=full)


class HasStore(Protocol):
    @property
    def store(self) -> Store: ...


S = TypeVar("S", bound=HasStore)


def writing(method: Callable[Concatenate[S, Ledger, P], T]) -> Callable[Concatenate[S, P], Answer[T]]:
    """Make a method of `(self, ledger, …)` one of `(self, …)` that runs in a transaction of its own."""

    @wraps(method)
    def answered(self: S, *args: P.args, **kwargs: P.kwargs) -> Answer[T]:
        return self.store.write(lambda ledger: method(self, ledger, *args, **kwargs))

    return answered


def reading(method: Callable[Concatenate[S, Ledger, P], T]) -> Callable[Concatenate[S, P], Answer[T]]:
    """As `writing`, for a method that changes nothing."""

    @wraps(method)
    def answered(self: S, *args: P.args, **kwargs: P.kwargs) -> Answer[T]:
        return self.store.read(lambda ledger: method(self, ledger, *args, **kwargs))

    return answered
