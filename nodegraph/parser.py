"""The parser: a workflow document becomes nodes, and everything wrong with it becomes a list of problems."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, cast

from .catalogue import Catalogue, Description
from .document import FORMAT, LONGEST_ID, is_node_id
from .errors import InvalidGraph, Problem, ProblemKind, Rejected, did_you_mean, shown
from .files import Folders
from .sockets import Input

Object = Mapping[str, Any]
NOTHING: Object = {}
DOCUMENT_KEYS = ("$schema", "nodegraph", "nodes", "view")
SHAPES = (("$schema", str, "text"), ("view", dict, "an object"), ("nodes", dict, "an object"))
NODE_KEYS = ("type", "values", "links")
# Comparing words for "did you mean" is slow, and a hostile document could ask for it without end.
MOST_COMPARED = 8_000_000


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


class Parser(Report):
    """Reads a native document."""

    def __init__(self, catalogue: Catalogue, folders: Folders) -> None:
        super().__init__()
        self.catalogue = catalogue
        self.folders = folders
        self.types: dict[str, Description | None] = {}
        self.links: dict[str, dict[str, Link]] = {}

    def parse(self, document: object) -> tuple[dict[str, Node], Object]:
        """The nodes by id, and the keys of the document that change no result."""
        top, raw_nodes = self.top(document)
        named = {node_id: raw for node_id, raw in raw_nodes.items() if self.names_a_node(node_id)}
        self.types = {node_id: self.description(raw) for node_id, raw in named.items()}
        parsed = [self.node(node_id, raw) for node_id, raw in named.items()]
        extras = {key: top[key] for key in ("$schema", "view") if key in top}
        return {node.id: node for node in parsed if node}, extras

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

    def node(self, node_id: str, raw: object) -> Node | None:
        """A node, or None if it cannot be told what it is. With problems the result is only good for finding more."""
        at = ("nodes", node_id)
        if not isinstance(raw, dict):
            self.expected(node_id, None, at, "bad_document", "an object", shown(raw))
            return None
        body = cast("Object", raw)
        description = self.types[node_id]
        if description is None:
            self.unknown_type(node_id, body)
        if not body.keys() <= set(NODE_KEYS):
            self.unknown_keys(node_id, body)
        known = len(self.problems)
        literals, links = self.part(node_id, body, "values"), self.part(node_id, body, "links")
        unreadable = len(self.problems) > known
        found = self.links[node_id] = self.parsed_links(node_id, links, description) if links else {}
        if description is None:
            return None
        values = self.values(node_id, literals, links, description)
        if not unreadable:  # what is missing could be in the part that cannot be read
            self.defaults(node_id, body, values, links, description)
        return Node(node_id, description.name, values, found, dict(literals))

    def unknown_type(self, node_id: str, body: Object) -> None:
        if "type" not in body:
            self.expected(node_id, None, ("nodes", node_id), "unknown_type", "a node type", "none")
            return
        name, at = body["type"], ("nodes", node_id, "type")
        hint = self.hint(name, lambda: self.catalogue.nodes)
        message = f"there is no node type {shown(name)}"
        self.report(node_id, None, message, at, "unknown_type", expected="a node type", got=shown(name), hint=hint)

    def unknown_keys(self, node_id: str, body: Object) -> None:
        for key in body.keys() - set(NODE_KEYS):
            hint = self.hint(key, lambda: NODE_KEYS)
            message = f"unknown key {shown(key)}; a node has a type, values and links"
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

    def values(self, node_id: str, literals: Object, links: Object, description: Description) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, literal in literals.items():
            socket = description.inputs.get(name)
            if socket is None:
                self.unknown_input(node_id, "values", name, description)
                continue
            if name in links:
                message = "has both a value and a link; remove one"
                self.report(node_id, name, message, ("nodes", node_id, "values", name), "conflict")
            values[name] = self.literal(node_id, socket, literal, ("nodes", node_id, "values", name))
        return values

    def literal(self, node_id: str, socket: Input, literal: object, at: Iterable[object]) -> Any:
        try:
            return socket.parse(literal, self.folders)
        except Rejected as error:
            near = self.hint(literal, error.words) if error.words else None
            hint = error.hint or near
            self.expected(node_id, socket.name, at, error.problem, error.expected, error.got, hint)

    def defaults(
        self, node_id: str, body: Object, values: dict[str, Any], links: Object, description: Description
    ) -> None:
        """Fill in what is not given; a default is parsed like a literal, since it may name a file."""
        if len(values) + len(links) == len(description.inputs):
            return
        for name, socket in description.inputs.items():
            if name in values or name in links:
                continue
            at = ("nodes", node_id, "values") if "values" in body else ("nodes", node_id)
            if socket.required:
                wanted = "a value or a link" if socket.widget else f"a link to {socket.type}"
                message = f"{name!r} is missing: expected {wanted}"
                self.report(node_id, name, message, at, "missing_input", expected=wanted, got="none")
            elif socket.widget is not None:
                given = socket.default is not None
                values[name] = self.literal(node_id, socket, socket.default, at) if given else None

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

    def cycle(self, loop: list[str]) -> None:
        shortened = loop if len(loop) <= 12 else [*loop[:6], "…", *loop[-5:]]
        message = f"the links go round in a circle: {' → '.join([*shortened, loop[0]])}"
        node_id = loop[0]
        socket = next(name for name, link in self.links[node_id].items() if link.node == loop[-1])
        self.report(node_id, socket, message, ("nodes", node_id, "links", socket), "cycle")
