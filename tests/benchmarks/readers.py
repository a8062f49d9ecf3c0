"""A process of many clients that read: it says how late each preview came, once so many jobs have ended."""

from __future__ import annotations

import asyncio
import json
import sys
import time

import aiohttp

from .film_nodes import STAMP


async def read(session: aiohttp.ClientSession, url: str, jobs: int, late: list[float]) -> None:
    """Read until so many jobs have ended; notes seconds."""
    ended = 0
    async with session.ws_connect(url, max_msg_size=0) as connection:
        async for message in connection:
            if message.type is aiohttp.WSMsgType.BINARY:
                now = time.monotonic_ns()
                start = 4 + int.from_bytes(message.data[:4], "big")
                (made,) = STAMP.unpack_from(message.data, start)
                late.append((now - made) / 1e9)
            elif message.type is aiohttp.WSMsgType.TEXT and '"state":"done"' in message.data:
                ended += 1
                if ended == jobs:
                    return
    raise SystemExit(f"the server closed a connection that was read: {connection.close_code}")


async def main(url: str, clients: int, jobs: int) -> None:
    late: list[float] = []
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await asyncio.gather(*(read(session, url, jobs, late) for _ in range(clients)))
    late.sort()
    print(json.dumps({"frames": len(late), "p50": late[len(late) // 2], "p99": late[int(len(late) * 0.99)]}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
