"""`nodegraph graph`: a workflow as a drawing, in text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import Annotated

import typer

from nodegraph.cli.source import read_source
from nodegraph.cli.workspace import Debug, Models, Packs, Workflow, load_catalogue, problems_of
from nodegraph.folders import default_folders
from nodegraph.graph import Graph, Node


class Format(Enum):
    tree = "tree"
    mermaid = "mermaid"
    dot = "dot"


Drawn = Annotated[Format, typer.Option("--format", help="A tree of text, or the language of Mermaid or Graphviz.")]


def graph(
    file: Workflow, drawing: Drawn = Format.tree, pack: Packs = None, models: Models = None, debug: Debug = False
) -> None:
    """Draw a workflow: which node feeds which, of those that run."""
    source = read_source(file)
    with problems_of(source.name):
        parsed = Graph.parse(
            source.document, load_catalogue(pack), default_folders(models=models, inputs=(source.folder,))
        )
    for line in DRAWINGS[drawing](parsed):
        typer.echo(line)


def tree(graph: Graph) -> Iterator[str]:
    """Each node that feeds no other, and under it what feeds it; a node met again is named only. Last, what is idle."""
    fed = {link.node for node in graph.nodes.values() for link in node.links.values()}
    shown: set[str] = set()
    # A stack of (what to write before the line, what to write before the lines under it, input, node id).
    pending = [("", "", "", name) for name in reversed(list(graph.nodes)) if name not in fed]
    while pending:
        lead, indent, socket, name = pending.pop()
        node = graph.nodes[name]
        again = " …" if name in shown and node.links else ""
        yield f"{lead}{f'{socket}: ' if socket else ''}{name} ({node.type}){again}"
        if name in shown:
            continue
        shown.add(name)
        pending.extend(reversed(list(branches(node, indent))))
    for name, why in graph.idle.items():
        yield f"{name} does not run: {why}"


def branches(node: Node, indent: str) -> Iterator[tuple[str, str, str, str]]:
    for number, (socket, link) in enumerate(node.links.items(), 1):
        corner, below = ("└─ ", "   ") if number == len(node.links) else ("├─ ", "│  ")
        yield indent + corner, indent + below, socket, link.node


def mermaid(graph: Graph) -> Iterator[str]:
    places = {name: f"n{number}" for number, name in enumerate(graph.nodes)}
    yield "flowchart LR"
    for name, node in graph.nodes.items():
        label = f"{name}\n{node.type}".replace("#", "#35;").replace('"', "#quot;").replace("\n", "<br>")
        yield f'    {places[name]}["{label}"]'
    for source, target, socket in links(graph):
        yield f'    {places[source]} -- "{socket}" --> {places[target]}'


def dot(graph: Graph) -> Iterator[str]:
    yield "digraph workflow {"
    yield "    rankdir=LR; node [shape=box];"
    for name, node in graph.nodes.items():
        label = quoted(f"{name}\n{node.type}")
        yield f"    {quoted(name)} [label={label}];"
    for source, target, socket in links(graph):
        yield f"    {quoted(source)} -> {quoted(target)} [label={quoted(socket)}];"
    yield "}"


def quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def links(graph: Graph) -> Iterator[tuple[str, str, str]]:
    for name, node in graph.nodes.items():
        for socket, link in node.links.items():
            yield link.node, name, socket


DRAWINGS: Mapping[Format, Callable[[Graph], Iterator[str]]] = {
    Format.tree: tree,
    Format.mermaid: mermaid,
    Format.dot: dot,
}
