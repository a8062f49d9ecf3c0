"""The catalogue: what the nodes are, as plain data. Parsing, the canvas and clients need no more than this."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .sockets import Input, Output, accepts


@dataclass(frozen=True)
class Description:
    """A node type as data. `help` is one line, `docs` the whole docstring."""

    name: str
    title: str
    category: str
    help: str
    docs: str
    effect: bool
    inputs: Mapping[str, Input]
    outputs: Mapping[str, Output]
    pack: str = ""

    def to_json(self) -> dict[str, Any]:
        return {
            **self.__dict__,
            "inputs": [socket.to_json() for socket in self.inputs.values()],
            "outputs": [socket.to_json() for socket in self.outputs.values()],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Description:
        inputs = [Input.from_json(socket) for socket in data["inputs"]]
        outputs = [Output(**socket) for socket in data["outputs"]]
        sockets: dict[str, Any] = {"inputs": {i.name: i for i in inputs}, "outputs": {o.name: o for o in outputs}}
        return cls(**{**data, **sockets})


@dataclass(frozen=True)
class Catalogue:
    """Descriptions by type name, and for each input type the output types that fit it."""

    nodes: Mapping[str, Description]
    fitting: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])

    @classmethod
    def of(cls, descriptions: Iterable[Description], types: Mapping[str, object]) -> Catalogue:
        """The catalogue of some nodes; `types` has the annotation of every socket type that they name."""
        nodes = {description.name: description for description in descriptions}
        targets = {socket.type for node in nodes.values() for socket in node.inputs.values()}
        sources = {socket.type for node in nodes.values() for socket in node.outputs.values()}
        return cls(
            nodes,
            {t: frozenset(s for s in sources if accepts(types[t], types[s])) for t in sorted(targets)},
        )

    def accepts(self, target: str, source: str) -> bool:
        """Whether an output of type `source` may be linked to an input of type `target`."""
        return source in self.fitting.get(target, ())

    def to_json(self) -> dict[str, Any]:
        return {
            "nodes": {name: node.to_json() for name, node in self.nodes.items()},
            "accepts": {target: sorted(sources) for target, sources in self.fitting.items()},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Catalogue:
        nodes = {name: Description.from_json(node) for name, node in data["nodes"].items()}
        return cls(nodes, {target: frozenset(sources) for target, sources in data["accepts"].items()})
