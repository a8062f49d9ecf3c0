"""What a run looks like: a live bar on a terminal, the saved files otherwise, or one event a line as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Protocol, Self

import typer

from nodegraph.events import Artifact, Completed, Event, Finished, Planned, Progressed, Started


class Display(Protocol):
    """Shows each event it is called with, while entered. Results go to standard output, all else to standard error."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def __call__(self, event: Event) -> None: ...


def display(*, as_json: bool, values: Mapping[str, object] | None = None, title: str = "") -> Display:
    """The display for one run: of a sweep, with the values of this one and what to call it."""
    if as_json:
        return JsonLines(values)
    return Bar(title) if sys.stderr.isatty() else Files()


class Files:
    """The path of each saved file, a line each, and nothing else."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def __call__(self, event: Event) -> None:
        if isinstance(event, Finished):
            say_saved(event.artifacts)


class JsonLines(Files):
    """Every event as a line of JSON, at once; those of a sweep with the values of their run."""

    def __init__(self, values: Mapping[str, object] | None = None) -> None:
        self._values = {"values": values} if values else {}

    def __call__(self, event: Event) -> None:
        typer.echo(json.dumps(event.to_json() | self._values, ensure_ascii=False))


class Bar(Files):
    """One line that says which node runs, how far it is, how fast, how long still and how many were reused."""

    def __init__(self, title: str = "") -> None:
        from rich.console import Console  # here, since rich takes a while to import and only a terminal needs it
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

        columns = (
            SpinnerColumn(),
            TextColumn("{task.fields[place]}", style="dim"),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[step]}"),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[reused]}", style="dim"),
        )
        self._console = Console(stderr=True)
        # The bar is drawn on standard error; standard output stays as it is, since it may be a file.
        self._progress = Progress(*columns, console=self._console, transient=True, redirect_stdout=False)
        self._task = self._progress.add_task("reading the workflow", total=None, place="", step="", reused="")
        self._saved: list[Artifact] = []
        self._title = f"{title}: " if title else ""
        self._ending = ""

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()
        if self._ending:
            self._console.print(self._ending, style="dim", highlight=False)
        say_saved(self._saved)

    def __call__(self, event: Event) -> None:
        match event:
            case Planned(reused=reused):
                self._progress.update(self._task, reused=f"{reused} reused" if reused else "")
            case Started():
                place = f"node {event.index} of {event.total}"
                reused = self._progress.tasks[0].fields["reused"]  # a reset forgets all that it is not given
                self._progress.reset(
                    self._task, total=None, description=describe(event), place=place, step="", reused=reused
                )
            case Progressed():
                self._progress.update(self._task, completed=event.done, total=event.total)
                speed = self._progress.tasks[0].speed
                pace = f" {speed:.1f} it/s" if speed else ""
                self._progress.update(self._task, step=f"step {event.done} of {event.total}{pace}")
            case Finished():
                self._saved.extend(event.artifacts)
            case Completed():
                self._ending = f"{self._title}{event.ran} nodes run, {event.reused} reused, {event.seconds:.1f} s"
            case _:
                pass


def describe(event: Started) -> str:
    return event.node if event.node == event.type else f"{event.node} ({event.type})"


def say_saved(artifacts: tuple[Artifact, ...] | list[Artifact]) -> None:
    for artifact in artifacts:
        typer.echo(str(artifact.path))
