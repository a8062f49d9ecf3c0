"""A disk that is full: what can be read is read, what cannot be stored is refused, and it passes without a restart."""

import os
import resource
import subprocess
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.server.serving import NUMBER, QUICK, Server, saving, serving, wait_for

SETTINGS = QUICK + "disk_reserve = 65536\n"
SIZE = "8m"
UNLIMITED = resource.RLIM_INFINITY


LARGE: dict[str, Any] = NUMBER | {"view": {"notes": "x" * 100_000}}


@dataclass
class Disk:
    """A server whose disk can be filled; `fill` and `clear` do it."""

    server: Server
    fill: Callable[[], None]
    clear: Callable[[], None]

    def refused(self, path: str = "/api/v1/jobs", method: str = "POST") -> int:
        """The answer to the first large workflow that is not stored."""
        for _ in range(200):  # the space that the database had taken before is still its own
            answer = self.server.post(path, {"workflow": LARGE}, method)
            if answer.status != 200:
                return answer.status
        return 200

    def names(self) -> set[str]:
        return {job["id"] for job in self.server.get("/api/v1/jobs?limit=1000").json["jobs"]}


@contextmanager
def limited(data: Path) -> Generator[Disk]:
    """A server that may write no files for a while."""
    with serving(data, settings=SETTINGS) as server:
        pid = server.process.pid
        yield Disk(server, lambda: set_limit(pid, 0), lambda: set_limit(pid, UNLIMITED))


def set_limit(pid: int, size: int) -> None:
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, UNLIMITED))


@contextmanager
def mounted(data: Path) -> Generator[Disk]:
    """A server whose data is on a disk of its own, of 8 MB."""
    data.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(data)], check=True)
    ballast = data / "ballast"
    try:
        with serving(data, settings=SETTINGS) as server:
            yield Disk(server, lambda: take_all(ballast), ballast.unlink)
    finally:
        subprocess.run(["umount", str(data)], check=True)


def take_all(ballast: Path) -> None:
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return


@pytest.fixture(params=[limited, *([mounted] if os.geteuid() == 0 else [])])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    with request.param(tmp_path / "data") as disk:
        yield disk


def test_jobs_are_refused_while_the_disk_is_full_and_taken_again_afterwards(disk: Disk) -> None:
    disk.server.post("/api/v1/queue/pause")
    disk.fill()
    assert disk.refused() == 507
    disk.clear()
    wait_for(lambda: disk.server.post("/api/v1/jobs", {"workflow": NUMBER}).status == 200, 5)


def test_what_was_accepted_before_the_disk_was_full_is_all_there(disk: Disk) -> None:
    names = {disk.server.submit(NUMBER, id=f"job-{number}") for number in range(5)}
    disk.server.post("/api/v1/queue/pause")
    disk.fill()
    disk.refused()
    disk.clear()
    disk.server.kill()
    disk.server.start()
    assert names <= disk.names()
    wait_for(lambda: disk.server.post("/api/v1/queue/resume").status == 200, 5)
    assert {disk.server.ended(name)["state"] for name in names} == {"done"}


def test_reading_goes_on_while_the_disk_is_full(disk: Disk) -> None:
    name = disk.server.run(NUMBER)["id"]
    disk.server.post("/api/v1/queue/pause")
    disk.fill()
    disk.refused()
    (output,) = disk.server.job(name)["outputs"]
    paths = ("/live", "/metrics", "/api/v1/jobs", f"/api/v1/assets/{output['id']}", "/api/v1/catalogue", "/history")
    assert {path: disk.server.get(path).status for path in paths} == dict.fromkeys(paths, 200)


def test_a_server_with_a_full_disk_is_not_ready_until_there_is_space(disk: Disk) -> None:
    disk.server.post("/api/v1/queue/pause")
    disk.fill()
    disk.refused()
    assert disk.server.get("/ready").status == 503
    disk.clear()
    wait_for(lambda: disk.server.get("/ready").status == 200, 5)


def test_a_workflow_that_finds_no_space_is_refused_and_leaves_the_old_one_whole(disk: Disk) -> None:
    assert disk.server.post("/api/v1/workflows/mine", {"workflow": NUMBER}, "PUT").status == 200
    disk.fill()
    assert disk.refused("/api/v1/workflows/mine", "PUT") == 507
    assert disk.server.get("/api/v1/workflows/mine").json["workflow"] == NUMBER


def test_a_job_that_ran_meanwhile_is_published_once_there_is_space(tmp_path: Path) -> None:
    with limited(tmp_path) as disk:
        name = disk.server.submit(saving("Sleep", seconds=1.0))
        disk.server.running(name)
        disk.fill()
        wait_for(lambda: list((tmp_path / "output").glob("*.png")))
        assert disk.server.job(name)["state"] == "running"
        disk.clear()
        job = disk.server.ended(name, 5)
        assert (job["state"], job["attempts"], len(job["outputs"])) == ("done", 1, 1)
