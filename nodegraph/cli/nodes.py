"""`nodegraph nodes` and `nodegraph node`: what nodes there are, and what one does."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from itertools import groupby
from typing import Annotated

import typer

from nodegraph.catalogue import Catalogue, Description
from nodegraph.cli.workspace import Debug, Packs, load_catalogue
from nodegraph.errors import Rejected, UsageError, did_you_mean
from nodegraph.sockets import Input
from nodegraph.widgets import Choice

Text = Annotated[str, typer.Argument(metavar="TEXT", help="Only nodes with this text in their name, category or help.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The type of the node, as workflows write it.")]


def list_nodes(text: Text = "", pack: Packs = None, debug: Debug = False) -> None:
    """List the nodes by category."""
    catalogue = load_catalogue(pack)
    if not catalogue.nodes:
        raise UsageError("there are no nodes", hint="no pack of nodes is installed; --pack names one")
    found = sorted((node for node in catalogue.nodes.values() if matches(node, text)), key=place)
    if not found:
        raise UsageError(f"no node has {text!r} in it", hint=did_you_mean(text, catalogue.nodes))
    width = max(len(node.name) for node in found)
    for category, group in groupby(found, lambda node: node.category):
        typer.secho(category or "(no category)", bold=True)
        for node in group:
            typer.echo(fitted(f"  {node.name:{width}}  {node.help}"))


def place(node: Description) -> tuple[str, str]:
    return node.category, node.name


def matches(node: Description, text: str) -> bool:
    said = f"{node.name} {node.title} {node.category} {node.docs}".casefold()
    return all(word in said for word in text.casefold().split())


def fitted(line: str) -> str:
    """A line cut to the width of the terminal; whole when it goes elsewhere."""
    if not sys.stdout.isatty():
        return line
    width = shutil.get_terminal_size().columns
    return line if len(line) <= width else f"{line[: width - 1]}…"


def show_node(name: Name, pack: Packs = None, debug: Debug = False) -> None:
    """Show a node: its help, its inputs with what they take, its outputs and where they fit."""
    catalogue = load_catalogue(pack)
    node = catalogue.nodes.get(name)
    if node is None:
        raise UsageError(f"there is no node {name!r}", hint=did_you_mean(name, catalogue.nodes))
    belongs = " · ".join(part for part in (node.category, node.pack) if part)
    typer.echo(f"{typer.style(node.name, bold=True)}  {belongs}")
    for line in node.docs.splitlines():
        typer.echo(f"  {line}".rstrip())
    section(
        "Inputs", [(socket.name, short(socket.type), takes(socket), said(socket)) for socket in node.inputs.values()]
    )
    section(
        "Outputs",
        [(socket.name, socket.type, fits(catalogue, socket.type), [socket.help]) for socket in node.outputs.values()],
    )
    if node.effect:
        typer.echo("\nIt always runs, and what it needs runs before it.")


def section(title: str, rows: list[tuple[str, str, str, list[str]]]) -> None:
    """A line for each socket, and under it what is said about it."""
    if not rows:
        return
    typer.secho(f"\n{title}", bold=True)
    names, types = (max(len(row[column]) for row in rows) for column in (0, 1))
    indent = " " * (names + types + 6)
    width = max(60, min(100, shutil.get_terminal_size().columns))
    for name, kind, takes, remarks in rows:
        typer.echo(f"  {name:{names}}  {kind:{types}}  {takes}".rstrip())
        for remark in filter(None, remarks):
            typer.echo(textwrap.fill(remark, width, initial_indent=indent, subsequent_indent=indent))


def short(kind: str) -> str:
    return kind.partition("[")[0]


def said(socket: Input) -> list[str]:
    """The help of an input, and all of its choices."""
    choices = socket.widget.choices if isinstance(socket.widget, Choice) else ()
    return [socket.help, ", ".join(map(str, choices))]


def takes(socket: Input) -> str:
    """What may stand in an input, in the words that a workflow's problems use."""
    need = "required" if socket.required else f"default {json.dumps(socket.default, ensure_ascii=False)}"
    if isinstance(socket.widget, Choice):
        return f"a choice, {need}"
    if socket.widget is None:
        return "a link, required" if socket.required else "a link, optional"
    try:
        socket.widget.parse(object(), {})
    except Rejected as refusal:
        return f"{refusal.expected}, {need}"
    return f"anything, {need}"


def fits(catalogue: Catalogue, source: str) -> str:
    """Some inputs of other nodes that an output of this type can be linked to."""
    places = [
        f"{node.name}.{socket.name}"
        for node in catalogue.nodes.values()
        for socket in node.inputs.values()
        if catalogue.accepts(socket.type, source)
    ]
    return f"fits {', '.join(places[:4])}{', …' if len(places) > 4 else ''}" if places else ""
