"""What the queue hands out and takes in: frozen values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast

from ..comfyui import api_nodes
from ..errors import NodegraphError, Rejected, TooLarge

State = Literal["queued", "running", "done", "failed", "cancelled", "crashed"]
FLEETING = frozenset({"progressed", "preview"})  # events that are told and not kept
ENDED: tuple[State, ...] = ("done", "failed", "cancelled", "crashed")
LONGEST_MESSAGE = 4000


@dataclass(frozen=True)
class Limits:
    """How much the queue holds. Sizes are bytes of UTF-8 JSON; what is over a limit is refused, never cut."""

    queued: int = 1000
    queued_per_client: int = 500
    retry_after: float = 5.0
    document: int = 2**20  # the document, and as much again for what comes with it
    event: int = 2**16
    events_per_job: int = 8192  # beyond, the oldest goes
    history: int = 10_000  # jobs that have ended; beyond, the one that ended first is forgotten
    crashes: int = 2  # of the worker, by the job itself, before it ends as crashed
    interruptions: int = 5  # by the death of the whole server, which is seldom the job's fault


@dataclass(frozen=True)
class Reason:
    """Why a job ended without a result: `kind` as in errors, and the node that failed."""

    kind: str
    message: str
    node: str | None = None
    hint: str | None = None

    @classmethod
    def of(cls, error: NodegraphError, node: str | None = None) -> Reason:
        return cls(error.kind, str(error), node, error.hint)

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"message": self.message[:LONGEST_MESSAGE]}


@dataclass(frozen=True)
class Receipt:
    """Proof that a job is stored for good: its id and its number in the order of acceptance."""

    id: str
    number: int


@dataclass(frozen=True)
class Output:
    """A file that a job made: its name relative to a folder ("output", "temp"), never an absolute path."""

    node: str
    folder: str
    name: str
    kind: str = "image"
    media_type: str = "image/png"
    size: int = 0
    sha256: str = ""


@dataclass(frozen=True)
class Asset:
    """An output that clients may ask for, by an id that cannot be guessed."""

    id: str
    job: str
    output: Output

    def to_json(self) -> dict[str, Any]:
        return {"id": self.id, **asdict(self.output)}

    @classmethod
    def from_json(cls, job: str, data: Mapping[str, Any]) -> Asset:
        fields: dict[str, Any] = {name: value for name, value in data.items() if name != "id"}
        return cls(data["id"], job, Output(**fields))


@dataclass(frozen=True)
class Job:
    """A job as stored. `number` is the order of acceptance; `seconds` is how long the attempt that ended it took.

    The times with `_at` are wall clock (seconds since 1970), to be shown and never compared.
    """

    id: str
    number: int
    client: str
    priority: int
    state: State
    cancelling: bool
    attempt: int | None
    attempts: int
    crashes: int
    interruptions: int
    device: str | None
    reason: Reason | None
    created_at: float
    started_at: float | None
    ended_at: float | None
    ended: int | None  # the number of the event that ended it: the order of the history
    seconds: float | None
    outputs: tuple[Asset, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {
            "reason": self.reason and self.reason.to_json(),
            "outputs": [asset.to_json() for asset in self.outputs],
        }


@dataclass(frozen=True)
class Submitted:
    """What a job was submitted with: the document, and what came with it.

    `extra` may have the "targets" to run, and the "extra_data" of a client of ComfyUI's.
    """

    document: Any
    extra: Any = None

    @property
    def targets(self) -> list[str] | None:
        """The nodes to run; None for all outputs."""
        return mapping(self.extra).get("targets")

    @property
    def extra_data(self) -> dict[str, Any]:
        return mapping(mapping(self.extra).get("extra_data"))

    @property
    def texts(self) -> dict[str, str]:
        """What a picture carries beside our own workflow, by keyword: what ComfyUI's clients look for in it."""
        notes = mapping(self.extra_data.get("extra_pnginfo"))
        texts = {name: json.dumps(note) for name, note in notes.items() if name.isidentifier() and name != "nodegraph"}
        return texts | ({"prompt": json.dumps(self.document)} if api_nodes(self.document) else {})


def mapping(value: object) -> dict[str, Any]:
    """A JSON object, or an empty one in the place of anything else."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


@dataclass(frozen=True)
class Attempt:
    """The right to run a job and to publish its result; `number` is never given twice, so it tells a late attempt."""

    job: str
    number: int


@dataclass(frozen=True)
class Claim:
    """A job to be run now."""

    attempt: Attempt
    client: str
    submitted: Submitted


@dataclass(frozen=True)
class Entry:
    """One event of one job. `number` counts over all jobs and only grows; `event` is JSON data, its kind in "event".

    A change of state is `{"event": "job", "state": …}`; all others are what the run said. What is only worth telling
    while it is new (progress, and previews with their picture in `blob`) has no number, and is not kept.
    """

    number: int | None
    job: str
    client: str
    at: float
    event: Mapping[str, Any]
    blob: bytes = b""


@dataclass(frozen=True)
class Preview:
    """A small picture of where a running node is."""

    event: Mapping[str, Any]
    picture: bytes


@dataclass(frozen=True)
class Counts:
    """The queue at a glance; `history` is the number of jobs that have ended and are still known."""

    queued: int
    running: int
    history: int
    paused: bool


def json_text(value: object, limit: int, what: str) -> str:
    """A value as JSON text that keeps the order of its keys; Rejected if it is not JSON, TooLarge beyond the limit."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        size = len(text.encode())
    except (ValueError, TypeError, RecursionError) as error:
        raise Rejected(f"{what} that is plain JSON", f"something else: {error}") from error
    if size > limit:
        raise TooLarge(f"{what} of {size} bytes; at most {limit} are taken")
    return text
