"""`nodegraph schema`: the JSON Schema of workflow files, for editors."""

from __future__ import annotations

import json

import typer

from nodegraph.cli.workspace import Debug, Packs, load_catalogue
from nodegraph.document import json_schema


def schema(pack: Packs = None, debug: Debug = False) -> None:
    """Write the JSON Schema of workflow files made of the installed nodes.

    Save it beside your workflows and name it in their "$schema" key: an editor then completes and checks them.
    """
    typer.echo(json.dumps(json_schema(load_catalogue(pack)), indent=2))
