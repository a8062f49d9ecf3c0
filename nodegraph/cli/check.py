"""`nodegraph check`: every problem of every file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nodegraph.catalogue import Catalogue
from nodegraph.cli.report import say
from nodegraph.cli.source import read_source
from nodegraph.cli.workspace import Debug, Models, Packs, load_catalogue, problems_of
from nodegraph.errors import NodegraphError
from nodegraph.folders import default_folders
from nodegraph.graph import Graph

Files = Annotated[list[str], typer.Argument(metavar="FILE…", help="Workflows, pictures, `-` or names of shipped ones.")]


def check(files: Files, pack: Packs = None, models: Models = None, debug: Debug = False) -> None:
    """Say all that is wrong with some workflows, without running them.

    The exit code is that of the worst problem: 3 for an invalid workflow, 4 if only files are missing.
    """
    catalogue = load_catalogue(pack)
    codes = [check_file(file, catalogue, models) for file in files]
    raise typer.Exit(min((code for code in codes if code), default=0))


def check_file(file: str, catalogue: Catalogue, models: Path | None) -> int:
    try:
        source = read_source(file)
        folders = default_folders(models=models, inputs=(source.folder,))
        with problems_of(source.name):
            graph = Graph.parse(source.document, catalogue, folders)
    except NodegraphError as error:
        say(error)
        return error.exit_code
    idle = f", and {len(graph.idle)} that do not run" if graph.idle else ""
    typer.echo(f"{file}: ok, {len(graph.nodes)} nodes{idle}")
    return 0
