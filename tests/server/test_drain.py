"""SIGTERM: nothing more is taken, what runs may finish, who listens is told, and nothing is lost."""

import asyncio
import os
import signal
import time

import aiohttp
import pytest

from tests.server.listening import Heard, listening
from tests.server.serving import NUMBER, QUICK, Server, saving, serving, wait_for

CROWD = QUICK + "sockets_per_peer = 64\n"


def test_an_idle_server_exits_with_0(server: Server) -> None:
    assert server.stop(10) == 0


def test_fifty_waiting_jobs_survive_a_stop(server: Server) -> None:
    server.post("/api/v1/queue/pause")
    names = [server.submit(NUMBER, id=f"job-{number}") for number in range(50)]
    assert server.stop(10) == 0
    server.start()
    assert [job["id"] for job in server.get("/api/v1/jobs?state=queued").json["jobs"]] == names
    server.post("/api/v1/queue/resume")
    assert {server.ended(name)["state"] for name in names} == {"done"}


def test_a_job_that_outlasts_the_grace_time_waits_again() -> None:
    with serving(settings=QUICK + "[patience]\ndrain = 0.5\n") as server:
        name = server.submit(saving("Sleep", seconds=60, steps=60))
        server.running(name)
        assert server.stop(20) == 0
        server.start()
        job = server.job(name)
        assert (job["state"] in ("queued", "running"), job["crashes"], job["interruptions"]) == (True, 0, 0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "systemd"])
def test_a_signal_to_the_workers_too_lets_the_running_job_finish(server: Server, number: int) -> None:
    name = server.submit(saving("Sleep", seconds=1.5))
    server.running(name)
    os.killpg(server.process.pid, number)
    assert server.process.wait(20) == 0
    server.reap()
    server.start()
    job = server.job(name)
    assert (job["state"], job["attempts"]) == ("done", 1)


def test_a_draining_server_says_so_and_takes_no_jobs(server: Server) -> None:
    name = server.submit(saving("Sleep", seconds=3))
    server.running(name)
    server.process.send_signal(signal.SIGTERM)
    wait_for(lambda: server.get("/ready").status == 503, 3)
    refused = server.post("/api/v1/jobs", {"workflow": NUMBER})
    assert (refused.status, "Retry-After" in refused.headers) == (503, True)
    assert server.get("/live").status == 200
    assert server.process.wait(20) == 0
    server.reap()
    server.start()
    assert [job["id"] for job in server.get("/api/v1/jobs").json["jobs"]] == [name]


def test_a_second_signal_ends_the_server_at_once_and_the_job_runs_again(server: Server) -> None:
    name = server.submit(saving("Sleep", seconds=20))
    server.running(name)
    server.process.send_signal(signal.SIGTERM)
    wait_for(lambda: server.get("/ready").status == 503, 5)
    began = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(10) == 130
    assert time.monotonic() - began < 5
    server.reap()
    server.start()
    wait_for(lambda: server.job(name)["attempts"] == 2)


def test_who_listens_is_told_that_the_server_goes_down() -> None:
    async def listen(server: Server) -> list[int | None]:
        async with aiohttp.ClientSession() as session, asyncio.timeout(30):
            paths = [f"{server.origin}/api/v1/events", f"{server.origin}/ws?clientId=me"] * 10
            sockets = [await session.ws_connect(path) for path in paths]
            server.process.send_signal(signal.SIGTERM)
            for each in sockets:
                while not each.closed:
                    await each.receive()
            return [each.close_code for each in sockets]

    with serving(settings=CROWD) as server:
        assert asyncio.run(listen(server)) == [1001] * 20
        assert server.process.wait(10) == 0


def test_who_listens_hears_the_end_of_the_last_job_first() -> None:
    async def listen(server: Server) -> tuple[set[str], str, int | None]:
        heard = Heard()
        async with listening(server) as connection, asyncio.timeout(30):
            name = await asyncio.to_thread(server.submit, saving("Sleep", seconds=1.0))
            await asyncio.to_thread(server.running, name)
            server.process.send_signal(signal.SIGTERM)
            while heard.take(await connection.receive()):
                pass
            return heard.ended, name, connection.close_code

    with serving() as server:
        ended, name, code = asyncio.run(listen(server))
        assert (ended, code) == ({name}, 1001)


def test_a_listener_that_does_not_read_cannot_hold_up_the_end() -> None:
    async def listen(server: Server) -> int:
        """The exit code, while a client is connected that takes nothing."""
        async with listening(server, narrow=True):
            name = server.submit(saving("Sleep", seconds=1.0, steps=5, preview=1_000_000))
            server.running(name)
            return await asyncio.to_thread(server.stop, 20)

    with serving() as server:
        assert asyncio.run(listen(server)) == 0
