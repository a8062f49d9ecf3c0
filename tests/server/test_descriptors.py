"""A server that can open no more files: it loses nothing, and goes on once it can."""

import os
import resource
from pathlib import Path

from tests.server.serving import NUMBER, Server, saving, wait_for


def leave_no_descriptor(pid: int) -> tuple[int, int]:
    """Let a process open nothing more; gives what it might before."""
    used = max(int(path.name) for path in Path(f"/proc/{pid}/fd").iterdir())
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (used, hard))
    return soft, hard


def worker_of(server: Server) -> int:
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    return int(children[0])


def test_a_worker_that_cannot_be_replaced_is_replaced_later(server: Server) -> None:
    name = server.submit(saving("Sleep", seconds=3.0))
    server.running(name)
    before = leave_no_descriptor(server.process.pid)
    os.kill(worker_of(server), 9)
    wait_for(lambda: server.log.count("died") >= 2)
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, before)
    assert server.ended(name)["state"] == "done"
    assert server.run(NUMBER)["state"] == "done"
