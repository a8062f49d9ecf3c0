"""A real server in a process of its own, and a small client for it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FAKES = str(Path(__file__).with_name("fake_nodes.py"))
# Tests ask faster than people do.
QUICK = "[bounds]\nsubmits_at_once = 100000\n"
ENDED = ("done", "failed", "cancelled", "crashed")


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Server:
    """A running server and its data folder; `log` is what it has written."""

    data: Path
    words: tuple[str, ...] = ("--pack", FAKES)
    settings: str = ""
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    port: int = 0
    module: str = "nodegraph"

    def start(self, *, until_ready: bool = True) -> Server:
        self.data.mkdir(parents=True, exist_ok=True)
        config = self.data / "server.toml"
        config.write_text(self.settings or QUICK)
        self.log_path = self.data / "log.txt"
        with self.log_path.open("ab") as log:
            where = ("--port", str(self.port), "--data", str(self.data), "--config", str(config))
            self.process = subprocess.Popen(
                [sys.executable, "-m", self.module, "serve", *where, *self.words],
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=ROOT,
                env={**os.environ, **self.environment},
                # A group of its own, so that a test can kill the server and its workers together.
                start_new_session=True,
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline().decode()
        assert line.startswith("serving at"), f"{line}{self.log}"
        self.port = int(line.rsplit(":", 1)[1])
        if until_ready:
            wait_for(lambda: self.get("/ready").status == 200, 60)
        return self

    @property
    def log(self) -> str:
        return self.log_path.read_text()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 15,
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, headers=headers)

    def post(self, path: str, data: Any = None, method: str = "POST", **headers: str) -> Answer:
        body = None if data is None else json.dumps(data).encode()
        given = {} if body is None else {"Content-Type": "application/json"}
        return self.ask(method, path, body, given | headers)

    def submit(self, workflow: Mapping[str, Any], **how: Any) -> str:
        answer = self.post("/api/v1/jobs", {"workflow": workflow, **how})
        assert answer.status == 200, answer.body
        return answer.json["id"]

    def job(self, name: str) -> dict[str, Any]:
        return self.get(f"/api/v1/jobs/{name}").json

    def ended(self, name: str, seconds: float = 60) -> dict[str, Any]:
        """A job once it has ended."""
        wait_for(lambda: self.job(name)["state"] in ENDED, seconds)
        return self.job(name)

    def running(self, name: str, seconds: float = 60) -> None:
        """Wait until a job's first node runs."""
        wait_for(lambda: any(event["event"] == "started" for event in self.events(name)), seconds)

    def events(self, name: str) -> list[dict[str, Any]]:
        return self.get(f"/api/v1/jobs/{name}/events").json["events"]

    def run(self, workflow: Mapping[str, Any], **how: Any) -> dict[str, Any]:
        return self.ended(self.submit(workflow, **how))

    def devices(self) -> list[dict[str, Any]]:
        return self.get("/api/v1/devices").json["devices"]

    def kill(self) -> None:
        """SIGKILL to the server and its workers at once."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.reap()

    def stop(self, seconds: float = 60) -> int:
        """SIGTERM; gives the exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        finally:
            self.reap()

    def reap(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


def wait_for(true: Any, seconds: float = 30.0, every: float = 0.01) -> None:
    """Wait until something is true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not true within {seconds} s"
        time.sleep(every)


@contextmanager
def serving(data: Path | None = None, *words: str, settings: str = "", **environment: str) -> Generator[Server]:
    """A server with the fake nodes, gone afterwards; `settings` is TOML."""
    with tempfile.TemporaryDirectory(prefix="nodegraph-") as folder:
        server = Server(data or Path(folder), ("--pack", FAKES, *words), settings, environment)
        server.start()
        try:
            yield server
        finally:
            server.reap()


def workflow(**nodes: Any) -> dict[str, Any]:
    return {"nodegraph": 1, "nodes": nodes}


def of(kind: str, links: Mapping[str, str] | None = None, /, **values: Any) -> dict[str, Any]:
    """A node of a workflow."""
    return {"type": kind, "values": values, "links": dict(links or {})}


def saving(kind: str, /, **values: Any) -> dict[str, Any]:
    """A workflow of one fake node whose number is saved."""
    return workflow(it=of(kind, **values), save=of("Save", {"value": "it.int"}))


NUMBER = saving("Number", value=3)
