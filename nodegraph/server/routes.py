"""A route as data: what it takes and gives. Requests are read by it, and the OpenAPI document is written from it."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from typing import Any

from aiohttp import web
from jsonschema import Draft202012Validator

from ..report import pointer
from .answers import STATE, Refused, read_object
from .state import State

Schema = Mapping[str, Any]
PREFIX = "/api/v1"
VERSION = version("nodegraph")
NAMED = re.compile(r"\{(\w+)(?::[^{}]*)?\}")  # aiohttp's `{name:.+}` is `{name}` in OpenAPI
TEXT: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer", "minimum": 0, "maximum": 2**53}
FLAG: Schema = {"type": "boolean"}
ANYTHING: Schema = {}
BINARY: Schema = {"type": "string", "format": "binary"}
FAULT: Schema = {
    "type": "object",
    "required": ["type", "message", "pointer"],
    "properties": {
        "type": TEXT,
        "message": TEXT,
        "pointer": {"type": "string", "description": "A JSON pointer into the body of the request (RFC 6901)."},
        "hint": {"type": ["string", "null"]},
        "problems": {"type": "array", "items": {"type": "object"}},
    },
}


@dataclass(frozen=True)
class Call:
    """A request that has been read: its path's parts, its query and its body are as the route says."""

    request: web.Request
    state: State
    path: Mapping[str, str]
    query: Mapping[str, Any]
    body: dict[str, Any]


Handler = Callable[[Call], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Route:
    """One route of the native API. `body` is the JSON Schema of its body, `gives` of its answer.

    `raw` names the media types of a body, `files` those of an answer, that are not JSON; the handler reads those.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    query: Mapping[str, Schema] = field(default_factory=dict[str, Schema])
    body: Schema | None = None
    gives: Schema = field(default_factory=dict[str, Any])
    refuses: tuple[int, ...] = ()
    raw: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    most: int | None = None

    @property
    def names(self) -> list[str]:
        return NAMED.findall(self.path)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        state = request.app[STATE]
        query = read_query(request, self.query)
        body: dict[str, Any] = {}
        if self.body is not None and request.content_type not in self.raw:
            body = await read_object(request, self.most or state.settings.bounds.body)
            check_body(body, self.body)
        return await self.handler(Call(request, state, dict(request.match_info), query, body))


def read_query(request: web.Request, schemas: Mapping[str, Schema]) -> dict[str, Any]:
    """The parameters of the query, as the route's types; Refused for others, and for those given twice."""
    found: dict[str, Any] = {}
    for name, text in request.query.items():
        if name not in schemas or name in found:
            wrong = "is given twice" if name in found else "is not known here"
            raise Refused(400, "bad_request", f"the parameter {name[:60]!r} {wrong}")
        found[name] = _read_parameter(name, text, schemas[name])
    return found


def _read_parameter(name: str, text: str, schema: Schema) -> Any:
    if schema.get("type") != "integer":
        if "enum" in schema and text not in schema["enum"]:
            raise Refused(400, "bad_request", f"{name}: expected one of {', '.join(schema['enum'])}")
        return text
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal() and len(digits) < 20):
        raise Refused(400, "bad_request", f"{name}: expected an integer")
    value = int(text)
    if not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        raise Refused(400, "bad_request", f"{name}: {value} is out of range")
    return value


@cache
def _validator(text: str) -> Any:
    return Draft202012Validator(json.loads(text))


def check_body(body: object, schema: Schema) -> None:
    """Refused, with the place of the first fault, unless the body is as the schema says."""
    for error in _validator(json.dumps(schema)).iter_errors(body):
        missing = error.validator == "required"
        message = error.message if len(error.message) <= 200 else f"{error.message[:200]}…"
        raise Refused(
            400, "missing_input" if missing else "bad_request", message, pointer=pointer(*error.absolute_path)
        )


def add_routes(app: web.Application, routes: Iterable[Route], prefix: str = PREFIX) -> None:
    for route in routes:
        app.router.add_route(route.method, f"{prefix}{route.path}", route.answer)


def openapi(routes: Iterable[Route]) -> dict[str, Any]:
    """The OpenAPI 3.1 document of the native API."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        path = NAMED.sub(r"{\1}", route.path)
        paths.setdefault(f"{PREFIX}{path}", {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "nodegraph",
            "version": VERSION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "paths": paths,
        "components": {
            "schemas": {"Fault": FAULT},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in route.names
    ]
    parameters += [{"name": name, "in": "query", "schema": dict(schema)} for name, schema in route.query.items()]
    content: dict[str, Any] = {kind: {"schema": dict(route.gives)} for kind in route.files or ("application/json",)}
    answers: dict[str, Any] = {"200": {"description": "Done.", "content": content}}
    for status in sorted({400, 401, 403, 415, 421, 503, *route.refuses}):
        answers[str(status)] = {
            "description": "Refused.",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Fault"}}},
        }
    identifier = f"{route.handler.__module__.rpartition('.')[2]}_{route.handler.__name__}"
    operation: dict[str, Any] = {"operationId": identifier, "summary": route.summary, "parameters": parameters}
    operation["responses"] = answers
    if route.body is not None or route.raw:
        kinds: dict[str, Any] = {kind: {"schema": BINARY} for kind in route.raw}
        kinds |= {"application/json": {"schema": route.body}} if route.body is not None else {}
        operation["requestBody"] = {
            "required": True,
            "content": kinds,
        }
    return operation
