"""Events over a WebSocket: each client has a queue of its own, and a client that does not read is let go."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from socket import SO_SNDBUF, SOL_SOCKET

from aiohttp import WSCloseCode, WSMsgType, web

from ..service.hub import Batch, Listener, Over, TooSlow, batches
from .answers import STATE, Refused
from .routes import COUNT, TEXT, read_query
from .state import State

log = logging.getLogger(__name__)
PING = 20.0
LARGEST_MESSAGE = 64 << 10
SEND_SECONDS = 10.0
CLOSE_SECONDS = 5.0
SEND_BUFFER = 256 << 10  # bytes
PAGE = 500
QUERY = {"after": COUNT, "job": TEXT, "client": TEXT}


async def open_socket(request: web.Request, state: State) -> web.WebSocketResponse:
    """A WebSocket, if there is room for one more; counted until `close_socket`."""
    bounds, peer = state.settings.bounds, request.remote
    if state.draining:
        raise Refused(503, "not_ready", "the server is going down")
    if (
        len(state.sockets) >= bounds.sockets
        or sum(each[1] == peer for each in state.sockets) >= bounds.sockets_per_peer
    ):
        raise Refused(429, "too_many_sockets", "too many WebSockets are open", retry_after=5)
    socket = web.WebSocketResponse(
        heartbeat=PING, compress=False, max_msg_size=LARGEST_MESSAGE, timeout=2.0, writer_limit=1 << 16
    )
    if not socket.can_prepare(request):
        raise Refused(400, "bad_request", "expected a WebSocket")
    await socket.prepare(request)
    if request.transport is not None:
        # Or the kernel keeps several megabytes of its own for a client that does not read.
        request.transport.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_SNDBUF, SEND_BUFFER)
    state.sockets.add((socket, peer))
    return socket


async def serve_listener(
    request: web.Request,
    state: State,
    socket: web.WebSocketResponse,
    listener: Listener,
    send: Callable[[Batch], Awaitable[None]],
    receive: Callable[[object], Awaitable[None]] | None = None,
    first: Callable[[], Awaitable[None]] | None = None,
) -> web.WebSocketResponse:
    """Send a listener's batches until either side ends it; what the client says goes to `receive`.

    `first` is done before the first of them, while they wait in the listener.
    """

    async def deliver() -> None:
        if first is not None:
            await first()
        while True:
            batch = await listener.next()
            async with asyncio.timeout(SEND_SECONDS):
                await send(batch)

    async def read() -> None:
        async for message in socket:
            if message.type in (WSMsgType.TEXT, WSMsgType.BINARY) and receive is not None:
                await receive(message.data)

    delivering, reading = asyncio.create_task(deliver()), asyncio.create_task(read())
    both = delivering, reading
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        failure = next((each.exception() for each in both if each.done() and not each.cancelled()), None)
        # Before the close: it reads the client's answer itself.
        await _ended(both)
        await _let_go(request, socket, failure)
    finally:
        await _ended(both)
        state.hub.leave(listener)
        state.sockets.discard((socket, request.remote))
    return socket


async def _ended(tasks: Iterable[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _let_go(request: web.Request, socket: web.WebSocketResponse, failure: BaseException | None) -> None:
    """End a connection for a reason; a client that reads is told it, and one that does not is cut off."""
    if failure is None:  # the client went
        return
    code, reason = WSCloseCode.INTERNAL_ERROR, b"events cannot be told"
    if isinstance(failure, TooSlow):
        code, reason = WSCloseCode.TRY_AGAIN_LATER, b"too slow: ask again from the last number"
    elif isinstance(failure, Over):
        code, reason = WSCloseCode.GOING_AWAY, b"the server is going down"
    elif not isinstance(failure, TimeoutError | ConnectionError):
        log.error("a listener ended", exc_info=failure)
    if not isinstance(failure, TimeoutError):
        with suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await socket.close(code=code, message=reason, drain=False)
    # What a closing connection still holds would otherwise wait for a reader for ever.
    abort(request)


def abort(request: web.Request) -> None:
    """Cut a connection whose client does not read: a polite end would wait for it."""
    if request.transport is not None:
        request.transport.abort()


async def events(request: web.Request) -> web.StreamResponse:
    """What happens, as text frames `{"job": id, "events": […]}`; a preview is a binary frame.

    `after` tells first what happened since that number; without it, only what is new. A binary frame is a big-endian
    u32 length, so many bytes of JSON, and the picture.
    """
    state = request.app[STATE]
    query = read_query(request, QUERY)
    job, client = query.get("job"), query.get("client")
    listener = Listener(lambda batch: job in (None, batch.job) and client in (None, batch.client))
    socket = await open_socket(request, state)
    state.hub.listen(listener)
    last = -1

    async def send(batch: Batch) -> None:
        nonlocal last
        first = batch.entries[0]
        if first.blob:
            await socket.send_bytes(batch.frame)
        elif first.number is None or first.number > last:
            await socket.send_str(batch.text)
            last = batch.entries[-1].number or last

    async def catch_up() -> None:
        """Everything that was stored after a number; what comes meanwhile waits in the listener."""
        after = query["after"]
        while entries := await state.jobs.events(after, job=job, client=client, most=PAGE):
            for batch in batches(entries):
                async with asyncio.timeout(SEND_SECONDS):
                    await send(batch)
            after = entries[-1].number or after

    return await serve_listener(request, state, socket, listener, send, first=catch_up if "after" in query else None)
