"""ComfyUI's API format: the nodes by id, each with its inputs by name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, cast

from ..catalogue import Catalogue, Description
from ..document import FORMAT, is_node_id
from ..errors import ProblemKind, shown
from ..report import Object, Report, pointer
from ..sockets import Input, an
from ..widgets import Many
from .literals import DROPPED, NO_PATTERNS, REFUSED, converted, has_pattern
from .native import Native, Place

# Where the parts of a native node stand in the API format.
ORIGINALS = {"type": "class_type", "values": "inputs", "links": "inputs"}
LINK = '["4", 0]'


def is_api(workflow: Object) -> bool:
    nodes = (cast("Object", node) for node in workflow.values() if isinstance(node, dict))
    return any(isinstance(node.get("class_type"), str) for node in nodes)


def original(place: Place, native: str) -> str:
    """`/nodes/4/values/text` is `/4/inputs/text` in the API format."""
    if not native.startswith("/nodes/"):
        return pointer(*place)
    node_id, *rest = native.removeprefix("/nodes/").split("/")
    return "/".join((pointer(*place), node_id, *(ORIGINALS[part] for part in rest[:1]), *rest[1:]))


class ApiReader(Report):
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
        return Native(document, partial(original, self.place), tuple(self.problems), frozenset(self.explained))

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
                values[name] = converted(given, socket.widget)
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
        if has_pattern(socket, given):
            self.expected(node_id, socket.name, at, "wrong_type", "a name without patterns", shown(given), NO_PATTERNS)
            self.explained |= {(node_id, socket.name, kind) for kind in REFUSED}
        return False


def _description(node: object, catalogue: Catalogue) -> Description | None:
    name = cast("Object", node).get("class_type") if isinstance(node, dict) else None
    return catalogue.nodes.get(name) if isinstance(name, str) else None


def _title(node: object) -> str | None:
    meta = cast("Object", node).get("_meta") if isinstance(node, dict) else None
    title = cast("Object", meta).get("title") if isinstance(meta, dict) else None
    return title if isinstance(title, str) else None
