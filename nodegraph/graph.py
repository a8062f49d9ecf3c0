"""The graph: a workflow that has been checked, once and for all."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from . import comfyui
from .catalogue import Catalogue
from .document import FORMAT, Document
from .errors import InvalidGraph
from .files import Folders
from .modes import remaining
from .parser import NODE_KEYS, Drawn, Link, Node, Parser
from .report import Object

__all__ = ["Graph", "Link", "Node"]


@dataclass(frozen=True)
class Graph:
    """The nodes that run, by id, whose links and values all fit. Made by `Graph.parse` only.

    `idle` tells of the other nodes why they do not run, and `drawn` has all nodes as the document has them, if there
    are any of those. `extras` are the keys of the document that change no result; `texts` are kept beside it in what
    is saved. `folders` are those that its files were looked for in.
    """

    nodes: Mapping[str, Node]
    extras: Object = field(default_factory=dict[str, Any])
    texts: Mapping[str, str] = field(default_factory=dict[str, str])
    idle: Mapping[str, str] = field(default_factory=dict[str, str])
    drawn: Mapping[str, Object] = field(default_factory=dict[str, Object])
    folders: Folders = field(default_factory=dict[str, tuple[Path, ...]])

    @classmethod
    def parse(cls, document: object, catalogue: Catalogue, folders: Folders | None = None) -> Graph:
        """The graph that a workflow describes, native or of ComfyUI; InvalidGraph with every problem if it has any.

        The pointers of the problems resolve in the workflow as it was given.
        """
        native = comfyui.read(document, catalogue)
        parser = Parser(catalogue, folders or {})
        drawn, extras = parser.read(native.document)
        left = remaining(drawn, catalogue)
        nodes = parser.nodes(drawn, left)
        links = {node.id: node.links for node in drawn.values()}
        for loop in loops(links):
            parser.cycle(loop, links)
        order = {node_id: place for place, node_id in enumerate(parser.types)}
        found = sorted(parser.problems, key=lambda each: order.get(each.node, -1) if each.node is not None else -1)
        problems = native.with_own(found)
        if problems:
            raise InvalidGraph(problems)
        kept = {node.id: _drawn_document(node) for node in drawn.values()} if left.idle else {}
        return cls(nodes, extras, idle=left.idle, drawn=kept, folders=folders or {})

    @property
    def document(self) -> Document:
        """The workflow that this graph is, in its shortest form, with the nodes that do not run."""
        nodes = self.drawn or {node.id: _node_document(node) for node in self.nodes.values()}
        return Document({"nodegraph": FORMAT, "nodes": nodes, **self.extras}, self.texts)


def _node_document(node: Node) -> dict[str, Any]:
    links = {name: f"{link.node}.{link.output}" for name, link in node.links.items()}
    parts = {"type": node.type, "values": dict(node.literals), "links": links}
    return {name: part for name, part in parts.items() if part}


def _drawn_document(node: Drawn) -> dict[str, Any]:
    parts = {key: node.body[key] for key in NODE_KEYS if node.body.get(key) or key == "type"}
    return {key: dict(part) if isinstance(part, dict) else part for key, part in parts.items()}  # pyright: ignore[reportUnknownArgumentType] -- JSON is untyped


def loops(links: Mapping[str, Mapping[str, Link]]) -> Iterator[list[str]]:
    """One loop, in the direction of the data, of every knot of nodes that depend on each other."""
    waiting = {node_id: len(inputs) for node_id, inputs in links.items()}
    users: dict[str, list[str]] = {}
    for node_id, inputs in links.items():
        for link in inputs.values():
            users.setdefault(link.node, []).append(node_id)
    # Nodes that could not be parsed have no entry in `links`; they wait for nothing.
    ready = deque(node_id for node_id in waiting.keys() | users.keys() if not waiting.get(node_id))
    while ready:
        for user in users.get(ready.popleft(), ()):
            waiting[user] -= 1
            if not waiting[user]:
                ready.append(user)
    knotted = {node_id for node_id, count in waiting.items() if count}
    if not knotted:
        return
    import networkx as nx  # here, since it takes a tenth of a second that only a bad workflow needs

    edges = ((link.node, node_id) for node_id in knotted for link in links[node_id].values() if link.node in knotted)
    knots: nx.DiGraph[str] = nx.DiGraph(sorted(edges))
    for component in nx.strongly_connected_components(knots):
        knot = knots.subgraph(component)
        if len(component) > 1 or any(knot.has_edge(only, only) for only in component):
            circle = cast("list[tuple[str, str]]", list(nx.find_cycle(knot)))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType] -- its stubs do not say
            yield [source for source, _ in circle]
