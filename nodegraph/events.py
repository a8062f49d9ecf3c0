"""What a run says while it goes: frozen values, in the order

    Planned (Reused | Started Progressed* Finished)* (Completed | [Started Progressed*] Failed | Cancelled)

Every step of the plan is either finished or reused in a run that completes. `Cancelled` is said by whoever closed the
run, since a closed generator cannot speak any more.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import ClassVar, Protocol, TypeVar, cast, runtime_checkable

T = TypeVar("T")


@runtime_checkable
class Encodable(Protocol):
    """A preview that becomes a small picture file when somebody wants to see it."""

    def encode(self) -> tuple[bytes, str]:
        """The file, and its media type."""
        ...


@dataclass(frozen=True)
class Progress:
    """What a long node yields: `done` of `total`, and a preview of where it is, Encodable if it can be shown."""

    done: int
    total: int
    preview: object | None = None


# A long node is declared `-> Steps[Latent]`: it yields its progress and returns its result.
Steps = Generator[Progress, None, T]


@dataclass(frozen=True)
class Artifact:
    """A file that an effect node wrote."""

    path: Path
    kind: str = "image"
    media_type: str = "image/png"

    def to_json(self) -> dict[str, str]:
        return {"path": str(self.path), "kind": self.kind, "media_type": self.media_type}


@dataclass(frozen=True)
class _Event:
    name: ClassVar[str]
    unsaid: ClassVar[frozenset[str]] = frozenset()

    def to_json(self) -> dict[str, object]:
        """The event as JSON data, its kind under "event"."""
        said = (field.name for field in fields(self) if field.name not in self.unsaid)
        return {"event": self.name} | {name: _plain(getattr(self, name)) for name in said}


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return [_plain(item) for item in cast("tuple[object, ...]", value)]
    return value.to_json() if isinstance(value, Artifact) else value


@dataclass(frozen=True)
class Planned(_Event):
    """The run begins: of `total` steps, `pending` will run and `reused` will not (total = pending + reused)."""

    name = "planned"
    total: int
    pending: int
    reused: int


@dataclass(frozen=True)
class Reused(_Event):
    """A step that need not run: it, its twin or what needs it has a result already."""

    name = "reused"
    node: str
    type: str


@dataclass(frozen=True)
class Started(_Event):
    """A step starts: number `index` (from 1) of the `total` that run."""

    name = "started"
    node: str
    type: str
    index: int
    total: int


@dataclass(frozen=True)
class Progressed(_Event):
    """A running step has done `done` of `total`; the preview is for whoever knows it and is not in the JSON."""

    name = "progressed"
    unsaid = frozenset({"preview"})
    node: str
    done: int
    total: int
    preview: object | None = None


@dataclass(frozen=True)
class Finished(_Event):
    """A step is done; `artifacts` are the files that it wrote."""

    name = "finished"
    node: str
    seconds: float
    artifacts: tuple[Artifact, ...] = ()


@dataclass(frozen=True)
class Failed(_Event):
    """A step failed: `type` is the node's, `error` the message, `exception` the class raised, `kind` as in errors."""

    name = "failed"
    node: str
    type: str
    error: str
    exception: str
    kind: str = "error"
    hint: str | None = None


@dataclass(frozen=True)
class Cancelled(_Event):
    """The run was closed while `node` ran, or between nodes."""

    name = "cancelled"
    node: str | None = None


@dataclass(frozen=True)
class Completed(_Event):
    """The run is done: how many steps ran and were reused, in how many seconds."""

    name = "completed"
    seconds: float
    ran: int
    reused: int


Event = Planned | Reused | Started | Progressed | Finished | Failed | Cancelled | Completed
