"""Clients that say nothing, half of something, or lines of their own: neither other clients nor the log suffer."""

import json
import socket
import time
from pathlib import Path

import pytest

from tests.server.serving import NUMBER, Server, of, saving, serving, wait_for, workflow

HALF = b"GET /queue HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "
ODD = "one\r\n2020-01-01T00:00:00.000Z info forged\x1b[31mred\x1b[0m\x07\u2028two\x7f\x85"


def half_said(server: Server) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", server.port), 15)
    connection.sendall(HALF)
    return connection


def closed(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def test_half_requests_are_closed_and_honest_clients_served_meanwhile(server: Server) -> None:
    began = time.monotonic()
    crowd = [half_said(server) for _ in range(300)]
    waits: list[float] = []
    try:
        while not all(map(closed, crowd)):
            asked = time.monotonic()
            assert server.get("/queue").status == 200
            waits.append(time.monotonic() - asked)
            assert asked - began < 20, "half requests stay open"
            time.sleep(0.05)
    finally:
        for connection in crowd:
            connection.close()
    assert time.monotonic() - began < 14
    assert sorted(waits)[len(waits) * 99 // 100] < 1.0, "an honest client waits"


def test_a_client_that_waits_between_requests_is_not_closed_for_a_crowd(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), 15) as honest:
        ask = f"GET /live HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode()
        honest.sendall(ask)
        assert honest.recv(4096).startswith(b"HTTP/1.1 200")
        crowd = [half_said(server) for _ in range(100)]
        wait_for(lambda: sum(map(closed, crowd)) >= 30, 10)
        honest.sendall(ask)
        assert honest.recv(4096).startswith(b"HTTP/1.1 200")
        for connection in crowd:
            connection.close()


def test_a_client_that_submits_without_end_is_told_when_to_come_back() -> None:
    with serving(settings="[bounds]\nsubmits_at_once = 5\nsubmits_per_second = 1.0\n") as server:
        answers = [server.post("/api/v1/jobs", {"workflow": NUMBER}) for _ in range(8)]
    assert [answer.status for answer in answers] == [200] * 5 + [429] * 3
    assert all(1 <= int(answer.headers["Retry-After"]) <= 6 for answer in answers[5:])


@pytest.mark.parametrize("kind", ["text", "json"])
def test_what_clients_say_writes_no_lines_of_its_own_in_the_log(tmp_path: Path, kind: str) -> None:
    with serving(tmp_path, "--log", kind) as server:
        before = server.log_path.read_bytes().count(b"\n")
        server.run(workflow(a=of("Text", text=ODD), b=of("Shout", {"text": "a.str"})))
        server.run(saving("Raise"))
        server.run(saving("Kill", how="exit"))
        for path in ("/view?filename=%0d%0aforged%1b%5b31m", "/jobs/%0a%1b", "/nothing%0d%0aforged"):
            server.get(path)
        server.post("/settings", {ODD: ODD})
        server.stop()
        written = server.log_path.read_bytes()
    assert written.count(b"\n") > before
    lines = written.split(b"\n")
    assert [line for line in lines if line.strip() and not is_event(line, kind)] == []
    assert not set(written) & (set(range(32)) - {10} | {127})


def is_event(line: bytes, kind: str) -> bool:
    """Whether a line of the log is one of the server's own: it begins with a date of today, or is a JSON object."""
    if kind == "json":
        return set(json.loads(line)) == {"at", "level", "from", "message"}
    return line.startswith(time.strftime("%Y-", time.gmtime()).encode()) and not line.startswith(b"2020-")


@pytest.mark.skipif(not Path("/proc/self/net/tcp").exists(), reason="Linux tells which connections a process has")
def test_neither_the_server_nor_its_worker_connects_anywhere(shared: Server) -> None:
    urls = ("http://192.0.2.1/a.png", "file:///etc/passwd", "data:image/png;base64,AAAA", "//192.0.2.1/share/a.png")
    for url in urls:
        refused = workflow(a=of("Read", name=url), b=of("Text", text=url))
        assert shared.post("/api/v1/jobs", {"workflow": refused}).status == 422
        shared.run(workflow(a=of("Text", text=url), save=of("Save", value=1)))
    assert foreign(shared.process.pid) == []


def foreign(group: int) -> list[str]:
    """The connections of a process and its children to a port that is not on this machine."""
    members = [path.parent for path in Path("/proc").glob("[0-9]*/stat") if _leader(path) == group]
    nodes = {link for folder in members for link in _links(folder / "fd")}
    rows = [row.split() for row in Path("/proc/self/net/tcp").read_text().splitlines()[1:]]
    return [row[2] for row in rows if f"socket:[{row[9]}]" in nodes and row[2].split(":")[0] not in LOCAL]


LOCAL = ("0100007F", "00000000")


def _leader(stat: Path) -> int:
    try:
        return int(stat.read_text().rpartition(")")[2].split()[2])
    except OSError:
        return 0


def _links(folder: Path) -> list[str]:
    try:
        return [str(link.readlink()) for link in folder.iterdir()]
    except OSError:
        return []
