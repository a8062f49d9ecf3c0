"""The application, and its life: start, serve, drain, stop."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace

from aiohttp import WSCloseCode, web

from ..errors import StorageFailed, UsageError
from .answers import STATE, Refused, as_json
from .api import ROUTES
from .comfyui import add_comfyui
from .connections import connections, reap
from .guard import add_headers, guard
from .live import events
from .metrics import metrics
from .routes import PREFIX, add_routes
from .settings import Settings
from .state import State
from .static import add_front_end

log = logging.getLogger(__name__)
KEEP_ALIVE = 30.0
MOST_HEADERS = 64
LAST_WORDS = 2.0  # seconds for the listeners to take what is left


def make_app(state: State) -> web.Application:
    """The routes over a state; it is opened by whoever serves it."""
    app = web.Application(middlewares=[guard], client_max_size=state.settings.bounds.upload)
    app[STATE] = state
    app.on_response_prepare.append(add_headers)
    add_routes(app, ROUTES)
    app.router.add_get(f"{PREFIX}/events", events)
    app.router.add_get("/live", live)
    app.router.add_get("/ready", ready)
    app.router.add_get("/metrics", metrics)
    add_comfyui(app)
    add_front_end(app, state.settings.web_root)
    return app


async def live(request: web.Request) -> web.StreamResponse:
    """The loop turns."""
    return as_json({"ok": True})


async def ready(request: web.Request) -> web.StreamResponse:
    """Whether a job that is submitted now would be run."""
    reason = await request.app[STATE].not_ready()
    if reason is not None:
        raise Refused(503, "not_ready", reason)
    return as_json({"ok": True})


def bound_sockets(settings: Settings) -> tuple[list[socket.socket], Settings]:
    """The sockets to listen at, and the settings with the port that they got.

    Where 127.0.0.1 is meant, ::1 is too if this machine has it: some programs look for `localhost` there first.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listening = socket.create_server((settings.host, settings.port), family=family, backlog=128)
    except (OSError, OverflowError) as error:
        hint = "is another server running? --port names another one"
        raise UsageError(f"{settings.host}:{settings.port} cannot be used: {error}", hint=hint) from error
    found, port = [listening], listening.getsockname()[1]
    if settings.host == "127.0.0.1":
        with suppress(OSError):
            found.append(socket.create_server(("::1", port), family=socket.AF_INET6, backlog=128))
    return found, replace(settings, port=port)


def serve(settings: Settings, started: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT; `started` is told the address once requests are answered."""
    # Everything that the server writes is its user's alone.
    os.umask(0o077)
    listening, settings = bound_sockets(settings)
    with ExitStack() as stack:
        for each in listening:
            stack.enter_context(each)
        # Before the loop turns: this looks at files.
        state = State(settings)
        app = make_app(state)
        asyncio.run(_serve(state, app, listening, started))


async def _serve(
    state: State, app: web.Application, listening: list[socket.socket], started: Callable[[str], None]
) -> None:
    await state.open()
    runner = web.AppRunner(app, shutdown_timeout=5.0)
    stopping = asyncio.Event()
    _on_signals(state, stopping)
    await runner.setup()
    accept = connections(
        runner,
        access_log=None,
        auto_decompress=False,
        max_headers=MOST_HEADERS,
        keepalive_timeout=KEEP_ALIVE,
        lingering_time=5.0,
    )
    loop = asyncio.get_running_loop()
    accepting = [await loop.create_server(accept, sock=each, backlog=128) for each in listening]
    host, port = state.settings.host, state.settings.port
    started(f"http://{f'[{host}]' if ':' in host else host}:{port}")
    supervising = asyncio.create_task(state.supervisor.run())
    reaping = asyncio.create_task(reap(runner))
    stopped = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait((supervising, stopped), return_when=asyncio.FIRST_COMPLETED)
        await drain(state, supervising)
    finally:
        reaping.cancel()
        stopped.cancel()
        for each in accepting:
            each.close()
        await runner.cleanup()
        with suppress(StorageFailed):
            await state.close()


async def drain(state: State, supervising: asyncio.Task[None]) -> None:
    """Take no more jobs, let the running ones finish or give them back, and tell every listener."""
    state.draining = True
    state.supervisor.drain()
    try:
        await supervising
    except* Exception as group:
        log.error("the supervisor failed", exc_info=group)
    state.hub.end()
    with suppress(TimeoutError):
        async with asyncio.timeout(LAST_WORDS):
            while state.sockets:
                await asyncio.sleep(0.01)
    # These do not read.
    cut = (each.close(code=WSCloseCode.GOING_AWAY, drain=False) for each, _ in tuple(state.sockets))
    with suppress(TimeoutError):
        async with asyncio.timeout(1.0):
            await asyncio.gather(*cut, return_exceptions=True)


def _on_signals(state: State, stopping: asyncio.Event) -> None:
    """The first signal drains, the second exits at once."""

    def stop() -> None:
        if stopping.is_set():
            log.warning("stopped at once")
            os._exit(130)
        log.info("going down: the running jobs may finish")
        state.draining = True
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop)
