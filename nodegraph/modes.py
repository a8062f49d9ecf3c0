"""Modes: a muted node and all that needs it do not run; a bypassed one passes on what it was given."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple

from .catalogue import Catalogue, Description
from .parser import Drawn, Link, Remaining
from .sockets import Input

BYPASSED = "it is bypassed"
# What reaches an output: the first source of each output type, the preferred one first. None is an unknown type.
Reaching = Mapping[str | None, Link]


class Target(NamedTuple):
    """An input of a node that is not bypassed, and the type that it takes, if that is known."""

    node: str
    input: str
    type: str | None
    required: bool


def remaining(drawn: Mapping[str, Drawn], catalogue: Catalogue) -> Remaining:
    """The nodes that run and the links that they then have. Links that go round in a circle are left as they are."""
    if not any(node.mode for node in drawn.values()):
        return Remaining({node.id: node.links for node in drawn.values()}, {}, {})
    reaching = _Bypass(drawn).reaching
    found: dict[Target, Link] = {}
    lost: dict[tuple[str, str], str] = {}
    for node in drawn.values():
        if node.mode == "bypass":
            continue
        for name, link in node.links.items():
            target = _target(node, name)
            source = _first(reaching(link), target.type, catalogue)
            if source is None:
                lost[node.id, name] = link.node
            else:
                found[target] = source
    idle = _idle(drawn, found)
    links: dict[str, dict[str, Link]] = {node_id: {} for node_id in drawn if node_id not in idle}
    for target, source in found.items():
        if target.node in links and idle.get(source.node) in (None, BYPASSED):  # bypassed only in a circle
            links[target.node][target.input] = source
    return Remaining(links, {node_id: idle[node_id] for node_id in drawn if node_id in idle}, lost)


class _Bypass:
    """Knows what reaches the outputs of bypassed nodes, through chains of them."""

    def __init__(self, drawn: Mapping[str, Drawn]) -> None:
        self.drawn = drawn
        # By node and output type: outputs of the same type pass the same on, where no input has their own name.
        self.passed: dict[tuple[str, str | None], Reaching] = {}
        self.by_name: dict[Link, Reaching] = {}
        for node_id in _sources_first(drawn):
            node = drawn[node_id]
            for kind in _output_types(node.description):
                self.passed[node_id, kind] = self.reaching_through(node, kind)
            for name in _names_of_both(node):
                others = self.passed[node_id, _type_of(node, name)]
                self.by_name[Link(node_id, name)] = {**others, **self.reaching(node.links[name])}

    def reaching(self, link: Link) -> Reaching:
        kind = _type_of(self.drawn.get(link.node), link.output)
        return self.by_name.get(link) or self.passed.get((link.node, kind), {kind: link})

    def reaching_through(self, node: Drawn, kind: str | None) -> Reaching:
        inputs: Mapping[str, Input] = node.description.inputs if node.description else {}
        names = [name for name in inputs if name in node.links] or list(node.links)
        names.sort(key=lambda name: not (name in inputs and inputs[name].type == kind))  # the others keep their order
        found: dict[str | None, Link] = {}
        for name in names:
            for reached, source in self.reaching(node.links[name]).items():
                found.setdefault(reached, source)
        return found


def _sources_first(drawn: Mapping[str, Drawn]) -> Iterable[str]:
    """The bypassed nodes, each after those that it is linked to; none if they go round in a circle."""
    bypassed = {node.id for node in drawn.values() if node.mode == "bypass"}
    sources = {node_id: {link.node for link in drawn[node_id].links.values()} & bypassed for node_id in bypassed}
    try:
        return list(TopologicalSorter(sources).static_order())
    except CycleError:
        return ()


def _output_types(description: Description | None) -> Iterable[str | None]:
    """The types of a node's outputs; None stands for outputs that are not known."""
    return {None, *(output.type for output in description.outputs.values())} if description else (None,)


def _names_of_both(node: Drawn) -> Iterable[str]:
    """The linked inputs of a node that an output is named after, and is of the type of."""
    inputs: Mapping[str, Input] = node.description.inputs if node.description else {}
    return [name for name in node.links if name in inputs and inputs[name].type == _type_of(node, name)]


def _type_of(node: Drawn | None, output: str) -> str | None:
    described = node.description.outputs.get(output) if node and node.description else None
    return described.type if described else None


def _target(node: Drawn, name: str) -> Target:
    socket = node.description.inputs.get(name) if node.description else None
    return Target(node.id, name, socket.type if socket else None, socket.required if socket else True)


def _first(reaching: Reaching, wanted: str | None, catalogue: Catalogue) -> Link | None:
    """The first source that fits; what is not known fits, since it has a problem of its own, or does not run."""
    for kind, source in reaching.items():
        if kind is None or wanted is None or catalogue.accepts(wanted, kind):
            return source
    return None


def _idle(drawn: Mapping[str, Drawn], found: Mapping[Target, Link]) -> dict[str, str]:
    """Why each node that does not run does not: a node that needs a muted one is as good as muted."""
    users: dict[str, list[str]] = {}
    for target, source in found.items():
        if target.required:
            users.setdefault(source.node, []).append(target.node)
    idle = {node.id: BYPASSED for node in drawn.values() if node.mode == "bypass"}
    muted = [node.id for node in drawn.values() if node.mode == "mute"]
    idle |= dict.fromkeys(muted, "it is muted")
    waiting = deque((node_id, node_id) for node_id in muted)
    while waiting:
        node_id, root = waiting.popleft()
        for user in users.get(node_id, ()):
            if user not in idle:
                idle[user] = f"it needs {root}, which is muted"
                waiting.append((user, root))
    return idle
