"""ComfyUI's protocol over the same jobs and files, for its clients and its front end.

objects.py   the nodes, as `/object_info` tells them
prompt.py    submitting, with ComfyUI's way of telling what is wrong; the queue
history.py   what has ended
live.py      the WebSocket
files.py     view and upload
front_end.py what its front end keeps here, and what it asks about the machine
"""

from __future__ import annotations

from aiohttp import web

from . import files, front_end, history, live, objects, prompt


def add_comfyui(app: web.Application) -> None:
    """Every route, both at `/x` and at `/api/x`."""
    for module in (prompt, history, objects, files, front_end, live):
        for method, path, handler in module.ROUTES:
            for prefix in ("", "/api"):
                app.router.add_route(method, f"{prefix}{path}", handler)
