"""Attempts: a job is held by one, ends once, and is not lost with its worker."""

from collections.abc import Callable

import pytest

from nodegraph.errors import StaleAttempt
from nodegraph.service.records import Output, Reason
from tests.service.conftest import Queue, saved

Opened = Callable[..., Queue]
BROKEN = Reason("bad_input", "it does not fit", node="a")
DIED = Reason("worker_died", "the worker was killed by signal 9")
PICTURE = Output("save", "output", "cat.png", size=3, sha256="abc")


def test_outputs_are_published_with_the_job_and_found_by_id_and_by_name(queue: Queue) -> None:
    queue.submit("a")
    job = queue.attempts.publish(queue.claim().attempt, saved(PICTURE)).result()
    assert (job.state, [asset.output for asset in job.outputs]) == ("done", [PICTURE])
    queue.reopen()
    assert queue.jobs.get("a").result() == job
    assert queue.jobs.asset(job.outputs[0].id).result() == job.outputs[0]
    assert queue.jobs.assets_named("output", "cat.png").result() == list(job.outputs)
    assert queue.jobs.asset("../cat.png").result() is None


def test_a_stale_attempt_is_refused_whatever_it_says(queue: Queue) -> None:
    queue.submit("a")
    stale = queue.claim().attempt
    queue.attempts.crash(stale, DIED).result()
    holder = queue.claim().attempt
    for late in (
        queue.attempts.publish(stale, saved(PICTURE)),
        queue.attempts.fail(stale, BROKEN),
        queue.attempts.crash(stale, DIED),
        queue.attempts.stop(stale),
        queue.attempts.release(stale),
        queue.attempts.record(stale, [{"event": "started"}]),
    ):
        with pytest.raises(StaleAttempt):
            late.result()
    assert len(queue.attempts.publish(holder, saved(PICTURE)).result().outputs) == 1


def test_publishing_twice_changes_nothing(queue: Queue) -> None:
    queue.submit("a")
    attempt = queue.claim().attempt
    first = queue.attempts.publish(attempt, saved(PICTURE)).result()
    assert queue.attempts.publish(attempt, saved(PICTURE, PICTURE)).result() == first
    assert [entry.event.get("state") for entry in queue.heard] == ["queued", "running", None, "done"]


def test_a_failed_job_says_why(queue: Queue) -> None:
    queue.submit("a")
    queue.attempts.fail(queue.claim().attempt, BROKEN).result()
    job = queue.jobs.get("a").result()
    assert (job.state, job.reason) == ("failed", BROKEN)
    assert queue.heard[-1].event == {"event": "job", "state": "failed", "reason": BROKEN.to_json()}


def test_a_job_that_kills_its_worker_twice_is_crashed_and_the_next_one_runs(queue: Queue) -> None:
    queue.submit("a", "b")
    assert queue.attempts.crash(queue.claim().attempt, DIED).result().state == "queued"
    assert queue.attempts.crash(queue.claim().attempt, DIED).result().state == "crashed"
    assert (queue.jobs.get("a").result().reason, queue.claim().attempt.job) == (DIED, "b")


def test_a_released_job_keeps_its_place_and_is_not_blamed(queue: Queue) -> None:
    queue.submit("a", "b", "c")
    for _ in range(5):
        queue.attempts.release(queue.claim().attempt).result()
    queue.jobs.move("c", before="b").result()
    job = queue.jobs.get("a").result()
    assert (queue.line(), job.crashes, job.attempts) == (["a", "c", "b"], 0, 5)
    assert (job.attempt, job.device) == (None, None)
    assert queue.attempts.crash(queue.claim().attempt, DIED).result().state == "queued"


def test_a_job_that_comes_back_stands_where_it_stood_whatever_was_moved_meanwhile(queue: Queue) -> None:
    queue.submit("a", "b", "c", "d")
    first, second = queue.claim().attempt, queue.claim().attempt
    queue.attempts.release(first).result()
    queue.jobs.move("c", before="a").result()
    queue.jobs.move("d", before="c").result()
    queue.attempts.release(second).result()
    assert queue.line() == ["d", "c", "a", "b"]


def test_nothing_is_left_running_after_recovery(opened: Opened) -> None:
    queue = opened(interruptions=2)
    queue.submit("a", "b", "c")
    stale = [queue.claim().attempt for _ in range(2)]
    queue.jobs.cancel("b").result()
    queue.reopen()
    assert [(job.id, job.state) for job in queue.attempts.recover().result()] == [("a", "queued"), ("b", "cancelled")]
    assert queue.line() == ["a", "c"]
    with pytest.raises(StaleAttempt):
        queue.attempts.publish(stale[0], saved(PICTURE)).result()
    queue.claim()
    queue.reopen()
    assert [job.state for job in queue.attempts.recover().result()] == ["crashed"]
    assert queue.attempts.recover().result() == []


def test_a_duration_is_by_the_monotonic_clock_and_never_by_the_date(queue: Queue) -> None:
    queue.submit("a", "b")
    first, second = queue.claim().attempt, queue.claim().attempt
    queue.now, queue.date = 2.5, -1e6
    assert queue.attempts.publish(first).result().seconds == 2.5
    queue.now = 4.0
    assert queue.attempts.fail(second, BROKEN).result().seconds == 4.0
