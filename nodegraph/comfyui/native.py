"""What a reader of a foreign format gives: a native document, and the way back to the original."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from ..errors import Problem, ProblemKind

Place = tuple[object, ...]
Explained = frozenset[tuple[str, str | None, ProblemKind]]


@dataclass(frozen=True)
class Native:
    """A native document, and what its reader found wrong with the original.

    `original` turns a pointer into the native document into one into the original; None if they are the same.
    `explained` has the problems (node, input, kind) that the native document has only because of the reader's own.
    """

    document: object
    original: Callable[[str], str] | None = None
    problems: tuple[Problem, ...] = ()
    explained: Explained = frozenset()

    def with_own(self, found: Iterable[Problem]) -> list[Problem]:
        """The reader's problems and those found in the native document, with pointers into the original."""
        if self.original is None:
            return list(found)
        later = [problem for problem in found if (problem.node, problem.socket, problem.kind) not in self.explained]
        return [*self.problems, *(replace(each, pointer=self.original(each.pointer)) for each in later)]
