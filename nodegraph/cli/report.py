"""Whatever goes wrong, in a few lines and as an exit code."""

from __future__ import annotations

import json
import traceback
from collections.abc import Generator
from contextlib import contextmanager

import typer

from nodegraph.errors import InvalidGraph, NodeFailed, NodegraphError

INTERRUPTED = 130


@contextmanager
def reporting(*, as_json: bool, debug: bool) -> Generator[None]:
    """Turn an error into its report and its exit code; a traceback comes only with --debug."""
    try:
        yield
    except (typer.Exit, typer.Abort, typer.TyperException, BrokenPipeError):
        raise  # typer ends the command for these, and quietly if nobody reads its output any more
    except (Exception, KeyboardInterrupt) as error:
        if debug and not isinstance(error, KeyboardInterrupt):
            traceback.print_exception(error)
        elif as_json:
            say_json(error)
        else:
            say(error)
        raise SystemExit(exit_code(error)) from None


def exit_code(error: BaseException) -> int:
    if isinstance(error, NodegraphError):
        return error.exit_code
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    return 5 if isinstance(error, MemoryError) else 1


def say(error: BaseException) -> None:
    first, *others = lines(error)
    stopped = exit_code(error) == INTERRUPTED
    typer.echo(first if stopped else f"{typer.style('error:', fg='red', bold=True)} {first}", err=True)
    for line in others:
        typer.echo(f"  {line}", err=True)


def lines(error: BaseException) -> list[str]:
    """What to tell: a headline, then each problem, or the hint."""
    if isinstance(error, InvalidGraph):
        number = len(error.problems)
        name = getattr(error, "__notes__", ["the workflow"])[0]
        shown = [str(p) if not p.hint or p.hint in p.message else f"{p}; {p.hint}" for p in error.problems]
        return [f"{name} cannot be run: {number} problem{'s' * (number > 1)}", *shown]
    if isinstance(error, NodegraphError):
        return [line for text in (str(error), error.hint) if text for line in text.splitlines()]
    if isinstance(error, KeyboardInterrupt):
        return ["stopped"]
    if isinstance(error, OSError) and error.strerror:
        return [f"{error.strerror}: {error.filename}" if error.filename else error.strerror]
    return [f"{type(error).__name__}: {error}", "this is a fault of the program; --debug shows where it is"]


def say_json(error: BaseException) -> None:
    """The error as the last event, unless an event has told it already."""
    if isinstance(error, NodeFailed | KeyboardInterrupt) or getattr(error, "told", False):
        return
    problems = [problem.to_json() for problem in error.problems] if isinstance(error, InvalidGraph) else []
    said = {
        "event": "error",
        "kind": getattr(error, "kind", type(error).__name__),
        "error": "\n".join(lines(error)),
        "problems": problems,
        "exit_code": exit_code(error),
    }
    typer.echo(json.dumps(said, ensure_ascii=False))
