"""Workflows that no honest client writes: a grammar of them, and honest ones that were changed in one place."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from tests.server.serving import NUMBER, of, workflow

Json = Any
Strategy = st.SearchStrategy[Any]
HUGE = (2**53 + 1, 2**63, 2**64, 2**64 + 1, -(2**70), 10**40, 1e308, -0.0, 5e-324, 0.1)
ODD_TEXTS = ("", " ", "\x00", "\u202e", "é" * 40, "x" * 300, "a.b", "a/b~c", "/", "~", "~1", "a\nb", "\x1b[31m",
             "__proto__", "constructor", "toString", "hasOwnProperty", "__class__", "nodegraph", "it", "it.int", "save",
             "save.artifacts", "it.", ".int", "..", "../../etc/passwd", "{{7*7}}", "%n%s", "😀", "\ufffe")  # fmt: skip
IDS: Strategy = st.sampled_from(("it", "save", "a", "b", "1", "2", "12:3", *ODD_TEXTS))
KINDS: Strategy = st.sampled_from(
    ("Number", "Add", "Text", "Read", "Sleep", "Save", "Keep", "Raise", "Nothing", *ODD_TEXTS)
)
INPUTS: Strategy = st.sampled_from(
    ("value", "a", "b", "text", "name", "filename_prefix", "batch_size", "steps", "how", *ODD_TEXTS)
)
OUTPUTS: Strategy = st.sampled_from(("int", "str", "nothing", "", "int.int"))
LEAVES: Strategy = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**66), 2**66), st.sampled_from(HUGE), st.sampled_from(ODD_TEXTS),
    st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=8),
)  # fmt: skip
ANYTHING: Strategy = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(IDS, inner, max_size=3),
    max_leaves=6,
)
LINK: Strategy = st.one_of(st.tuples(IDS, OUTPUTS).map(".".join), ANYTHING)
NATIVE_NODE: Strategy = st.one_of(
    st.fixed_dictionaries(
        {"type": st.one_of(KINDS, KINDS, ANYTHING)},
        optional={
            "values": st.one_of(st.dictionaries(INPUTS, ANYTHING, max_size=3), ANYTHING),
            "links": st.one_of(st.dictionaries(INPUTS, LINK, max_size=3), ANYTHING),
            "mode": st.sampled_from(("mute", "bypass", "bypas", 4)) | ANYTHING,
            "more": ANYTHING,
        },
    ),
    ANYTHING,
)
API_LINK: Strategy = st.one_of(st.tuples(IDS, st.integers(-2, 3)).map(list), ANYTHING)
API_NODE: Strategy = st.one_of(
    st.fixed_dictionaries(
        {"class_type": st.one_of(KINDS, KINDS, ANYTHING)},
        optional={
            "inputs": st.one_of(st.dictionaries(INPUTS, st.one_of(API_LINK, LEAVES), max_size=3), ANYTHING),
            "_meta": ANYTHING,
        },
    ),
    ANYTHING,
)
NATIVE: Strategy = st.fixed_dictionaries(
    {"nodegraph": st.one_of(st.just(1), st.just(1), ANYTHING), "nodes": st.dictionaries(IDS, NATIVE_NODE, max_size=4)},
    optional={"view": ANYTHING, "$schema": ANYTHING, "prompt": ANYTHING},
)
API: Strategy = st.dictionaries(IDS, API_NODE, max_size=4)
NUMBERS: Strategy = st.integers(-1, 5) | st.sampled_from((-10, -20, "1", "12:3", *HUGE))
BOX: Strategy = st.one_of(
    st.fixed_dictionaries(
        {"id": NUMBERS | ANYTHING, "type": st.sampled_from(("Reroute", "PrimitiveNode", "Note", "sub")) | KINDS},
        optional={
            "inputs": st.lists(st.fixed_dictionaries({"name": INPUTS, "link": NUMBERS}), max_size=3) | ANYTHING,
            "outputs": st.lists(st.fixed_dictionaries({"name": OUTPUTS}), max_size=2) | ANYTHING,
            "widgets_values": st.lists(LEAVES, max_size=3) | ANYTHING,
            "mode": st.sampled_from((0, 2, 4)) | ANYTHING,
            "pos": st.lists(LEAVES, max_size=2) | ANYTHING,
        },
    ),
    ANYTHING,
)
WIRE: Strategy = st.tuples(NUMBERS, NUMBERS, st.integers(-1, 2), NUMBERS, st.integers(-1, 2), st.just("*")).map(list)
LEVEL: dict[str, Strategy] = {
    "nodes": st.lists(BOX, max_size=5),
    "links": st.lists(WIRE | ANYTHING, max_size=6),
}
SUBGRAPH: Strategy = st.fixed_dictionaries(
    {"id": st.just("sub"), **LEVEL}, optional={"inputs": st.lists(ANYTHING, max_size=2)}
)
CANVAS: Strategy = st.fixed_dictionaries(
    LEVEL,
    optional={
        "definitions": st.fixed_dictionaries({"subgraphs": st.lists(SUBGRAPH | ANYTHING, max_size=2)}) | ANYTHING,
        "groups": ANYTHING, "extra": ANYTHING, "reroutes": ANYTHING,
    },
)  # fmt: skip
HONEST = (
    NUMBER,
    workflow(a=of("Number", value=2), b=of("Add", {"a": "a.int"}), save=of("Save", {"value": "b.int"}, batch_size=3)),
    {"1": {"class_type": "Number", "inputs": {"value": 3}}, "2": {"class_type": "Save", "inputs": {"value": ["1", 0]}}},
    {
        "nodes": [
            {"id": 1, "type": "Number", "widgets_values": [3], "pos": [10, 20]},
            {"id": 2, "type": "Add", "mode": 4, "inputs": [{"name": "a", "type": "INT", "link": 1}]},
            {"id": 3, "type": "Save", "inputs": [{"name": "value", "type": "INT", "link": 2}]},
        ],
        "links": [[1, 1, 0, 2, 0, "INT"], [2, 2, 0, 3, 0, "INT"]],
    },
)


def places(value: Json, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a document."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return [path, *(each for key, child in children for each in places(child, (*path, key)))]  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


def changed(document: Json, place: int, new: Json) -> Json:
    """A document with something else at one of its places."""
    path = places(document)[place % len(places(document))]
    if not path:
        return new
    result = copy.deepcopy(document)
    parent = result
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = new
    return result


MUTATED: Strategy = st.builds(changed, st.sampled_from(HONEST), st.integers(0, 80), ANYTHING)
DOCUMENTS: Strategy = st.one_of(NATIVE, API, CANVAS, MUTATED, MUTATED, ANYTHING)


def around(path: str, document: Json, other: Json, where: int) -> Json:
    """A body for a route; in one of five the rest of it is hostile too."""
    key = "prompt" if path == "/prompt" else "workflow"
    others = {"/prompt": ("client_id", "prompt_id", "extra_data", "number", "front", "partial_execution_targets")}
    rest = others.get(path, ("id", "client", "priority", "front", "targets", "more"))
    return {key: document} | ({rest[where % len(rest)]: other} if where % 5 == 0 else {})


PATHS = ("/prompt", "/api/v1/jobs", "/api/v1/check", "/api/v1/convert")
# What happens to the text of a body on the way: most stay as they are.
SPOILERS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    lambda body, chance: body[: chance.randrange(len(body) + 1)],
    lambda body, chance: body.replace(b"1", chance.choice((b"NaN", b"Infinity", b"1e999", b"9" * 5000, b"-", b"01"))),
    lambda body, chance: body.replace(b'"', chance.choice((b"'", b'"\\ud800', b'"\xff', b'"\x00', b"")), 3),
    lambda body, chance: body[:-1] + b"," + body[1:],
    lambda body, chance: b"[" * chance.choice((10, 65, 5000)) + body,
    lambda body, chance: body.replace(b"{", b'{"it":' + b'{"a":' * chance.choice((3, 70)), 1),
    lambda body, chance: chance.choice((b"\xef\xbb\xbf", b"\xff\xfe", b"\n" * 100, b"\x1f\x8b")) + body,
    lambda body, chance: bytes(byte ^ (1 << chance.randrange(8)) if chance.random() < 0.02 else byte for byte in body),
    lambda body, chance: b'{"prompt": {"a": 1, "a": 2}, "workflow": {"b": 1, "b": 2}}',
    lambda body, chance: json.dumps(json.loads(body)).encode("utf-16"),
)


@dataclass(frozen=True)
class Example:
    """A request: where it goes and what it says, as bytes."""

    path: str
    body: bytes


def example(path: str, document: Json, other: Json, where: int, spoiler: int, seed: int) -> Example:
    """A request around a document; one in four is spoilt on the way."""
    body = around(path, document, other, where)
    text = json.dumps(body, ensure_ascii=bool(seed % 2)).encode("utf-8", "replace")
    spoilt = SPOILERS[spoiler](text, random.Random(seed)) if spoiler < len(SPOILERS) else text
    return Example(path, spoilt)


EXAMPLES: st.SearchStrategy[Example] = st.builds(
    example,
    st.sampled_from(PATHS),
    DOCUMENTS,
    ANYTHING,
    st.integers(0, 59),
    st.integers(0, 4 * len(SPOILERS)),
    st.integers(0, 2**32),
)
