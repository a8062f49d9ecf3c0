"""The file: full and failing disks, versions, and one process at a time."""

import asyncio
import resource
import sqlite3
from pathlib import Path

import pytest

from nodegraph.errors import StorageFailed, UnknownJob
from nodegraph.service.migrations import MIGRATIONS
from nodegraph.service.records import Output
from nodegraph.service.store import Store
from tests.service.conftest import Queue, saved

PICTURE = Output("save", "output", "cat.png", size=3, sha256="abc")


def test_a_full_disk_loses_nothing_and_the_store_goes_on(queue: Queue) -> None:
    queue.submit("small")
    attempt = queue.claim().attempt
    pages: int = queue.store.read(lambda ledger: ledger.value("PRAGMA page_count")).result()
    queue.store.read(lambda ledger: ledger.value(f"PRAGMA max_page_count = {pages}")).result()
    with pytest.raises(StorageFailed, match="no space") as full:
        queue.jobs.submit({"text": "x" * 100_000}, job="big").result()
    assert (full.value.full, full.value.kind) == (True, "storage")
    with pytest.raises(StorageFailed):
        queue.attempts.publish(attempt, saved(Output("a", "output", "x" * 100_000))).result()
    assert (queue.line(), queue.state("small"), len(queue.heard)) == (["small"], "running", 2)
    queue.store.read(lambda ledger: ledger.value(f"PRAGMA max_page_count = {pages + 1000}")).result()
    queue.jobs.submit({"text": "x" * 100_000}, job="big").result()
    assert queue.attempts.publish(attempt, saved(PICTURE)).result().state == "done"
    assert (queue.jobs.faults().result(), queue.line()) == ([], ["big"])


def test_a_write_that_fails_anywhere_loses_nothing_and_the_store_goes_on(queue: Queue) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    log = queue.path.with_name(queue.path.name + "-wal")
    kept = ["first"]
    queue.submit("first")
    for room in (0, 1, 24, 25, 4_000, 4_120, 9_000, 50_000):
        # No file may grow beyond this: the write in the middle of the transaction fails, as on a failing disk.
        resource.setrlimit(resource.RLIMIT_FSIZE, (log.stat().st_size + room, hard))
        try:
            with pytest.raises(StorageFailed, match="the disk reports an error"):
                queue.jobs.submit({"text": "x" * 100_000}, job=f"{room}").result()
            assert queue.line() == kept
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        kept.append(f"after-{room}")
        queue.submit(kept[-1])
    queue.reopen()
    assert (queue.line(), queue.jobs.faults().result()) == (kept, [])


def test_the_file_is_written_for_keeps_and_belongs_to_one_process(queue: Queue, tmp_path: Path) -> None:
    def ask(name: str) -> object:
        return queue.store.read(lambda ledger: ledger.value(f"PRAGMA {name}")).result()

    assert [ask("journal_mode"), ask("synchronous"), ask("foreign_keys")] == ["wal", 2, 1]
    queue.submit("a")
    with pytest.raises(StorageFailed, match="another process"):
        Store(queue.path, patience=0.01)
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith("-shm")] == []


@pytest.mark.parametrize("content", [b"not a database at all" * 99, None])
def test_a_file_that_is_no_database_is_named_as_such(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "folder" / "jobs" if content is None else tmp_path / "jobs"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StorageFailed, match=r"not a database|cannot be opened"):
        Store(path)


def test_a_database_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "jobs")
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.close()
    with pytest.raises(StorageFailed, match="newer nodegraph"):
        Store(tmp_path / "jobs")


def test_every_migration_can_follow_the_one_before(tmp_path: Path) -> None:
    for done in range(len(MIGRATIONS)):
        path = tmp_path / str(done)
        connection = sqlite3.connect(path)
        for migration in MIGRATIONS[:done]:
            migration(connection)
        connection.execute(f"PRAGMA user_version = {done}")
        connection.commit()
        connection.close()
        Store(path).close()


def test_a_closed_store_says_so_and_can_be_closed_again(queue: Queue) -> None:
    waiting = [queue.jobs.submit({}) for _ in range(10)]
    queue.store.close()
    queue.store.close()
    assert [answer.result().number for answer in waiting] == list(range(1, 11))
    with pytest.raises(StorageFailed, match="closed"):
        queue.jobs.counts()


def test_answers_can_be_awaited_and_a_cancelled_wait_cuts_no_transaction(queue: Queue) -> None:
    async def session() -> list[str]:
        await asyncio.gather(*(queue.jobs.submit({}, job=f"{number}") for number in range(20)))
        impatient = asyncio.ensure_future(queue.jobs.submit({}, job="late"))
        await asyncio.sleep(0)
        impatient.cancel()
        with pytest.raises(UnknownJob):
            await queue.jobs.get("nothing")
        return [job.id for job in await queue.jobs.live()]

    names = asyncio.run(session())
    assert [name for name in names if name != "late"] == [f"{number}" for number in range(20)]
    assert queue.jobs.faults().result() == []
