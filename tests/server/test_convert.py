"""`POST /api/v1/convert`: any workflow, or the picture that carries it, as a native document that a canvas can open."""

from __future__ import annotations

import json
import zlib
from typing import Any

import pytest

from tests.server.fake_nodes import chunk, png
from tests.server.serving import NUMBER, Answer, Server, of, workflow

CONVERT = "/api/v1/convert"
PNG = {"Content-Type": "image/png"}
API = {
    "1": {"class_type": "Number", "inputs": {"value": 3}},
    "2": {"class_type": "Save", "inputs": {"value": ["1", 0]}, "_meta": {"title": "Keep it"}},
}
CANVAS: dict[str, Any] = {
    "nodes": [
        {"id": 1, "type": "Number", "widgets_values": [3], "pos": [10, 20]},
        {"id": 2, "type": "Save", "inputs": [{"name": "value", "type": "INT", "link": 1}], "title": "Keep it"},
    ],
    "links": [[1, 1, 0, 2, 0, "INT"]],
    "version": 0.4,
}
CONVERTED = {
    "1": {"type": "Number", "values": {"value": 3}},
    "2": {"type": "Save", "links": {"value": "1.int"}},
}


def convert(server: Server, document: object) -> Answer:
    return server.post(CONVERT, {"workflow": document})


def test_every_format_becomes_a_native_document(shared: Server) -> None:
    assert convert(shared, NUMBER).json["workflow"]["nodes"].keys() == NUMBER["nodes"].keys()
    for document, view in (
        (API, {"2": {"title": "Keep it"}}),
        (CANVAS, {"1": {"at": [10, 20]}, "2": {"title": "Keep it"}}),
    ):
        answer = convert(shared, document)
        assert (answer.status, answer.json["problems"]) == (200, [])
        assert answer.json["workflow"] == {"nodegraph": 1, "nodes": CONVERTED, "view": view}
        assert shared.post("/api/v1/check", {"workflow": answer.json["workflow"]}).status == 200


def test_a_native_document_stays_as_it_is(shared: Server) -> None:
    document = {
        "$schema": "x.json",
        "nodegraph": 1,
        "nodes": {"a": {"type": "Number", "mode": "mute", "values": {"value": 1}}, "b": {"type": "Gone"}},
        "view": {"a": {"at": [1, 2]}, ".notes": {"1": {"text": "x", "at": [0, 0], "size": [1, 1]}}},
    }
    assert convert(shared, document).json["workflow"] == document


def test_what_cannot_be_run_is_converted_all_the_same_and_its_problems_are_told(shared: Server) -> None:
    nodes = [
        *CANVAS["nodes"],
        {"id": 3, "type": "Nmuber", "widgets_values": [1]},
        {"id": 4, "type": "Read", "widgets_values": ["gone.txt"]},
        {"id": 5, "type": "Save"},
        7,
    ]
    answer = convert(shared, {**CANVAS, "nodes": nodes})
    assert answer.status == 200
    assert answer.json["workflow"]["nodes"].keys() == {"1", "2", "3", "4", "5"}
    told = {(problem["node"], problem["kind"], problem["pointer"]) for problem in answer.json["problems"]}
    assert told == {
        ("3", "unknown_type", "/workflow/nodes/2/type"),
        ("4", "missing_file", "/workflow/nodes/3/widgets_values/0"),
        ("5", "missing_input", "/workflow/nodes/4"),
        (None, "bad_document", "/workflow/nodes/5"),
    }


def test_what_a_canvas_could_not_show_is_left_out(shared: Server) -> None:
    broken = {"a": 3, "b": {"type": 4}, "c.d": of("Number"), "e": {"type": "Save", "links": {"value": 4, "x": "f.int"}}}
    answer = convert(shared, {**workflow(**broken, f=of("Number") | {"mode": "off"}), "view": 3})
    assert answer.status == 200
    assert answer.json["workflow"] == workflow(e={"type": "Save", "links": {"x": "f.int"}}, f={"type": "Number"})
    assert len(answer.json["problems"]) > 5


@pytest.mark.parametrize(
    "document", [3, None, [], "text", {}, {"nodes": []}, {"nodegraph": 2, "nodes": {}}, {"nodegraph": 1, "nodes": 4}]
)
def test_what_is_no_workflow_is_refused(shared: Server, document: object) -> None:
    answer = convert(shared, document)
    assert answer.status == 422
    assert "expected" in answer.json["message"]
    assert answer.json["pointer"].startswith("/workflow")


def test_a_body_without_a_workflow_is_refused(shared: Server) -> None:
    answer = shared.post(CONVERT, {"graph": NUMBER})
    assert (answer.status, answer.json["type"]) in ((400, "missing_input"), (400, "bad_request"))


def test_too_large_a_workflow_is_refused(shared: Server) -> None:
    answer = convert(shared, workflow(**{f"n{i}": of("Number") for i in range(2001)}))
    assert (answer.status, answer.json["message"]) == (422, "2001 nodes; at most 2000 are run")


def test_a_picture_gives_the_workflow_as_it_was_drawn(shared: Server) -> None:
    texts = {"prompt": json.dumps(API), "workflow": json.dumps(CANVAS)}
    answer = shared.ask("POST", CONVERT, png(texts), PNG)
    assert (answer.status, answer.json["workflow"]["view"]["1"]) == (200, {"at": [10, 20]})
    native = shared.ask("POST", CONVERT, png({**texts, "nodegraph": json.dumps(NUMBER)}), PNG)
    assert native.json["workflow"]["nodes"].keys() == NUMBER["nodes"].keys()
    only_ran = shared.ask("POST", CONVERT, png({"prompt": texts["prompt"]}), PNG)
    assert only_ran.json["workflow"]["nodes"] == CONVERTED


@pytest.mark.parametrize("content", [b"", b"GIF89a", png({}), png({"workflow": "3"}), png({})[:40]])
def test_a_picture_without_a_workflow_is_refused(shared: Server, content: bytes) -> None:
    answer = shared.ask("POST", CONVERT, content, PNG)
    assert (answer.status, answer.json["type"]) == (422, "bad_picture")


def test_a_picture_is_bounded_as_an_upload_is(shared: Server) -> None:
    answer = shared.ask("POST", CONVERT, bytes((32 << 20) + 1), PNG)
    assert (answer.status, answer.json["type"]) == (413, "too_large")


def test_a_picture_with_very_many_large_texts_costs_no_more_than_one(shared: Server) -> None:
    large = zlib.compress(b" " * (32 << 20))
    plain = png({"workflow": json.dumps(CANVAS)})
    chunks = [chunk(b"zTXt", f"k{i}".encode() + b"\0\0" + large) for i in range(300)]
    chunks += [chunk(b"zTXt", b"prompt\0\0" + large) for _ in range(300)]
    answer = shared.ask("POST", CONVERT, plain[:33] + b"".join(chunks) + plain[33:], PNG)
    assert answer.status == 200


def test_only_here_and_for_assets_a_picture_may_be_sent(shared: Server) -> None:
    assert shared.ask("POST", "/api/v1/check", png({}), PNG).status == 415


def test_a_bypassed_node_does_not_run_and_the_picture_keeps_it(shared: Server) -> None:
    nodes = {
        "a": {"type": "Number", "values": {"value": 3}},
        "off": {"type": "Add", "mode": "bypass", "values": {"b": 5}, "links": {"a": "a.int"}},
        "gone": {"type": "NotThere", "mode": "mute"},
        "save": {"type": "Save", "links": {"value": "off.int"}},
    }
    job = shared.run(workflow(**nodes))
    assert job["state"] == "done"
    assert {event["node"] for event in shared.events(job["id"]) if event["event"] == "started"} <= {"a", "save"}
    asset = job["outputs"][0]["id"]
    assert shared.get(f"/api/v1/assets/{asset}/metadata").json["workflow"]["nodes"] == nodes


def test_a_target_that_does_not_run_is_refused_with_the_reason(shared: Server) -> None:
    graph = workflow(a=of("Number") | {"mode": "mute"}, save=of("Save", {"value": "a.int"}))
    answer = shared.post("/api/v1/jobs", {"workflow": graph, "targets": ["save"]})
    assert (answer.status, answer.json["type"], answer.json["pointer"]) == (422, "idle_node", "/targets/0")
    assert answer.json["message"] == "save does not run: it needs a, which is muted"


def test_clients_of_comfyui_may_send_a_canvas_and_modes(shared: Server) -> None:
    answer = shared.post("/prompt", {"prompt": CANVAS})
    assert answer.status == 200
    assert shared.ended(answer.json["prompt_id"])["state"] == "done"
    muted = workflow(a=of("Number"), save=of("Save", {"value": "a.int"}) | {"mode": "mute"})
    refused = shared.post("/prompt", {"prompt": muted})
    assert (refused.status, refused.json["error"]["type"]) == (400, "prompt_no_outputs")


def test_clients_of_comfyui_are_told_where_on_their_canvas_something_is_wrong(shared: Server) -> None:
    """A bypassed node that passes nothing on, and a value that no parser but ours refuses."""
    idle = {"id": 1, "type": "Number", "mode": 4}
    answer = shared.post("/prompt", {"prompt": {**CANVAS, "nodes": [idle, CANVAS["nodes"][1]]}})
    assert (answer.status, answer.json["pointer"]) == (400, "/prompt/nodes/1/inputs/0")
    large = {"id": 1, "type": "Number", "widgets_values": [2**64 + 1]}
    answer = shared.post("/prompt", {"prompt": {**CANVAS, "nodes": [large, CANVAS["nodes"][1]]}})
    assert (answer.status, answer.json["pointer"]) == (400, "/prompt/nodes/0/widgets_values/0")


@pytest.mark.parametrize("posted", [False, True])
def test_a_canvas_of_too_many_links_is_refused_even_if_a_picture_carries_it(shared: Server, posted: bool) -> None:
    canvas: dict[str, Any] = {**CANVAS, "links": [[i, 1, 0, 2, 0, "INT"] for i in range(200_000)]}
    answer = shared.ask("POST", CONVERT, png({"workflow": json.dumps({"prompt": canvas} if posted else canvas)}), PNG)
    assert (answer.status, answer.json["message"]) == (422, "200000 links; at most 10000 are run")
    assert answer.json["pointer"] == ("/prompt" if posted else "")


def test_a_canvas_is_run_as_it_is(shared: Server) -> None:
    job = shared.run(CANVAS)
    assert job["state"] == "done"
    kept = shared.get(f"/api/v1/assets/{job['outputs'][0]['id']}/metadata").json["workflow"]
    assert kept["nodes"] == CONVERTED
