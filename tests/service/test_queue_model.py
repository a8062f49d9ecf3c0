"""The queue against a model of it: whatever is done in whatever order, both say the same."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, MultipleResults, RuleBasedStateMachine, invariant, multiple, rule

from nodegraph.errors import Conflict, NodegraphError, QueueFull, StaleAttempt, UnknownJob
from nodegraph.service.records import Attempt, Job, Limits, Output, Reason
from tests.service.conftest import Queue, saved

LIMITS = Limits(queued=4, queued_per_client=3, history=3, crashes=2, interruptions=2, events_per_job=10_000)
REASON = Reason("error", "because")
NAMES = st.sampled_from("abcdefg")
CLIENTS = st.sampled_from(["me", "you"])


@dataclass
class Known:
    """A job as the model knows it."""

    name: str
    number: int
    content: int
    client: str
    priority: int
    state: str = "queued"
    attempt: int = 0
    crashes: int = 0
    interruptions: int = 0
    cancelling: bool = False
    outputs: int = 0


@dataclass
class Model:
    """The queue as lists: `line` holds the live jobs by place, `past` the ended ones in the order of their ends."""

    jobs: dict[str, Known] = field(default_factory=dict[str, Known])
    line: list[str] = field(default_factory=list[str])
    past: list[str] = field(default_factory=list[str])
    paused: bool = False
    accepted: int = 0
    attempts: int = 0

    def live(self, state: str) -> list[Known]:
        found = [self.jobs[name] for name in self.line if self.jobs[name].state == state]
        return sorted(found, key=lambda job: -job.priority)

    def named(self, name: str) -> Known:
        if name not in self.jobs:
            raise UnknownJob(name)
        return self.jobs[name]

    def waiting(self, name: str) -> Known:
        if self.named(name).state != "queued":
            raise Conflict(name)
        return self.jobs[name]

    def held(self, attempt: Attempt) -> Known:
        job = self.jobs.get(attempt.job)
        if job is None or job.state != "running" or job.attempt != attempt.number:
            raise StaleAttempt("stale")
        return job

    def submit(self, name: str, content: int, client: str, priority: int, front: bool) -> int:
        if name in self.jobs:
            if self.jobs[name].content != content:
                raise Conflict(name)
            return self.jobs[name].number
        queued = self.live("queued")
        if len(queued) >= LIMITS.queued or sum(job.client == client for job in queued) >= LIMITS.queued_per_client:
            raise QueueFull("full", 1)
        self.accepted += 1
        if front:
            priority = max([priority, *(job.priority for job in queued)])
        self.jobs[name] = Known(name, self.accepted, content, client, priority)
        self.line.insert(0 if front else len(self.line), name)
        return self.accepted

    def claim(self) -> str | None:
        if self.paused or not self.live("queued"):
            return None
        job = self.live("queued")[0]
        self.attempts += 1
        job.state, job.attempt = "running", self.attempts
        return job.name

    def end(self, job: Known, state: str) -> str:
        job.state, job.cancelling = state, False
        self.line.remove(job.name)
        self.past.append(job.name)
        while len(self.past) > LIMITS.history:
            del self.jobs[self.past.pop(0)]
        return state

    def publish(self, attempt: Attempt, outputs: int) -> str:
        done = self.jobs.get(attempt.job)
        if done and done.state == "done" and done.attempt == attempt.number:
            return "done"
        job = self.held(attempt)
        job.outputs = outputs
        return self.end(job, "done")

    def fail(self, attempt: Attempt) -> str:
        return self.end(self.held(attempt), "failed")

    def stop(self, attempt: Attempt) -> str:
        if not self.held(attempt).cancelling:
            raise StaleAttempt("nobody asked")
        return self.end(self.held(attempt), "cancelled")

    def crash(self, attempt: Attempt) -> str:
        job = self.held(attempt)
        job.crashes += not job.cancelling
        return self.requeue(job, exhausted=job.crashes >= LIMITS.crashes)

    def release(self, attempt: Attempt) -> str:
        return self.requeue(self.held(attempt), exhausted=False)

    def requeue(self, job: Known, exhausted: bool) -> str:
        if job.cancelling or exhausted:
            return self.end(job, "cancelled" if job.cancelling else "crashed")
        job.state = "queued"
        return "queued"

    def recover(self) -> list[str]:
        running = [self.jobs[name] for name in self.line if self.jobs[name].state == "running"]
        for job in running:
            job.interruptions += not job.cancelling
            self.requeue(job, exhausted=job.interruptions >= LIMITS.interruptions)
        return [job.name for job in running]

    def cancel(self, name: str) -> str:
        job = self.named(name)
        if job.state == "queued":
            return self.end(job, "cancelled")
        job.cancelling = job.state == "running"
        return job.state

    def clear(self, client: str | None) -> int:
        queued = [job for job in self.live("queued") if client in (None, job.client)]
        for job in sorted(queued, key=lambda job: job.number):
            self.end(job, "cancelled")
        return len(queued)

    def move(self, name: str, before: str | None) -> int:
        job = self.waiting(name)
        if before == name:
            return job.priority
        if before is not None:
            job.priority = self.waiting(before).priority
        self.line.remove(name)
        self.line.insert(len(self.line) if before is None else self.line.index(before), name)
        return job.priority

    def forget(self, names: set[str] | None) -> int:
        gone = [name for name in self.past if names is None or name in names]
        for name in gone:
            self.past.remove(name)
            del self.jobs[name]
        return len(gone)


def outcome(call: Callable[[], Any]) -> object:
    """What a call gives, or the class of its refusal."""
    try:
        return call()
    except NodegraphError as error:
        return type(error)


def shape(job: Job) -> tuple[object, ...]:
    return job.id, job.number, job.client, job.priority, job.state, job.cancelling, job.crashes, len(job.outputs)


def expected(job: Known) -> tuple[object, ...]:
    return job.name, job.number, job.client, job.priority, job.state, job.cancelling, job.crashes, job.outputs


class QueueMachine(RuleBasedStateMachine):
    """Every rule does one thing to both, and both must answer alike."""

    attempts = Bundle[Attempt]("attempts")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.queue = Queue(Path(self.folder.name) / "jobs.sqlite", LIMITS)
        self.model = Model()

    def teardown(self) -> None:
        assert self.queue.jobs.faults().result() == []
        self.queue.store.close()
        self.folder.cleanup()

    def alike(self, real: Callable[[], Any], model: Callable[[], Any]) -> None:
        assert outcome(real) == outcome(model)

    @rule(
        name=NAMES,
        content=st.sampled_from([0, 0, 0, 1]),
        client=CLIENTS,
        priority=st.integers(-1, 1),
        front=st.sampled_from([False, False, True]),
    )
    def submit(self, name: str, content: int, client: str, priority: int, front: bool = False) -> None:
        submit = self.queue.jobs.submit
        self.alike(
            lambda: (
                submit({"content": content}, job=name, client=client, priority=priority, front=front).result().number
            ),
            lambda: self.model.submit(name, content, client, priority, front),
        )

    @rule(target=attempts)
    def claim(self) -> Attempt | MultipleResults[Attempt]:
        claim, name = self.queue.attempts.claim("cpu").result(), self.model.claim()
        assert (claim and (claim.attempt.job, claim.attempt.number)) == (name and (name, self.model.attempts))
        nothing: MultipleResults[Attempt] = multiple()
        return claim.attempt if claim else nothing

    @rule(attempt=attempts, outputs=st.integers(0, 2))
    def publish(self, attempt: Attempt, outputs: int) -> None:
        files = [Output("save", "output", f"{attempt.number}-{position}.png") for position in range(outputs)]
        self.alike(
            lambda: self.queue.attempts.publish(attempt, saved(*files)).result().state,
            lambda: self.model.publish(attempt, outputs),
        )

    @rule(attempt=attempts)
    def fail(self, attempt: Attempt) -> None:
        self.alike(lambda: self.queue.attempts.fail(attempt, REASON).result().state, lambda: self.model.fail(attempt))

    @rule(attempt=attempts)
    def crash(self, attempt: Attempt) -> None:
        self.alike(lambda: self.queue.attempts.crash(attempt, REASON).result().state, lambda: self.model.crash(attempt))

    @rule(attempt=attempts)
    def stop(self, attempt: Attempt) -> None:
        self.alike(lambda: self.queue.attempts.stop(attempt).result().state, lambda: self.model.stop(attempt))

    @rule(attempt=attempts)
    def release(self, attempt: Attempt) -> None:
        self.alike(lambda: self.queue.attempts.release(attempt).result().state, lambda: self.model.release(attempt))

    @rule(name=NAMES)
    def cancel(self, name: str) -> None:
        self.alike(lambda: self.queue.jobs.cancel(name).result().state, lambda: self.model.cancel(name))

    @rule(target=attempts, names=st.permutations("abcdefg"), priority=st.integers(-1, 1))
    def submit_all_and_claim(self, names: list[str], priority: int) -> Attempt | MultipleResults[Attempt]:
        for number, name in enumerate(names):
            self.submit(name, 0, ["me", "you"][number % 2], priority)
        return self.claim()

    @rule(attempt=attempts)
    def cancel_what_was_claimed(self, attempt: Attempt) -> None:
        self.cancel(attempt.job)

    @rule(name=NAMES, before=st.none() | NAMES)
    def move(self, name: str, before: str | None) -> None:
        self.alike(lambda: self.queue.jobs.move(name, before).result().priority, lambda: self.model.move(name, before))

    @rule(client=st.none() | CLIENTS)
    def clear(self, client: str | None) -> None:
        self.alike(lambda: self.queue.jobs.clear(client).result(), lambda: self.model.clear(client))

    @rule(names=st.none() | st.sets(NAMES))
    def forget(self, names: set[str] | None) -> None:
        self.alike(lambda: self.queue.jobs.forget(names).result(), lambda: self.model.forget(names))

    @rule()
    def pause_or_resume(self) -> None:
        self.model.paused = not self.model.paused
        (self.queue.jobs.pause() if self.model.paused else self.queue.jobs.resume()).result()

    @rule()
    def reopen(self) -> None:
        self.queue.reopen()
        assert [job.id for job in self.queue.attempts.recover().result()] == self.model.recover()

    @invariant()
    def the_line_is_the_same(self) -> None:
        line = [*self.model.live("running"), *self.model.live("queued")]
        assert [shape(job) for job in self.queue.jobs.live().result()] == [expected(job) for job in line]

    @invariant()
    def the_history_is_the_same_and_holds_its_outputs_alone(self) -> None:
        past = [self.model.jobs[name] for name in reversed(self.model.past)]
        assert [shape(job) for job in self.queue.jobs.history().result()] == [expected(job) for job in past]
        names = {f"{job.attempt}-{position}.png" for job in past for position in range(job.outputs)}
        assert self.queue.jobs.known_files("output").result() == names

    @invariant()
    def every_committed_event_was_heard_once_and_in_order(self) -> None:
        numbers = [entry.number for entry in self.queue.heard]
        assert numbers == list(range(1, len(numbers) + 1))
        kept = [entry for entry in self.queue.heard if entry.job in self.model.jobs]
        read = self.queue.jobs.events(most=10_000).result()
        assert [entry for entry in kept if entry in read] == read


QueueMachine.TestCase.settings = settings(
    max_examples=40,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestTheQueueDoesWhatItsModelDoes = QueueMachine.TestCase
