"""Everything that can go wrong on purpose, and the exit code it gives the command line.

NodegraphError                  1
├── UsageError                  2   the caller asked for something that does not exist
│   ├── DeclarationError        2   a function that `@node` cannot read
│   └── PackError               2   a pack of nodes that cannot be found or imported
├── InvalidGraph                3   a workflow with problems, all of them (4 if only files are missing)
│   └── MalformedDocument       3   text that is not a JSON document; has a line and a column
├── Rejected                    3   one literal that an input refuses; becomes a Problem of an InvalidGraph
├── BadInput                    1   a node's expected failure: what it was given cannot be used
├── MissingFile                 4   a file or model that is not there
├── NonFinite                   1   a node's result has NaN or infinity in it
├── StorageFailed               1   the server's database cannot be read or written; `full`: there is no space
├── QueueRefused                1   the queue of jobs refuses what was asked
│   ├── QueueFull               1   too many jobs wait; `retry_after` says in how many seconds to ask again
│   ├── TooLarge                1   a document or an event beyond the limit
│   ├── UnknownJob              1   no job has this id, or not any more
│   ├── Conflict                1   an id that is another document's, or a job in a state that does not allow it
│   └── StaleAttempt            1   a result from an attempt that no longer holds its job
└── NodeFailed                  1   a node raised; wraps the cause and takes over its exit code and hint
    └── OutOfMemory             5   a node ran out of memory, on the host or on the device
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

ProblemKind = Literal[
    "bad_document",
    "unknown_key",
    "bad_id",
    "unknown_type",
    "unknown_input",
    "missing_input",
    "conflict",
    "wrong_type",
    "out_of_range",
    "not_a_choice",
    "bad_link",
    "unknown_node",
    "unknown_output",
    "incompatible",
    "cycle",
    "missing_file",
    "outside_folder",
]

LARGEST_INTEGER = 2**64
LONGEST_SHOWN = 60
# Letters of one word times letters of all others: a quarter of a second of comparing.
MOST_COMPARED = 4_000_000


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a workflow: where, what was expected, what came, and the nearest right word.

    `pointer` is an RFC 6901 JSON pointer that resolves in the document; for something missing, it names the parent.
    """

    node: str | None
    socket: str | None
    message: str
    pointer: str = ""
    expected: str | None = None
    got: str | None = None
    hint: str | None = None
    kind: ProblemKind = "bad_document"

    @property
    def missing_file(self) -> bool:
        return self.kind == "missing_file"

    @property
    def where(self) -> str:
        """`node.socket`, `node`, or nothing for a problem of the whole document."""
        return ".".join(part for part in (self.node, self.socket) if part is not None)

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message

    def to_json(self) -> dict[str, str | None]:
        return asdict(self)


class NodegraphError(Exception):
    """Anything this package raises on purpose."""

    exit_code: int = 1
    kind: str = "error"

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(NodegraphError):
    exit_code = 2
    kind = "usage"


class DeclarationError(UsageError):
    kind = "declaration"


class PackError(UsageError):
    kind = "pack"


class InvalidGraph(NodegraphError):
    """A workflow that cannot be run, with every problem found in it."""

    kind = "invalid_graph"

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))
        self.exit_code = 4 if all(problem.missing_file for problem in self.problems) else 3


class MalformedDocument(InvalidGraph):
    """Text that is not a JSON document; line and column count from 1."""

    kind = "malformed_document"

    def __init__(self, message: str, line: int, column: int) -> None:
        self.line, self.column = line, column
        super().__init__([Problem(None, None, f"line {line}, column {column}: {message}")])


class Rejected(NodegraphError):
    """A literal that a widget refuses; `words` lists what it may have been meant to be, when asked."""

    exit_code = 3

    def __init__(
        self,
        expected: str,
        got: str,
        problem: ProblemKind = "wrong_type",
        *,
        hint: str | None = None,
        words: Callable[[], Iterable[str]] | None = None,
    ) -> None:
        super().__init__(f"expected {expected}, got {got}", hint=hint)
        self.problem: ProblemKind = problem
        self.expected, self.got, self.words = expected, got, words


class BadInput(NodegraphError):
    kind = "bad_input"


class MissingFile(NodegraphError):
    exit_code = 4
    kind = "missing_file"


class NonFinite(NodegraphError):
    kind = "non_finite"


class StorageFailed(NodegraphError):
    """The database cannot be read or written. Nothing that was accepted is lost; the call may be repeated."""

    kind = "storage"

    def __init__(self, message: str, *, full: bool = False, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.full = full


class QueueRefused(NodegraphError):
    kind = "queue_refused"


class QueueFull(QueueRefused):
    kind = "queue_full"

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message, hint=f"ask again in {retry_after:g} s")
        self.retry_after = retry_after


class TooLarge(QueueRefused):
    kind = "too_large"


class UnknownJob(QueueRefused):
    kind = "unknown_job"


class Conflict(QueueRefused):
    kind = "conflict"


class StaleAttempt(QueueRefused):
    kind = "stale_attempt"


class NodeFailed(NodegraphError):
    """The failure of one node; `cause` is what it raised, and is chained."""

    def __init__(self, node: str, type_name: str, cause: Exception) -> None:
        expected = isinstance(cause, NodegraphError)
        text = str(cause) if expected else f"{type(cause).__name__}: {cause}".removesuffix(": ")
        super().__init__(f"{node} ({type_name}): {text}", hint=cause.hint if expected else None)
        self.node, self.type_name, self.cause, self.reason = node, type_name, cause, text
        if expected:
            self.exit_code, self.kind = cause.exit_code, cause.kind


class OutOfMemory(NodeFailed):
    def __init__(self, node: str, type_name: str, cause: Exception) -> None:
        super().__init__(node, type_name, cause)
        self.exit_code, self.kind = 5, "out_of_memory"
        self.hint = "use smaller pictures, a smaller batch, or another --device or --dtype"


def shown(value: object) -> str:
    """A value as an error message shows it: short, and never failing, whatever the value is."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return repr(value) if len(value) <= LONGEST_SHOWN else f"{value[:LONGEST_SHOWN]!r}…"
    if isinstance(value, int):
        return str(value) if abs(value) <= LARGEST_INTEGER else "an integer beyond 2^64"
    if isinstance(value, float):
        return repr(value)
    return {"list": "a list", "dict": "an object"}.get(type(value).__name__, f"a Python {type(value).__name__}")


def closest(word: str, words: Iterable[str], limit: int = 3) -> Sequence[str]:
    """The words that `word` may have been meant to be, best first."""
    if len(word) > 2 * LONGEST_SHOWN:
        return ()
    by_folded = {known.casefold(): known for known in words}
    if len(word) * sum(map(len, by_folded)) > MOST_COMPARED:
        return ()
    return [by_folded[folded] for folded in difflib.get_close_matches(word.casefold(), by_folded, limit)]


def did_you_mean(word: str, words: Iterable[str]) -> str | None:
    """A hint that names the closest words, or nothing if none is close."""
    near = closest(word, words)
    return f"did you mean {' or '.join(repr(known) for known in near)}?" if near else None
