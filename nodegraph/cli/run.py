"""`nodegraph run`: a workflow from its file to its pictures."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from enum import Enum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from nodegraph.cache import MemoryCache
from nodegraph.cli.assignment import Assignment, assign
from nodegraph.cli.destination import Destination
from nodegraph.cli.runs import Runs
from nodegraph.cli.sheet import Sheet
from nodegraph.cli.source import read_source
from nodegraph.cli.sweep import Sweep, cells
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
from nodegraph.files import tell_large_files_by_place
from nodegraph.folders import default_folders
from nodegraph.node import Profile
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
Sweeps = Annotated[
    list[str] | None,
    typer.Option(
        "--sweep",
        metavar="ID.INPUT=VALUES",
        help="Run once for each value: 0..15:1.5 (from 0 to 15 in steps of 1.5), 1,2,3, or a list in JSON, for values "
        "with commas. Repeat it to run each combination. What does not change is computed once.",
    ),
]
SheetFile = Annotated[
    str | None,
    typer.Option(
        "--sheet",
        metavar="FILE",
        help="Put the pictures of a sweep into one PNG: a column for each value of the first --sweep, a row for each "
        "of the second. Where several nodes save pictures, theirs stand one below the other. The pictures themselves "
        "are kept only with --out or --output.",
    ),
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
    sweep: Sweeps = None,
    sheet: SheetFile = None,
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
    sweeps = [Sweep.parse(word) for word in sweep or ()]
    shown = None if sheet is None else Sheet(sheet, sweeps, alone=out is None and output is None)
    source = read_source(file)
    registry = load_registry(pack)
    document = assign(source.document, assignments, registry.catalogue())
    with ExitStack() as stack:
        destination = stack.enter_context(Destination(out)) if out is not None and not dry_run else None
        saved = stack.enter_context(saving_in(destination, output, shown))
        folders = default_folders(models=models, output=saved, inputs=(source.folder,))
        tell_large_files_by_place()
        # Nothing outlives this process, so without a sweep no result is kept longer than the nodes that wait for it.
        cache = MemoryCache() if sweeps else MemoryCache(max_bytes=0)
        runtime = Runtime(registry, cache, folders, Profile(device.value, dtype.value, memory=memory))
        with problems_of(source.name):
            runs = Runs(cells(document, sweeps, runtime), runtime, shown, destination)
        (runs.explain if dry_run else runs.follow)(as_json=json)


@contextmanager
def saving_in(destination: Destination | None, output: Path | None, sheet: Sheet | None) -> Generator[Path | None]:
    """Where nodes save: if only a sheet is wanted, in a folder that is gone afterwards."""
    if sheet and sheet.alone:
        with TemporaryDirectory(prefix="nodegraph-") as folder:
            yield Path(folder)
    else:
        yield destination.staging if destination else output
