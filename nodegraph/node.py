"""`@node`: a fully annotated function becomes a node type, and stays the same function."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any, Literal, TypeVar, cast, get_args, get_origin

from .catalogue import Description
from .document import Document
from .errors import DeclarationError, Rejected
from .listing import Listing
from .returns import Returns, read_returns
from .sockets import Input, bare, literals_of, members, type_name, unwrapped
from .widgets import Choice, Many, Range, Text, Toggle, Widget

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Profile:
    """Where and how precisely a run computes; supplied to nodes that ask for it, and part of every key.

    `memory` is how many GiB of weights may lie on the device at once, as many as fit where it is not said. It changes
    no result, and no key.
    """

    device: str = "cpu"
    dtype: str = "float32"
    threads: int | None = None
    memory: float | None = None


SUPPLIED = (Profile, Document)  # and every Listing


@dataclass(frozen=True)
class NodeType:
    """A node type: its description, which is data, and its function.

    `types` has the annotation of every socket type by name, `supplied` the parameters that the run fills in, and
    `converters` what turns a parsed value into what the function is annotated with.
    """

    description: Description
    function: Callable[..., Any]
    types: Mapping[str, Any]
    supplied: Mapping[str, type]
    converters: Mapping[str, Callable[[Any], Any]]
    returns: Returns

    @property
    def name(self) -> str:
        return self.description.name

    @property
    def module(self) -> str:
        return self.function.__module__


def node(type_name: str, *, category: str = "", effect: bool = False, title: str | None = None) -> Callable[[F], F]:
    """Declare a function as a node; it stays the same function, with its NodeType as `function.node_type`.

    An effect node is a target: it always runs and is never cached. It alone may return artifacts or ask for the
    Document. Raises DeclarationError if the annotations do not tell everything.
    """

    def declare(function: F) -> F:
        try:
            declared = _read(function, type_name, category, effect, title)
        except DeclarationError as error:
            raise DeclarationError(f"node {type_name!r} ({function.__qualname__}): {error}", hint=error.hint) from error
        function.node_type = declared  # pyright: ignore[reportFunctionMemberAccess] -- the decorator's one trace
        return function

    return declare


def _read(function: Callable[..., Any], name: str, category: str, effect: bool, title: str | None) -> NodeType:
    if not name or not name.isprintable():
        raise DeclarationError("the type name must be printable text")
    hints = _hints(function)
    parameters = [p for p in inspect.signature(function).parameters.values() if not _is_supplied(hints[p.name])]
    supplied = {given: hint for given, hint in hints.items() if given != "return" and _is_supplied(hint)}
    inputs = {parameter.name: read_input(parameter, hints[parameter.name]) for parameter in parameters}
    returns = read_returns(hints["return"], inspect.isgeneratorfunction(function))
    if not effect and (returns.artifacts or Document in supplied.values()):
        raise DeclarationError("only an effect node may return artifacts or ask for the Document")
    docs = inspect.getdoc(function) or ""
    description = Description(
        name,
        title=title or name,
        category=category,
        help=docs.partition("\n")[0],
        docs=docs,
        effect=effect,
        inputs={socket.name: socket for socket, _, _ in inputs.values()},
        outputs=returns.outputs,
        pack=function.__module__.partition(".")[0],
    )
    annotations = [annotation for _, annotation, _ in inputs.values()] + list(returns.annotations)
    converters = {name: convert for name, (_, _, convert) in inputs.items() if convert}
    return NodeType(description, function, {type_name(a): a for a in annotations}, supplied, converters, returns)


def _is_supplied(hint: Any) -> bool:
    if hint is Listing:
        raise DeclarationError(
            "a Listing names no folder", hint='make a class of your own: class Fonts(Listing, folder="fonts")'
        )
    return hint in SUPPLIED or (isinstance(hint, type) and issubclass(hint, Listing))


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        hints = typing.get_type_hints(function, include_extras=True)
    except (NameError, TypeError, SyntaxError) as error:
        raise DeclarationError(
            f"an annotation cannot be read: {error}", hint="annotations are read at run time: import what they name"
        ) from error
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise DeclarationError(f"parameter {parameter} cannot be given by name")
        if parameter.name not in hints:
            raise DeclarationError(f"parameter {parameter.name!r} has no annotation")
    if "return" not in hints:
        raise DeclarationError("the return annotation is missing")
    return hints


def read_input(parameter: inspect.Parameter, hint: Any) -> tuple[Input, Any, Callable[[Any], Any] | None]:
    """The input that a parameter declares, its annotation, and the converter of its value if it needs one."""
    annotation, nullable, notes = unwrapped(hint)
    name = parameter.name
    confused = [a for a in (*members(annotation), *notes) if isinstance(a, type) and issubclass(a, Widget)]
    if confused:
        found = confused[0].__name__
        raise DeclarationError(f"{name!r}: {found} is a widget", hint=f"write Annotated[type, {found}(...)]")
    widgets = [note for note in notes if isinstance(note, Widget)]
    if len(widgets) > 1:
        raise DeclarationError(f"{name!r} has {len(widgets)} widgets")
    widget, convert = _widget(name, annotation, widgets[0] if widgets else None)
    required = parameter.default is parameter.empty
    default = None if required else _default_literal(name, parameter.default, widget)
    help_line = " ".join(note for note in notes if isinstance(note, str))
    if parameter.default is None and not nullable:
        raise DeclarationError(f"{name!r} is None by default", hint="annotate it X | None")
    return Input(name, type_name(annotation), widget, required, default, nullable, help_line), annotation, convert


def _widget(name: str, annotation: Any, given: Widget | None) -> tuple[Widget | None, Callable[[Any], Any] | None]:
    """The widget of an input, and what turns a parsed value into what the annotation says."""
    fitted = [fit for member in members(annotation) if (fit := _fit(member, given))]
    if len(fitted) == 1:
        return fitted[0]
    if given is None:
        return None, None  # several literal types in one union could not be told apart
    raise DeclarationError(f"{name!r}: the widget {type(given).__name__} does not go with {type_name(annotation)}")


def _fit(annotation: Any, given: Widget | None) -> tuple[Widget, Callable[[Any], Any] | None] | None:
    origin, parts = get_origin(annotation), get_args(annotation)
    if (origin is list or (origin is tuple and parts[1:] == (Ellipsis,))) and not isinstance(given, Many):
        item = _fit(bare(parts[0]), given)
        return (Many(item[0]), _each(origin, item[1])) if item else None
    if origin is Literal:
        return (Choice(parts), None) if given is None else None
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        by_literal = literals_of(annotation)
        return (Choice(tuple(by_literal)), by_literal.__getitem__) if given is None else None
    if given is None:
        plain: dict[object, Widget] = {bool: Toggle(), int: Range(whole=True), float: Range(), str: Text()}
        widget = plain.get(cast("object", annotation))
        return (widget, None) if widget else None
    if not isinstance(annotation, type) or annotation.__name__ not in given.accepts:
        return None
    return (replace(given, whole=annotation is int) if isinstance(given, Range) else given), None


def _each(sequence: type, convert: Callable[[Any], Any] | None) -> Callable[[Any], Any] | None:
    if convert is None:
        return list if sequence is list else None
    return lambda values: sequence(map(convert, values))


def _default_literal(name: str, default: Any, widget: Widget | None) -> Any:
    """A default as it would be written in a workflow; None for one that cannot be, which the function then fills in."""
    if default is None or widget is None:
        return None
    literal = _literal(default)
    if isinstance(default, Path):
        return literal  # whether it exists depends on the folders, so the parser looks at it
    try:
        widget.parse(literal, {})
    except Rejected as error:
        raise DeclarationError(f"the default of {name!r}: {error}") from error
    return literal


def _literal(value: Any) -> Any:
    if isinstance(value, Enum):
        return next(literal for literal, member in literals_of(type(value)).items() if member is value)
    if isinstance(value, Path):
        return value.as_posix()
    if isinstance(value, list | tuple):
        return [_literal(item) for item in value]  # pyright: ignore[reportUnknownVariableType] -- any sequence will do
    return value
