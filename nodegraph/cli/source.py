"""FILE: a workflow by path, from a saved picture, from standard input, or by the name of one that is shipped."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from nodegraph.document import read_document
from nodegraph.errors import InvalidGraph, MissingFile, closest
from nodegraph.folders import shipped_workflows
from nodegraph.picture import is_picture, workflow_in

LARGEST = 256 << 20


@dataclass(frozen=True)
class Source:
    """A document, what to call it, and the folder that its pictures are looked for in first."""

    document: object
    name: str
    folder: Path


def read_source(word: str) -> Source:
    """The workflow that FILE stands for. MissingFile names the nearest ones; InvalidGraph says what is not JSON."""
    if word == "-":
        return Source(parse(sys.stdin.buffer, "standard input"), "standard input", Path.cwd())
    try:
        path = found(word)
        with path.open("rb") as file:
            return Source(parse(file, word), word, path.absolute().parent)
    except (FileNotFoundError, ValueError) as error:  # a name with a NUL in it is a ValueError
        raise MissingFile(f"there is no workflow {word!r}", hint=nearest(word)) from error
    except OSError as error:
        raise MissingFile(f"{word} cannot be read: {error.strerror}") from error


def found(word: str) -> Path:
    """A file of the caller's own by that name, or else the shipped workflow."""
    path = Path(word)
    return path if path.exists() else shipped_workflows().get(word, path)


def nearest(word: str) -> str:
    shipped = list(shipped_workflows())
    near = closest(word, [*map(str, Path(word).parent.glob("*.json")), *shipped])
    return f"did you mean {' or '.join(near)}?" if near else f"the workflows that are shipped: {', '.join(shipped)}"


def parse(file: BinaryIO, name: str) -> object:
    content = file.read(LARGEST + 1)
    try:
        return workflow_in(content) if is_picture(content) else read_document(content)
    except InvalidGraph as error:
        error.add_note(name)
        raise
