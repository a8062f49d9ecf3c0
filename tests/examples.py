"""Small nodes that the engine's tests are written with. They compute next to nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from nodegraph import (
    Artifact,
    Document,
    File,
    Multiline,
    NodegraphError,
    Output,
    Profile,
    Progress,
    Range,
    Registry,
    SaveName,
    Seed,
    Steps,
    node,
)


@dataclass(frozen=True)
class Latent:
    """A stand-in for a tensor, which knows its size and whether it is finite."""

    numbers: tuple[float, ...]

    @property
    def nbytes(self) -> int:
        return 8 * len(self.numbers)

    def non_finite(self) -> str | None:
        return "1 NaN" if any(number != number for number in self.numbers) else None


class Masked(Latent):
    """A kind of latent."""


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Halves(NamedTuple):
    left: Latent
    right: Latent


@node("Empty", category="latent")
def empty(size: Annotated[int, Range(1, 64)], fill: float = 0.0) -> Latent:
    """Make a latent of one number, `size` times."""
    return Latent((fill,) * size)


@node("Add", category="latent")
def add(latent: Latent, amount: Annotated[float, Range(-1000, 1000)] = 1.0, other: Latent | None = None) -> Latent:
    """Add to a latent.

    The other latent, if there is one, is added as well.
    """
    others = other.numbers if other else (0.0,) * len(latent.numbers)
    return replace(latent, numbers=tuple(a + amount + b for a, b in zip(latent.numbers, others, strict=False)))


@node("Split")
def split(latent: Latent) -> Halves:
    """Cut a latent in two."""
    middle = len(latent.numbers) // 2
    return Halves(Latent(latent.numbers[:middle]), Latent(latent.numbers[middle:]))


@node("Walk", category="sampling")
def walk(
    latent: Latent, steps: Annotated[int, Range(0, 1000)] = 3, method: Literal["euler", "heun"] = "euler",
    seed: Annotated[int, Seed()] = 0,
) -> Steps[Latent]:  # fmt: skip
    """Go step by step."""
    for done in range(steps):
        latent = replace(latent, numbers=tuple(number + (method == "heun") + seed for number in latent.numbers))
        yield Progress(done + 1, steps, preview=latent)
    return latent


@node("Measure")
def measure(latent: Latent) -> Annotated[int, Output("size")]:
    """Count the numbers in a latent."""
    return len(latent.numbers)


@node("Paint")
def paint(
    text: Annotated[str, Multiline()], color: Color = Color.RED, sizes: Annotated[list[int], Range(1)] = [1, 2],  # noqa: B006 -- a default that is read, never changed
    strong: bool = False, strength: float | None = None,
) -> str:  # fmt: skip
    """Describe a painting."""
    assert isinstance(sizes, list)
    return f"{text} {color.name} {sizes} {strong} {strength}"


@node("Load", category="loaders")
def load(name: Annotated[Path, File("data"), "what to read"]) -> str:
    """Read a file."""
    return name.read_text()


@node("Fail")
def fail(latent: Latent, how: Literal["error", "memory", "expected", "nan", "interrupt", "type"] = "error") -> Latent:
    """Fail in one of many ways."""
    raised: dict[str, BaseException] = {
        "error": ValueError("this went wrong"),
        "memory": MemoryError(),
        "expected": NodegraphError("this cannot be used", hint="use another"),
        "interrupt": KeyboardInterrupt(),
    }
    if how in raised:
        raise raised[how]
    not_a_latent: Any = "text"
    return Latent((float("nan"),)) if how == "nan" else not_a_latent


@node("Save", effect=True)
def save(latent: Latent, prefix: Annotated[Path, SaveName()] = Path("out")) -> tuple[Artifact, ...]:
    """Say where a latent would be written."""
    return (Artifact(prefix.with_suffix(f".{len(latent.numbers)}"), "latent", "text/plain"),)


@node("Note", effect=True)
def note(text: str, profile: Profile, document: Document) -> Annotated[str, Output("noted")]:
    """Note a text down, with what ran it and where."""
    return f"{text} on {profile.device}, one of {len(document.data['nodes'])} nodes"


REGISTRY = Registry.of(empty, add, split, walk, measure, paint, load, fail, save, note)


def document(**nodes: Any) -> dict[str, Any]:
    """A workflow of some nodes."""
    return {"nodegraph": 1, "nodes": nodes}


def of(type_name: str, links: dict[str, str] | None = None, /, **values: Any) -> dict[str, Any]:
    """A node of a workflow, with its values."""
    return {"type": type_name, "values": values, "links": links or {}}


def chain(length: int) -> dict[str, Any]:
    """A workflow of one `Empty` and an `Add` after the other, each of another amount: n0, n1, …"""
    adds = {f"n{i}": of("Add", {"latent": f"n{i - 1}.latent"}, amount=i % 999) for i in range(1, length)}
    return document(n0=of("Empty", size=2), **adds)
