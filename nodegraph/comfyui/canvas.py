"""ComfyUI's canvas format: what its front end saves, with all that exists only on the canvas."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..catalogue import Catalogue, Description
from ..document import FORMAT
from ..errors import Problem, ProblemKind, shown
from ..report import Object, Report, pointer
from ..sockets import Input
from ..widgets import Range, Seed
from .levels import Levels
from .literals import CONTROLS, DROPPED, NO_PATTERNS, REFUSED, converted, has_pattern, in_order, is_control
from .native import Native, Place
from .scenery import frames_of, note_of, view_of
from .shapes import Item, mapping, name_of, objects, text_of, weight
from .wires import Given, Scope, Source, Wires

NOTES = ("Note", "MarkdownNote")
# What only the canvas knows: it becomes something else, or stands in the view.
DISSOLVED = frozenset({"Reroute", "PrimitiveNode", *NOTES})
# One value or one dot can stand on very many wires: more than this is not written out for all of them.
MOST_COPIED = 2_000_000


def is_canvas(workflow: Object) -> bool:
    return isinstance(workflow.get("nodes"), list) and isinstance(workflow.get("links"), list)


class Originals:
    """Where on the canvas the node of a pointer into the native document stands, told without a catalogue."""

    def __init__(self, workflow: Object, place: Place) -> None:
        self.top, self.places = pointer(*place), dict[str, str]()
        for index, node in enumerate(objects(workflow.get("nodes"))):
            name = name_of(node.get("id"))
            if name is not None:
                self.places.setdefault(pointer(name)[1:], pointer(*place, "nodes", index))

    def original(self, native: str) -> str:
        outermost = native.removeprefix("/nodes/").partition("/")[0].partition(":")[0]
        return self.places.get(outermost, self.top)


@dataclass(frozen=True)
class Reading:
    """A node that is being read: what it will be, and where it stands in the original."""

    id: str
    scope: Scope
    item: Item
    description: Description | None
    values: dict[str, Any] = field(default_factory=dict[str, Any])
    links: dict[str, str] = field(default_factory=dict[str, str])
    via: dict[str, list[list[float]]] = field(default_factory=dict[str, list[list[float]]])
    seeds: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def place(self) -> Place:
        return (*self.scope.place, "nodes", self.item.index)

    def socket(self, name: str) -> Input | None:
        return self.description.inputs.get(name) if self.description else None

    def native(self) -> dict[str, Any]:
        mode = self.scope.mode_of(self.item)
        node = {"type": self.item.type, "mode": mode, "values": self.values, "links": self.links}
        return {key: part for key, part in node.items() if part}

    def view(self) -> dict[str, Any]:
        parts = {"via": self.via, "seeds": self.seeds}
        return view_of(self.scope, self.item) | {key: part for key, part in parts.items() if part}


class CanvasReader(Report):
    """Reads `{"nodes": [node], "links": [link]}`, of the older version (0.4) or the newer (1)."""

    def __init__(self, workflow: Object, catalogue: Catalogue, place: Place) -> None:
        super().__init__()
        self.workflow, self.catalogue, self.place = workflow, catalogue, place
        self.wires = Wires()
        self.copied = 0
        # Where the parts of the native document stand in the original.
        self.places = {"": pointer(*place)}
        self.explained: set[tuple[str, str | None, ProblemKind]] = set()
        # Whose seeds a primitive sets anew before each run; if there are several, they would no longer be the same.
        self.rolled: dict[str, list[tuple[Reading, str, str]]] = {}

    def read(self) -> Native:
        levels = Levels(self.workflow, self.place)
        scopes = levels.scopes()
        self.problems += levels.problems
        readings = [self.node(scope, item) for scope in scopes for item in scope.items.values() if is_node(scope, item)]
        for users in self.rolled.values():
            for reading, name, seed in users if len(users) == 1 else ():
                reading.seeds[name] = seed
        nodes = {reading.id: reading.native() for reading in readings}
        view: dict[str, Any] = {reading.id: shown for reading in readings if (shown := reading.view())}
        frames = {name: frame for scope in scopes for name, frame in frames_of(scope).items()}
        notes = {
            f"{scope.prefix}{item.id}": note_of(scope, item)
            for scope in scopes for item in scope.items.values() if item.type in NOTES
        }  # fmt: skip
        view |= {name: part for name, part in ((".frames", frames), (".notes", notes)) if part}
        document = {"nodegraph": FORMAT, "nodes": nodes} | ({"view": view} if view else {})
        return Native(document, self.original, tuple(self.problems), frozenset(self.explained))

    def original(self, native: str) -> str:
        while native not in self.places:
            native = native.rpartition("/")[0]
        return self.places[native]

    def node(self, scope: Scope, item: Item) -> Reading:
        reading = Reading(f"{scope.prefix}{item.id}", scope, item, self.catalogue.nodes.get(item.type))
        self.places[pointer("nodes", reading.id)] = pointer(*reading.place)
        for key in ("type", "mode"):
            if key in item.body:
                self.places[pointer("nodes", reading.id, key)] = pointer(*reading.place, key)
        self.widgets(reading)
        for index, entry in enumerate(item.inputs):
            name, link = text_of(entry.get("name")), entry.get("link")
            if name is not None and link is not None:
                self.wire(reading, name, index, link)
        for name, value in reading.values.items():
            socket = reading.socket(name)
            if socket and has_pattern(socket, value):
                self.pattern(reading.id, name, value)
        return reading

    def pattern(self, node_id: str, name: str, value: object) -> None:
        at = self.places[pointer("nodes", node_id, "values", name)]
        wanted, got = "a name without patterns", shown(value)
        problem = Problem(node_id, name, f"expected {wanted}, got {got}", at, wanted, got, NO_PATTERNS, "wrong_type")
        self.problems.append(problem)
        self.explained |= {(node_id, name, kind) for kind in REFUSED}

    def widgets(self, reading: Reading) -> None:
        """Give the inputs the values of the node's own widgets."""
        values, item = reading.item.values, reading.item
        if reading.description:
            for name, place, control in in_order(reading.description, values):
                self.value(reading, name, values[place], ("widgets_values", place))
                if control:
                    reading.seeds[name] = control
        else:
            # Nobody knows which is which, unless the node says it; still nothing is lost.
            names = [text_of(mapping(entry.get("widget")).get("name")) for entry in item.inputs if "widget" in entry]
            for place, value in enumerate(values):
                name = names[place] if place < len(names) and len(names) == len(values) else None
                self.value(reading, name or f"widget_{place}", value, ("widgets_values", place))
        for key in ("widgets_values", "widgets_values_named"):
            for name, value in mapping(item.body.get(key)).items():
                if not reading.description or (reading.socket(name) and name not in DROPPED):
                    self.value(reading, name, value, (key, name))

    def value(self, reading: Reading, name: str, value: object, at: Place) -> None:
        if value is None:
            return
        socket = reading.socket(name)
        reading.values[name] = converted(value, socket.widget if socket else None)
        self.places[pointer("nodes", reading.id, "values", name)] = pointer(*reading.place, *at)

    def wire(self, reading: Reading, name: str, index: int, link: object) -> None:
        """Give an input what its link brings; a link that leads to nothing is none, as in ComfyUI."""
        end, at = self.wires.follow(reading.scope, link), ("inputs", index)
        if end is None:
            return
        reading.seeds.pop(name, None)
        if isinstance(end, Given):
            if not self.copies(end.value):
                message = "the values that are given to several nodes are too long for so many"
                self.report(reading.id, name, message, (*reading.place, *at), "out_of_range")
                self.explained.add((reading.id, name, "missing_input"))
                return
            self.value(reading, name, end.value, at)
            self.roll(reading, name, end)
            return
        reading.values.pop(name, None)
        self.places[pointer("nodes", reading.id, "links", name)] = pointer(*reading.place, *at)
        output = self.output(reading, name, (*reading.place, *at), end)
        if output is None:
            self.explained.add((reading.id, name, "missing_input"))
            return
        reading.links[name] = f"{end.scope.prefix}{end.item.id}.{output}"
        dots = list(end.dots)
        if dots and self.copies(dots):
            reading.via[name] = dots

    def copies(self, value: object) -> bool:
        """Whether what a wire brings can be written out once more."""
        if self.copied <= MOST_COPIED:
            self.copied += weight(value)
        return self.copied <= MOST_COPIED

    def roll(self, reading: Reading, name: str, given: Given) -> None:
        socket = reading.socket(name)
        control = CONTROLS.get(given.control) if is_control(given.control) else None
        if control and given.owner and socket and isinstance(socket.widget, Seed | Range):
            self.rolled.setdefault(given.owner, []).append((reading, name, control))

    def output(self, reading: Reading, name: str, at: Place, source: Source) -> str | None:
        """The name of an output by its place, which is another one if nobody knows the node."""
        description, slot = self.catalogue.nodes.get(source.item.type), source.slot
        if description is None:
            named = source.item.outputs
            return named[slot] if 0 <= slot < len(named) else f"{slot}"
        outputs = list(description.outputs)
        if 0 <= slot < len(outputs):
            return outputs[slot]
        message = f"{source.scope.prefix}{source.item.id} ({description.name}) has no output {slot}"
        names = ", ".join(f"{place} {output}" for place, output in enumerate(outputs)) or "none"
        hint = f"its outputs: {names}"
        self.report(reading.id, name, message, at, "unknown_output", expected=names, got=str(slot), hint=hint)
        return None


def is_node(scope: Scope, item: Item) -> bool:
    return item.type not in DISSOLVED and item.id not in scope.inner
