"""Hostile workflows over HTTP: each gets a reason, at once, and none is a fault of the server."""

import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from nodegraph.document import read_document
from nodegraph.errors import InvalidGraph
from tests.server.hostile_documents import EXAMPLES, HONEST, Example
from tests.server.raw import Line
from tests.server.serving import QUICK, Answer, Server, of, serving, workflow

# `make soak` raises it.
MOST = int(os.environ.get("NODEGRAPH_HOSTILE", "5000"))
SLOW, FAR_TOO_SLOW = 1.0, 5.0


@pytest.fixture(scope="module")
def paused() -> Iterator[Server]:
    """A server that runs nothing, and has room for all that is sound by accident."""
    limits = "[limits]\nqueued = 1000000\nqueued_per_client = 1000000\n"
    with serving(settings=QUICK + limits) as server:
        server.post("/api/v1/queue/pause")
        yield server


@pytest.fixture
def line(paused: Server) -> Iterator[Line]:
    with Line(paused) as line:
        yield line


def resolves(pointer: str, document: Any) -> bool:
    """Whether an RFC 6901 pointer names something in a document."""
    if pointer and not pointer.startswith("/"):
        return False
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(document, dict) and key in document:
            document = document[key]  # pyright: ignore[reportUnknownVariableType]
        elif isinstance(document, list) and key.isdecimal() and int(key) < len(document):  # pyright: ignore[reportUnknownArgumentType]
            document = document[int(key)]  # pyright: ignore[reportUnknownVariableType]
        else:
            return False
    return True


def judged(answer: Answer, body: bytes) -> None:
    """An answer is a receipt or a refusal with a reason, and its pointers resolve in what was sent."""
    assert answer.status in (200, 400, 409, 413, 415, 422), (answer.status, body[:2000])
    said: Any = answer.json
    if answer.status == 200:
        said = {"pointer": "", "problems": said.get("problems", [])}  # what is converted may have problems
    else:
        assert all(isinstance(said[name], str) for name in ("type", "message", "pointer")), said
    try:
        document = read_document(body)
    except InvalidGraph:
        document = None
    pointers = [said["pointer"], *(problem["pointer"] for problem in said["problems"])]
    assert [each for each in pointers if not resolves(each, document)] == [], (said, body[:2000])


def test_every_hostile_workflow_is_answered_at_once_and_with_a_reason(paused: Server, line: Line) -> None:
    slow: list[float] = []
    statuses: Counter[int] = Counter()

    @settings(
        max_examples=MOST,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )
    @given(EXAMPLES)
    def attack(example: Example) -> None:
        began = time.monotonic()
        answer = line.ask("POST", example.path, example.body)
        if (took := time.monotonic() - began) > SLOW:
            slow.append(took)
        statuses[answer.status] += 1
        judged(answer, example.body)

    attack()
    assert len(slow) <= MOST // 1000
    assert max(slow, default=0.0) < FAR_TOO_SLOW
    assert statuses[200] > 0
    assert paused.get("/ready").status == 200


def chain(length: int) -> dict[str, Any]:
    """Numbers that are added one after the other."""
    first = {"n0": of("Number")}
    return workflow(**first, **{f"n{i}": of("Add", {"a": f"n{i - 1}.int"}) for i in range(1, length)})


def api_chain(length: int, kind: str = "Add", last: str = "Save") -> dict[str, Any]:
    """Chains in ComfyUI's format whose every node is an output as well."""
    nodes: dict[str, Any] = {"0": {"class_type": "Number", "inputs": {}}}
    nodes |= {str(i): {"class_type": kind, "inputs": {"a": [str(i - 1), 0]}} for i in range(1, length)}
    return nodes | {f"s{i}": {"class_type": last, "inputs": {"value": [str(i), 0]}} for i in range(length)}


def box(number: int, kind: str = "Number", **more: Any) -> dict[str, Any]:
    return {"id": number, "type": kind, **more}


def level(name: str, *nodes: Any) -> dict[str, Any]:
    return {"id": name, "nodes": nodes, "links": []}


def canvas(boxes: list[Any], wires: list[Any] | None = None, more: Any = (), **sub: Any) -> dict[str, Any]:
    """A canvas of ComfyUI's, and what the subgraph `sub` has."""
    return {"nodes": boxes, "links": wires or [], "definitions": {"subgraphs": [{**level("sub"), **sub}, *more]}}


ALIKE = [f"{'a' * 100}{number:05}" for number in range(1900)]
# Documents that are cheap to write and could be dear to read.
DEAR: dict[str, Any] = {
    "ten thousand nodes": workflow(**{f"n{i}": of("Number") for i in range(10_000)}),
    "ten thousand nodes of ComfyUI": {str(i): {"class_type": "Number", "inputs": {}} for i in range(10_000)},
    "a chain of two thousand": chain(2000),
    "a chain whose every node is saved": api_chain(990),
    "chains that nothing is known of": api_chain(990, "Nothing"),
    "outputs that nothing is known of": api_chain(990, last="Nothing"),
    "a circle of two thousand": workflow(**{f"n{i}": of("Add", {"a": f"n{(i - 1) % 2000}.int"}) for i in range(2000)}),
    "nodes that are their own source": workflow(**{f"n{i}": of("Add", {"a": f"n{i}.int"}) for i in range(2000)}),
    "a knot of all with all": workflow(
        **{f"n{i}": of("Save", {f"x{j}": f"n{j}.int" for j in range(60)}) for i in range(200)}
    ),
    "words that are almost those of others": workflow(**{name: of("Add", {"a": f"{name}b.int"}) for name in ALIKE}),
    "types that are almost ours": workflow(**{f"n{i}": of(f"Numbe{i}") for i in range(2000)}),
    "inputs without end": workflow(a=of("Add", **{f"x{i}": i for i in range(60_000)})),
    "links without end": workflow(a=of("Add", {f"x{i}": "a.int" for i in range(40_000)})),
    "a text of a million letters": workflow(a=of("Text", text="x" * 1_000_000)),
    "a view without end": workflow() | {"view": [[]] * 200_000},
    "numbers without end": workflow(a=of("Number", value=list(range(120_000)))),
    "a canvas of ten thousand nodes": canvas([box(i) for i in range(10_000)]),
    "a canvas of very many links": canvas([box(1)], [[i, 1, 0, 1, 0, "*"] for i in range(40_000)]),
    "a circle of bypassed nodes": canvas(
        [box(i, "Add", mode=4, inputs=[{"name": "a", "link": i}]) for i in range(2000)],
        [[i, (i - 1) % 2000, 0, i, 0, "*"] for i in range(2000)],
    ),
    "groups that are drawn everywhere": canvas(
        [box(i, "sub") for i in range(2000)], groups=[{"bounding": [0, 0, 1, 1]}] * 20_000
    ),
    "inputs that lead out of a subgraph": canvas(
        [box(0, "sub")],
        nodes=[box(1, "x", inputs=[{"name": f"a{i}", "link": i} for i in range(8000)])],
        links=[[i, -10, 50_000, 1, i] for i in range(8000)],
        inputs=[{}] * 60_000,
    ),
    "outputs without end": canvas(
        [
            box(0, "x", outputs=[{}] * 100_000),
            box(1, "x", inputs=[{"name": f"a{i}", "link": 1} for i in range(20_000)]),
        ],
        [[1, 0, 99_999, 1, 0]],
    ),
    "subgraphs without end": canvas(
        [box(0, "sub")], nodes=[box(0, "sub0")], more=[level(f"sub{i}", box(0, f"sub{i + 1}")) for i in range(10_000)]
    ),
    "one text for all": canvas(
        [box(0, "PrimitiveNode", widgets_values=["x" * 60_000])]
        + [box(i, "Text", inputs=[{"name": "text", "link": 1}]) for i in range(1, 2000)],
        [[1, 0, 0, 1, 0, "*"]],
    ),
    "files that are not there": workflow(**{f"n{i}": of("Read", name=f"{'a' * 90}{i}.png") for i in range(1900)}),
}


@pytest.mark.parametrize("path", ["/prompt", "/api/v1/jobs", "/api/v1/check", "/api/v1/convert"])
@pytest.mark.parametrize("kind", DEAR)
def test_a_document_that_is_dear_to_read_holds_nobody_up(line: Line, path: str, kind: str) -> None:
    body = json.dumps({"prompt" if path == "/prompt" else "workflow": DEAR[kind]}, separators=(",", ":")).encode()
    began = time.monotonic()
    answer = line.ask("POST", path, body)
    assert time.monotonic() - began < FAR_TOO_SLOW, f"{time.monotonic() - began:.1f} s"
    assert len(answer.body) < 3_000_000
    judged(answer, body)


@pytest.mark.parametrize("path", ["/prompt", "/api/v1/jobs"])
def test_targets_that_are_none_hold_nobody_up(line: Line, path: str) -> None:
    word = "b" * 60 + "a" * 60
    key, targets = ("prompt", "partial_execution_targets") if path == "/prompt" else ("workflow", "targets")
    nodes = {f"{word}{number:05}": of("Save", value=1) for number in range(1500)}
    body = json.dumps({key: workflow(**nodes), targets: [f"{word[:100]}{number}" for number in range(900)]}).encode()
    began = time.monotonic()
    answer = line.ask("POST", path, body)
    assert time.monotonic() - began < FAR_TOO_SLOW
    judged(answer, body)


def test_other_clients_are_served_while_dear_documents_are_read(paused: Server) -> None:
    body = json.dumps({"workflow": DEAR["words that are almost those of others"]}).encode()
    with Line(paused) as other, Line(paused) as line:
        line.connection.request("POST", "/api/v1/check", body, {"Content-Type": "application/json"})
        waits: list[float] = []
        for _ in range(50):
            began = time.monotonic()
            assert other.ask("GET", "/live").status == 200
            waits.append(time.monotonic() - began)
        assert line.connection.getresponse().read()
    assert sorted(waits)[-3] < 0.5


@pytest.mark.parametrize("document", HONEST)
def test_honest_workflows_are_taken(line: Line, document: Any) -> None:
    assert line.ask("POST", "/prompt", json.dumps({"prompt": document}).encode()).status == 200
    assert line.ask("POST", "/api/v1/check", json.dumps({"workflow": document}).encode()).status == 200
