"""Workflows in ComfyUI's formats become native documents: one function a format."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from .catalogue import Catalogue, Description
from .document import FORMAT, is_node_id
from .errors import Problem, ProblemKind, shown
from .parser import Object, Report, pointer
from .sockets import Input, an
from .widgets import File, Many, Range, SaveName, Seed, Widget

Place = tuple[object, ...]
# What ComfyUI's front end writes among the inputs for its own use. It changes no result.
DROPPED = frozenset({"upload", "choose file to upload", "control_after_generate", "speak_and_recognation"})
# Where the parts of a native node stand in the API format.
ORIGINALS = {"type": "class_type", "values": "inputs", "links": "inputs"}
LINK = '["4", 0]'


@dataclass(frozen=True)
class Native:
    """A native document, and what its reader found wrong with the original, whose nodes are at `place`.

    `explained` has the problems (node, input, kind) that the native document has only because of the reader's own.
    """

    document: object
    place: Place | None = None
    problems: tuple[Problem, ...] = ()
    explained: frozenset[tuple[str, str | None, ProblemKind]] = frozenset()

    def with_own(self, found: Iterable[Problem]) -> list[Problem]:
        """The reader's problems and those found in the native document, with pointers into the original."""
        if self.place is None:
            return list(found)
        later = [problem for problem in found if (problem.node, problem.socket, problem.kind) not in self.explained]
        return [*self.problems, *(replace(each, pointer=_original(each.pointer, self.place)) for each in later)]


def in_original(problems: Iterable[Problem], document: object) -> list[Problem]:
    """Problems found in the graph of a document, with pointers into the document whatever its format."""
    place = next((place for place, workflow in _candidates(document) if _is_api(workflow)), None)
    return [each if place is None else replace(each, pointer=_original(each.pointer, place)) for each in problems]


def _original(native: str, place: Place) -> str:
    """`/nodes/4/values/text` is `/4/inputs/text` in the API format."""
    if not native.startswith("/nodes/"):
        return pointer(*place)
    node_id, *rest = native.removeprefix("/nodes/").split("/")
    return "/".join((pointer(*place), node_id, *(ORIGINALS[part] for part in rest[:1]), *rest[1:]))


def read(document: object, catalogue: Catalogue) -> Native:
    """A workflow of ComfyUI's as a native document; anything else as it is, for the parser to judge."""
    for place, workflow in _candidates(document):
        if _is_api(workflow):
            return _ApiReader(workflow, catalogue, place).read()
        if _is_canvas(workflow):
            return _read_canvas(place)
    return Native(document)


def is_comfyui(document: object) -> bool:
    """Whether a document is a workflow of ComfyUI's, in whichever format."""
    return any(_is_api(workflow) or _is_canvas(workflow) for _, workflow in _candidates(document))


def api_nodes(document: object) -> dict[str, Any] | None:
    """The nodes of a workflow in API format by id, the very objects of the document; None if it is not in that."""
    return next((dict(workflow) for _, workflow in _candidates(document) if _is_api(workflow)), None)


def _candidates(document: object) -> Iterator[tuple[Place, Object]]:
    """The objects that may be a workflow of ComfyUI's: clients post it under "prompt"."""
    if not isinstance(document, dict):
        return
    top = cast("Object", document)
    if type(top.get("nodegraph")) is int:
        return
    yield (), top
    if isinstance(top.get("prompt"), dict):
        yield ("prompt",), top["prompt"]


def _is_api(workflow: Object) -> bool:
    nodes = (cast("Object", node) for node in workflow.values() if isinstance(node, dict))
    return any(isinstance(node.get("class_type"), str) for node in nodes)


def _is_canvas(workflow: Object) -> bool:
    return isinstance(workflow.get("nodes"), list) and isinstance(workflow.get("links"), list)


def _read_canvas(place: Place) -> Native:
    message = "this is a workflow in ComfyUI's canvas format, which cannot be read yet"
    hint = "save it in ComfyUI with “Export (API)”; that file can be read"
    empty: dict[str, Any] = {"nodegraph": FORMAT, "nodes": {}}
    return Native(empty, place, (Problem(None, None, message, pointer(*place), hint=hint),))


class _ApiReader(Report):
    """Reads `{id: {"class_type": type, "inputs": {name: literal or [source id, output index]}}}`."""

    def __init__(self, nodes: Object, catalogue: Catalogue, place: Place) -> None:
        super().__init__()
        self.nodes, self.place = nodes, place
        self.types = {node_id: _description(node, catalogue) for node_id, node in nodes.items()}
        self.explained: set[tuple[str, str | None, ProblemKind]] = set()

    def read(self) -> Native:
        document: dict[str, Any] = {"nodegraph": FORMAT}
        document["nodes"] = {node_id: self.node(node_id, node) for node_id, node in self.nodes.items()}
        titles = {node_id: _title(node) for node_id, node in self.nodes.items() if is_node_id(node_id)}
        view = {node_id: {"title": title} for node_id, title in titles.items() if title is not None}
        if view:
            document["view"] = view
        return Native(document, self.place, tuple(self.problems), frozenset(self.explained))

    def node(self, node_id: str, raw: object) -> object:
        if not (isinstance(raw, dict) and is_node_id(node_id)):
            return cast("object", raw)  # the parser says what is wrong with it
        body = cast("Object", raw)
        kind = {"type": body["class_type"]} if "class_type" in body else {}
        inputs = body.get("inputs")
        if not isinstance(inputs, dict):
            at, got = (("inputs",), shown(inputs)) if "inputs" in body else ((), "none")
            wanted = 'an object under "inputs"'
            self.expected(node_id, None, (*self.place, node_id, *at), "bad_document", wanted, got)
            self.explained.add((node_id, None, "bad_document"))
            return {**kind, "values": None}
        values, links = self.inputs(node_id, cast("Object", inputs))
        return {**kind, "values": values, "links": links}

    def inputs(self, node_id: str, inputs: Object) -> tuple[Object, Mapping[str, str]]:
        """The inputs of a node as values and links. A refused one is left out: it is not missing for that."""
        values: dict[str, Any] = {}
        links: dict[str, str] = {}
        description = self.types[node_id]
        for name, given in inputs.items():
            socket = description.inputs.get(name) if description else None
            if description and not socket and name in DROPPED:
                continue
            known = len(self.problems)
            if parts := self.link_parts(given, socket):
                link = self.link(node_id, name, *parts)
                if link is not None:
                    links[name] = link
            elif not socket:
                values[name] = given
            elif not self.refused(node_id, socket, given):
                values[name] = _converted(given, socket.widget)
            if len(self.problems) > known:
                self.explained.add((node_id, name, "missing_input"))
        return values, links

    def link_parts(self, given: object, socket: Input | None) -> tuple[str, int] | None:
        """The source and index of a link; None for a literal, which may be a list as well."""
        if not isinstance(given, list):
            return None
        match cast("list[object]", given):
            case [str(source), int(index)] if not isinstance(index, bool):
                listed = socket is not None and isinstance(socket.widget, Many)
                return (source, index) if source in self.nodes or not listed else None
            case _:
                return None

    def link(self, node_id: str, name: str, source: str, index: int) -> str | None:
        at = (*self.place, node_id, "inputs", name)
        if source not in self.nodes:
            hint = self.hint(source, lambda: filter(is_node_id, self.nodes))
            message, got = f"there is no node {shown(source)}", shown(source)
            self.report(node_id, name, message, at, "unknown_node", expected="a node id", got=got, hint=hint)
            return None
        if not is_node_id(source):  # the parser refuses that node, which tells enough
            self.explained.add((node_id, name, "missing_input"))
            return None
        description = self.types[source]
        if description is None:  # any output will do, since the graph is refused
            return f"{source}.unknown"
        outputs = list(description.outputs)
        if 0 <= index < len(outputs):
            return f"{source}.{outputs[index]}"
        message = f"{source} ({description.name}) has no output {shown(index)}"
        names = ", ".join(f"{place} {output}" for place, output in enumerate(outputs)) or "none"
        hint = f"its outputs: {names}"
        self.report(node_id, name, message, at, "unknown_output", expected=names, got=shown(index), hint=hint)
        return None

    def refused(self, node_id: str, socket: Input, given: object) -> bool:
        """Whether the API format has something to say of its own about a literal."""
        at = (*self.place, node_id, "inputs", socket.name)
        if socket.widget is None and not (given is None and socket.nullable):
            wanted = f"a link to {an(socket.type)} output, like {LINK}"
            self.expected(node_id, socket.name, at, "bad_link", wanted, shown(given))
            return True
        if isinstance(socket.widget, SaveName) and isinstance(given, str) and "%" in given:
            hint = "patterns like %date% are not filled in yet: write out what the name shall be"
            self.expected(node_id, socket.name, at, "wrong_type", "a name without patterns", shown(given), hint)
            return True
        return False


def _description(node: object, catalogue: Catalogue) -> Description | None:
    name = cast("Object", node).get("class_type") if isinstance(node, dict) else None
    return catalogue.nodes.get(name) if isinstance(name, str) else None


def _title(node: object) -> str | None:
    meta = cast("Object", node).get("_meta") if isinstance(node, dict) else None
    title = cast("Object", meta).get("title") if isinstance(meta, dict) else None
    return title if isinstance(title, str) else None


def _converted(given: object, widget: Widget | None) -> object:
    """A literal as our widgets write it: 8.0 is 8 where whole numbers go, and a name from Windows has slashes."""
    whole = isinstance(widget, Seed) or (isinstance(widget, Range) and widget.whole)
    if whole and isinstance(given, float) and given.is_integer():
        return int(given)
    if isinstance(widget, File) and isinstance(given, str):
        return given.replace("\\", "/")
    return given
