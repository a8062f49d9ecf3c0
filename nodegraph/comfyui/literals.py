"""Literals as ComfyUI writes them, and what its front end writes among them for its own use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ..catalogue import Description
from ..errors import ProblemKind
from ..sockets import Input
from ..widgets import File, Range, SaveName, Seed, Widget

# What ComfyUI's front end writes among the inputs for its own use. It changes no result.
DROPPED = frozenset({"upload", "choose file to upload", "control_after_generate", "speak_and_recognation"})
# What it does to a seed after each run, and how the view says it.
CONTROLS: Mapping[object, str | None] = {
    "fixed": None, "randomize": "random", "increment": "step", "increment-wrap": "step", "decrement": "step",
}  # fmt: skip

# How our own reading of names would refuse them once more.
REFUSED: tuple[ProblemKind, ...] = ("wrong_type", "outside_folder")
NO_PATTERNS = "patterns like %date% are not filled in yet: write out what the name shall be"


def converted(given: object, widget: Widget | None) -> object:
    """A literal as our widgets write it: 8.0 is 8 where whole numbers go, and a name from Windows has slashes."""
    whole = isinstance(widget, Seed) or (isinstance(widget, Range) and widget.whole)
    if whole and isinstance(given, float) and given.is_integer():
        return int(given)
    if isinstance(widget, File) and isinstance(given, str):
        return given.replace("\\", "/")
    return given


def has_pattern(socket: Input, given: object) -> bool:
    """Whether a literal is the name of files to be saved, with a part in it like %date% that ComfyUI fills in."""
    return isinstance(socket.widget, SaveName) and isinstance(given, str) and "%" in given


def in_order(description: Description, values: Sequence[object]) -> Iterator[tuple[str, int, str | None]]:
    """Which input each of a node's values on the canvas is of: its name, the value's place, and a seed's control.

    The values are in the order of the inputs that have a widget. Between them stand the controls of seeds, and what
    the buttons to upload pictures hold.
    """
    place = 0
    for socket in description.inputs.values():
        if socket.widget is None:
            continue
        if place >= len(values):
            return
        own, place, control = place, place + 1, None
        following = values[place] if place < len(values) else None
        if isinstance(socket.widget, Seed) and (isinstance(following, bool) or is_control(following)):
            control = CONTROLS.get(following) if is_control(following) else None
            place += 1
        elif isinstance(socket.widget, File) and following == "image":
            place += 1
        yield socket.name, own, control


def is_control(value: object) -> bool:
    return isinstance(value, str) and value in CONTROLS
