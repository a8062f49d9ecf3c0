"""The levels of a canvas: the workflow's own, and one for every use of a subgraph."""

from __future__ import annotations

from collections.abc import Mapping

from ..document import LONGEST_ID, is_node_id
from ..errors import shown
from ..report import Object, Report
from .native import Place
from .shapes import NOTHING, Item, listed, mapping, name_of, objects, weight
from .wires import Scope

# A subgraph can use another one twice, and that one a third, and so on: a short text could stand for very much.
MOST = 4_000_000


class Levels(Report):
    """Reads which nodes there are, and says which are none."""

    def __init__(self, workflow: Object, place: Place) -> None:
        super().__init__()
        self.workflow, self.place = workflow, place
        subgraphs = objects(mapping(workflow.get("definitions")).get("subgraphs"))
        self.subgraphs = {name_of(each.get("id")): (index, each) for index, each in enumerate(subgraphs)}
        self.weights: dict[int, int] = {}
        self.items_by_place: dict[Place, Mapping[str, Item]] = {}
        self.size = 0

    def scopes(self) -> list[Scope]:
        """The workflow's level, then those of the subgraphs that it uses, each after the one that uses it.

        If they stand for too much, only the first: the uses of subgraphs are nodes that nobody knows.
        """
        found = [Scope(self.workflow, self.place, self.items(self.workflow, self.place), None, None)]
        for scope in found:
            for item in scope.items.values():
                if item.type in self.subgraphs and scope.mode_of(item) != "bypass":
                    inner = self.inner(scope, item)
                    if self.size > MOST:
                        message = "the subgraphs stand for too much, since they are large or used very often"
                        self.report(None, None, message, self.place, "out_of_range")
                        found[0].inner.clear()
                        return found[:1]
                    if inner:
                        scope.inner[item.id] = inner
                        found.append(inner)
        return found

    def inner(self, scope: Scope, item: Item) -> Scope | None:
        index, definition = self.subgraphs[item.type]
        above: Scope | None = scope
        while above:
            if above.body is definition:
                at = (*scope.place, "nodes", item.index)
                self.report(f"{scope.prefix}{item.id}", None, "the subgraph contains itself", at, "cycle")
                return None
            above = above.outer
        if len(scope.prefix) + len(item.id) >= LONGEST_ID:
            at, name = (*scope.place, "nodes", item.index), f"{scope.prefix}{item.id}"
            self.report(name, None, f"the ids in it would have more than {LONGEST_ID} letters", at, "out_of_range")
            return None
        if index not in self.weights:
            self.weights[index] = weight(definition)
        self.size += self.weights[index]
        if self.size > MOST:
            return None
        place = (*self.place, "definitions", "subgraphs", index)
        return Scope(definition, place, self.items(definition, place), scope, item)

    def items(self, body: Object, place: Place) -> Mapping[str, Item]:
        """The nodes of a level by id; read once, however often a subgraph is used."""
        if place not in self.items_by_place:
            found: dict[str, Item] = {}
            for index, node in enumerate(listed(body.get("nodes"))):
                item = self.item(index, node, found, (*place, "nodes", index))
                if item:
                    found[item.id] = item
            self.items_by_place[place] = found
        return self.items_by_place[place]

    def item(self, index: int, node: object, others: Mapping[str, Item], at: Place) -> Item | None:
        body = mapping(node)
        if body is NOTHING:
            self.expected(None, None, at, "bad_document", "an object", shown(node))
            return None
        name, kind = name_of(body.get("id")), body.get("type")
        if name is None or not is_node_id(name) or name in others:
            got = shown(body["id"]) if "id" in body else "none"
            wanted = "a node id that is a number or text without dots, and no other node's"
            self.expected(None, None, (*at, "id") if "id" in body else at, "bad_id", wanted, got)
            return None
        if not isinstance(kind, str):
            got = shown(kind) if "type" in body else "none"
            self.expected(name, None, (*at, "type") if "type" in body else at, "unknown_type", "a node type", got)
            return None
        for key in ("inputs", "widgets_values"):
            if not isinstance(body.get(key), list | dict | None):
                self.expected(name, None, (*at, key), "bad_document", f'a list under "{key}"', shown(body[key]))
        return Item(name, index, kind, body)
