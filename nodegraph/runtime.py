"""The runtime: nodes, a cache, folders and a device; what every shell uses."""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping
from functools import cached_property

from .cache import MemoryCache
from .catalogue import Catalogue
from .execute import Run, execute
from .files import Folders
from .graph import Graph
from .keys import Key
from .node import Profile
from .plan import Plan
from .registry import Registry
from .returns import Outputs


class Runtime:
    """Checks, plans and runs workflow documents with one registry, cache, set of folders and profile."""

    def __init__(
        self,
        registry: Registry,
        cache: MutableMapping[Key, Outputs] | None = None,
        folders: Folders | None = None,
        profile: Profile | None = None,
    ) -> None:
        self.registry = registry
        self.cache: MutableMapping[Key, Outputs] = MemoryCache() if cache is None else cache
        self.folders: Folders = folders or {}
        self.profile = profile or Profile()

    @cached_property
    def catalogue(self) -> Catalogue:
        return self.registry.catalogue()

    def check(self, document: object) -> Graph:
        """The graph of a document; InvalidGraph with every problem."""
        return Graph.parse(document, self.catalogue, self.folders)

    def plan(self, document: object, targets: Iterable[str] | None = None) -> Plan:
        """The plan of a document or of a graph that has been checked; UsageError for a target that is not there."""
        graph = document if isinstance(document, Graph) else self.check(document)
        return Plan.of(graph, self.registry, self.profile, targets)

    def run(self, document: object, targets: Iterable[str] | None = None) -> Run:
        """A run of a document or a graph, not yet started; a document with problems is refused right here."""
        return execute(self.plan(document, targets), self.cache)
