"""`nodegraph run`: a workflow from its file to its pictures."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack, closing
from enum import Enum
from json import dumps
from pathlib import Path
from typing import Annotated

import typer

from nodegraph.cache import MemoryCache
from nodegraph.cli.assignment import Assignment, assign
from nodegraph.cli.destination import Destination
from nodegraph.cli.display import Display, display
from nodegraph.cli.interrupt import Interrupt
from nodegraph.cli.source import read_source
from nodegraph.cli.workspace import (
    AllowPickle,
    Debug,
    Memory,
    Models,
    Packs,
    Workflow,
    allow_pickle,
    load_registry,
    problems_of,
)
from nodegraph.events import Cancelled, Completed, Failed, Finished, Started
from nodegraph.execute import Run, execute
from nodegraph.files import tell_large_files_by_place
from nodegraph.folders import default_folders
from nodegraph.node import Profile
from nodegraph.plan import Explanation
from nodegraph.runtime import Runtime


class Device(Enum):
    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


class Dtype(Enum):
    auto = "auto"
    float32 = "float32"
    bfloat16 = "bfloat16"
    float16 = "float16"


Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="ID.INPUT=VALUE", help="Set an input of a node (repeatable); it replaces a link."),
]
Out = Annotated[
    str | None,
    typer.Option(
        "--out",
        metavar="PATTERN",
        help="Name the saved file: frog.png, and frog-2.png if there is a second one; {n} stands for the first free "
        "number, {node} for the id of the node that saves. A missing ending is added.",
    ),
]
Output = Annotated[
    Path | None, typer.Option("--output", metavar="DIR", help="The folder to save in, if not `output`; see also --out.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Write one event a line as JSON, and nothing else.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would run and what is cached, and why; run nothing.")]
OnDevice = Annotated[Device, typer.Option("--device", help="Where to compute; auto takes a GPU if there is one.")]
WithDtype = Annotated[Dtype, typer.Option("--dtype", help="How precisely to compute; auto suits the device.")]


def run(
    file: Workflow,
    set_: Set = None,
    out: Out = None,
    output: Output = None,
    json: AsJson = False,
    dry_run: DryRun = False,
    device: OnDevice = Device.auto,
    dtype: WithDtype = Dtype.auto,
    memory: Memory = None,
    pack: Packs = None,
    models: Models = None,
    pickle: AllowPickle = False,
    debug: Debug = False,
) -> None:
    """Run a workflow and print the path of each file that it saves.

    Ctrl-C stops it after the step that runs; pressed again, at once.
    """
    if pickle:
        allow_pickle()
    assignments = [Assignment.parse(word) for word in set_ or ()]
    source = read_source(file)
    registry = load_registry(pack)
    document = assign(source.document, assignments, registry.catalogue())
    with ExitStack() as stack:
        destination = stack.enter_context(Destination(out)) if out is not None and not dry_run else None
        saved = destination.staging if destination else output
        folders = default_folders(models=models, output=saved, inputs=(source.folder,))
        # Nothing outlives this process, so no result is kept longer than the nodes that wait for it.
        tell_large_files_by_place()
        runtime = Runtime(
            registry, MemoryCache(max_bytes=0), folders, Profile(device.value, dtype.value, memory=memory)
        )
        with problems_of(source.name):
            plan = runtime.plan(document)
        if dry_run:
            explain(plan.explain(runtime.cache), as_json=json)
        else:
            follow(execute(plan, runtime.cache), display(as_json=json), destination)


def explain(explanations: Iterable[Explanation], *, as_json: bool) -> None:
    rows = list(explanations)
    width = max((len(row.node) for row in rows), default=0)
    for row in rows:
        plain = f"{row.action:10}  {row.node:{width}}  {row.reason}"
        typer.echo(dumps({"event": "explained", **row._asdict()}, ensure_ascii=False) if as_json else plain)


def follow(events: Run, show: Display, destination: Destination | None) -> None:
    """Show the events of a run as they come, and stop it if somebody asks."""
    running: str | None = None
    with Interrupt() as interrupt, closing(events), show:
        try:
            for event in events:
                show(destination.receive(event) if destination else event)
                running = event.node if isinstance(event, Started) else None if isinstance(event, Finished) else running
                if interrupt.requested and not isinstance(event, Completed | Failed):
                    raise KeyboardInterrupt
        except KeyboardInterrupt:
            show(Cancelled(running))
            raise
