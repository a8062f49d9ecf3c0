"""Connections that say nothing, or half of something, are closed: they would take the room of others."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

HEADER_SECONDS = 10.0
MOST = 256
MOST_PER_PEER = 64
EVERY = 1.0


async def reap(runner: web.AppRunner) -> None:
    """Close connections whose first request is not complete after 10 s, and the newest beyond the limits, for ever.

    aiohttp has no option for it; a connection's request task exists once its handler runs.
    """
    seen: dict[Any, float] = {}
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(EVERY)
        server = runner.server
        if server is None:
            continue
        open_now = list(server.connections)
        seen = {each: seen.get(each, loop.time()) for each in open_now}
        peers: dict[str, int] = {}
        for number, connection in enumerate(open_now):
            peer = _peer(connection)
            peers[peer] = peers.get(peer, 0) + 1
            # `_current_request` has no public name; without it (another aiohttp) nothing is taken to be half said.
            idle = getattr(connection, "_current_request", connection) is None
            waiting = idle and not getattr(connection, "_request_count", 1)
            late = waiting and loop.time() - seen[connection] > HEADER_SECONDS
            if late or (idle and (number >= MOST or peers[peer] > MOST_PER_PEER)):
                connection.force_close()
                if connection.transport is not None:
                    connection.transport.abort()


def _peer(connection: Any) -> str:
    transport = connection.transport
    name = transport.get_extra_info("peername") if transport is not None else None
    return str(name[0]) if isinstance(name, tuple) and name else ""  # pyright: ignore[reportUnknownArgumentType]
