"""The `nodegraph` command. It imports no pack of nodes, and so no torch, until a command needs one."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from nodegraph.cli import check, graph, inspect, lessons, nodes, remote, run, schema, serve
from nodegraph.cli.interrupt import stop_at_once
from nodegraph.cli.report import reporting


class Commands(TyperGroup):
    """All commands report what goes wrong in the same way, Ctrl-C included, which typer would not mention."""

    words: Sequence[str] = ()

    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> Any:
        self.words = list(sys.argv[1:] if args is None else args)
        return super().main(args, *rest, **extra)

    def invoke(self, ctx: Any) -> Any:
        with reporting(as_json="--json" in self.words, debug="--debug" in self.words):
            return super().invoke(ctx)


app = typer.Typer(
    cls=Commands,
    name="nodegraph",
    help="Run node-graph workflows, and look into them.",
    epilog="Exit codes: 0 ok, 1 a node failed, 2 usage, 3 invalid workflow, 4 missing file or model, 5 out of memory, "
    "130 interrupted.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("run")(run.run)
app.command("check")(check.check)
app.command("nodes")(nodes.list_nodes)
app.command("node")(nodes.show_node)
app.command("lessons")(lessons.list_lessons)
app.command("graph")(graph.graph)
app.command("inspect")(inspect.inspect)
app.command("schema")(schema.schema)
app.command("serve")(serve.serve)
app.command("submit")(remote.submit)
app.command("jobs")(remote.list_jobs)
app.command("cancel")(remote.cancel)
app.command("logs")(remote.logs)


def show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"nodegraph {version('nodegraph')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


def main() -> None:
    signal.signal(signal.SIGTERM, stop_at_once)
    app()
