"""Files by name: the pictures that nodes read from the input folder, to look at."""

from __future__ import annotations

from aiohttp import web

from ..files import file_answer, input_path, input_type, small_picture
from ..routes import ANYTHING, Call, Route
from .assets import SERVED, SIZE
from .workflows import NAME


async def view(call: Call) -> web.StreamResponse:
    name = call.path["name"]
    return file_answer(await input_path(call.state, name), await input_type(call.state, name), name)


async def small(call: Call) -> web.StreamResponse:
    return await small_picture(await input_path(call.state, call.path["name"]), call.query.get("size", 256))


ROUTES = (
    Route("GET", f"/files/input/{NAME}/thumbnail", small, "A small JPEG of a picture that nodes can read.",
          query={"size": SIZE}, files=("image/jpeg",), refuses=(404,)),
    Route("GET", f"/files/input/{NAME}", view, "A file that nodes can read.", gives=ANYTHING, files=SERVED,
          refuses=(404,)),
)  # fmt: skip
