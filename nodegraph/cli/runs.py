"""The runs of a command, one after the other: a single one, or those of a sweep, which share what does not change."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from json import dumps

import typer

from nodegraph.cli.destination import Destination
from nodegraph.cli.display import Display, display
from nodegraph.cli.interrupt import Interrupt
from nodegraph.cli.sheet import Sheet
from nodegraph.cli.sweep import Cell
from nodegraph.errors import NodegraphError
from nodegraph.events import Cancelled, Completed, Event, Failed, Finished, Started
from nodegraph.execute import Run, execute
from nodegraph.keys import Key
from nodegraph.plan import Explanation, Plan
from nodegraph.runtime import Runtime


@dataclass(frozen=True)
class Runs:
    """One run for each cell, in the order of the sweep; without a sweep there is one."""

    cells: Sequence[Cell]
    runtime: Runtime
    sheet: Sheet | None
    destination: Destination | None

    def __post_init__(self) -> None:
        if self.sheet:
            self.sheet.show(self.cells[0].graph, self.runtime.catalogue)

    def plan(self, cell: Cell) -> Plan:
        """For a sheet alone nothing else is computed than what it shows."""
        shown = self.sheet.show(cell.graph, self.runtime.catalogue) if self.sheet else None
        return self.runtime.plan(cell.graph, shown if self.sheet and self.sheet.alone else None)

    def explain(self, *, as_json: bool) -> None:
        first = self.cells[0]
        if first.values:
            explain_sweep(((cell, self.plan(cell)) for cell in self.cells), as_json=as_json)
        else:
            explain(self.plan(first).explain(self.runtime.cache), as_json=as_json)

    def follow(self, *, as_json: bool) -> None:
        if self.sheet:
            self.sheet.prepare()
        for number, cell in enumerate(self.cells, 1):
            title = f"{number} of {len(self.cells)}: {cell}" if cell.values else ""
            with told_where(cell):
                show = display(as_json=as_json, values=cell.values, title=title)
                follow(execute(self.plan(cell), self.runtime.cache), show, self.receive)
        if self.sheet:
            self.sheet.write(self.cells[0].graph.document)
            path = str(self.sheet.path)
            typer.echo(dumps({"event": "sheet", "path": path}, ensure_ascii=False) if as_json else path)

    def receive(self, event: Event) -> Event:
        if self.destination:
            event = self.destination.receive(event)
        return self.sheet.receive(event) if self.sheet else event


@contextmanager
def told_where(cell: Cell) -> Generator[None]:
    """Say of which run an error is."""
    try:
        yield
    except NodegraphError as error:
        if cell.values:
            error.hint = "\n".join(filter(None, (error.hint, f"this was the run with {cell}")))
        raise


def explain(explanations: Iterable[Explanation], *, as_json: bool) -> None:
    rows = list(explanations)
    width = max((len(row.node) for row in rows), default=0)
    for row in rows:
        plain = f"{row.action:10}  {row.node:{width}}  {row.reason}"
        typer.echo(dumps({"event": "explained", **row._asdict()}, ensure_ascii=False) if as_json else plain)


def explain_sweep(runs: Iterable[tuple[Cell, Plan]], *, as_json: bool) -> None:
    """How many nodes each run computes, given what those before it have computed, and how many it does not."""
    known: set[Key] = set()
    count = total = 0
    for cell, plan in runs:
        pending = plan.pending(known)
        known |= {step.key for step in pending if step.key is not None}
        reused = len(plan.steps) - len(pending)
        count, total = count + 1, total + len(pending)
        said = {"event": "explained", "values": cell.values, "run": len(pending), "reused": reused}
        plain = f"run {len(pending):3}, reuse {reused:3}  {cell}"
        typer.echo(dumps(said, ensure_ascii=False) if as_json else plain)
    if not as_json:
        typer.echo(f"{count} runs, {total} nodes in all")


def follow(events: Run, show: Display, receive: Callable[[Event], Event]) -> None:
    """Show the events of a run as they come, and stop it if somebody asks."""
    running: str | None = None
    with Interrupt() as interrupt, closing(events), show:
        try:
            for event in events:
                show(receive(event))
                running = event.node if isinstance(event, Started) else None if isinstance(event, Finished) else running
                if interrupt.requested and not isinstance(event, Completed | Failed):
                    raise KeyboardInterrupt
        except KeyboardInterrupt:
            show(Cancelled(running))
            raise
