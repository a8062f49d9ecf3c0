"""The native API beside jobs: the nodes, checking, workflows on disk, assets, devices, figures."""

import io
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image

from nodegraph.catalogue import Catalogue
from tests.server.serving import NUMBER, Server, of, saving, serving, wait_for, workflow


def test_the_catalogue_is_enough_to_parse_with_and_changes_its_tag_only_with_the_nodes(shared: Server) -> None:
    answer = shared.get("/api/v1/catalogue")
    catalogue = Catalogue.from_json(answer.json)
    assert catalogue.accepts("float", "int")
    assert catalogue.nodes["Save"].effect
    again = shared.ask("GET", "/api/v1/catalogue", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status, again.body) == (304, b"")


def test_a_workflow_can_be_checked_without_being_run(shared: Server) -> None:
    before = shared.get("/api/v1/queue").json
    assert shared.post("/api/v1/check", {"workflow": NUMBER}).json == {"ok": True, "nodes": 2}
    answer = shared.post("/api/v1/check", {"workflow": saving("Number", value="one")})
    assert (answer.status, answer.json["pointer"]) == (422, "/workflow/nodes/it/values/value")
    assert shared.get("/api/v1/queue").json == before


def test_what_is_larger_than_the_bounds_is_refused_with_its_place(shared: Server) -> None:
    many = workflow(**{f"n{i}": of("Number") for i in range(2001)}, save=of("Save", {"value": "n1.int"}))
    assert "2002 nodes" in shared.post("/api/v1/check", {"workflow": many}).json["message"]
    for kind, name, value in (("Sleep", "steps", 1001), ("Text", "text", "x" * 70_000)):
        graph = workflow(it=of(kind, **{name: value}), keep=of("Keep", {"value": "n.int"}), n=of("Number"))
        answer = shared.post("/api/v1/check", {"workflow": graph})
        assert (answer.status, answer.json["pointer"]) == (422, f"/workflow/nodes/it/values/{name}")
    batch = workflow(n=of("Number"), save=of("Save", {"value": "n.int"}, batch_size=65))
    assert shared.post("/api/v1/check", {"workflow": batch}).status == 422


def test_workflows_are_saved_with_their_history(server: Server) -> None:
    path = "/api/v1/workflows/cats/first"
    first = server.post(path, {"workflow": {"unfinished": True}}, method="PUT").json
    assert server.post(path, {"workflow": NUMBER, "version": first["version"]}, method="PUT").status == 200
    assert server.post(path, {"workflow": {}, "version": first["version"]}, method="PUT").status == 409
    assert server.get(path).json["workflow"] == NUMBER
    (older,) = server.get(f"{path}/versions").json["versions"]
    assert server.get(f"{path}/versions/{older['name']}").json["workflow"] == {"unfinished": True}
    assert [each["name"] for each in server.get("/api/v1/workflows").json["workflows"]] == ["cats/first"]
    assert server.post(path, method="DELETE").status == 200
    assert server.get(path).status == 404


def test_a_workflow_is_renamed_and_its_versions_go_with_it(server: Server) -> None:
    path = "/api/v1/workflows/cats/first"
    first = server.post(path, {"workflow": {}}, method="PUT").json
    saved = server.post(path, {"workflow": NUMBER}, method="PUT").json
    server.post("/api/v1/workflows/dog", {"workflow": {}}, method="PUT")
    for body, status in (
        ({"to": "dog"}, 409), ({"to": "tom", "version": first["version"]}, 409), ({"to": "../tom"}, 422),
        ({"to": ""}, 422), ({"to": 1}, 400), ({}, 400), ({"to": "tom", "else": 1}, 400),
    ):  # fmt: skip
        answer = server.post(f"{path}/move", body)
        assert answer.status == status, (body, answer.body)
    assert server.post("/api/v1/workflows/nobody/move", {"to": "tom"}).status == 404
    moved = server.post(f"{path}/move", {"to": "pets/tom cat", "version": saved["version"]})
    assert moved.json == saved | {"name": "pets/tom cat"}
    assert server.get("/api/v1/workflows/pets/tom%20cat").json == moved.json | {"workflow": NUMBER}
    (older,) = server.get("/api/v1/workflows/pets/tom%20cat/versions").json["versions"]
    assert (older["version"], older["at"]) == (first["version"], first["at"])
    assert server.get(path).status == 404
    assert server.get(f"{path}/versions").json == {"versions": []}


def test_what_a_deleted_workflow_was_can_be_saved_again(server: Server) -> None:
    path = "/api/v1/workflows/cat"
    saved = server.post(path, {"workflow": NUMBER}, method="PUT").json
    assert server.post(path, method="DELETE").status == 200
    (version,) = server.get(f"{path}/versions").json["versions"]
    assert (version["version"], version["at"]) == (saved["version"], saved["at"])
    workflow = server.get(f"{path}/versions/{version['name']}").json["workflow"]
    assert server.post(path, {"workflow": workflow, "version": ""}, method="PUT").json["version"] == saved["version"]


def test_saving_every_second_and_looking_at_the_versions_do_not_disturb_each_other(server: Server) -> None:
    path = "/api/v1/workflows/cat"
    with ThreadPoolExecutor(4) as threads:
        saves = [threads.submit(server.post, path, {"workflow": {"n": n}}, "PUT") for n in range(100)]
        looks = [threads.submit(server.get, f"{path}/versions") for _ in range(50)]
    assert {each.result().status for each in (*saves, *looks)} == {200}
    assert 50 <= len(server.get(f"{path}/versions").json["versions"]) <= 120


def test_pictures_that_nodes_can_read_are_shown_by_name(shared: Server) -> None:
    folder = shared.data / "input" / "pets"
    folder.mkdir(exist_ok=True)
    Image.new("RGB", (300, 200), "red").save(folder / "red cat.jpg")
    (folder / "notes.txt").write_text("none")
    whole = shared.get("/api/v1/files/input/pets/red%20cat.jpg")
    assert (whole.status, whole.headers["Content-Type"]) == (200, "image/jpeg")
    assert whole.body == (folder / "red cat.jpg").read_bytes()
    small = shared.get("/api/v1/files/input/pets/red%20cat.jpg/thumbnail?size=64")
    assert (small.headers["Content-Type"], Image.open(io.BytesIO(small.body)).size) == ("image/jpeg", (64, 43))
    assert shared.get("/api/v1/files/input/example.png/thumbnail").status == 200
    text = shared.get("/api/v1/files/input/pets/notes.txt")
    assert text.headers["Content-Disposition"].startswith("attachment")
    assert shared.get("/api/v1/files/input/pets/notes.txt/thumbnail").json["type"] == "not_a_picture"
    for name in ("none.png", "none.png/thumbnail", "pets", "../server.toml", ".hidden", "pets//notes.txt"):
        assert shared.get(f"/api/v1/files/input/{name}").status == 404, name
    assert shared.get("/api/v1/files/input/example.png/thumbnail?size=1").status == 400


def test_an_upload_is_an_asset_that_nodes_can_read(shared: Server) -> None:
    file = io.BytesIO()
    Image.new("RGB", (300, 200), "red").save(file, "PNG")
    headers = {"Content-Type": "image/png"}
    asset = shared.ask("POST", "/api/v1/assets?name=red.png", file.getvalue(), headers).json
    assert (asset["name"], asset["media_type"]) == ("red.png", "image/png")
    small = shared.get(f"/api/v1/assets/{asset['id']}/thumbnail?size=64")
    assert Image.open(io.BytesIO(small.body)).size == (64, 43)
    assert "red.png" in shared.get("/api/v1/files").json["files"]["input"]
    checked = shared.post("/api/v1/check", {"workflow": workflow(it=of("Read", name="red.png"))})
    assert checked.status == 200


def test_several_devices_share_one_queue() -> None:
    with serving(None, "--device", "one", "--device", "two") as server:
        names = [server.submit(saving("Sleep", seconds=1.5, value=value)) for value in range(2)]
        wait_for(lambda: [device["state"] for device in server.devices()] == ["running", "running"], 5)
        assert {server.ended(name)["device"] for name in names} == {"one", "two"}


def test_figures_are_told_in_the_text_format_of_prometheus(shared: Server) -> None:
    shared.run(NUMBER)
    lines = shared.get("/metrics").body.decode().splitlines()
    values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert float(values["nodegraph_jobs_done_total"]) >= 1
    assert float(values["nodegraph_queue_limit"]) == 1000
    assert float(values['nodegraph_worker_resident_bytes{device="auto"}']) > 1e6


def test_the_caches_of_the_workers_can_be_emptied(shared: Server) -> None:
    kinds = {}
    for turn in ("first", "cached", "after free"):
        if turn == "after free":
            assert shared.post("/api/v1/devices/free").status == 200
        name = shared.run(saving("Number", value=123_456))["id"]
        kinds[turn] = [event["event"] for event in shared.events(name) if event.get("node") == "it"]
    assert kinds == {"first": ["started", "finished"], "cached": ["reused"], "after free": ["started", "finished"]}


def test_every_line_of_the_log_is_an_event_in_json() -> None:
    with serving(None, "--log", "json") as server:
        server.run(NUMBER)
        lines = [json.loads(line) for line in server.log.splitlines()]
        assert {"at", "level", "from", "message"} <= set(lines[0])
        assert any("done" in line["message"] for line in lines)


def test_the_first_requests_of_all_wait_for_the_first_worker(tmp_path: Path) -> None:
    server = Server(tmp_path).start(until_ready=False)
    try:
        assert not (tmp_path / "catalogue.json").exists()
        assert server.submit(NUMBER)
    finally:
        server.reap()
