"""Widgets: how an input's literal is written, read and counted in a key. Plain data, so that no pack is needed."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar

from .errors import LARGEST_INTEGER, Rejected, shown
from .files import Folders, find_file, fingerprint, save_path

Json = dict[str, Any]
LARGEST_SEED = 2**64 - 1
LONGEST_TEXT = 1 << 20
COLOR = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True)
class Widget:
    """What an input's literal may be; `accepts` names the annotations that it goes with."""

    kind: ClassVar[str]
    accepts: ClassVar[frozenset[str]]

    def parse(self, literal: object, folders: Folders) -> Any:
        """The value that a JSON literal stands for; Rejected if it stands for none."""
        raise NotImplementedError

    def fingerprint(self, value: Any) -> Any:
        """What stands for the value in a key."""
        return value

    def schema(self) -> Json:
        """The JSON Schema of the literals."""
        raise NotImplementedError

    def to_json(self) -> Json:
        return {"kind": self.kind} | {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True)
class Range(Widget):
    """A number; `whole` is set by the annotation. `step` is for the canvas, and is not enforced."""

    kind = "range"
    accepts = frozenset({"int", "float"})
    min: float | None = None
    max: float | None = None
    step: float | None = None
    whole: bool = False

    def parse(self, literal: object, folders: Folders) -> int | float:
        # `type(...) is`, since True is an int to isinstance and must not be one here.
        if type(literal) is int and -LARGEST_INTEGER <= literal <= LARGEST_INTEGER:
            value = literal if self.whole else float(literal)
        elif type(literal) is float and not self.whole and math.isfinite(literal):
            value = literal
        else:
            raise Rejected(self._expected(), shown(literal))
        if (self.min is not None and value < self.min) or (self.max is not None and value > self.max):
            raise Rejected(self._expected(), shown(literal), "out_of_range")
        return value

    def _expected(self) -> str:
        noun = "an integer" if self.whole else "a number"
        if self.min is not None and self.max is not None:
            return f"{noun} from {self.min} to {self.max}"
        if self.min is not None:
            return f"{noun} of at least {self.min}"
        return noun if self.max is None else f"{noun} of at most {self.max}"

    def schema(self) -> Json:
        bounds = {"minimum": self.min, "maximum": self.max}
        return {"type": "integer" if self.whole else "number"} | {
            name: bound for name, bound in bounds.items() if bound is not None
        }


@dataclass(frozen=True)
class Seed(Widget):
    """A random seed, 0 to 2^64 - 1."""

    kind = "seed"
    accepts = frozenset({"int"})

    def parse(self, literal: object, folders: Folders) -> int:
        return int(Range(0, LARGEST_SEED, whole=True).parse(literal, folders))

    def schema(self) -> Json:
        return {"type": "integer", "minimum": 0, "maximum": LARGEST_SEED}


@dataclass(frozen=True)
class Toggle(Widget):
    kind = "toggle"
    accepts = frozenset({"bool"})

    def parse(self, literal: object, folders: Folders) -> bool:
        if not isinstance(literal, bool):
            raise Rejected("true or false", shown(literal))
        return literal

    def schema(self) -> Json:
        return {"type": "boolean"}


@dataclass(frozen=True)
class Text(Widget):
    """One line of text."""

    kind = "text"
    accepts = frozenset({"str"})

    def parse(self, literal: object, folders: Folders) -> str:
        if not isinstance(literal, str):
            raise Rejected("text", shown(literal))
        if len(literal) > LONGEST_TEXT:
            raise Rejected(f"text of at most {LONGEST_TEXT} characters", f"{len(literal)} characters", "out_of_range")
        if not literal.isascii() and any("\ud800" <= character <= "\udfff" for character in literal):
            raise Rejected("Unicode text", f"{shown(literal)}, which has half a surrogate pair in it")
        return literal

    def schema(self) -> Json:
        return {"type": "string"}


@dataclass(frozen=True)
class Multiline(Text):
    """Several lines of text."""

    kind = "multiline"


@dataclass(frozen=True)
class Color(Text):
    """A colour, written #rrggbb."""

    kind = "color"

    def parse(self, literal: object, folders: Folders) -> str:
        if not isinstance(literal, str) or not COLOR.fullmatch(literal):
            raise Rejected("a colour like '#ff8000'", shown(literal))
        return literal.lower()

    def schema(self) -> Json:
        return {"type": "string", "pattern": f"^{COLOR.pattern}$"}


@dataclass(frozen=True)
class Choice(Widget):
    """One of some values; a callable is asked once, when the node is declared."""

    kind = "choice"
    accepts = frozenset({"str", "int", "float", "Literal", "Enum"})
    options: tuple[Any, ...] | Callable[[], Any]

    def __post_init__(self) -> None:
        options = self.options() if callable(self.options) else self.options
        object.__setattr__(self, "options", tuple(options))

    @property
    def choices(self) -> tuple[Any, ...]:
        assert not callable(self.options)
        return self.options

    def parse(self, literal: object, folders: Folders) -> Any:
        for choice in self.choices:
            if type(choice) is type(literal) and choice == literal:
                return choice
        named = ", ".join(shown(choice) for choice in self.choices[:8]) + (", …" if len(self.choices) > 8 else "")
        words = [choice for choice in self.choices if isinstance(choice, str)]
        raise Rejected(f"one of {named}", shown(literal), "not_a_choice", words=lambda: words)

    def schema(self) -> Json:
        return {"enum": list(self.choices)}

    def to_json(self) -> Json:
        return {"kind": self.kind, "options": list(self.choices)}


@dataclass(frozen=True)
class File(Widget):
    """An existing file in one of the roots of `folder`; in a key it is what is in it."""

    kind = "file"
    accepts = frozenset({"Path"})
    folder: str

    def parse(self, literal: object, folders: Folders) -> Path:
        return find_file(literal, self.folder, folders)

    def fingerprint(self, value: Path) -> str:
        return fingerprint(value)

    def schema(self) -> Json:
        return {"type": "string", "minLength": 1}


@dataclass(frozen=True)
class SaveName(Widget):
    """The start of the names of the files that a node will write, in `folder`."""

    kind = "save_name"
    accepts = frozenset({"Path"})
    folder: str = "output"

    def parse(self, literal: object, folders: Folders) -> Path:
        return save_path(literal, self.folder, folders)

    def fingerprint(self, value: Path) -> str:
        return str(value)

    def schema(self) -> Json:
        return {"type": "string", "minLength": 1}


@dataclass(frozen=True)
class Many(Widget):
    """A list of literals, for an input that is annotated `list[...]` or `tuple[..., ...]`."""

    kind = "many"
    accepts = frozenset({"list", "tuple"})
    item: Widget

    def parse(self, literal: object, folders: Folders) -> tuple[Any, ...]:
        if not isinstance(literal, list | tuple):
            raise Rejected("a list", shown(literal))
        return tuple(self.item.parse(item, folders) for item in literal)  # pyright: ignore[reportUnknownVariableType,reportUnknownArgumentType] -- JSON is untyped

    def fingerprint(self, value: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(self.item.fingerprint(item) for item in value)

    def schema(self) -> Json:
        return {"type": "array", "items": self.item.schema()}

    def to_json(self) -> Json:
        return {"kind": self.kind, "item": self.item.to_json()}


WIDGETS: Mapping[str, type[Widget]] = {
    widget.kind: widget for widget in (Range, Seed, Toggle, Text, Multiline, Color, Choice, File, SaveName, Many)
}


def widget_from_json(data: Mapping[str, Any]) -> Widget:
    """The widget that `to_json` described."""
    given = {name: value for name, value in data.items() if name != "kind"}
    if data["kind"] == Many.kind:
        return Many(widget_from_json(given["item"]))
    return WIDGETS[data["kind"]](**given)
