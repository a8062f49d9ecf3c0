"""Figures for Prometheus, in its text format."""

from __future__ import annotations

import asyncio

from aiohttp import web

from ..service.process import resident
from .answers import STATE


async def metrics(request: web.Request) -> web.StreamResponse:
    state = request.app[STATE]
    counts = await state.jobs.counts()
    bounds, limits = state.settings.bounds, state.settings.limits
    lanes = state.supervisor.lanes.values()
    gauges: dict[str, float] = {
        "jobs_queued": counts.queued,
        "jobs_running": counts.running,
        "jobs_history": counts.history,
        "queue_paused": counts.paused,
        "queue_limit": limits.queued,
        "websockets": len(state.sockets),
        "websockets_limit": bounds.sockets,
        "listener_bytes": sum(listener.waiting_bytes for listener in state.hub.listeners),
        "server_resident_bytes": await asyncio.to_thread(resident),
    }
    lines = [line for name, value in gauges.items() for line in _metric(name, "gauge", "", value)]
    for name, value in sorted(state.counters.items()):
        lines += _metric(f"{name}_total", "counter", "", value)
    for lane in lanes:
        label = f'{{device="{lane.device}"}}'
        lines += _metric("worker_running", "gauge", label, lane.state == "running")
        lines += _metric("worker_starts", "counter", label, lane.starts)
        lines += _metric("worker_resident_bytes", "gauge", label, lane.memory.get("resident", 0))
    return web.Response(text="\n".join([*dict.fromkeys(lines), ""]), content_type="text/plain", charset="utf-8")


def _metric(name: str, kind: str, label: str, value: float) -> list[str]:
    return [f"# TYPE nodegraph_{name} {kind}", f"nodegraph_{name}{label} {float(value):g}"]
