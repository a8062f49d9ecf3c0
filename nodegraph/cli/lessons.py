"""`nodegraph lessons`: the course as a list, and each lesson as a text to read beside its pictures."""

from __future__ import annotations

import re
import shutil
import textwrap
from collections.abc import Iterator
from math import hypot
from pathlib import Path
from typing import Annotated, Any, NamedTuple, cast

import typer

from nodegraph.about import About, about_file, part
from nodegraph.cli.workspace import Debug
from nodegraph.document import read_document
from nodegraph.errors import NodegraphError, UsageError, did_you_mean
from nodegraph.folders import shipped_workflows

FOLDER = "lessons/"
COLUMN = 260  # pixels from one column of nodes to the next: what is in one is read from top to bottom
Wanted = Annotated[str, typer.Argument(metavar="LESSON", help="Its number, its name, or a part of its name or title.")]


class Lesson(NamedTuple):
    name: str  # 04_predict_the_noise
    path: Path
    about: About

    @property
    def number(self) -> str:
        """As people say it: 4 for 04_predict_the_noise; nothing if the name has none."""
        return self.name.partition("_")[0].lstrip("0") if self.name[:1].isdecimal() else ""


class Remark(NamedTuple):
    """A note: on the canvas at `x` and `y`, or beside a node, whose title it then has."""

    x: float
    y: float
    title: str
    text: str

    @property
    def number(self) -> int | None:
        """What a note begins with that says its place in the order."""
        begins = re.match(r"(\d{1,3})\.\s", self.text)
        return int(begins[1]) if begins else None


def list_lessons(lesson: Wanted = "", debug: Debug = False) -> None:
    """List the lessons in their order, or read one: its notes, and how to run it and open it."""
    lessons = every_lesson()
    if lesson:
        read(named(lesson, lessons))
        return
    for each in lessons:
        typer.secho(each.about.title, bold=True)
        for line in wrapped(each.about.text, "    "):
            typer.echo(line)
    typer.echo("\nRead one: nodegraph lessons 1. In the browser: nodegraph serve, then Learn in the menu.")


def every_lesson() -> list[Lesson]:
    shipped = {name: path for name, path in sorted(shipped_workflows().items()) if name.startswith(FOLDER)}
    if not shipped:
        raise NodegraphError("there are no lessons", hint="no pack that is installed brings any")
    return [Lesson(name.removeprefix(FOLDER), path, about_file(path, name)) for name, path in shipped.items()]


def named(word: str, lessons: list[Lesson]) -> Lesson:
    """The lesson that a number, a name or a part of it stands for; UsageError if that is none, or several."""
    said = word.removeprefix(FOLDER).removesuffix(".json").casefold()
    exact = [each for each in lessons if said in (each.number, each.name) or (said.isdecimal() and same(said, each))]
    found = exact or [each for each in lessons if said in f"{each.name}\n{each.about.title}".casefold()]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"{word!r} may be {' or '.join(each.name for each in found)}")
    names = [each.name for each in lessons]
    raise UsageError(f"there is no lesson {word!r}", hint=did_you_mean(word, names) or f"there is {', '.join(names)}")


def same(number: str, lesson: Lesson) -> bool:
    return number.lstrip("0") == lesson.number


def read(lesson: Lesson) -> None:
    document = read_document(lesson.path)
    typer.secho(lesson.about.title, bold=True)
    for line in wrapped(lesson.about.text):
        typer.echo(line)
    for remark in in_order(list(remarks(document))):
        typer.echo()
        for line in wrapped(f"{remark.title}: {remark.text}" if remark.title else remark.text):
            typer.echo(line)
    name = f"{FOLDER}{lesson.name}"
    typer.echo(f"\nRun it:   nodegraph run {name}")
    typer.echo(f"Open it:  nodegraph serve, then http://127.0.0.1:8188/?template={name}")


def in_order(remarks: list[Remark]) -> list[Remark]:
    """Those with numbers by number, each followed by those that are nearest to it; else column by column."""
    placed = sorted(remarks, key=lambda each: (each.x // COLUMN, each.y))
    numbered = [each for each in placed if each.number is not None]

    def place(remark: Remark) -> tuple[int, bool]:
        near = min(numbered, key=lambda each: hypot(each.x - remark.x, each.y - remark.y))
        return near.number or 0, remark.number is None

    return sorted(placed, key=place) if numbered else placed


def remarks(document: object) -> Iterator[Remark]:
    """The notes of a workflow: those on the canvas, and those of nodes."""
    view = part(document, "view")
    for key in part(view, ".notes"):
        yield remark(part(part(view, ".notes"), key), "", "text")
    for node_id in view:
        looks = part(view, node_id)
        if not node_id.startswith(".") and looks.get("note"):
            yield remark(looks, str(looks.get("title") or node_id), "note")


def remark(looks: dict[str, Any], title: str, key: str) -> Remark:
    at: object = looks.get("at")
    sides = [side for side in cast("list[object]", at) if isinstance(side, int | float)] if isinstance(at, list) else []
    x, y = sides if len(sides) == 2 else (0, 0)
    return Remark(x, y, title, str(looks.get(key, "")))


def wrapped(text: str, indent: str = "") -> Iterator[str]:
    """A text in lines as long as one reads easily; its own lines stay lines."""
    width = max(40, min(88, shutil.get_terminal_size().columns))
    for line in text.splitlines():
        yield from textwrap.wrap(line, width, initial_indent=indent, subsequent_indent=indent) or [""]
