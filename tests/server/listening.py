"""Clients that listen: some read, some do not, some lose their connection."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.server.serving import ENDED, Server

NARROW = 32 << 10  # bytes of a receive buffer that is soon full


@dataclass
class Heard:
    """What one client was told."""

    numbers: list[int] = field(default_factory=list[int])
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list[tuple[str, dict[str, Any]]])
    previews: list[tuple[dict[str, Any], bytes]] = field(default_factory=list[tuple[dict[str, Any], bytes]])
    size: int = 0

    @property
    def last(self) -> int:
        return self.numbers[-1] if self.numbers else 0

    @property
    def ended(self) -> set[str]:
        return {job for job, event in self.events if event["event"] == "job" and event["state"] in ENDED}

    def take(self, message: aiohttp.WSMessage) -> bool:
        """Note a message; False if it was the end."""
        if message.type is aiohttp.WSMsgType.TEXT:
            told = json.loads(message.data)
            self.size += len(message.data.encode())
            self.events += [(told["job"], event) for event in told["events"]]
            self.numbers += [event["number"] for event in told["events"] if "number" in event]
        elif message.type is aiohttp.WSMsgType.BINARY:
            (length,) = struct.unpack(">I", message.data[:4])
            self.size += len(message.data)
            self.previews.append((json.loads(message.data[4 : 4 + length]), message.data[4 + length :]))
        else:
            return False
        return True


def narrow_socket(_: object) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setblocking(False)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, NARROW)
    return made


@asynccontextmanager
async def listening(
    server: Server,
    *,
    narrow: bool = False,
    path: str = "/api/v1/events",
    query: Mapping[str, str | int] | None = None,
) -> AsyncGenerator[aiohttp.ClientWebSocketResponse]:
    """A WebSocket of a client; a narrow one holds almost nothing that was not taken from it."""
    connector = aiohttp.TCPConnector(limit=0, socket_factory=narrow_socket if narrow else None)
    async with aiohttp.ClientSession(connector=connector) as session:
        connection = await session.ws_connect(f"{server.origin}{path}", params=query, max_msg_size=0)
        try:
            yield connection
        finally:
            cut(connection)
            await connection.close()


async def hear(connection: aiohttp.ClientWebSocketResponse, heard: Heard, names: set[str], seconds: float = 30) -> None:
    """Listen until so many jobs have ended."""
    async with asyncio.timeout(seconds):
        while not names <= heard.ended:
            assert heard.take(await connection.receive()), "the server closed the connection"


def cut(connection: aiohttp.ClientWebSocketResponse) -> None:
    """End a connection as a pulled plug does: without a word."""
    with suppress(OSError):
        if (held := connection.get_extra_info("socket")) is not None:
            held.shutdown(socket.SHUT_RDWR)


def metric(server: Server, name: str) -> float:
    lines = server.get("/metrics").body.decode().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"nodegraph_{name} "))


async def submitted(server: Server, workflow: Mapping[str, Any], count: int, **how: Any) -> set[str]:
    """So many jobs, submitted while the others go on listening."""
    return {await asyncio.to_thread(server.submit, workflow, **how) for _ in range(count)}
