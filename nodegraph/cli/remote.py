"""`nodegraph submit`, `jobs`, `cancel`, `logs`: the same work on a running server, with the same output."""

from __future__ import annotations

import asyncio
import json as json_text
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from nodegraph.catalogue import Catalogue
from nodegraph.cli.assignment import Assignment, assign
from nodegraph.cli.destination import Destination
from nodegraph.cli.display import Display, display
from nodegraph.cli.interrupt import Interrupt
from nodegraph.cli.run import AsJson, Out, Set
from nodegraph.cli.source import read_source
from nodegraph.cli.workspace import Debug, Workflow, problems_of
from nodegraph.errors import MissingFile, NodegraphError, UsageError
from nodegraph.events import Artifact, Finished
from nodegraph.service.records import ENDED

# aiohttp takes a while to import, and only these commands need it.
if TYPE_CHECKING:
    from nodegraph.client import Client, Said

T = TypeVar("T")
EXIT_CODES = {"out_of_memory": 5, "missing_file": 4, "invalid_graph": 3}
LARGEST_TOKEN = 4096

ServerUrl = Annotated[
    str, typer.Option("--server", envvar="NODEGRAPH_SERVER", metavar="URL", help="The server to talk to.")
]
TokenFile = Annotated[
    Path | None,
    typer.Option("--token-file", envvar="NODEGRAPH_TOKEN_FILE", metavar="FILE", help="The token that it asks for."),
]
Id = Annotated[str | None, typer.Option("--id", help="The job's id: submitted twice, it is one job.")]
Front = Annotated[bool, typer.Option("--front", help="Run it before all that wait.")]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Print the job's id, and do not wait for its end.")]
JobId = Annotated[str, typer.Argument(metavar="JOB", help="The id of a job.")]
JobIds = Annotated[list[str] | None, typer.Argument(metavar="JOB…", help="The ids of jobs.")]
All = Annotated[bool, typer.Option("--all", help="All that wait.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=1000, help="At most so many.")]
JobState = Annotated[str | None, typer.Option("--state", help="Only those that are queued, running, done, failed, …")]
LOCAL = "http://127.0.0.1:8188"


class JobEnded(NodegraphError):
    """A job that ended without a result; `told` if an event has said so already."""

    def __init__(self, job: Mapping[str, Any]) -> None:
        reason: dict[str, Any] = job["reason"] or {}
        where = f"{reason['node']}: " if reason.get("node") else ""
        super().__init__(f"{where}{reason.get('message') or job['state']}", hint=reason.get("hint"))
        self.told = job["state"] in ("failed", "cancelled")
        self.kind = str(reason.get("kind", job["state"]))
        self.exit_code = 130 if job["state"] == "cancelled" else EXIT_CODES.get(self.kind, 1)


def talk(server: str, token_file: Path | None, work: Callable[[Client], Awaitable[T]]) -> T:
    """Do some work with the client of a server."""

    from nodegraph.client import Client

    async def connected() -> T:
        async with Client(server, read_token(token_file)) as client:
            return await work(client)

    return asyncio.run(connected())


def read_token(path: Path | None) -> str | None:
    try:
        return None if path is None else path.read_text("ascii").strip()[:LARGEST_TOKEN]
    except (OSError, UnicodeDecodeError) as error:
        raise MissingFile(f"the token in {path} cannot be read") from error


def submit(
    file: Workflow,
    set_: Set = None,
    out: Out = None,
    json: AsJson = False,
    id_: Id = None,
    front: Front = False,
    no_wait: NoWait = False,
    server: ServerUrl = LOCAL,
    token_file: TokenFile = None,
    debug: Debug = False,
) -> None:
    """Run a workflow on a server: show what it does there, and print what it saves.

    Files are named as the server knows them; with --out they are fetched. Ctrl-C cancels the job.
    """
    assignments = [Assignment.parse(word) for word in set_ or ()]
    source = read_source(file)
    how: dict[str, Any] = {"front": front} | ({"id": id_} if id_ else {})

    async def work(client: Client) -> None:
        document = source.document
        if assignments:
            document = assign(document, assignments, Catalogue.from_json(await client.ask("GET", "/catalogue")))
        with problems_of(source.name):
            receipt = await client.ask("POST", "/jobs", {"workflow": document, **how})
        if no_wait:
            typer.echo(json_text.dumps(receipt) if json else receipt["id"])
            return
        with ExitStack() as stack:
            destination = stack.enter_context(Destination(out)) if out is not None else None
            await follow(client, receipt["id"], display(as_json=json), destination)

    talk(server, token_file, work)


def logs(
    job: JobId, json: AsJson = False, server: ServerUrl = LOCAL, token_file: TokenFile = None, debug: Debug = False
) -> None:
    """Show what a job did, and does until it ends, as `run` would have shown it."""

    async def work(client: Client) -> None:
        await client.ask("GET", f"/jobs/{job}")
        await follow(client, job, display(as_json=json), None, cancels=False)

    talk(server, token_file, work)


async def follow(
    client: Client, job: str, show: Display, destination: Destination | None, *, cancels: bool = True
) -> None:
    """Show the events of a job until it ends; the first Ctrl-C cancels it, or only stops looking."""
    with Interrupt() as interrupt, show:
        watching = asyncio.create_task(_cancelled_on(interrupt, client, job)) if cancels else None
        try:
            async for said in client.listen(job):
                await _show(client, said, show, destination)
                if said.event["event"] == "job" and said.event["state"] in ENDED:
                    break
                if interrupt.requested and not cancels:
                    raise KeyboardInterrupt
        finally:
            if watching:
                watching.cancel()
    ended = await client.ask("GET", f"/jobs/{job}")
    if ended["state"] == "cancelled" and interrupt.requested:
        raise KeyboardInterrupt
    if ended["state"] in ENDED and ended["state"] != "done":
        raise JobEnded(ended)


async def _cancelled_on(interrupt: Interrupt, client: Client, job: str) -> None:
    while not interrupt.requested:
        await asyncio.sleep(0.1)
    await client.ask("POST", f"/jobs/{job}/cancel")


async def _show(client: Client, said: Said, show: Display, destination: Destination | None) -> None:
    from nodegraph.client import event_of

    event = event_of(said.event)
    if event is None:
        return
    if destination is not None and isinstance(event, Finished) and event.artifacts:
        fetched = [await _fetched(client, each, destination) for each in said.event["artifacts"]]
        event = destination.receive(Finished(event.node, event.seconds, tuple(fetched)))
    show(event)


async def _fetched(client: Client, artifact: Mapping[str, Any], destination: Destination) -> Artifact:
    content = await client.fetch(artifact["id"])
    path = destination.staging.resolve() / f"{artifact['id']}{Path(artifact['name']).suffix}"
    path.write_bytes(content)
    return Artifact(path, artifact["kind"], artifact["media_type"])


def list_jobs(
    state: JobState = None,
    limit: Limit = 20,
    json: AsJson = False,
    server: ServerUrl = LOCAL,
    token_file: TokenFile = None,
    debug: Debug = False,
) -> None:
    """List the jobs of a server: those that run, wait and have ended."""
    query: dict[str, str | int] = {"limit": limit} | ({"state": state} if state else {})
    found = talk(server, token_file, lambda client: client.ask("GET", "/jobs", **query))["jobs"]
    for job in found:
        typer.echo(json_text.dumps(job, ensure_ascii=False) if json else line_of(job))


def line_of(job: Mapping[str, Any]) -> str:
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(job["created_at"]))
    took = "" if job["seconds"] is None else f"{job['seconds']:.1f} s"
    reason = job["reason"]
    files = ", ".join(f"{output['folder']}/{output['name']}" for output in job["outputs"])
    return f"{job['id']}  {job['state']:9}  {at}  {took:>8}  {reason['message'] if reason else files}".rstrip()


def cancel(
    jobs: JobIds = None,
    all_: All = False,
    server: ServerUrl = LOCAL,
    token_file: TokenFile = None,
    debug: Debug = False,
) -> None:
    """Cancel jobs: one that waits at once, one that runs after its current step."""
    if not jobs and not all_:
        raise UsageError("cancel expects the ids of jobs, or --all")

    async def work(client: Client) -> None:
        for job in jobs or ():
            answer = await client.ask("POST", f"/jobs/{job}/cancel")
            typer.echo(f"{job}: {'cancelling' if answer['cancelling'] else answer['state']}")
        if all_:
            answer = await client.ask("POST", "/queue/clear", {})
            typer.echo(f"{answer['cancelled']} jobs cancelled")

    talk(server, token_file, work)
