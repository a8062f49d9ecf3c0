"""Events over WebSockets: resumed by number with nothing missing or twice; one who does not read costs nobody else."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import aiohttp
import pytest

from tests.server.listening import Heard, cut, hear, listening, metric, submitted
from tests.server.serving import NUMBER, QUICK, Server, of, saving, serving, workflow

T = TypeVar("T")
CUTS = 30
MOST_BYTES = 4 << 20
SAME = {"clientId": "same"}
# Enough small commits to overflow the queue of a listener that takes nothing.
OVERFLOWING = 150


def within(seconds: float, story: Callable[[], Awaitable[T]]) -> T:
    async def played() -> T:
        async with asyncio.timeout(seconds):
            return await story()

    return asyncio.run(played())


def test_a_connection_that_is_cut_again_and_again_misses_nothing_and_hears_nothing_twice(server: Server) -> None:
    chance = random.Random()
    heard = Heard()

    async def story() -> set[str]:
        submitting = asyncio.create_task(submitted(server, saving("Sleep", seconds=0.02, steps=2), 40))
        for _ in range(CUTS):
            async with listening(server, query={"after": heard.last}) as connection:
                for _ in range(chance.randint(1, 6)):
                    heard.take(await connection.receive())
                cut(connection)
        names = await submitting
        async with listening(server, query={"after": heard.last}) as connection:
            await hear(connection, heard, names)
        return names

    names = within(60, story)
    stored = [event["number"] for name in names for event in server.events(name)]
    assert heard.numbers == sorted(stored)


def test_only_the_events_of_a_job_are_told_if_one_is_named(shared: Server) -> None:
    heard = Heard()

    async def story() -> None:
        async with listening(shared, query={"job": "this-one"}) as connection:
            await submitted(shared, NUMBER, 2)
            await hear(connection, heard, await submitted(shared, NUMBER, 1, id="this-one"))

    within(30, story)
    assert {job for job, _ in heard.events} == {"this-one"}


def test_only_the_events_of_a_client_are_told_if_one_is_named(shared: Server) -> None:
    mine, heard = set[str](), Heard()

    async def story() -> None:
        async with listening(shared, query={"client": "me"}) as connection:
            await submitted(shared, NUMBER, 2, client="you")
            mine.update(await submitted(shared, NUMBER, 2, client="me"))
            await hear(connection, heard, mine)

    within(30, story)
    assert {job for job, _ in heard.events} == mine


def test_what_happened_before_is_told_to_who_asks_for_it(shared: Server) -> None:
    name = shared.run(NUMBER)["id"]
    stored, heard = shared.events(name), Heard()

    async def story() -> None:
        async with listening(shared, query={"job": name, "after": stored[2]["number"]}) as connection:
            await hear(connection, heard, {name})

    within(30, story)
    assert heard.numbers == [event["number"] for event in stored[3:]]


def test_previews_come_as_binary_frames_with_their_node(shared: Server) -> None:
    heard = Heard()

    async def story() -> set[str]:
        async with listening(shared) as connection:
            names = await submitted(shared, saving("Sleep", seconds=0.6, steps=3, preview=1000), 1)
            await hear(connection, heard, names)
            return names

    (name,) = within(30, story)
    about, picture = heard.previews[0]
    assert about == {"job": name, "event": "preview", "node": "it", "media_type": "image/jpeg"}
    assert picture == b"\xff\xd8" + bytes(1000)


def test_a_listener_that_never_reads_is_cut_off_and_costs_the_others_nothing() -> None:
    heard, held = Heard(), list[float]()

    async def story(server: Server) -> tuple[set[str], float]:
        async with listening(server, narrow=True), listening(server) as reader:
            names = await submitted(server, saving("Sleep", seconds=1.0, steps=10, preview=1_000_000), 2)
            names |= await submitted(server, NUMBER, OVERFLOWING)
            await hear(reader, heard, names)
            held.append(await asyncio.to_thread(metric, server, "listener_bytes"))
            while await asyncio.to_thread(metric, server, "websockets") > 1:
                held.append(await asyncio.to_thread(metric, server, "listener_bytes"))
                await asyncio.sleep(0.1)
            return names, await asyncio.to_thread(metric, server, "listener_bytes")

    with serving(settings=QUICK + "[limits]\nqueued_per_client = 1000\n") as server:
        names, left = within(60, lambda: story(server))
        stored = [event["number"] for name in names for event in server.events(name)]
    assert heard.numbers == sorted(stored)
    assert (max(held) <= MOST_BYTES, left) == (True, 0)


def test_a_listener_that_reads_too_late_is_told_so_and_can_go_on_from_its_last_number() -> None:
    heard = Heard()

    async def story(server: Server) -> tuple[int | None, set[str]]:
        async with listening(server, narrow=True) as connection, listening(server) as reader:
            names = await submitted(server, saving("Sleep", seconds=0.5, steps=5, preview=1_000_000), 1)
            names |= await submitted(server, NUMBER, OVERFLOWING)
            await hear(reader, Heard(), names)
            while heard.take(await connection.receive()):
                pass
            code = connection.close_code
        async with listening(server, query={"after": heard.last}) as connection:
            await hear(connection, heard, names)
        return code, names

    with serving(settings=QUICK + "[limits]\nqueued_per_client = 1000\n") as server:
        code, names = within(60, lambda: story(server))
        stored = [event["number"] for name in names for event in server.events(name)]
    assert code == 1013
    assert heard.numbers == sorted(stored)


def test_one_client_may_open_so_many_sockets_and_no_more() -> None:
    async def story(server: Server) -> tuple[int, bool]:
        async with aiohttp.ClientSession() as session:
            sockets = [await session.ws_connect(f"{server.origin}/api/v1/events") for _ in range(8)]
            with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
                await session.ws_connect(f"{server.origin}/ws")
            await sockets[0].close()
            while await asyncio.to_thread(metric, server, "websockets") > 7:
                await asyncio.sleep(0.01)
            sockets.append(await session.ws_connect(f"{server.origin}/ws"))
            await asyncio.gather(*(each.close() for each in sockets))
            return refusal.value.status, "Retry-After" in (refusal.value.headers or ())

    with serving(settings=QUICK + "sockets_per_peer = 8\n") as server:
        assert within(30, lambda: story(server)) == (429, True)


def test_the_end_of_an_old_connection_does_not_touch_the_new_one_of_the_same_client(shared: Server) -> None:
    async def story() -> list[Any]:
        async with listening(shared, path="/ws", query=SAME) as new:
            async with listening(shared, path="/ws", query=SAME) as old:
                await old.receive()
                cut(old)
            await submitted(shared, workflow(a=of("Number"), k=of("Keep", {"value": "a.int"})), 1, client="same")
            kinds: list[Any] = []
            while "execution_success" not in kinds:
                kinds.append((await new.receive_json())["type"])
            return kinds

    assert "execution_start" in within(30, story)


def test_a_body_that_is_no_upgrade_is_refused(shared: Server) -> None:
    assert shared.get("/api/v1/events").status == 400
    assert shared.get("/ws").status == 400
