"""Nothing that blocks is called on the event loop: a session of everything, played with `blockbuster` on guard."""

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.fake_nodes import png
from tests.server.listening import Heard, hear, listening, submitted
from tests.server.serving import NUMBER, Answer, Server, saving, wait_for

PICTURE = png({})


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that fails where it blocks."""
    server = Server(tmp_path_factory.mktemp("watched"), module="tests.server.watched_server")
    try:
        yield server.start()
    finally:
        server.reap()


def blocking_calls(server: Server) -> list[str]:
    return [line for line in server.log.splitlines() if "Blocking call" in line or "internal" in line]


def checked(answer: Answer, *expected: int) -> Answer:
    assert answer.status in (expected or (200,)), (answer.status, answer.body)
    return answer


def test_jobs_block_nothing(watched: Server) -> None:
    job = watched.run(saving("Number", value=5))
    name, (output,) = job["id"], job["outputs"]
    for path in ("", "/workflow", "/events"):
        checked(watched.get(f"/api/v1/jobs/{name}{path}"))
    for path in ("", "/thumbnail", "/metadata"):
        checked(watched.get(f"/api/v1/assets/{output['id']}{path}"))
    checked(watched.post("/api/v1/check", {"workflow": saving("Numbr")}), 422)
    assert watched.run(saving("Raise"))["state"] == "failed"
    checked(watched.post(f"/api/v1/jobs/{name}", method="DELETE"))
    assert blocking_calls(watched) == []


def test_the_queue_blocks_nothing(watched: Server) -> None:
    checked(watched.post("/api/v1/queue/pause"))
    first, second = watched.submit(NUMBER), watched.submit(NUMBER)
    checked(watched.post(f"/api/v1/jobs/{second}/move", {"before": first}))
    checked(watched.post(f"/api/v1/jobs/{first}/cancel"))
    checked(watched.post("/api/v1/queue/clear", {}))
    checked(watched.post("/api/v1/queue/resume"))
    assert blocking_calls(watched) == []


def test_what_the_server_tells_of_itself_blocks_nothing(watched: Server) -> None:
    paths = ("/live", "/ready", "/metrics", "/", "/api/v1/catalogue", "/api/v1/schema", "/api/v1/files")
    for path in (*paths, "/api/v1/devices", "/api/v1/openapi.json"):
        checked(watched.get(path), 200, 404)
    checked(watched.post("/api/v1/devices/free"))
    assert blocking_calls(watched) == []


def test_uploads_and_workflows_block_nothing(watched: Server) -> None:
    sent = checked(watched.ask("POST", "/api/v1/assets?name=dot", PICTURE, {"Content-Type": "image/png"})).json
    checked(watched.get(f"/api/v1/assets/{sent['id']}"))
    for version in (1, 2):
        checked(watched.post("/api/v1/workflows/mine", {"workflow": saving("Number", value=version)}, "PUT"))
    for path in ("", "/mine", "/mine/versions", "/mine/versions/00000001"):
        checked(watched.get(f"/api/v1/workflows{path}"))
    checked(watched.post("/api/v1/workflows/mine", method="DELETE"))
    assert blocking_calls(watched) == []


def test_listeners_block_nothing(watched: Server) -> None:
    async def listen() -> None:
        async with (
            listening(watched, query={"after": 0}) as connection,
            listening(watched, path="/ws", query={"clientId": "a"}) as other,
        ):
            names = await submitted(watched, saving("Sleep", seconds=0.5, steps=3, preview=1000), 1, client="a")
            await hear(connection, Heard(), names)
            await other.receive()

    asyncio.run(listen())
    assert blocking_calls(watched) == []


def test_the_protocol_of_comfyui_blocks_nothing(watched: Server) -> None:
    prompt = {
        "1": {"class_type": "Number", "inputs": {"value": 9}},
        "2": {"class_type": "Save", "inputs": {"value": ["1", 0]}},
    }
    name = checked(watched.post("/prompt", {"prompt": prompt, "client_id": "a"})).json["prompt_id"]
    (output,) = watched.ended(name)["outputs"]
    paths = ("/queue", "/history", f"/history/{name}", "/object_info", "/system_stats", "/embeddings", "/extensions")
    for path in (*paths, "/prompt", "/models", "/features", "/settings", "/users", "/userdata?dir=workflows"):
        checked(watched.get(path), 200, 404)
    checked(watched.get(f"/view?filename={output['name']}&type=output"))
    checked(watched.post("/interrupt", {}), 200)
    checked(watched.post("/queue", {"clear": True}), 200)
    checked(watched.post("/history", {"clear": True}), 200)
    assert blocking_calls(watched) == []


def test_a_lost_worker_blocks_nothing(watched: Server) -> None:
    assert watched.run(saving("Kill"))["state"] == "crashed"
    assert watched.run(NUMBER)["state"] == "done"
    assert blocking_calls(watched) == []


def test_the_start_and_the_end_block_nothing(tmp_path: Path) -> None:
    server = Server(tmp_path, module="tests.server.watched_server")
    try:
        server.start()
        name = server.submit(saving("Sleep", seconds=1.0))
        server.running(name)
        server.kill()
        server.start()
        server.running(name)
        server.process.send_signal(signal.SIGTERM)
        wait_for(lambda: server.process.poll() is not None)
        assert (server.process.returncode, blocking_calls(server)) == (0, [])
    finally:
        server.reap()


def test_the_guard_sees_a_call_that_blocks(tmp_path: Path) -> None:
    # Or the other tests would show nothing.
    with pytest.raises(Exception, match="Blocking call"):
        asyncio.run(_blocking(tmp_path / "file"))


async def _blocking(path: Path) -> None:
    from blockbuster import BlockBuster

    guard = BlockBuster()
    guard.activate()
    try:
        path.write_text("blocks")
    finally:
        guard.deactivate()
