"""The plan: what a graph's targets need, in order, and the address of every result."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

from .catalogue import Description
from .document import Document
from .errors import UsageError, did_you_mean
from .graph import Graph, Node
from .keys import Key, Unkeyable, canonical, key_of
from .listing import Listing
from .node import NodeType, Profile

# Part of every key: raise it when what keys are made of changes.
KEY_FORMAT = b"nodegraph key 1"


class Nodes(Protocol):
    """What a plan asks of a registry."""

    def __getitem__(self, name: str, /) -> NodeType: ...

    def fingerprint(self, name: str) -> str: ...


class Source(NamedTuple):
    """Where a step's input comes from: an output of an earlier step."""

    input: str
    step: int
    output: int


class Step(NamedTuple):
    """A node to run. `key` is None for what may not be cached; `twin` is the first step that has the same key."""

    id: str
    type: NodeType
    key: Key | None
    values: Mapping[str, Any]
    sources: tuple[Source, ...]
    twin: int


class Explanation(NamedTuple):
    """What a run would do with a node, and why."""

    node: str
    action: Literal["run", "reused", "not needed"]
    reason: str


@dataclass(frozen=True)
class Plan:
    """Steps in an order in which they can run, each after its sources, and the targets among them.

    `listings` has the files of every folder that a step asks for, as they were when the plan was made.
    """

    steps: tuple[Step, ...]
    targets: tuple[int, ...]
    graph: Graph
    profile: Profile
    listings: Mapping[type[Listing], Listing] = field(default_factory=dict[type[Listing], Listing])

    @classmethod
    def of(
        cls, graph: Graph, nodes: Nodes, profile: Profile | None = None, targets: Iterable[str] | None = None
    ) -> Plan:
        """The plan for some nodes of a graph; by default for its effects, or if it has none, for all that nobody uses.

        UsageError if there is no such node.
        """
        profile = profile or Profile()
        wanted = _targets(graph, nodes, targets)
        builder = _Builder(graph, nodes, profile)
        for node_id in _in_order(graph, wanted):
            builder.add(graph.nodes[node_id])
        places = tuple(builder.places[node_id] for node_id in wanted)
        return cls(tuple(builder.steps), places, graph, profile, builder.listings)

    @property
    def document(self) -> Document:
        return self.graph.document

    def supply(self, kind: type) -> object:
        """What a step is given that asks for a Profile, the Document or a Listing."""
        if kind is Profile:
            return self.profile
        return self.document if kind is Document else self.listings[kind]

    def pending(self, cache: Container[Key]) -> tuple[Step, ...]:
        """The steps that would run, given what is cached: walking back from the targets, stopping at cached results."""
        return tuple(self.steps[index] for index in self.walk(lambda key: key in cache))

    def walk(self, has: Callable[[Key], bool]) -> list[int]:
        """The places of the steps that must run, in order. `has` is asked once per result that is needed."""
        needed = bytearray(len(self.steps))
        for index in self.targets:
            needed[self.steps[index].twin] = 1
        # An effect runs whenever it is in the plan, cached users or not.
        for index, step in enumerate(self.steps):
            needed[index] |= step.type.description.effect
        pending: list[int] = []
        for index in range(len(self.steps) - 1, -1, -1):
            step = self.steps[index]
            if not needed[index] or (step.key is not None and has(step.key)):
                continue
            pending.append(index)
            for source in step.sources:
                needed[source.step] = 1
        pending.reverse()
        return pending

    def explain(self, cache: Container[Key]) -> tuple[Explanation, ...]:
        """What a run would do with every node of the graph, and why."""
        pending = set(self.walk(lambda key: key in cache))
        told = {step.id: self._explain(index, pending, cache) for index, step in enumerate(self.steps)}
        left = Explanation("", "not needed", "no target needs it")
        for node_id, why in self.graph.idle.items():
            told[node_id] = Explanation(node_id, "not needed", why)
        nodes = self.graph.drawn or self.graph.nodes
        return tuple(told.get(node_id, left._replace(node=node_id)) for node_id in nodes)

    def _explain(self, index: int, pending: set[int], cache: Container[Key]) -> Explanation:
        step = self.steps[index]
        if index not in pending:
            if step.key is not None and step.key in cache:
                return Explanation(step.id, "reused", "cached")
            if step.twin != index:
                return Explanation(step.id, "reused", f"the same as {self.steps[step.twin].id}")
            return Explanation(step.id, "not needed", "what needs it is cached")
        if step.type.description.effect:
            return Explanation(step.id, "run", "effect: always runs")
        if step.key is None:
            return Explanation(step.id, "run", "its result has no address: it or a source of it cannot be cached")
        changed = [self.steps[source.step].id for source in step.sources if source.step in pending]
        if changed:
            return Explanation(step.id, "run", f"because {', '.join(dict.fromkeys(changed))} changed or is not cached")
        return Explanation(step.id, "run", "not cached")


class _Builder:
    """Makes steps of nodes whose sources have been added before."""

    def __init__(self, graph: Graph, nodes: Nodes, profile: Profile) -> None:
        self.graph = graph
        self.nodes = nodes
        self.profile = canonical((profile.device, profile.dtype, profile.threads))
        self.steps: list[Step] = []
        self.places: dict[str, int] = {}
        self.by_key: dict[Key, int] = {}
        self.heads: dict[str, bytes] = {}
        self.listings: dict[type[Listing], Listing] = {}
        self.output_places: dict[str, dict[str, int]] = {}

    def add(self, node: Node) -> None:
        node_type = self.nodes[node.type]
        places, steps = self.places, self.steps
        sources = tuple(
            Source(name, steps[places[link.node]].twin, self.output_place(link.node, link.output))
            for name, link in node.links.items()
        )
        for kind in node_type.supplied.values():
            if issubclass(kind, Listing) and kind not in self.listings:
                self.listings[kind] = kind.of(self.graph.folders)
        key = self.key(node, node_type, sources)
        place = places[node.id] = len(steps)
        twin = place if key is None else self.by_key.setdefault(key, place)
        steps.append(Step(node.id, node_type, key, node.values, sources, twin))

    def output_place(self, node_id: str, output: str) -> int:
        name = self.graph.nodes[node_id].type
        known = self.output_places.get(name)
        if known is None:
            outputs = self.nodes[name].description.outputs
            known = self.output_places[name] = {output: place for place, output in enumerate(outputs)}
        return known[output]

    def key(self, node: Node, node_type: NodeType, sources: tuple[Source, ...]) -> Key | None:
        description = node_type.description
        if description.effect:
            return None
        parts = [self.head(node_type)]
        # In the order of the names, so that neither the document's order nor the function's is part of the key.
        for name in sorted(node.values):
            try:
                parts += (b"value", name.encode(), _value_bytes(description, name, node.values[name]))
            except Unkeyable:
                return None
        for name, step, _ in sorted(sources):
            source = self.steps[step].key
            if source is None:
                return None
            parts += (b"link", name.encode(), source.encode(), node.links[name].output.encode())
        return key_of(parts)

    def head(self, node_type: NodeType) -> bytes:
        """What is in the keys of all nodes of a type: computed once, as graphs have many nodes of few types."""
        name = node_type.name
        known = self.heads.get(name)
        if known is None:
            parts = [KEY_FORMAT, name.encode(), self.nodes.fingerprint(name).encode(), self.profile]
            for kind in node_type.supplied.values():
                if issubclass(kind, Listing) and kind.counts:
                    parts += (b"files", kind.folder.encode(), canonical(self.listings[kind].fingerprint))
            known = self.heads[name] = key_of(parts).encode()
        return known


def _value_bytes(description: Description, name: str, value: Any) -> bytes:
    widget = description.inputs[name].widget
    return canonical(value if widget is None or value is None else widget.fingerprint(value))


def _targets(graph: Graph, nodes: Nodes, targets: Iterable[str] | None) -> list[str]:
    if targets is not None:
        wanted = list(dict.fromkeys(targets))
        for node_id in wanted:
            if node_id in graph.idle:
                raise UsageError(f"{node_id!r} does not run: {graph.idle[node_id]}")
            if node_id not in graph.nodes:
                raise UsageError(f"there is no node {node_id!r} to run", hint=did_you_mean(node_id, graph.nodes))
        return wanted
    effects = [node.id for node in graph.nodes.values() if nodes[node.type].description.effect]
    used = {link.node for node in graph.nodes.values() for link in node.links.values()}
    return effects or [node_id for node_id in graph.nodes if node_id not in used]


def _in_order(graph: Graph, targets: Iterable[str]) -> Iterable[str]:
    """What the targets need, sources first, and one target's branch before the next, so that little is held at once.

    A loop and not a recursion: a chain may be deeper than Python's stack.
    """
    done: dict[str, None] = {}
    for target in targets:
        branch = [target]
        while branch:
            node_id = branch[-1]
            waiting = [link.node for link in graph.nodes[node_id].links.values() if link.node not in done]
            if waiting:
                branch.extend(reversed(waiting))
            else:
                done[node_id] = None
                branch.pop()
    return done
