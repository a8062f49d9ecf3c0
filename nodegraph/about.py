"""What a workflow says of itself in its view, under `.about`: the words that a list of workflows shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple, cast

from .document import read_document
from .errors import InvalidGraph


class About(NamedTuple):
    title: str
    text: str


def about(document: object, name: str) -> About:
    """The title and the sentence of a workflow; one that says nothing has its name for a title."""
    said = part(part(document, "view"), ".about")
    return About(str(said.get("title", name)), str(said.get("text", "")))


def about_file(path: Path, name: str) -> About:
    """As `about`, of a file; one that cannot be read says nothing."""
    try:
        return about(read_document(path), name)
    except InvalidGraph:
        return About(name, "")


def part(owner: object, key: str) -> dict[str, Any]:
    """The object under a key of a view, or an empty one in the place of anything else."""
    value = cast("dict[str, Any]", owner).get(key) if isinstance(owner, dict) else None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
