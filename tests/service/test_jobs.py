"""The queue as clients use it: accepting, order, cancelling, events and history."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from nodegraph.errors import Conflict, QueueFull, Rejected, StaleAttempt, TooLarge, UnknownJob
from nodegraph.service.records import Counts, Output, Preview, Reason, Receipt
from nodegraph.service.store import Store
from tests.service.conftest import Queue, saved

Opened = Callable[..., Queue]
BROKEN = Reason("bad_input", "it does not fit", node="a")
DIED = Reason("worker_died", "the worker was killed by signal 9")
PICTURE = Output("save", "output", "cat.png", size=3, sha256="abc")


# Accepting.


def test_an_accepted_job_is_there_after_reopening(queue: Queue) -> None:
    document = {"nodes": {"ä": [1, 1.0, True, None, 2**64 - 1]}, "a": ""}
    receipt = queue.jobs.submit(document, extra={"targets": ["ä"]}, client="me", priority=3).result()
    queue.reopen()
    job, submitted = queue.jobs.get(receipt.id).result(), queue.jobs.submitted(receipt.id).result()
    assert (job.number, job.client, job.priority, job.state) == (receipt.number, "me", 3, "queued")
    assert (repr(submitted.document), submitted.extra) == (repr(document), {"targets": ["ä"]})


def test_the_same_id_and_document_give_the_same_receipt(queue: Queue) -> None:
    first = queue.jobs.submit({"a": 1, "b": 2}, job="x").result()
    assert queue.jobs.submit({"b": 2, "a": 1}, job="x").result() == first == Receipt("x", 1)
    assert queue.line() == ["x"]


def test_a_retry_gets_its_receipt_even_when_the_queue_is_full(opened: Opened) -> None:
    queue = opened(queued=1)
    queue.submit("x")
    queue.submit("x")
    with pytest.raises(QueueFull):
        queue.submit("y")


@pytest.mark.parametrize(("document", "extra"), [({"a": 1.0}, None), ({"a": True}, None), ({"a": 1}, {})])
def test_an_id_is_refused_with_other_content(queue: Queue, document: object, extra: object) -> None:
    queue.jobs.submit({"a": 1}, job="x").result()
    with pytest.raises(Conflict):
        queue.jobs.submit(document, extra=extra, job="x").result()


def test_64_threads_with_one_id_make_one_job(queue: Queue) -> None:
    def submitted(_: int) -> Receipt:
        return queue.jobs.submit({"a": 1}, job="x").result()

    with ThreadPoolExecutor(64) as pool:
        receipts = set(pool.map(submitted, range(64)))
    assert receipts == {Receipt("x", 1)}
    assert queue.line() == ["x"]


def test_a_full_queue_says_when_to_ask_again(opened: Opened) -> None:
    queue = opened(queued=3, queued_per_client=2, retry_after=7)
    queue.submit("a", "b", client="me")
    with pytest.raises(QueueFull, match="of this client") as mine:
        queue.submit("c", client="me")
    assert mine.value.retry_after == 7
    queue.submit("c", client="you")
    with pytest.raises(QueueFull, match="at most 3"):
        queue.submit("d", client="they")
    queue.claim()
    queue.submit("d", client="they")
    assert queue.line() == ["a", "b", "c", "d"]


def test_64_threads_never_overfill_the_queue(opened: Opened) -> None:
    queue = opened(queued=10)

    def accepted(name: int) -> bool:
        try:
            return bool(queue.jobs.submit({}, job=str(name)).result())
        except QueueFull:
            return False

    with ThreadPoolExecutor(64) as pool:
        assert sum(pool.map(accepted, range(64))) == 10
    assert len(queue.line()) == 10


@pytest.mark.parametrize("document", [{"a": float("nan")}, {"a": {1, 2}}, "\ud800"])
def test_what_is_not_json_is_refused(queue: Queue, document: object) -> None:
    with pytest.raises(Rejected):
        queue.jobs.submit(document)


def test_a_document_beyond_the_limit_is_refused(opened: Opened) -> None:
    queue = opened(document=12)
    queue.jobs.submit({"a": "éé"}).result()
    with pytest.raises(TooLarge, match="13 bytes"):
        queue.jobs.submit({"a": "12345"})
    with pytest.raises(TooLarge):
        queue.jobs.submit({}, extra="é" * 6)


@pytest.mark.parametrize("name", ["", "a b", "a\n", "é", "x" * 129])
def test_an_odd_id_is_refused(queue: Queue, name: str) -> None:
    with pytest.raises(Rejected):
        queue.jobs.submit({}, job=name)


# Order.


def test_jobs_run_by_priority_and_first_come_first_served_within_it(queue: Queue) -> None:
    queue.submit("a", "b")
    queue.submit("c", "d", priority=1)
    queue.submit("e", priority=-1)
    assert [queue.claim().attempt.job for _ in range(5)] == ["c", "d", "a", "b", "e"]
    assert queue.attempts.claim("cpu").result() is None


def test_no_clock_orders_anything(queue: Queue) -> None:
    for name, date in [("a", 9e9), ("b", -5.0), ("c", float("inf")), ("d", 0.0)]:
        queue.date = date
        queue.submit(name)
    assert queue.line() == ["a", "b", "c", "d"]
    for date in (7.0, -7.0, 1e300, 3.0):
        queue.date = date
        queue.attempts.publish(queue.claim().attempt).result()
    assert [job.id for job in queue.jobs.history().result()] == ["d", "c", "b", "a"]


def test_a_job_moves_before_another_and_takes_its_priority(queue: Queue) -> None:
    queue.submit("a", "b", "c")
    queue.submit("high", priority=1)
    queue.jobs.move("c", before="a").result()
    assert queue.line() == ["high", "c", "a", "b"]
    assert queue.jobs.move("b", before="high").result().priority == 1
    queue.jobs.move("c").result()
    queue.submit("d")
    assert queue.line() == ["b", "high", "a", "c", "d"]
    assert [queue.claim().attempt.job for _ in range(5)] == ["b", "high", "a", "c", "d"]


def test_claims_follow_the_line_and_not_the_order_of_acceptance(queue: Queue) -> None:
    queue.submit("a", "b", "c")
    queue.jobs.move("a").result()
    queue.jobs.move("c", before="b").result()
    assert [queue.claim().attempt.job for _ in range(3)] == ["c", "b", "a"]


def test_only_a_waiting_job_can_be_moved(queue: Queue) -> None:
    queue.submit("a", "b")
    queue.claim()
    for job, before in (("a", "b"), ("b", "a")):
        with pytest.raises(Conflict, match="it is running"):
            queue.jobs.move(job, before).result()
    with pytest.raises(UnknownJob):
        queue.jobs.move("b", "nothing").result()


def test_a_paused_queue_gives_no_job_even_after_reopening(queue: Queue) -> None:
    queue.submit("a")
    queue.jobs.pause().result()
    queue.reopen()
    assert queue.jobs.counts().result() == Counts(1, 0, 0, paused=True)
    assert queue.attempts.claim("cpu").result() is None
    queue.jobs.resume().result()
    assert queue.claim().attempt.job == "a"


def test_two_devices_never_claim_one_job(queue: Queue) -> None:
    queue.submit(*map(str, range(30)))
    with ThreadPoolExecutor(8) as pool:
        claims = [pending.result().attempt for pending in [pool.submit(queue.claim) for _ in range(30)]]
    assert len({claim.job for claim in claims}) == len({claim.number for claim in claims}) == 30


# Cancelling.


def test_a_waiting_job_is_cancelled_at_once_and_a_running_one_when_its_worker_stops(queue: Queue) -> None:
    queue.submit("a", "b")
    attempt = queue.claim().attempt
    assert queue.jobs.cancel("b").result().state == "cancelled"
    assert queue.jobs.cancel("a").result().cancelling
    assert queue.attempts.stop(attempt).result().state == "cancelled"
    assert queue.jobs.cancel("a").result().state == "cancelled"
    assert [job.reason and job.reason.kind for job in queue.jobs.history().result()] == ["cancelled", "cancelled"]


def test_a_worker_killed_for_a_cancel_does_not_bring_the_job_back(queue: Queue) -> None:
    queue.submit("a", "b")
    first, second = queue.claim().attempt, queue.claim().attempt
    for attempt in (first, second):
        queue.jobs.cancel(attempt.job).result()
    assert queue.attempts.crash(first, DIED).result().state == "cancelled"
    assert queue.attempts.release(second).result().state == "cancelled"
    assert queue.line() == []


def test_a_result_that_was_faster_than_the_cancel_counts(queue: Queue) -> None:
    queue.submit("a")
    attempt = queue.claim().attempt
    queue.jobs.cancel("a").result()
    job = queue.attempts.publish(attempt, saved(PICTURE)).result()
    assert (job.state, job.cancelling) == ("done", False)


def test_stopping_needs_a_cancel(queue: Queue) -> None:
    queue.submit("a")
    with pytest.raises(StaleAttempt, match="nobody asked"):
        queue.attempts.stop(queue.claim().attempt).result()


def test_clearing_ends_what_waits_and_leaves_what_runs(queue: Queue) -> None:
    queue.submit("a", "b", client="me")
    queue.submit("c", client="you")
    queue.claim()
    assert queue.jobs.clear("me").result() == 1
    assert queue.line() == ["a", "c"]
    assert queue.jobs.clear().result() == 1
    assert {name: queue.state(name) for name in "abc"} == {"a": "running", "b": "cancelled", "c": "cancelled"}


def test_an_unknown_job_is_never_taken_for_another(queue: Queue) -> None:
    for ask in (queue.jobs.get, queue.jobs.submitted, queue.jobs.cancel, queue.jobs.move):
        with pytest.raises(UnknownJob, match="'nothing'"):
            ask("nothing").result()


# Events.


def test_events_can_be_read_on_from_any_number(queue: Queue) -> None:
    queue.submit("a", client="me")
    queue.submit("b", client="you")
    attempt = queue.claim().attempt
    told = [{"event": "started", "node": "x"}, {"event": "finished", "node": "x"}]
    last = queue.attempts.record(attempt, told).result()
    entries = queue.jobs.events().result()
    assert entries == queue.heard
    numbers = [entry.number or 0 for entry in entries]
    assert (numbers, numbers[-1]) == (sorted(set(numbers)), last)
    assert [entry.event for entry in queue.jobs.events(numbers[-3]).result()] == told
    assert {entry.job for entry in queue.jobs.events(client="you").result()} == {"b"}
    assert queue.jobs.events(0, job="a", most=2).result() == [entries[0], entries[2]]


def test_events_of_a_job_are_bounded_and_the_oldest_go_first(opened: Opened) -> None:
    queue = opened(events_per_job=6)
    queue.submit("a")
    attempt = queue.claim().attempt
    for count in range(20):
        queue.attempts.record(attempt, [{"event": "started", "count": count}]).result()
    queue.attempts.publish(attempt).result()
    kept = [entry.event for entry in queue.jobs.events(job="a").result()]
    assert [event.get("count") for event in kept] == [15, 16, 17, 18, 19, None]


def test_progress_is_told_in_its_place_and_not_kept(queue: Queue) -> None:
    queue.submit("a")
    attempt = queue.claim().attempt
    said = ({"event": "started"}, {"event": "progressed", "done": 1}, Preview({"event": "preview"}, b"jpeg"))
    queue.attempts.record(attempt, said).result()
    queue.attempts.publish(attempt, events=[{"event": "finished"}]).result()
    assert [(entry.event["event"], entry.blob) for entry in queue.heard[2:]] == [
        ("started", b""), ("progressed", b""), ("preview", b"jpeg"), ("finished", b""), ("job", b"")
    ]  # fmt: skip
    kept = [entry.event["event"] for entry in queue.jobs.events(job="a").result()]
    assert kept == ["job", "job", "started", "finished", "job"]


def test_a_job_at_the_front_goes_before_all_that_wait(queue: Queue) -> None:
    queue.submit("a")
    queue.submit("b", priority=5)
    queue.submit("c", "d", front=True)
    assert queue.line() == ["d", "c", "b", "a"]


def test_an_event_beyond_the_limit_is_refused_and_none_of_its_batch_is_kept(opened: Opened) -> None:
    queue = opened(event=200)
    queue.submit("a")
    batch = [{"event": "started"}, {"event": "failed", "error": "x" * 200}]
    with pytest.raises(TooLarge):
        queue.attempts.record(queue.claim().attempt, batch).result()
    assert [entry.event["event"] for entry in queue.jobs.events().result()] == ["job", "job"]
    assert len(queue.heard) == 2


def test_a_listener_that_fails_stops_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def broken(_: object) -> None:
        raise RuntimeError("the loop is closed")

    with Store(tmp_path / "jobs", listener=broken) as store:
        queue = Queue(tmp_path / "other")
        queue.store.close()
        queue.jobs.store = queue.attempts.store = store
        queue.submit("a", "b")
        assert queue.line() == ["a", "b"]
    assert "a listener failed" in caplog.text


# History.


def test_the_history_is_bounded_and_forgets_with_a_job_all_that_was_its(opened: Opened) -> None:
    queue = opened(history=2)
    queue.submit("a", "b", "c", "d")
    for name in "abcd":
        queue.attempts.publish(queue.claim().attempt, saved(Output("save", "output", name))).result()
    assert [job.id for job in queue.jobs.history().result()] == ["d", "c"]
    assert queue.jobs.known_files("output").result() == {"c", "d"}
    assert {entry.job for entry in queue.jobs.events().result()} == {"c", "d"}
    assert queue.jobs.faults().result() == []


def test_the_history_is_read_in_pages(queue: Queue) -> None:
    queue.submit("a", "b", "c")
    queue.jobs.clear().result()
    first = queue.jobs.history(2).result()
    rest = queue.jobs.history(2, before=first[-1].ended).result()
    assert [job.id for job in first + rest] == ["c", "b", "a"]


def test_forgetting_spares_what_has_not_ended(queue: Queue) -> None:
    queue.submit("a", "b", "c", "d")
    queue.attempts.publish(queue.claim().attempt, saved(PICTURE)).result()
    queue.claim()
    queue.jobs.cancel("c").result()
    assert queue.jobs.forget(["a", "b", "d", "nothing"]).result() == 1
    assert queue.jobs.forget().result() == 1
    assert (queue.line(), queue.jobs.history().result()) == (["b", "d"], [])
    assert queue.jobs.known_files("output").result() == set()


def test_numbers_are_not_given_again_after_forgetting(queue: Queue) -> None:
    queue.submit("a")
    stale = queue.claim().attempt
    queue.attempts.fail(stale, BROKEN).result()
    queue.jobs.forget().result()
    queue.submit("a")
    assert queue.jobs.get("a").result().number == 2
    assert queue.claim().attempt.number > stale.number
    assert queue.jobs.events().result()[0].number == 4
