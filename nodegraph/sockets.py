"""Sockets: what goes into a node and comes out, and which output fits which input."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from .errors import DeclarationError, Rejected
from .files import Folders
from .widgets import Widget, widget_from_json


@dataclass(frozen=True)
class Input:
    """An input by name: its socket type, and the widget that reads its literal, if it may have one.

    An input that is not required has a JSON `default`, or none: then the function's own default holds.
    """

    name: str
    type: str
    widget: Widget | None = None
    required: bool = True
    default: Any = None
    nullable: bool = False
    help: str = ""

    def parse(self, literal: object, folders: Folders) -> Any:
        """The value of a literal; Rejected if the input does not hold it."""
        if literal is None and self.nullable:
            return None
        if self.widget is None:
            raise Rejected(f"a link to {an(self.type)}", "a value", hint='write it under "links", as "node.output"')
        return self.widget.parse(literal, folders)

    def to_json(self) -> dict[str, Any]:
        widget = self.widget.to_json() if self.widget else None
        return {**self.__dict__, "widget": widget}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Input:
        described = data["widget"]
        fields: dict[str, Any] = {**data, "widget": described and widget_from_json(described)}
        return cls(**fields)


@dataclass(frozen=True)
class Output:
    """An output by name. In `Annotated[X, Output("name")]` it names the output of a function that returns X."""

    name: str
    type: str = ""
    help: str = ""

    def to_json(self) -> dict[str, Any]:
        return dict(self.__dict__)


def holds(socket: Input, literal: object, folders: Folders | None = None) -> bool:
    """Whether a JSON literal may stand in an input."""
    try:
        socket.parse(literal, folders or {})
    except Rejected:
        return False
    return True


def an(noun: str) -> str:
    return f"an {noun}" if noun[0] in "AEIOUaeiou" else f"a {noun}"


def is_union(annotation: object) -> bool:
    return get_origin(annotation) in (Union, types.UnionType)


def bare(annotation: Any) -> Any:
    """An annotation without its `Annotated` wrapping."""
    while get_origin(annotation) is Annotated:
        annotation = annotation.__origin__
    return annotation


def unwrapped(annotation: Any) -> tuple[Any, bool, tuple[Any, ...]]:
    """An annotation without `Annotated` and `| None`; whether None was there; and the notes of `Annotated`."""
    nullable, notes = False, ()
    while True:
        if get_origin(annotation) is Annotated:
            notes = (*annotation.__metadata__, *notes)
            annotation = annotation.__origin__
        elif is_union(annotation) and types.NoneType in get_args(annotation):
            nullable = True
            rest = tuple(member for member in get_args(annotation) if member is not types.NoneType)
            annotation = Union[rest]  # noqa: UP007 -- of a tuple, this is the way
        else:
            return annotation, nullable, notes


def members(annotation: object) -> tuple[Any, ...]:
    """The members of a union, or the annotation alone."""
    found = get_args(annotation) if is_union(annotation) else (annotation,)
    return tuple(bare(member) for member in found)


def type_name(annotation: object) -> str:
    """The name of a socket type: the class's name; unions and literals spell out their members."""
    annotation = bare(annotation)
    if annotation is Any:
        return "Any"
    if annotation is None or annotation is types.NoneType:
        return "None"
    if is_union(annotation):
        return " | ".join(sorted(type_name(member) for member in members(annotation)))
    if get_origin(annotation) is Literal:
        return f"Literal[{', '.join(map(repr, get_args(annotation)))}]"
    origin = get_origin(annotation)
    if isinstance(origin, type):
        inner = ", ".join("..." if part is Ellipsis else type_name(part) for part in get_args(annotation))
        return f"{origin.__name__}[{inner}]"
    if isinstance(annotation, type):
        return annotation.__name__
    raise DeclarationError(f"{annotation!r} is not a type that a socket can have")


def accepts(target: object, source: object) -> bool:
    """Whether an output annotated `source` may be linked to an input annotated `target`.

    Equal, a subclass by inheritance, `int` for `float`, a union whose every member fits, a `Literal` within the
    target's choices or of its type, anything for `Any`; nothing else. `bool` is no `int`.
    """
    target, source = bare(target), bare(source)
    if target is Any or target == source:
        return True
    if is_union(source):
        return all(accepts(target, member) for member in members(source))
    if is_union(target):
        return any(accepts(member, source) for member in members(target))
    if get_origin(source) is Literal:
        choices: tuple[object, ...] = get_args(source)
        if get_origin(target) is Literal:
            return all(any(type(c) is type(t) and c == t for t in get_args(target)) for c in choices)
        return all(accepts(target, type(choice)) for choice in choices)
    if not isinstance(target, type) or not isinstance(source, type) or get_origin(target) or get_origin(source):
        return False
    if source is bool:
        return target in (bool, object)
    return target in source.__mro__ or (target is float and source is int)


def literals_of(enum: type[Enum]) -> dict[str, Enum]:
    """How the members of an enum are written in a workflow: by their values if those are text, else by their names."""
    if all(isinstance(member.value, str) for member in enum):
        return {member.value: member for member in enum}
    return {member.name: member for member in enum}
