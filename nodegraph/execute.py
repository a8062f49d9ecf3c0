"""A run: a generator of events that returns results."""

from __future__ import annotations

import traceback
from collections.abc import Generator, Mapping, MutableMapping
from contextlib import closing
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, NamedTuple

from .errors import NodeFailed, NonFinite, OutOfMemory
from .events import Artifact, Completed, Event, Failed, Finished, Planned, Progressed, Reused, Started, Steps
from .keys import Key
from .plan import Plan, Step
from .returns import Outputs


class Result(NamedTuple):
    """What a target gave: its outputs by name, and the files that it wrote."""

    outputs: Mapping[str, Any]
    artifacts: tuple[Artifact, ...] = ()


Results = Mapping[str, Result]
Run = Generator[Event, None, Results]


def execute(plan: Plan, cache: MutableMapping[Key, Outputs]) -> Run:
    """Run what the plan's targets need and `cache` does not have; yield events, return the targets' results by id.

    A failing node yields Failed, and then NodeFailed is raised, chained from what the node raised. `close()` cancels at
    any event: the running node's generator is closed, and nothing of it is cached.
    """
    began = perf_counter()
    held = _Held(plan, cache)
    total = len(held.pending)
    yield Planned(len(plan.steps), total, len(plan.steps) - total)
    started = 0
    for index, step in enumerate(plan.steps):
        if index not in held.pending:
            yield Reused(step.id, step.type.name)
            continue
        started += 1
        yield Started(step.id, step.type.name, started, total)
        node_began = perf_counter()
        try:
            outputs, artifacts = yield from _outputs(step, held.arguments(step), plan)
        except Exception as error:
            failure = _failure(step, error)
            yield Failed(step.id, step.type.name, failure.reason, type(error).__name__, failure.kind, failure.hint)
            held.outputs.clear()  # or whoever keeps the exception keeps every result, through its traceback
            raise failure from error
        held.keep(index, outputs, artifacts)
        if step.key is not None:
            cache[step.key] = outputs
        del outputs  # or this would be held until the next step is done
        yield Finished(step.id, perf_counter() - node_began, artifacts)
    yield Completed(perf_counter() - began, total, len(plan.steps) - total)
    return held.results()


def results_of(run: Run) -> Results:
    """Run to the end, and let the events go by."""
    while True:
        try:
            next(run)
        except StopIteration as end:
            return end.value


@dataclass
class _Held:
    """The results that a run has in hand. What nobody will ask for again is let go."""

    plan: Plan
    cache: MutableMapping[Key, Outputs]
    pending: set[int] = field(default_factory=set[int])
    users: dict[int, int] = field(default_factory=dict[int, int])
    outputs: dict[int, Outputs] = field(default_factory=dict[int, Outputs])
    artifacts: dict[int, tuple[Artifact, ...]] = field(default_factory=dict[int, tuple[Artifact, ...]])

    def __post_init__(self) -> None:
        # Cached results are taken before the first step: the cache may drop them while the run fills it.
        taken: dict[Key, Outputs] = {}

        def take(key: Key) -> bool:
            outputs = self.cache.get(key)
            if outputs is None:
                return False
            taken[key] = outputs
            return True

        steps = self.plan.steps
        self.pending = set(self.plan.walk(take))
        self.outputs = {
            index: taken[step.key]
            for index, step in enumerate(steps)
            if step.key in taken and step.twin == index and index not in self.pending
        }
        for target in self.plan.targets:
            self._use(steps[target].twin)
        for index in self.pending:
            for source in steps[index].sources:
                self._use(source.step)

    def _use(self, index: int) -> None:
        self.users[index] = self.users.get(index, 0) + 1

    def arguments(self, step: Step) -> dict[str, Any]:
        """The arguments of a step's function; afterwards it counts no more as a user of its sources."""
        arguments = dict(step.values)
        for name, convert in step.type.converters.items():
            if arguments.get(name) is not None:
                arguments[name] = convert(arguments[name])
        for name, source, output in step.sources:
            arguments[name] = self.outputs[source][output]
        for _, source, _ in step.sources:
            self.users[source] -= 1
            if not self.users[source]:
                del self.outputs[source]
        return arguments

    def keep(self, index: int, outputs: Outputs, artifacts: tuple[Artifact, ...]) -> None:
        if self.users.get(index):
            self.outputs[index] = outputs
        if artifacts:
            self.artifacts[index] = artifacts

    def results(self) -> Results:
        steps = self.plan.steps
        return {
            steps[target].id: Result(
                dict(zip(steps[target].type.returns.outputs, self.outputs[steps[target].twin], strict=True)),
                self.artifacts.get(target, ()),
            )
            for target in self.plan.targets
        }


def _outputs(
    step: Step, arguments: dict[str, Any], plan: Plan
) -> Generator[Progressed, None, tuple[Outputs, tuple[Artifact, ...]]]:
    returns = step.type.returns
    for name, kind in step.type.supplied.items():
        arguments[name] = plan.supply(kind)
    result = step.type.function(**arguments)
    if returns.streams:
        # The generator has its arguments, and may let go of one that it has used up; so they are not kept here.
        arguments.clear()
        result = yield from _progress(step, result)
    outputs, artifacts = returns.taken_apart(result)
    for name, value in zip(returns.outputs, outputs, strict=True):
        look = getattr(value, "non_finite", None)
        fault = look() if look is not None else None
        if fault:
            raise NonFinite(f"the output {name!r} is not finite: {fault}")
    return outputs, artifacts


def _progress(step: Step, steps: Steps[Any]) -> Generator[Progressed, None, Any]:
    with closing(steps):
        while True:
            try:
                progress = next(steps)
            except StopIteration as end:
                return end.value
            yield Progressed(step.id, progress.done, progress.total, progress.preview)


def _failure(step: Step, error: Exception) -> NodeFailed:
    if not _is_out_of_memory(error):
        return NodeFailed(step.id, step.type.name, error)
    # The frames of the traceback hold the very tensors that did not fit.
    traceback.clear_frames(error.__traceback__)
    return OutOfMemory(step.id, step.type.name, error)


def _is_out_of_memory(error: Exception) -> bool:
    """Whether memory ran out. Told by name and text, as torch is not imported here; on a CPU it is a RuntimeError."""
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ in ("OutOfMemoryError", "OutOfMemory")
        or (isinstance(error, RuntimeError) and "can't allocate memory" in str(error))
    )
