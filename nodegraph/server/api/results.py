"""What went through a wire: a look at one output of a job, while its worker still has it in memory."""

from __future__ import annotations

from aiohttp import web

from ...peek import MOST_FACTS, MOST_POINTS
from ..answers import Refused, as_json
from ..routes import TEXT, Call, Route

FACT = {"type": "array", "items": TEXT, "minItems": 2, "maxItems": 2}
TOLD = ("type", "facts", "curve", "picture")
RESULT = {
    "type": "object",
    "required": list(TOLD),
    "additionalProperties": False,
    "properties": {
        "type": {"type": "string", "description": "The type of the output."},
        "facts": {"type": "array", "items": FACT, "maxItems": MOST_FACTS, "description": "Names and short texts."},
        "curve": {"type": ["array", "null"], "items": {"type": "number"}, "maxItems": MOST_POINTS},
        "picture": {"type": ["string", "null"], "description": "A small PNG file as a data URL."},
    },
}


async def get_result(call: Call) -> web.StreamResponse:
    job = await call.state.jobs.get(call.path["id"])  # or UnknownJob
    try:
        said = await call.state.supervisor.peek(job.device, job.id, call.path["node"], call.path["output"])
    except TimeoutError as error:
        raise Refused(503, "worker_busy", "the worker is in the middle of a long step; ask again later") from error
    if "refused" in said:
        status = 422 if said["refused"] == "peek_failed" else 404
        raise Refused(status, said["refused"], said["message"], hint=said["hint"])
    return as_json({name: said[name] for name in TOLD})


ROUTES = (
    Route("GET", "/jobs/{id}/results/{node:[^/].*?}/{output}", get_result,
          "What an output of a job gave: facts, a curve, a small picture; as long as it is in memory.",
          gives=RESULT, refuses=(404, 422)),
)  # fmt: skip
