"""The shape of a workflow file: reading its text strictly, and the JSON Schema that an editor checks it by."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal, NoReturn, get_args

from .catalogue import Catalogue, Description
from .errors import MalformedDocument, MissingFile, shown
from .sockets import Input, an

FORMAT = 1
LARGEST_BYTES = 64 << 20
DEEPEST = 64
# A node id is anything that can be written before the dot of a link: ComfyUI's "3" and "12:3" as well as words.
NODE_ID = r"[^.\x00-\x1f\x7f-\x9f\u2028\u2029]+"
NODE_ID_PATTERN = re.compile(r"[^.\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
LONGEST_ID = 200
LINK = f"^{NODE_ID}[.][^.]+$"
Mode = Literal["mute", "bypass"]
MODES: tuple[Mode, ...] = get_args(Mode)
MODE_HELP = (
    "Without it the node runs. mute: neither it nor what needs it runs. bypass: it does not run, and each of its "
    "outputs stands for the first of its inputs that fits."
)
# What a browser writes digit by digit: 2^64 as ComfyUI's canvas rounds it, 18446744073709552000, is one of them.
LARGEST_INTEGER = 10**21
LONGEST_INTEGER = 40
SURROGATE = re.compile("[\ud800-\udfff]")
SURROGATE_HINT = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")
# A string (to the end of the text if it is not closed, so that scanning stays linear), a bracket, or a bare word.
TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]|[^\s\[\]{}",:]+', re.DOTALL)


@dataclass(frozen=True)
class Document:
    """The workflow being run, as JSON data; supplied to effect nodes that keep it with what they write.

    `texts` are to be kept beside it, by keyword: the workflow in other programs' formats.
    """

    data: Mapping[str, Any]
    texts: Mapping[str, str] = field(default_factory=dict[str, str])

    def text(self, indent: int | None = None) -> str:
        return json.dumps(self.data, ensure_ascii=False, indent=indent)


def is_node_id(value: object) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST_ID and NODE_ID_PATTERN.fullmatch(value) is not None


def read_document(source: str | bytes | Path, limit: int = LARGEST_BYTES) -> Any:
    """The JSON data in a text or in a file, read strictly; MalformedDocument says line and column.

    Refused: more than `limit` bytes, NaN and infinities, the same key twice, half surrogate pairs, nesting deeper than
    64, integers beyond ±10^21. Which integers a value may be is told by its widget.
    """
    text = _decoded(_loaded(source, limit) if isinstance(source, Path) else source, limit)
    _refuse_depth(text)
    try:
        data = json.loads(
            text,
            parse_constant=partial(_refuse, text, "not a JSON value"),
            parse_float=partial(_real, text),
            parse_int=partial(_integer, text),
            object_pairs_hook=partial(_unique, text),
        )
    except json.JSONDecodeError as error:
        raise MalformedDocument(error.msg, error.lineno, error.colno) from error
    except RecursionError as error:
        raise MalformedDocument("nested too deeply", 1, 1) from error
    if hint := SURROGATE_HINT.search(text):
        _refuse_surrogates(data, text, hint.start())
    return data


def _loaded(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(limit + 1)
    except (OSError, ValueError) as error:
        raise MissingFile(f"{path} cannot be read: {getattr(error, 'strerror', error)}") from error


def _decoded(text: str | bytes, limit: int) -> str:
    if len(text) > limit:
        raise MalformedDocument(f"longer than {limit} bytes", 1, 1)
    if isinstance(text, str):
        return text
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        column = error.start - text.rfind(b"\n", 0, error.start)
        raise MalformedDocument("not UTF-8 text", line, column) from error


def _malformed(message: str, text: str, at: int) -> MalformedDocument:
    return MalformedDocument(message, text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at))


def _refuse_depth(text: str) -> None:
    depth = 0
    for token in TOKEN.finditer(text):
        if token[0] in ("[", "{"):
            depth += 1
        elif token[0] in ("]", "}"):
            depth -= 1
        if depth > DEEPEST:
            raise _malformed(f"nested deeper than {DEEPEST}", text, token.start())


def _refuse(text: str, reason: str, word: str) -> NoReturn:
    # What follows may be no JSON either, and then the word is only the start of a token.
    at = next((token.start() for token in TOKEN.finditer(text) if token[0].startswith(word)), 0)
    raise _malformed(f"{word[:LONGEST_INTEGER]} is {reason}", text, at)


def _real(text: str, word: str) -> float:
    value = float(word)
    return value if math.isfinite(value) else _refuse(text, "too large a number", word)


def _integer(text: str, word: str) -> int:
    # The length is checked first, since Python refuses to read very long integers, with an error of its own.
    if len(word) > LONGEST_INTEGER or abs(int(word)) > LARGEST_INTEGER:
        _refuse(text, "an integer beyond 10^21", word)
    return int(word)


def _unique(text: str, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _repeated_key(text)
    return found


def _repeated_key(text: str) -> MalformedDocument:
    objects: list[set[str]] = []
    for token in TOKEN.finditer(text):
        if token[0] in ("{", "["):
            objects.append(set())
        elif token[0] in ("}", "]"):
            objects.pop()
        elif token[0][0] == '"' and text[token.end() :].lstrip()[:1] == ":":
            key = json.loads(token[0])
            if key in objects[-1]:
                return _malformed(f"the key {shown(key)} stands twice in one object", text, token.start())
            objects[-1].add(key)
    raise AssertionError("called for a text with a repeated key")


def _refuse_surrogates(data: Any, text: str, at: int) -> None:
    pending = [data]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            pending += [*item.keys(), *item.values()]  # pyright: ignore[reportUnknownArgumentType] -- JSON is untyped
        elif isinstance(item, list):
            pending += item
        elif isinstance(item, str) and SURROGATE.search(item):
            raise _malformed("half a surrogate pair", text, at)


def json_schema(catalogue: Catalogue) -> dict[str, Any]:
    """The JSON Schema (draft 7, which editors know best) of the workflows that these nodes can make."""
    nodes = sorted(catalogue.nodes.values(), key=lambda node: node.name)
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "nodegraph workflow",
        "type": "object",
        "required": ["nodegraph", "nodes"],
        "additionalProperties": False,
        "properties": {
            "$schema": {"type": "string"},
            "nodegraph": {"const": FORMAT, "description": "The version of the format."},
            "nodes": {
                "type": "object",
                "description": "The nodes by id.",
                "propertyNames": {"pattern": f"^{NODE_ID}$", "maxLength": LONGEST_ID},
                "additionalProperties": _any_node_schema(nodes),
            },
            "view": {"type": "object", "description": "Layout, titles and groups. They change no result."},
        },
    }


def _any_node_schema(nodes: list[Description]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["type"],
        "additionalProperties": False,
        "properties": {
            "type": {
                "enum": [node.name for node in nodes],
                "description": "What the node does.",
                "markdownEnumDescriptions": [node.docs or node.title for node in nodes],
            },
            "mode": {"enum": list(MODES), "description": MODE_HELP},
            "values": {"type": "object", "description": "Literals by input."},
            "links": {"type": "object", "description": 'Links by input, each "node.output".'},
        },
        # A chain of if/then, and not oneOf: an editor then underlines the wrong input, and not the whole node.
        "allOf": [
            {"if": {"required": ["type"], "properties": {"type": {"const": node.name}}}, "then": _node_schema(node)}
            for node in nodes
        ],
    }


def _node_schema(node: Description) -> dict[str, Any]:
    """What holds for nodes of one type: which inputs there are, what they take, and which must be given."""
    inputs = node.inputs.values()
    needed = [_given(socket) for socket in inputs if socket.required]
    return {
        "description": node.help,
        "markdownDescription": node.docs,
        "properties": {
            "values": _closed({socket.name: _literal_schema(socket) for socket in inputs if socket.widget}),
            "links": _closed({socket.name: _link_schema(socket) for socket in inputs}),
        },
        # A node that does not run may lack what it needs.
    } | ({"if": {"not": {"required": ["mode"]}}, "then": {"allOf": needed}} if needed else {})


def _closed(properties: dict[str, Any]) -> dict[str, Any]:
    return {"properties": properties, "additionalProperties": False}


def _given(socket: Input) -> dict[str, Any]:
    places = ("values", "links") if socket.widget else ("links",)
    given = [{"required": [place], "properties": {place: {"required": [socket.name]}}} for place in places]
    return given[0] if len(given) == 1 else {"anyOf": given}


def _literal_schema(socket: Input) -> dict[str, Any]:
    assert socket.widget is not None
    schema = socket.widget.schema()
    if socket.nullable:
        schema = {"anyOf": [schema, {"type": "null"}]}
    if not socket.required and socket.default is not None:
        schema["default"] = socket.default
    return schema | _described(socket.help)


def _link_schema(socket: Input) -> dict[str, Any]:
    wanted = f"A link to {an(socket.type)} output."
    return {"type": "string", "pattern": LINK} | _described(f"{socket.help} {wanted}".strip())


def _described(text: str) -> dict[str, str]:
    return {"description": text, "markdownDescription": text} if text else {}
