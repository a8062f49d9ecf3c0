"""The report: collects every problem of one document."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .document import LONGEST_ID
from .errors import Problem, ProblemKind, did_you_mean, shown

Object = Mapping[str, Any]
# Comparing words for "did you mean" is slow, and a hostile document could ask for it without end.
MOST_COMPARED = 8_000_000


def pointer(*parts: object) -> str:
    """An RFC 6901 JSON pointer."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


class Report:
    """Collects every problem of one document."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.compared = 0

    def report(
        self,
        node: str | None,
        socket: str | None,
        message: str,
        at: Iterable[object],
        kind: ProblemKind,
        *,
        expected: str | None = None,
        got: str | None = None,
        hint: str | None = None,
    ) -> None:
        if not (socket is None or (isinstance(socket, str) and socket.isprintable() and len(socket) <= LONGEST_ID)):  # pyright: ignore[reportUnnecessaryIsInstance] -- Python data may have any keys
            socket = shown(socket)
        self.problems.append(Problem(node, socket, message, pointer(*at), expected, got, hint, kind))

    def expected(
        self, node: str | None, socket: str | None, at: Iterable[object], kind: ProblemKind, expected: str, got: str,
        hint: str | None = None,
    ) -> None:  # fmt: skip
        message = f"expected {expected}, got {got}"
        self.report(node, socket, message, at, kind, expected=expected, got=got, hint=hint)

    def hint(self, word: object, words: Callable[[], Iterable[str]]) -> str | None:
        if not isinstance(word, str) or self.compared > MOST_COMPARED:
            return None
        known = list(words())
        self.compared += len(word) * sum(map(len, known))
        return did_you_mean(word, known)
