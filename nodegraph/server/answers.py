"""Answers: errors as JSON that says what, where and what to do; request bodies read strictly and within bounds."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections.abc import Iterable
from dataclasses import replace
from itertools import islice
from typing import Any

from aiohttp import web

from ..document import read_document
from ..errors import (
    Conflict,
    InvalidGraph,
    MissingFile,
    NodegraphError,
    Problem,
    QueueFull,
    Rejected,
    StorageFailed,
    TooLarge,
    UnknownJob,
    UsageError,
)
from .state import NotReady, State

log = logging.getLogger(__name__)
STATE = web.AppKey("state", State)
# What is slower to read than this is read in a thread.
SMALL = 16 << 10
# An answer tells of no more problems than these.
MOST_TOLD = 500


class Refused(NodegraphError):
    """A request that cannot be answered: an HTTP status, and where in the body the fault is."""

    def __init__(
        self,
        status: int,
        kind: str,
        message: str,
        *,
        pointer: str = "",
        hint: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.status, self.kind, self.pointer, self.retry_after = status, kind, pointer, retry_after


def as_json(data: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return web.Response(text=text, status=status, headers=headers, content_type="application/json")


def fault(
    kind: str, message: str, pointer: str = "", hint: str | None = None, problems: Iterable[Problem] = ()
) -> dict[str, Any]:
    """The body of every error: its type, its message, and a JSON pointer into the request's body ("" for all of it)."""
    said: dict[str, Any] = {"type": kind, "message": message, "pointer": pointer, "hint": hint}
    return said | {"problems": [problem.to_json() for problem in islice(problems, MOST_TOLD)]}


def answer_to(error: NodegraphError) -> web.Response:
    """What a client is told about an error that was foreseen."""
    status, headers = status_of(error), dict[str, str]()
    retry_after = getattr(error, "retry_after", None)
    if retry_after is None and status == 503:
        retry_after = 1.0
    if retry_after is not None:
        headers["Retry-After"] = str(max(1, round(retry_after)))
    if isinstance(error, InvalidGraph) and error.problems:
        first = error.problems[0]
        return as_json(fault(error.kind, str(first), first.pointer, first.hint, error.problems), status, headers)
    return as_json(fault(error.kind, str(error), getattr(error, "pointer", ""), error.hint), status, headers)


def status_of(error: NodegraphError) -> int:
    match error:
        case Refused():
            return error.status
        case InvalidGraph():
            return 400 if error.kind == "malformed_document" else 422
        case QueueFull():
            return 429
        case TooLarge():
            return 413
        case Conflict():
            return 409
        case UnknownJob() | MissingFile():
            return 404
        case Rejected() | UsageError():
            return 422
        case StorageFailed():
            return 507 if error.full else 503
        case NotReady():
            return 503
        case _:
            return 500


def answer_to_http(error: web.HTTPException) -> web.Response:
    """An error of aiohttp's own (no such route, another method, too large a body) in the form of all others."""
    kind = error.reason.lower().replace(" ", "_")
    headers = {name: error.headers[name] for name in ("Allow", "Location") if name in error.headers}
    return as_json(fault(kind, error.reason), error.status, headers)


def answer_to_surprise(error: Exception) -> web.Response:
    """An error of ours: logged under a number, which is all that the client is told."""
    number = secrets.token_hex(4)
    log.error("error %s", number, exc_info=error)
    return as_json(fault("internal", f"this is a fault of the server; its log has it as error {number}"), 500)


async def read_body(request: web.Request, most: int) -> bytes:
    """The body, at most so many bytes; Refused beyond."""
    if (request.content_length or 0) > most:
        raise Refused(413, "too_large", f"a body of {request.content_length} bytes; at most {most} are taken")
    pieces: list[bytes] = []
    size = 0
    async for piece in request.content.iter_chunked(1 << 16):
        size += len(piece)
        if size > most:
            raise Refused(413, "too_large", f"a body of more than {most} bytes")
        pieces.append(piece)
    return b"".join(pieces)


async def read_json(request: web.Request, most: int = 1 << 16) -> Any:
    """The JSON in the body, read as strictly as a workflow; None if there is no body."""
    body = await read_body(request, most)
    if not body:
        return None
    if len(body) <= SMALL:
        return read_document(body)
    return await asyncio.to_thread(read_document, body)


async def read_object(request: web.Request, most: int = 1 << 16) -> dict[str, Any]:
    """The JSON object in the body, an empty one if there is no body."""
    data = await read_json(request, most)
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise Refused(400, "bad_request", "expected a JSON object")
    return data  # pyright: ignore[reportUnknownVariableType] -- JSON is untyped


def beneath(error: InvalidGraph, pointer: str) -> InvalidGraph:
    """The same problems, of a document that stands at `pointer` in the body."""
    return InvalidGraph(replace(problem, pointer=pointer + problem.pointer) for problem in error.problems)
