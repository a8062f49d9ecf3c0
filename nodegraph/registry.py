"""The registry: node types by name. A value, made of modules and passed on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import ModuleType
from typing import Any

from .catalogue import Catalogue
from .errors import DeclarationError
from .node import NodeType
from .packs import load_packs, source_fingerprint, with_submodules


class Registry(Mapping[str, NodeType]):
    """Node types by name, immutable. DeclarationError if two have one name, or two classes one socket type name."""

    def __init__(self, node_types: Iterable[NodeType] = ()) -> None:
        self._types: dict[str, NodeType] = {}
        self._sockets: dict[str, Any] = {}
        for node_type in node_types:
            known = self._types.setdefault(node_type.name, node_type)
            if known is not node_type:
                places = f"{known.module}.{known.function.__qualname__} and {node_type.module}"
                raise DeclarationError(f"two nodes are named {node_type.name!r}: {places}")
            for name, annotation in node_type.types.items():
                if self._sockets.setdefault(name, annotation) != annotation:
                    raise DeclarationError(
                        f"two different classes are named {name!r}; node {node_type.name!r} uses one"
                    )

    @classmethod
    def of(cls, *functions: Callable[..., Any]) -> Registry:
        """The registry of some node functions."""
        return cls(function.node_type for function in functions)  # pyright: ignore[reportFunctionMemberAccess] -- set by @node

    @classmethod
    def from_modules(cls, *modules: ModuleType) -> Registry:
        """The node functions that some modules, and those in their `__nodes__`, hold."""
        found = [inner for module in modules for inner in with_submodules(module)]
        held = [getattr(value, "node_type", None) for module in found for value in vars(module).values()]
        return cls(node_type for node_type in held if isinstance(node_type, NodeType))

    @classmethod
    def from_packs(cls, names: Iterable[str] | None = None) -> Registry:
        """The nodes of some packs, or of all that are installed; PackError if one cannot be had."""
        return cls.from_modules(*load_packs(names))

    def __getitem__(self, name: str) -> NodeType:
        return self._types[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._types)

    def __len__(self) -> int:
        return len(self._types)

    def catalogue(self) -> Catalogue:
        """What the nodes are, as plain data."""
        return Catalogue.of((node_type.description for node_type in self.values()), self._sockets)

    def fingerprint(self, name: str) -> str:
        """The version of a node's code: a hash of the source of its whole pack, since nodes rely on the rest of it."""
        return source_fingerprint(self[name].description.pack)
