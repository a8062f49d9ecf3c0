"""A worker as the server holds it: its process, what it said last, and how it ended."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from .frames import Frame, next_frame, packed

log = logging.getLogger(__name__)

MOST_UNREAD = 1000  # frames; beyond, the pipe fills up and the worker's messages wait there
LONGEST_LINE = 2000
MOST_ASKED = 32  # questions that a worker has not answered yet
GONE = {"refused": "result_gone", "message": "the job has not run yet, or its worker was restarted", "hint": None}

Question = tuple[str, str, str]


@dataclass(frozen=True)
class WorkerSettings:
    """What a worker is told when it starts: paths as text, since they travel as JSON.

    `folders` are all roots by folder, `staged` the one root of each folder that finished files get to, `hashes` the
    file that remembers what is in large files, `path` where Python looks for packs besides the installed ones.
    """

    device: str
    dtype: str
    packs: tuple[str, ...]
    folders: Mapping[str, tuple[str, ...]]
    staged: Mapping[str, str]
    hashes: str
    cache_bytes: int
    memory: float = 0.0
    path: tuple[str, ...] = ()


class WorkerDied(Exception):
    """The worker is gone, or was given up; `ours` if it was killed on purpose."""

    def __init__(self, message: str, *, ours: bool = False) -> None:
        super().__init__(message)
        self.ours = ours


@dataclass
class WorkerHandle:
    """A running worker process."""

    process: asyncio.subprocess.Process
    memory: dict[str, int] = field(default_factory=dict[str, int])
    _killed: bool = False
    _frames: asyncio.Queue[Frame | None] = field(default_factory=lambda: asyncio.Queue(MOST_UNREAD))
    _heard: float = field(default_factory=lambda: asyncio.get_running_loop().time())
    _gone: asyncio.Event = field(default_factory=asyncio.Event)
    _asked: dict[Question, asyncio.Future[Mapping[str, Any]]] = field(
        default_factory=dict[Question, "asyncio.Future[Mapping[str, Any]]"]
    )
    _tasks: list[asyncio.Task[None]] = field(default_factory=list[asyncio.Task[None]])

    @classmethod
    async def start(cls, settings: WorkerSettings) -> WorkerHandle:
        process = await asyncio.create_subprocess_exec(
            # -P: what lies in the current folder must not be imported in the place of what is installed.
            sys.executable, "-P", "-m", "nodegraph.service.worker",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        handle = cls(process)
        handle._tasks += [asyncio.create_task(handle._read()), asyncio.create_task(handle._log(settings.device))]
        handle.send(asdict(settings))
        return handle

    def send(self, message: Mapping[str, Any]) -> None:
        """Tell the worker something; if it is gone, nobody hears it, and `said` tells so."""
        assert self.process.stdin is not None
        if not self.process.stdin.is_closing():
            self.process.stdin.write(packed(message))

    def alive(self, seconds: float) -> bool:
        """Whether the worker said something not so many seconds ago."""
        return not self._gone.is_set() and asyncio.get_running_loop().time() - self._heard < seconds

    async def ready(self, seconds: float, unless: asyncio.Event) -> Any:
        """The catalogue, once the worker has imported its packs; WorkerDied if that takes too long."""
        end = asyncio.get_running_loop().time() + seconds
        while True:
            if asyncio.get_running_loop().time() > end or unless.is_set():
                raise WorkerDied("it did not get ready", ours=unless.is_set())
            for frame in await self.said(seconds, at_most=0.5):
                if frame.message["say"] == "ready":
                    return frame.message["catalogue"]

    async def said(self, silent: float, at_most: float | None = None) -> list[Frame]:
        """Everything it has said since the last call, at least one frame, or none after `at_most` seconds.

        WorkerDied if it is gone, or has said nothing for `silent` seconds, not even that it is alive.
        """
        waited = 0.0
        while True:
            frames = self._unread()
            if frames:
                return frames
            if not self.alive(silent):
                raise await self._death()
            if at_most is not None and waited >= at_most:
                return []
            try:
                frame = await asyncio.wait_for(self._frames.get(), 0.5)
            except TimeoutError:
                waited += 0.5
                continue
            if frame is not None:
                return [frame, *self._unread()]

    def _unread(self) -> list[Frame]:
        frames = [self._frames.get_nowait() for _ in range(self._frames.qsize())]
        return [frame for frame in frames if frame is not None]

    async def alive_until(self, wake: asyncio.Event, silent: float) -> None:
        """Wait for an event; WorkerDied if the worker is gone before."""
        waiting = [asyncio.create_task(wake.wait()), asyncio.create_task(self._gone.wait())]
        try:
            while not wake.is_set():
                if not self.alive(silent):
                    raise await self._death()
                await asyncio.wait(waiting, timeout=silent / 4, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()

    async def peek(self, job: str, node: str, output: str, seconds: float) -> Mapping[str, Any]:
        """What an output of a job gave, or under `refused` why it is not told; TimeoutError if the worker is too busy.

        Who asks what is asked already gets the same answer, so that impatience does not make the worker's list longer.
        """
        if self._killed or self._gone.is_set():
            return GONE
        question = job, node, output
        answer = self._asked.get(question)
        if answer is None:
            if len(self._asked) >= MOST_ASKED:
                raise TimeoutError
            answer = self._asked[question] = asyncio.get_running_loop().create_future()
            self.send({"do": "peek", "of": question})
        return await asyncio.wait_for(asyncio.shield(answer), seconds)

    def end(self) -> None:
        """End the process at once, whatever it does; `said` tells when it is gone."""
        self._killed = True
        if self.process.returncode is None:
            self.process.kill()

    async def kill(self) -> None:
        """End the process, and wait until it is gone."""
        self.end()
        await self.process.wait()
        # What it said last may still be in the pipes; nobody may be taking it from the queue any more.
        _, left = await asyncio.wait(self._tasks, timeout=0.5)
        for task in left:
            task.cancel()
        for answer in self._asked.values():
            answer.set_result(GONE)
        self._asked.clear()
        # Or the pipe's transport complains when it is collected.
        if self.process.stdin is not None:
            self.process.stdin.close()

    async def _death(self) -> WorkerDied:
        ours = self._killed
        if not self._gone.is_set():
            await self.kill()
            return WorkerDied("it gave no sign of life any more", ours=ours)
        code = await self.process.wait()
        if ours:
            return WorkerDied("it was stopped", ours=True)
        if code < 0:
            name = signal.Signals(-code).name
            hint = ": most likely there was not enough memory" if name == "SIGKILL" else ""
            return WorkerDied(f"it was ended by {name}{hint}")
        return WorkerDied(f"it exited with code {code}")

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while frame := await next_frame(self.process.stdout):
            self._heard = asyncio.get_running_loop().time()
            if frame.message["say"] == "beat":
                self.memory = frame.message["memory"]
            elif frame.message["say"] == "peek":
                answer = self._asked.pop(tuple(frame.message.pop("of")), None)
                if answer is not None:
                    answer.set_result(frame.message)
            else:
                await self._frames.put(frame)
        self._gone.set()
        await self._frames.put(None)

    async def _log(self, device: str) -> None:
        """What nodes and libraries print goes to the log, a line at a time, cut and without control characters."""
        assert self.process.stderr is not None
        while chunk := await self.process.stderr.read(1 << 16):
            for line in chunk.decode("utf-8", "replace").splitlines():
                if line.strip():
                    log.info("worker %s: %s", device, line[:LONGEST_LINE])
