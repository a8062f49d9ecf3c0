"""The supervisor: a lane for each device, in which a worker process runs one job after the other.

A lane claims the next job, sends it to its worker, records what the worker says, and ends the attempt. A worker that
dies, falls silent or does not stop when it is told to is killed and replaced; what its job left is taken back.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from ..errors import NodegraphError, QueueRefused, StaleAttempt
from .attempts import Attempts
from .failpoints import failpoint
from .frames import Frame
from .handle import GONE, WorkerDied, WorkerHandle, WorkerSettings
from .records import Claim, Entry, Job, Preview, Reason
from .staging import Staging

T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Patience:
    """How long things may take, in seconds."""

    start: float = 300.0  # a worker imports its packs
    silent: float = 60.0  # without a beat, though one is due each second
    stopping: float = 8.0  # from the request to cancel until the worker is killed
    drain: float = 30.0  # a running job may go on after SIGTERM, until it is given back to the queue
    peek: float = 5.0  # a question about a result is answered, between two steps of a run
    storage: float = 1.0  # between tries while the database cannot be written


@dataclass
class Lane:
    """What one device is doing."""

    device: str
    state: Literal["starting", "idle", "running", "failed", "stopped"] = "starting"
    worker: WorkerHandle | None = None
    claim: Claim | None = None
    starts: int = 0
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    cancelling: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def memory(self) -> dict[str, int]:
        """Bytes that the worker holds, and those of its device."""
        return self.worker.memory if self.worker else {}

    def to_json(self) -> dict[str, Any]:
        return {
            "device": self.device,
            "state": self.state,
            "job": self.claim and self.claim.attempt.job,
            "starts": self.starts,
            "memory": self.memory,
        }


class Supervisor:
    """Runs the queue's jobs on some devices until `drain`; `known` is told a new worker's catalogue, in a thread."""

    def __init__(
        self,
        attempts: Attempts,
        settings: Iterable[WorkerSettings],
        staging: Staging,
        known: Callable[[Any], None],
        patience: Patience | None = None,
    ) -> None:
        self.attempts, self.staging, self.known = attempts, staging, known
        self.patience = patience or Patience()
        self.lanes = {each.device: Lane(each.device) for each in settings}
        self._settings = {each.device: each for each in settings}
        self._cancelled: set[str] = set()
        self._draining = asyncio.Event()

    def hear(self, entries: Iterable[Entry]) -> None:
        """Take notice of what has been committed: a job that waits, or one that shall stop."""
        for entry in entries:
            event = entry.event
            if event["event"] != "job":
                continue
            if event["state"] == "queued":
                self.wake()
            elif event.get("cancelling"):
                self._cancelled.add(entry.job)
                for lane in self.lanes.values():
                    if lane.claim and lane.claim.attempt.job == entry.job:
                        lane.cancelling.set()

    def wake(self) -> None:
        """Look for jobs: one was queued, or the queue goes on."""
        for lane in self.lanes.values():
            lane.wake.set()

    async def run(self) -> None:
        """Serve the queue until it is drained."""
        async with asyncio.TaskGroup() as group:
            for lane in self.lanes.values():
                group.create_task(self._serve(lane))

    def drain(self) -> None:
        """Claim no more; a running job has some time left, and then goes back to the queue."""
        self._draining.set()
        self.wake()

    def free(self) -> None:
        """Let the workers drop their models and results, after the job that runs."""
        for lane in self.lanes.values():
            if lane.worker:
                lane.worker.send({"do": "free"})

    async def peek(self, device: str | None, job: str, node: str, output: str) -> Mapping[str, Any]:
        """What an output of a job gave, which a device ran; see `WorkerHandle.peek`."""
        lane = self.lanes.get(device or "")
        if lane is None or lane.worker is None or lane.state == "starting":
            return GONE
        return await lane.worker.peek(job, node, output, self.patience.peek)

    @property
    def alive(self) -> bool:
        """Whether every device has a worker that gives signs of life."""
        return all(lane.worker is not None and lane.worker.alive(self.patience.silent) for lane in self.lanes.values())

    async def _serve(self, lane: Lane) -> None:
        delay = 0.25
        while not self._draining.is_set():
            lane.state, lane.starts = "starting", lane.starts + 1
            try:
                lane.worker = await WorkerHandle.start(self._settings[lane.device])
                catalogue = await lane.worker.ready(self.patience.start, self._draining)
                await asyncio.to_thread(self.known, catalogue)
                delay = 0.25
                await self._work(lane, lane.worker)
            except (WorkerDied, OSError) as death:  # OSError: no process or pipe could be had
                log.warning("the worker of %s died: %s", lane.device, death)
                lane.state = "failed"
            finally:
                if lane.worker:
                    await lane.worker.kill()
                lane.worker = None
            if not self._draining.is_set():
                await _within(self._draining, delay)
                delay = min(delay * 2, 30.0)
        lane.state = "stopped"

    async def _work(self, lane: Lane, worker: WorkerHandle) -> None:
        while not self._draining.is_set():
            lane.wake.clear()
            lane.state = "idle"
            claim = await self._stored(lambda: self.attempts.claim(lane.device))
            if claim is None:
                await worker.alive_until(lane.wake, self.patience.silent)
                continue
            failpoint("after_claim")
            lane.state, lane.claim = "running", claim
            try:
                await self._attempt(lane, worker, claim)
            finally:
                lane.claim = None
                lane.cancelling.clear()
                self._cancelled.discard(claim.attempt.job)

    async def _attempt(self, lane: Lane, worker: WorkerHandle, claim: Claim) -> None:
        if claim.attempt.job in self._cancelled:
            lane.cancelling.set()
        watch = asyncio.create_task(self._watch(lane, worker, claim))
        try:
            await self._follow(worker, claim)
        except WorkerDied as death:
            await worker.kill()
            # Back in the queue before its files are taken back: what the database names stays.
            if self._draining.is_set() and death.ours:
                await self._stored(lambda: self.attempts.release(claim.attempt))
            else:
                reason = Reason("crashed", f"the worker died while the job ran: {death}")
                await self._stored(lambda: self.attempts.crash(claim.attempt, reason))
            raise
        except QueueRefused as refusal:  # what the worker said cannot be stored
            await worker.kill()
            reason = Reason.of(refusal)
            with suppress(StaleAttempt):
                await self._stored(lambda: self.attempts.fail(claim.attempt, reason))
            raise WorkerDied(str(refusal)) from refusal
        finally:
            watch.cancel()
            await self.clean(claim.attempt.number)

    async def _watch(self, lane: Lane, worker: WorkerHandle, claim: Claim) -> None:
        """Ask the worker to stop when that is wished, and kill it if it does not."""
        cancelling, draining = (asyncio.create_task(each.wait()) for each in (lane.cancelling, self._draining))
        try:
            await asyncio.wait((cancelling, draining), return_when=asyncio.FIRST_COMPLETED)
            if draining.done():
                await asyncio.wait((cancelling,), timeout=self.patience.drain)
            if cancelling.done():
                worker.send({"do": "cancel", "attempt": claim.attempt.number})
                await asyncio.sleep(self.patience.stopping)
            worker.end()
        finally:
            cancelling.cancel()
            draining.cancel()

    async def _follow(self, worker: WorkerHandle, claim: Claim) -> Job:
        """Send a job to the worker, and record what it says until it has ended."""
        worker.send(
            {
                "do": "run",
                "attempt": claim.attempt.number,
                "job": claim.attempt.job,
                "document": claim.submitted.document,
                "targets": claim.submitted.targets,
                "texts": claim.submitted.texts,
            }
        )
        while True:
            said: list[Any] = []
            for frame in await worker.said(self.patience.silent):
                if frame.message.get("attempt") != claim.attempt.number:
                    continue
                if frame.message["say"] == "ended":
                    return await self._end(claim, said, frame.message)
                said += _spoken(frame)
            if said:
                await self._stored(lambda said=said: self.attempts.record(claim.attempt, said))

    async def _end(self, claim: Claim, said: list[Any], message: dict[str, Any]) -> Job:
        attempt, how = claim.attempt, message["how"]
        failpoint("before_publish")
        if how == "done":
            job = await self._stored(lambda: self.attempts.publish(attempt, said))
            failpoint("after_publish")
            return job
        if how == "failed":
            reason = Reason(**message["reason"])
            return await self._stored(lambda: self.attempts.fail(attempt, reason, said))
        if how == "cancelled":
            await self._stored(lambda: self.attempts.record(attempt, said))
            return await self._stored(lambda: self.attempts.stop(attempt))
        raise WorkerDied(message["reason"]["message"])

    async def clean(self, attempt: int) -> None:
        """Take back what an attempt placed and the database does not name, and remove what it left aside."""
        placed = await asyncio.to_thread(self.staging.placed, attempt)
        orphans = await self._stored(lambda: self.attempts.orphans(placed))
        await asyncio.to_thread(self.staging.settle, attempt, orphans)

    async def _stored(self, call: Callable[[], Awaitable[T]]) -> T:
        """What the database answers; while it cannot be written, ask again: the worker's result is not lost for it."""
        while True:
            try:
                return await call()
            except NodegraphError as error:
                if error.kind not in ("storage", "queue_full") or self._draining.is_set():
                    raise
                log.warning("the queue cannot be written: %s", error)
                await asyncio.sleep(self.patience.storage)


def _spoken(frame: Frame) -> list[Any]:
    if frame.message["say"] == "events":
        return frame.message["events"]
    return [Preview(frame.message["event"], frame.blob)] if frame.message["say"] == "preview" else []


async def _within(event: asyncio.Event, seconds: float) -> None:
    """Wait for an event, but not longer than so many seconds."""
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
