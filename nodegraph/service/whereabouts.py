"""Where a worker finds what the nodes of its last jobs gave, and what it says when somebody asks about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..errors import did_you_mean, shown
from ..keys import Key
from ..peek import peek_at, short
from ..plan import Plan
from ..returns import Outputs
from ..sockets import Output
from .wording import without_paths

MOST_JOBS = 32


class Unanswered(Exception):
    """There is nothing to tell; `kind` is as in errors."""

    def __init__(self, kind: str, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.kind, self.hint = kind, hint

    def to_json(self) -> dict[str, Any]:
        return {"refused": self.kind, "message": short(str(self)), "hint": self.hint and short(self.hint)}


class Place(NamedTuple):
    """Where a node's outputs are, if they are kept at all."""

    key: Key | None
    outputs: Mapping[str, Output]


class Trail(NamedTuple):
    """The nodes that a job ran or reused, and why the others did not run."""

    places: Mapping[str, Place]
    left: Mapping[str, str]


class Whereabouts:
    """The trails of the last jobs, whose results are in `cache` until it drops them."""

    def __init__(self, cache: Mapping[Key, Outputs]) -> None:
        self._cache = cache
        self._trails: dict[str, Trail] = {}

    def note(self, job: str, plan: Plan) -> None:
        """Remember a job's nodes; the job that was noted longest ago is forgotten."""
        places = {step.id: Place(step.key, step.type.returns.outputs) for step in plan.steps}
        left = {node: "no target needs it" for node in plan.graph.nodes if node not in places}
        self._trails.pop(job, None)
        self._trails[job] = Trail(places, {**left, **plan.graph.idle})
        while len(self._trails) > MOST_JOBS:
            del self._trails[next(iter(self._trails))]

    def told(self, job: str, node: str, output: str) -> dict[str, Any]:
        """What an output gave, as JSON data; or under `refused` why that cannot be told."""
        try:
            kind, value = self._found(job, node, output)
            return {"type": kind, **peek_at(value).to_json()}
        except Unanswered as refusal:
            return refusal.to_json()
        except (Exception, SystemExit) as error:  # a pack's own code, which must not end the worker
            reason = without_paths(f"{type(error).__name__}: {error}")
            return Unanswered("peek_failed", f"the result cannot be described: {reason}").to_json()

    def _found(self, job: str, node: str, output: str) -> tuple[str, Any]:
        """The type and value of an output; Unanswered."""
        trail = self._trails.get(job)
        if trail is None:
            raise Unanswered("result_gone", "the worker knows nothing of this job's results, or not any more")
        if node in trail.left:
            raise Unanswered("result_gone", f"{shown(node)} did not run: {trail.left[node]}")
        if node not in trail.places:
            raise Unanswered("unknown_node", f"the job has no node {shown(node)}", did_you_mean(node, trail.places))
        key, outputs = trail.places[node]
        if output not in outputs:
            hint = did_you_mean(output, outputs)
            raise Unanswered("unknown_output", f"{shown(node)} has no output {shown(output)}", hint)
        if key is None:
            raise Unanswered("result_gone", f"what {shown(node)} gives is not kept in memory")
        # Looking at a result counts as using it: what people look at stays longest.
        results = self._cache.get(key)
        if results is None:
            raise Unanswered("result_gone", f"{shown(node)} has no result in memory: not yet, or not any more")
        return outputs[output].type, results[list(outputs).index(output)]
