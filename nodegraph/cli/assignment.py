"""`--set id.input=value`: one value of a workflow said on the command line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, NoReturn, cast

from nodegraph import comfyui
from nodegraph.catalogue import Catalogue
from nodegraph.document import read_document
from nodegraph.errors import InvalidGraph, UsageError, did_you_mean
from nodegraph.sockets import Input, holds


@dataclass(frozen=True)
class Assignment:
    node: str
    input: str
    text: str
    option: str = "--set"

    @classmethod
    def parse(cls, word: str, option: str = "--set", example: str = "sampler.steps=30") -> Assignment:
        """Read `id.input=value`; an id may have dots in it, an input may not."""
        place, equals, text = word.partition("=")
        node, dot, name = place.rpartition(".")
        if not (equals and dot and node and name):
            raise UsageError(f"{option} expects id.input=value, got {word!r}", hint=f"for example {option} {example}")
        return cls(node, name, text, option)

    @property
    def place(self) -> str:
        return f"{self.node}.{self.input}"


def assign(document: object, assignments: Iterable[Assignment], catalogue: Catalogue) -> object:
    """The document with the values set, each in the place of a link that stood there. UsageError says every misfit.

    One in ComfyUI's canvas format, whose values have no names, becomes a native one; InvalidGraph if it cannot.
    """
    assignments = list(assignments)
    changed = native(document, catalogue) if assignments and comfyui.is_canvas_format(document) else deepcopy(document)
    misfits: list[UsageError] = []
    for assignment in assignments:
        try:
            _set(changed, assignment, catalogue)
        except UsageError as misfit:
            misfits.append(misfit)
    if not misfits:
        return changed
    if len(misfits) == 1:
        raise misfits[0]
    raise UsageError("\n".join(f"{misfit}; {misfit.hint}" if misfit.hint else str(misfit) for misfit in misfits))


def native(document: object, catalogue: Catalogue) -> object:
    found = comfyui.read(document, catalogue)
    if found.problems:
        raise InvalidGraph(found.problems)
    return found.document


def _set(document: object, assignment: Assignment, catalogue: Catalogue) -> None:
    foreign = comfyui.api_nodes(document)
    kind, values, links = ("type", "values", "links") if foreign is None else ("class_type", "inputs", "inputs")
    nodes = table(document, "nodes") if foreign is None else foreign
    if not nodes:
        return  # what is wrong with it, checking the document will say, here and below
    if assignment.node not in nodes:
        _refuse(assignment, f"the workflow has no node {assignment.node!r}", assignment.node, nodes)
    node = table(nodes, assignment.node)
    description = catalogue.nodes.get(str(node.get(kind)))
    value: object = assignment.text
    if description:
        if assignment.input not in description.inputs:
            misfit = f"{description.name} has no input {assignment.input!r}"
            _refuse(assignment, misfit, assignment.input, description.inputs)
        value = read(assignment.text, description.inputs[assignment.input])
    table(node, links).pop(assignment.input, None)
    node.setdefault(values, {})
    table(node, values)[assignment.input] = value


def table(owner: object, key: str) -> dict[str, Any]:
    """The object under a key, or an empty one that belongs to nothing."""
    value = cast("dict[str, Any]", owner).get(key) if isinstance(owner, dict) else None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _refuse(assignment: Assignment, message: str, word: str, words: Mapping[str, object]) -> NoReturn:
    hint = did_you_mean(word, words) or f"there is {', '.join(list(words)[:12])}"
    raise UsageError(f"{assignment.option}: {message}", hint=hint)


def read(text: str, socket: Input) -> object:
    """What a word of the command line stands for: text where the input holds text, else JSON, else text again.

    A value that the input refuses is returned all the same: checking the workflow says what is wrong with it.
    """
    widget = socket.widget
    if widget and (widget.schema().get("type") == "string" or holds(socket, text)):
        return text
    try:
        return read_document(text)
    except InvalidGraph:
        return text
