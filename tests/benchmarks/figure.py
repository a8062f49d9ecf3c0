"""One line of the tables that `make bench` and `make soak` print."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

MARKS = {True: "reached", False: "MISSED", None: ""}


class Figure(NamedTuple):
    """What was measured, and what it should reach; `reached` is None where there is nothing to reach."""

    what: str
    measured: str
    reach: str
    reached: bool | None


@dataclass(frozen=True)
class Scale:
    """How often the server's figures repeat what they measure."""

    kills: int
    faults: int
    frames: int
    repeats: int


QUICK = Scale(kills=20, faults=9, frames=250, repeats=3)
FULL = Scale(kills=200, faults=100, frames=10_000, repeats=10)


def show(parts: Mapping[str, Callable[[], Iterable[Figure]]]) -> int:
    """Print the figures of some parts as they come; gives how many were missed."""
    missed = 0
    for title, measure in parts.items():
        print(f"\n{title}\n{'-' * len(title)}")
        for figure in measure():
            mark = MARKS[figure.reached]
            print(f"{figure.what:<64} {figure.measured:>34}   reach {figure.reach:<12} {mark}", flush=True)
            missed += figure.reached is False
    return missed
