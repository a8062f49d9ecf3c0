"""The native API: every route, in one table."""

from __future__ import annotations

from aiohttp import web

from ..answers import as_json
from ..routes import ANYTHING, Call, Route, openapi
from . import assets, convert, files, jobs, results, system, templates, workflows


async def describe(call: Call) -> web.StreamResponse:
    return as_json(openapi(ROUTES))


ROUTES: tuple[Route, ...] = (
    *system.ROUTES,
    *jobs.ROUTES,
    *results.ROUTES,
    *assets.ROUTES,
    *convert.ROUTES,
    *files.ROUTES,
    *workflows.ROUTES,
    *templates.ROUTES,
    Route("GET", "/openapi.json", describe, "This description.", gives=ANYTHING),
)
