"""Events to many listeners: bounded, in order, and nobody waits for another."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

import pytest

from nodegraph.service.hub import MOST_BYTES, MOST_WAITING, Batch, Hub, Listener, Over, TooSlow, batches
from nodegraph.service.records import Entry

T = TypeVar("T")


def stated(number: int, job: str = "a", client: str = "", **event: Any) -> Entry:
    """An event that must not be lost."""
    return Entry(number, job, client, 0.0, {"event": "started", "node": f"n{number}", **event})


def progressed(done: int, job: str = "a") -> Entry:
    return Entry(None, job, "", 0.0, {"event": "progressed", "node": "n", "done": done, "total": 100})


def preview(picture: bytes, job: str = "a") -> Entry:
    return Entry(None, job, "", 0.0, {"event": "preview", "node": "n", "media_type": "image/jpeg"}, picture)


def everything(batch: Batch) -> bool:
    return True


def on_a_loop(story: Callable[[Hub], Awaitable[T]]) -> T:
    """Play something that takes no time."""

    async def played() -> T:
        async with asyncio.timeout(10):
            return await story(Hub())

    return asyncio.run(played())


async def taken(listener: Listener, count: int) -> list[Batch]:
    return [await listener.next() for _ in range(count)]


def numbers(found: Iterable[Batch]) -> list[int | None]:
    return [entry.number for batch in found for entry in batch.entries]


def test_events_of_one_job_come_together_and_fleeting_ones_alone() -> None:
    entries = [stated(1), stated(2), progressed(1), progressed(2), stated(3), stated(4, "b"), stated(5)]
    assert [numbers([batch]) for batch in batches(entries)] == [[1, 2], [None], [None], [3], [4], [5]]


def test_all_listeners_hear_everything_in_order() -> None:
    async def story(hub: Hub) -> list[list[int | None]]:
        listeners = [hub.listen(Listener(everything)) for _ in range(3)]
        for number in range(100):
            hub.publish([stated(number)])
        return [numbers(await taken(each, 100)) for each in listeners]

    assert on_a_loop(story) == [list(range(100))] * 3


def test_a_listener_hears_only_what_it_wants() -> None:
    async def story(hub: Hub) -> list[int | None]:
        listener = hub.listen(Listener(lambda batch: batch.client == "me"))
        hub.publish([stated(1, "a", "me"), stated(2, "b", "you"), stated(3, "c", "me")])
        return numbers(await taken(listener, 2))

    assert on_a_loop(story) == [1, 3]


def test_who_has_left_hears_nothing_more() -> None:
    async def story(hub: Hub) -> int:
        listener = hub.listen(Listener(everything))
        hub.leave(listener)
        hub.leave(listener)
        hub.publish([stated(1)])
        return listener.waiting_bytes

    assert on_a_loop(story) == 0


def test_progress_that_waits_is_replaced_by_newer_progress_of_its_job() -> None:
    async def story(hub: Hub) -> list[tuple[str, Any]]:
        listener = hub.listen(Listener(everything))
        hub.publish([progressed(done, job) for done in range(1, 51) for job in "ab"])
        return [(batch.job, batch.entries[0].event["done"]) for batch in await taken(listener, 2)]

    assert on_a_loop(story) == [("a", 50), ("b", 50)]


def test_only_the_latest_preview_of_a_job_waits() -> None:
    async def story(hub: Hub) -> tuple[int, bytes]:
        listener = hub.listen(Listener(everything))
        hub.publish([preview(bytes([count]) * 100_000) for count in range(200)])
        held = listener.waiting_bytes
        return held, (await listener.next()).entries[0].blob[:1]

    held, picture = on_a_loop(story)
    assert held < 101_000
    assert picture == b"\xc7"


def test_progress_stays_in_its_place_before_the_end_of_its_node() -> None:
    async def story(hub: Hub) -> list[int | None]:
        listener = hub.listen(Listener(everything))
        hub.publish([stated(1)])
        hub.publish([progressed(1)])
        hub.publish([progressed(2)])
        hub.publish([stated(2)])
        return numbers(await taken(listener, 3))

    assert on_a_loop(story) == [1, None, 2]


def test_a_listener_that_takes_nothing_is_told_that_it_is_too_slow() -> None:
    async def story(hub: Hub) -> int:
        listener = hub.listen(Listener(everything))
        for number in range(MOST_WAITING + 1):
            hub.publish([stated(number)])
        with pytest.raises(TooSlow):
            await listener.next()
        return listener.waiting_bytes

    assert on_a_loop(story) == 0


def test_as_many_messages_as_may_wait_are_kept() -> None:
    async def story(hub: Hub) -> list[int | None]:
        listener = hub.listen(Listener(everything))
        for number in range(MOST_WAITING):
            hub.publish([stated(number)])
        return numbers(await taken(listener, MOST_WAITING))

    assert on_a_loop(story) == list(range(MOST_WAITING))


def test_the_bytes_that_wait_are_bounded_whatever_is_published() -> None:
    async def story(hub: Hub) -> int:
        listener = hub.listen(Listener(everything))
        most = 0
        for number in range(1000):
            hub.publish([preview(bytes(100_000), f"job {number}"), stated(number, text="ü" * 1000)])
            most = max(most, listener.waiting_bytes)
        return most

    assert on_a_loop(story) <= MOST_BYTES


def test_previews_that_find_no_room_are_left_out_and_state_is_kept() -> None:
    async def story(hub: Hub) -> list[int | None]:
        listener = hub.listen(Listener(everything, most_bytes=1000))
        hub.publish([stated(1)])
        hub.publish([preview(bytes(2000))])
        hub.publish([stated(2)])
        return numbers(await taken(listener, 2))

    assert on_a_loop(story) == [1, 2]


def test_a_slow_listener_costs_the_others_nothing() -> None:
    async def story(hub: Hub) -> list[int | None]:
        hub.listen(Listener(everything))
        quick = hub.listen(Listener(everything))
        heard: list[int | None] = []
        for number in range(MOST_WAITING * 4):
            hub.publish([stated(number)])
            heard += numbers([await quick.next()])
        return heard

    assert on_a_loop(story) == list(range(MOST_WAITING * 4))


def test_who_waits_is_woken_by_the_next_event() -> None:
    async def story(hub: Hub) -> list[int | None]:
        listener = hub.listen(Listener(everything))
        waiting = asyncio.create_task(listener.next())
        await asyncio.sleep(0)
        hub.publish([stated(7)])
        return numbers([await waiting])

    assert on_a_loop(story) == [7]


def test_what_waits_at_the_end_is_still_told() -> None:
    async def story(hub: Hub) -> list[int | None]:
        listener = hub.listen(Listener(everything))
        hub.publish([stated(1)])
        hub.end()
        heard = numbers([await listener.next()])
        with pytest.raises(Over):
            await listener.next()
        return heard

    assert on_a_loop(story) == [1]


def test_who_comes_after_the_end_is_told_so() -> None:
    async def story(hub: Hub) -> None:
        hub.end()
        with pytest.raises(Over):
            await hub.listen(Listener(everything)).next()

    on_a_loop(story)


def test_room_comes_back_when_something_is_taken() -> None:
    async def story(hub: Hub) -> int:
        listener = hub.listen(Listener(everything))
        for number in range(MOST_WAITING * 2):
            hub.publish([stated(number)])
            await listener.next()
        return listener.waiting_bytes

    assert on_a_loop(story) == 0
