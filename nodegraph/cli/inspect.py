"""`nodegraph inspect`: what a model file is, as the packs of nodes know it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, cast

import typer

from nodegraph.cli.workspace import AllowPickle, Debug, Packs, allow_pickle, module_name
from nodegraph.errors import BadInput, MissingFile
from nodegraph.packs import load_packs

File = Annotated[str, typer.Argument(metavar="FILE", help="A file of weights, or a folder as diffusers writes it.")]
AsJson = Annotated[bool, typer.Option("--json", help="Write what is known as one line of JSON.")]
LONGEST_LINE = 72  # characters of a list that stands beside its name


def inspect(
    file: File, json_: AsJson = False, pack: Packs = None, pickle: AllowPickle = False, debug: Debug = False
) -> None:
    """Say what a model file is: its family, its parts, what is missing, how it was trained. Only its header is read."""
    if pickle:
        allow_pickle()
    found = inspected(file, pack)
    if json_:
        typer.echo(json.dumps(found))
        return
    for line in lines(found):
        typer.echo(line)


def inspected(file: str, packs: Sequence[str] | None) -> Mapping[str, object]:
    """What the first pack that knows a file says of it: the function `__inspect__` of its module."""
    path = Path(file)
    try:
        path.stat()
    except (OSError, ValueError) as error:
        raise MissingFile(f"{plain(file[:200])} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    for module in load_packs([module_name(name) for name in packs] if packs else None):
        look = getattr(module, "__inspect__", None)
        try:
            found = None if look is None else look(path)
        except ValueError as error:
            raise BadInput(plain(str(error))) from error
        if found is not None:
            return found
    raise BadInput(f"{plain(path.name)} is no file that a pack of nodes knows")


def lines(facts: Mapping[str, object], indent: str = "") -> Iterator[str]:
    """A line for each fact, with the values in a column; under a name what is a table, or does not fit beside it."""
    width = max((len(plain(name)) for name, value in facts.items() if not is_below(value)), default=0) + 1
    for name, value in facts.items():
        label = f"{indent}{plain(name)}:"
        if not is_below(value):
            yield f"{label:{len(indent) + width}}  {shown(name, value)}"
            continue
        yield label
        if not isinstance(value, Mapping):
            yield from (f"{indent}  {plain(str(item))}" for item in cast("list[object]", value))
            continue
        inner = cast("Mapping[str, object]", value)
        rows = {row: cast("Mapping[str, object]", cells) for row, cells in inner.items() if isinstance(cells, Mapping)}
        yield from table(rows, f"{indent}  ") if len(rows) == len(inner) else lines(inner, f"{indent}  ")


def is_below(value: object) -> bool:
    """Whether a value stands under its name."""
    if isinstance(value, list):
        return sum(len(str(item)) + 2 for item in cast("list[object]", value)) > LONGEST_LINE
    return isinstance(value, Mapping) and bool(cast("Mapping[str, object]", value))


def table(rows: Mapping[str, Mapping[str, object]], indent: str) -> Iterator[str]:
    """Rows of the same facts, under their names."""
    columns = list(dict.fromkeys(name for cells in rows.values() for name in cells))
    texts = [["", *columns]]
    texts += [[row, *(shown(name, cells.get(name, "")) for name in columns)] for row, cells in rows.items()]
    widths = [max(len(plain(row[column])) for row in texts) for column in range(len(columns) + 1)]
    for row in texts:
        cells = (f"{plain(text):{width}}" for text, width in zip(row, widths, strict=True))
        yield f"{indent}{'  '.join(cells)}".rstrip()


def shown(name: str, value: object) -> str:
    """A value in a few words: numbers in groups of three digits, bytes in larger units."""
    if isinstance(value, list):
        return ", ".join(shown(name, item) for item in cast("list[object]", value)) or "nothing"
    if isinstance(value, int) and name == "bytes":
        return size(value)
    if isinstance(value, int):
        return f"{value:,}"
    return "nothing" if value == {} else plain(str(value))


def size(count: int) -> str:
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "KB")):
        if count >= unit:
            return f"{count / unit:.3g} {name}"
    return f"{count} bytes"


def plain(text: str) -> str:
    """A text that any terminal can show: what is no printable character is written as Python escapes it."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
