"""Connections: what is no HTTP is answered as all errors are, and those that say nothing make room for others."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from .answers import as_json, fault
from .guard import HEADERS, POLICY

log = logging.getLogger(__name__)
HEADER_SECONDS = 10.0
MOST = 256
MOST_PER_PEER = 64
EVERY = 1.0


class Connection(web.RequestHandler):
    """One connection of a client."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to bytes that are no request; the application never sees them, so the headers are set here."""
        if isinstance(exc, ConnectionError):
            raise ConnectionError("the client went") from exc
        if status >= 500:
            log.error("a request failed", exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun already")
        said = "this is no HTTP request that can be read" if status < 500 else "this is a fault of the server"
        kind = "bad_request" if status < 500 else "internal"
        headers = {**HEADERS, "Content-Security-Policy": POLICY, "Cache-Control": "no-store"}
        answer = as_json(fault(kind, said), status, headers)
        answer.headers["Server"] = "nodegraph"  # or aiohttp would tell its version
        answer.force_close()
        return answer


def connections(runner: web.AppRunner, **settings: Any) -> Callable[[], asyncio.Protocol]:
    """What makes the connections of a runner's server, in the place of its own."""
    manager, loop = runner.server, asyncio.get_running_loop()
    assert manager is not None
    return lambda: Connection(manager, loop=loop, **settings)


async def reap(runner: web.AppRunner) -> None:
    """Close connections whose first request is not complete after 10 s, and those beyond the limits, for ever.

    aiohttp has no option for either. The first to go are the oldest of those that never said a whole request.
    """
    seen: dict[Connection, float] = {}
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(EVERY)
        if runner.server is None:
            continue
        open_now = [each for each in runner.server.connections if isinstance(each, Connection)]
        seen = {each: seen.get(each, loop.time()) for each in open_now}
        for connection in superfluous({each: loop.time() - since for each, since in seen.items()}):
            connection.force_close()
            if connection.transport is not None:
                connection.transport.abort()


def superfluous(ages: Mapping[Connection, float]) -> set[Connection]:
    """The connections to close; `ages` has all of them, in the order in which they came."""
    closing = {each for each, age in ages.items() if is_waiting(each) and age > HEADER_SECONDS}
    peers: dict[str, list[Connection]] = {}
    for each in ages:
        peers.setdefault(_peer(each), []).append(each)
    for group, most in (*((peer, MOST_PER_PEER) for peer in peers.values()), (list(ages), MOST)):
        here = [each for each in group if each not in closing]
        idle = sorted((each for each in here if is_idle(each)), key=lambda each: not is_waiting(each))
        closing.update(idle[: max(0, len(here) - most)])
    return closing


def is_idle(connection: Connection) -> bool:
    """Whether no request is being answered. These names are not public: in another aiohttp, nothing is idle."""
    return getattr(connection, "_current_request", connection) is None


def is_waiting(connection: Connection) -> bool:
    """Whether the first request has not come yet."""
    return is_idle(connection) and not getattr(connection, "_request_count", 1)


def _peer(connection: Connection) -> str:
    name: Any = connection.transport.get_extra_info("peername") if connection.transport is not None else None
    return str(name[0]) if isinstance(name, tuple) and name else ""  # pyright: ignore[reportUnknownArgumentType]
