"""The parser: a workflow document becomes nodes, and everything wrong with it becomes a list of problems."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, cast

from .catalogue import Catalogue, Description
from .document import FORMAT, MODES, Mode, is_node_id
from .errors import InvalidGraph, Rejected, shown
from .files import Folders
from .report import Object, Report
from .sockets import Input

NOTHING: Object = {}
DOCUMENT_KEYS = ("$schema", "nodegraph", "nodes", "view")
SHAPES = (("$schema", str, "text"), ("view", dict, "an object"), ("nodes", dict, "an object"))
NODE_KEYS = ("type", "mode", "values", "links")


class Link(NamedTuple):
    """Where an input gets its value: an output of another node."""

    node: str
    output: str


class Node(NamedTuple):
    """A node of a graph. `values` are parsed, defaults included; `literals` are what the document says."""

    id: str
    type: str
    values: Object
    links: Mapping[str, Link]
    literals: Object


class Drawn(NamedTuple):
    """A node as the document has it, once its shape has been checked. `links` are those that could be read.

    `linked` are the inputs that have a link, readable or not; `whole` tells that values and links were objects.
    """

    id: str
    body: Object
    description: Description | None
    mode: Mode | None
    links: Mapping[str, Link]
    linked: frozenset[str]
    whole: bool

    @property
    def literals(self) -> Object:
        values = self.body.get("values")
        return cast("Object", values) if isinstance(values, dict) else NOTHING


class Remaining(NamedTuple):
    """What is left to run of the nodes drawn: the links of each, and why each of the others does not run.

    `lost` has the inputs (node, input) that a bypassed node, which is named, passes nothing on to.
    """

    links: Mapping[str, Mapping[str, Link]]
    idle: Mapping[str, str]
    lost: Mapping[tuple[str, str], str]


class Parser(Report):
    """Reads a native document."""

    def __init__(self, catalogue: Catalogue, folders: Folders) -> None:
        super().__init__()
        self.catalogue = catalogue
        self.folders = folders
        self.types: dict[str, Description | None] = {}

    def read(self, document: object) -> tuple[dict[str, Drawn], Object]:
        """The nodes as they are drawn, by id, and the keys of the document that change no result."""
        top, raw_nodes = self.top(document)
        named = {node_id: raw for node_id, raw in raw_nodes.items() if self.names_a_node(node_id)}
        self.types = {node_id: self.description(raw) for node_id, raw in named.items()}
        drawn = [self.drawn(node_id, raw) for node_id, raw in named.items()]
        extras = {key: top[key] for key in ("$schema", "view") if key in top}
        return {node.id: node for node in drawn if node}, extras

    def nodes(self, drawn: Mapping[str, Drawn], remaining: Remaining) -> dict[str, Node]:
        """Those that run, values and all. With problems the result is only good for finding more."""
        running = [self.node(drawn[node_id], links, remaining) for node_id, links in remaining.links.items()]
        return {node.id: node for node in running if node}

    def top(self, document: object) -> tuple[Object, Object]:
        """The document and its nodes, or InvalidGraph if it has not even the shape of one."""
        if not isinstance(document, dict):
            self.expected(None, None, (), "bad_document", "an object", shown(document))
            raise InvalidGraph(self.problems)
        top = cast("Object", document)
        for key in top:
            if key not in DOCUMENT_KEYS:
                hint = self.hint(key, lambda: DOCUMENT_KEYS)
                self.report(None, None, f"unknown key {shown(key)}", (key,), "unknown_key", got=shown(key), hint=hint)
        version = top.get("nodegraph")
        if type(version) is not int or version != FORMAT:
            at = ("nodegraph",) if "nodegraph" in top else ()
            got = shown(version) if at else "none"
            self.expected(None, None, at, "bad_document", f'"nodegraph": {FORMAT}, the version of the format', got)
        for key, kind, noun in SHAPES:
            if key in top and not isinstance(top[key], kind):
                self.expected(None, None, (key,), "bad_document", f'{noun} under "{key}"', shown(top[key]))
        if not isinstance(top.get("nodes"), dict):
            if "nodes" not in top:
                self.expected(None, None, (), "bad_document", 'the nodes by id under "nodes"', "none")
            raise InvalidGraph(self.problems)
        return top, top["nodes"]

    def names_a_node(self, node_id: object) -> bool:
        if is_node_id(node_id):
            return True
        expected = "a node id without dots or control characters"
        self.expected(None, None, ("nodes", node_id), "bad_id", expected, shown(node_id))
        return False

    def description(self, raw: object) -> Description | None:
        name = cast("Object", raw).get("type") if isinstance(raw, dict) else None
        return self.catalogue.nodes.get(name) if isinstance(name, str) else None

    def drawn(self, node_id: str, raw: object) -> Drawn | None:
        """A node whose shape is checked, and its links; None if it is not even an object."""
        at = ("nodes", node_id)
        if not isinstance(raw, dict):
            self.expected(node_id, None, at, "bad_document", "an object", shown(raw))
            return None
        body = cast("Object", raw)
        if not isinstance(body.get("type"), str):
            self.no_type(node_id, body)
        if not body.keys() <= set(NODE_KEYS):
            self.unknown_keys(node_id, body)
        mode = self.mode(node_id, body)
        known = len(self.problems)
        self.part(node_id, body, "values")
        links = self.part(node_id, body, "links")
        whole = len(self.problems) == known
        description = self.types[node_id]
        found = self.parsed_links(node_id, links, description) if links else {}
        return Drawn(node_id, body, description, mode, found, frozenset(links), whole)

    def mode(self, node_id: str, body: Object) -> Mode | None:
        given = body.get("mode")
        for mode in MODES:
            if given == mode:
                return mode
        if "mode" in body:
            hint = self.hint(given, lambda: MODES) or "a node without a mode runs"
            at = ("nodes", node_id, "mode")
            self.expected(node_id, None, at, "not_a_choice", " or ".join(MODES), shown(given), hint)
        return None

    def node(self, drawn: Drawn, links: Mapping[str, Link], remaining: Remaining) -> Node | None:
        """A node that runs, or None if it cannot be told what it is."""
        description = drawn.description
        if description is None:
            if isinstance(drawn.body.get("type"), str):
                self.unknown_type(drawn.id, drawn.body["type"])
            return None
        values = self.values(drawn, description)
        # What is missing could be in the part that cannot be read.
        if drawn.whole:
            self.defaults(drawn, values, links, description, remaining.lost)
        return Node(drawn.id, description.name, values, links, dict(drawn.literals))

    def no_type(self, node_id: str, body: Object) -> None:
        if "type" in body:
            self.unknown_type(node_id, body["type"])
        else:
            self.expected(node_id, None, ("nodes", node_id), "unknown_type", "a node type", "none")

    def unknown_type(self, node_id: str, name: object) -> None:
        hint = self.hint(name, lambda: self.catalogue.nodes)
        message, at = f"there is no node type {shown(name)}", ("nodes", node_id, "type")
        self.report(node_id, None, message, at, "unknown_type", expected="a node type", got=shown(name), hint=hint)

    def unknown_keys(self, node_id: str, body: Object) -> None:
        for key in body.keys() - set(NODE_KEYS):
            hint = self.hint(key, lambda: NODE_KEYS)
            message = f"unknown key {shown(key)}; a node has a type, values, links and a mode"
            self.report(node_id, None, message, ("nodes", node_id, key), "unknown_key", got=shown(key), hint=hint)

    def part(self, node_id: str, body: Object, name: str) -> Object:
        part = body.get(name, NOTHING)
        if isinstance(part, dict):
            return cast("Object", part)
        at = ("nodes", node_id, name)
        self.expected(node_id, None, at, "bad_document", f'an object under "{name}"', shown(part))
        return NOTHING

    def unknown_input(self, node_id: str, part: str, name: str, description: Description) -> None:
        message = f"{description.name} has no input {shown(name)}"
        hint = self.hint(name, lambda: description.inputs)
        self.report(node_id, name, message, ("nodes", node_id, part, name), "unknown_input", got=shown(name), hint=hint)

    def values(self, drawn: Drawn, description: Description) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, literal in drawn.literals.items():
            socket = description.inputs.get(name)
            if socket is None:
                self.unknown_input(drawn.id, "values", name, description)
                continue
            at = ("nodes", drawn.id, "values", name)
            if name in drawn.linked:
                self.report(drawn.id, name, "has both a value and a link; remove one", at, "conflict")
            values[name] = self.literal(drawn.id, socket, literal, at)
        return values

    def literal(self, node_id: str, socket: Input, literal: object, at: Iterable[object]) -> Any:
        try:
            return socket.parse(literal, self.folders)
        except Rejected as error:
            near = self.hint(literal, error.words) if error.words else None
            hint = error.hint or near
            self.expected(node_id, socket.name, at, error.problem, error.expected, error.got, hint)

    def defaults(
        self, drawn: Drawn, values: dict[str, Any], links: Mapping[str, Link], description: Description,
        lost: Mapping[tuple[str, str], str],
    ) -> None:  # fmt: skip
        """Fill in what is not given; a default is parsed like a literal, since it may name a file."""
        if len(values) + len(links) == len(description.inputs):
            return
        for name, socket in description.inputs.items():
            unreadable = name in drawn.linked and name not in drawn.links
            if name in values or name in links or unreadable:
                continue
            at = ("nodes", drawn.id, "values") if "values" in drawn.body else ("nodes", drawn.id)
            if socket.required:
                self.missing(drawn.id, socket, at, lost.get((drawn.id, name)))
            elif socket.widget is not None:
                given = socket.default is not None
                values[name] = self.literal(drawn.id, socket, socket.default, at) if given else None

    def missing(self, node_id: str, socket: Input, at: Iterable[object], bypassed: str | None) -> None:
        wanted = "a value or a link" if socket.widget else f"a link to {socket.type}"
        message = f"{socket.name!r} is missing: expected {wanted}"
        if bypassed is not None:
            at = ("nodes", node_id, "links", socket.name)
            message = f"comes from the bypassed node {bypassed}, which has no {socket.type} to pass on"
        self.report(node_id, socket.name, message, at, "missing_input", expected=wanted, got="none")

    def parsed_links(self, node_id: str, links: Object, description: Description | None) -> dict[str, Link]:
        found: dict[str, Link] = {}
        for name, text in links.items():
            socket = description.inputs.get(name) if description else None
            if description and socket is None:
                self.unknown_input(node_id, "links", name, description)
            link = self.link(node_id, name, text, socket)
            if link:
                found[name] = link
        return found

    def link(self, node_id: str, name: str, text: object, socket: Input | None) -> Link | None:
        source, dot, output_name = text.partition(".") if isinstance(text, str) else ("", "", "")
        if not (source and dot and output_name):
            at = ("nodes", node_id, "links", name)
            self.expected(node_id, name, at, "bad_link", 'a link like "node.output"', shown(text))
            return None
        if source not in self.types:
            at = ("nodes", node_id, "links", name)
            hint = self.hint(source, lambda: self.types)
            message = f"there is no node {shown(source)}"
            self.report(node_id, name, message, at, "unknown_node", expected="a node id", got=shown(source), hint=hint)
            return None
        description = self.types[source]
        output = description.outputs.get(output_name) if description else None
        if description and output is None:
            self.unknown_output(node_id, name, source, output_name, description)
        elif output and socket and not self.catalogue.accepts(socket.type, output.type):
            at = ("nodes", node_id, "links", name)
            self.expected(node_id, name, at, "incompatible", socket.type, f"{output.type} from {text}")
        return Link(source, output_name)

    def unknown_output(self, node_id: str, name: str, source: str, wanted: str, description: Description) -> None:
        message = f"{source} ({description.name}) has no output {shown(wanted)}"
        names = ", ".join(description.outputs) or "none"
        at = ("nodes", node_id, "links", name)
        hint = self.hint(wanted, lambda: description.outputs) or f"its outputs: {names}"
        self.report(node_id, name, message, at, "unknown_output", expected=names, got=shown(wanted), hint=hint)

    def cycle(self, loop: list[str], links: Mapping[str, Mapping[str, Link]]) -> None:
        shortened = loop if len(loop) <= 12 else [*loop[:6], "…", *loop[-5:]]
        message = f"the links go round in a circle: {' → '.join([*shortened, loop[0]])}"
        node_id = loop[0]
        socket = next(name for name, link in links[node_id].items() if link.node == loop[-1])
        self.report(node_id, socket, message, ("nodes", node_id, "links", socket), "cycle")
