"""A client of a running server: what the commands that talk to one are made of."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, cast

import aiohttp

from .errors import InvalidGraph, MissingFile, NodegraphError, Problem, UsageError
from .events import Artifact, Cancelled, Completed, Event, Failed, Finished, Planned, Progressed, Reused, Started
from .service.records import ENDED

PREFIX = "/api/v1"
SECONDS = aiohttp.ClientTimeout(total=60)
LARGEST_MESSAGE = 64 << 20
KINDS: Mapping[str, type[Event]] = {
    kind.name: kind for kind in (Planned, Reused, Started, Progressed, Finished, Failed, Cancelled, Completed)
}


class Said(NamedTuple):
    """One event of a job, as the server told it; `number` is None for progress."""

    job: str
    number: int | None
    event: Mapping[str, Any]


class Client:
    """The API of the server at a URL, within `async with`; errors are those that the server told."""

    def __init__(self, url: str, token: str | None = None) -> None:
        self.url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=SECONDS, headers=self._headers)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def ask(self, method: str, path: str, data: object = None, **query: str | int) -> Any:
        """The JSON that the server answers with; the error that it tells, if it refuses."""
        try:
            async with self._session.request(method, f"{self.url}{PREFIX}{path}", json=data, params=query) as answer:
                text = await answer.text()
                if answer.status >= 400:
                    raise _error(text, answer.status)
                return json.loads(text)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise self._unreachable(error) from error

    async def fetch(self, asset: str) -> bytes:
        """The file of an asset."""
        try:
            async with self._session.get(f"{self.url}{PREFIX}/assets/{asset}") as answer:
                if answer.status >= 400:
                    raise _error(await answer.text(), answer.status)
                return await answer.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise self._unreachable(error) from error

    async def listen(self, job: str, after: int = 0) -> AsyncIterator[Said]:
        """What a job says, from its beginning or from a number on; a connection that breaks is made again."""
        while True:
            try:
                url = f"{self.url}{PREFIX}/events"
                parameters = {"job": job, "after": str(after)}
                async with self._session.ws_connect(url, params=parameters, max_msg_size=LARGEST_MESSAGE) as socket:
                    async for message in socket:
                        if message.type != aiohttp.WSMsgType.TEXT:
                            continue
                        for event in json.loads(message.data)["events"]:
                            number = event.get("number")
                            after = after if number is None else number
                            yield Said(job, number, event)
            except aiohttp.WSServerHandshakeError as error:
                if error.status != 429:
                    raise self._unreachable(error) from error
            except aiohttp.ClientError as error:
                raise self._unreachable(error) from error
            # It was cut: the job may have ended meanwhile, and forgotten jobs say nothing any more.
            if (await self.ask("GET", f"/jobs/{job}"))["state"] in ENDED and not await self._unheard(job, after):
                return

    async def _unheard(self, job: str, after: int) -> list[Any]:
        return (await self.ask("GET", f"/jobs/{job}/events", after=after))["events"]

    def _unreachable(self, error: Exception) -> NodegraphError:
        if isinstance(error, aiohttp.ClientConnectorError | aiohttp.InvalidURL):
            return UsageError(f"no server answers at {self.url}", hint="nodegraph serve starts one; --server names one")
        return NodegraphError(f"{self.url}: {error or type(error).__name__}")


def event_of(data: Mapping[str, Any]) -> Event | None:
    """The event of a run that JSON data stand for; None for a change of a job's state."""
    kind = KINDS.get(data["event"])
    if kind is None:
        return None
    fields: dict[str, Any] = {name: value for name, value in data.items() if name not in ("event", "number", "at")}
    if kind is Finished:
        fields["artifacts"] = tuple(_artifact(each) for each in fields.get("artifacts", ()))
    return kind(**fields)


def _artifact(data: Mapping[str, Any]) -> Artifact:
    """A file on the server, by the name that it has there."""
    return Artifact(Path(data["folder"]) / data["name"], data["kind"], data["media_type"])


def _error(text: str, status: int) -> NodegraphError:
    try:
        said = json.loads(text)
        problems = cast("list[dict[str, Any]]", said.get("problems") or [])
        message, hint, kind = said["message"], said.get("hint"), said["type"]
    except (ValueError, KeyError, AttributeError):
        return NodegraphError(f"the server answered {status}")
    if problems:
        found = [Problem(**problem) for problem in problems]
        return InvalidGraph(replace(each, pointer=each.pointer.removeprefix("/workflow")) for each in found)
    error = (MissingFile if status == 404 else UsageError if status < 500 else NodegraphError)(message, hint=hint)
    error.kind = kind
    return error
