"""No name leads out of the folders: not in an address, not in a form, not in a workflow."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from nodegraph.catalogue import Catalogue
from nodegraph.document import FORMAT
from nodegraph.errors import InvalidGraph, Rejected
from nodegraph.folders import MODELS
from nodegraph.graph import Graph
from nodegraph.registry import Registry
from nodegraph.sockets import Input
from nodegraph.widgets import File, Many, SaveName, Text
from tests.server.fake_nodes import png
from tests.server.hostile_names import CANARY, NAME, Trap, names, spellings, trap
from tests.server.raw import FORM, Line, form
from tests.server.serving import NUMBER, Answer, Server, serving

MULTIPART = f"multipart/form-data; boundary={FORM}"
# Routes with a name in their path; `{}` is where it goes.
PATHS = (
    "GET /{}", "GET /view/{}", "GET /api/v1/assets/{}", "GET /api/v1/assets/{}/thumbnail", "GET /object_info/{}",
    "GET /api/v1/assets/{}/metadata", "GET /api/v1/jobs/{}", "GET /api/v1/jobs/{}/workflow", "GET /history/{}",
    "GET /api/v1/workflows/{}", "GET /api/v1/workflows/{}/versions", "GET /api/v1/workflows/a/versions/{}",
    "GET /api/v1/workflows/{}/versions/00000001", "GET /userdata/{}", "GET /api/userdata/{}", "GET /models/{}",
    "GET /settings/{}", "GET /jobs/{}", "POST /userdata/{}/move/{}", "GET /api/v1/files/input/{}",
    "GET /api/v1/files/input/{}/thumbnail", "GET /api/v1/templates/{}", "GET /api/v1/templates/{}/picture",
)  # fmt: skip
QUERIES = (
    "/view?filename={}", "/view?filename={}&type=input", "/view?filename={}&type=temp", "/view?filename=a.png&type={}",
    "/view?filename=canary.txt&subfolder={}&type=input", "/view?filename=canary.txt&subfolder={}",
    "/view?filename={}&type=input&preview=webp;90", "/userdata?dir={}", "/api/v1/jobs?state={}",
    "/api/v1/events?job={}", "/ws?clientId={}",
)  # fmt: skip


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Trap:
    return trap(tmp_path_factory.mktemp("outside"))


@pytest.fixture(scope="module")
def trapped(tmp_path_factory: pytest.TempPathFactory, found: Trap) -> Iterator[Server]:
    """A server whose every folder has ways out in it, and a front end with some too."""
    folder = tmp_path_factory.mktemp("trapped")
    web = folder / "web"
    found.set(web)
    (web / "index.html").write_text("<!doctype html><title>front end</title>")
    with serving(folder / "data", "--web-root", str(web)) as server:
        server.run(NUMBER)
        for name in ("input", "temp", "output", "workflows", *(f"models/{each}" for each in MODELS)):
            found.set(server.data / name)
        yield server


def judged(answer: Answer, what: str) -> None:
    """Whatever was asked for, nothing of the canary comes back, and it is no fault of the server."""
    assert CANARY not in answer.body, what
    assert b"PATH=" not in answer.body, what
    assert answer.status in (200, 204, 304, 400, 403, 404, 405, 409, 413, 422), f"{what}: {answer.status}"


def test_there_are_enough_names(found: Trap) -> None:
    assert len(names(found)) >= 400


@pytest.mark.parametrize("route", PATHS)
def test_no_name_in_a_path_reaches_a_file_outside(trapped: Server, found: Trap, route: str) -> None:
    method, path = route.split()
    with Line(trapped) as line:
        for name in (*names(found), *found.set(trapped.data / "input")):
            for spelling in spellings(name):
                asked = path.replace("{}", spelling)
                if len(asked) < 7500:
                    judged(line.ask(method, asked), f"{method} {asked}")


@pytest.mark.parametrize("query", QUERIES)
def test_no_name_in_a_query_reaches_a_file_outside(trapped: Server, found: Trap, query: str) -> None:
    with Line(trapped) as line:
        for name in (*names(found), *found.set(trapped.data / "input")):
            for spelling in {quote(name, safe=""), quote(quote(name, safe=""), safe="")}:
                if len(spelling) < 7500:
                    judged(line.ask("GET", query.replace("{}", spelling)), query.replace("{}", spelling))


def test_a_front_end_is_served_from_its_folder_alone(trapped: Server) -> None:
    assert b"front end" in trapped.get("/").body
    assert b"front end" in trapped.get("/index.html").body
    for name in ("link.png", f"folder/{NAME}", "folder", "pipe.png", "device.png", "../server.toml"):
        assert trapped.get(f"/{name}").status in (403, 404), name


def test_uploads_stay_in_the_input_folder_whatever_they_are_called(trapped: Server, found: Trap) -> None:
    before, picture, inputs = listing(found.outside), png({}), trapped.data / "input"
    for name in (*names(found)[::20], *found.set(inputs)):
        clean = name.replace('"', "_").replace("\r", " ").replace("\n", " ")[:3000]
        for fields in ((clean, ""), ("a.png", clean), (clean, clean)):
            parts = [("image", fields[0], picture), ("subfolder", None, fields[1].encode()), ("overwrite", None, b"1")]
            with Line(trapped) as line:
                answer = line.ask("POST", "/upload/image", form(parts), MULTIPART)
            judged(answer, repr(fields))
            if answer.status == 200:
                kept = answer.json
                assert (inputs / kept["subfolder"] / kept["name"]).resolve().is_relative_to(inputs.resolve())
    assert listing(found.outside) == before


def test_a_mask_is_laid_over_no_file_outside(trapped: Server, found: Trap) -> None:
    for name in (*names(found)[::7], *found.set(trapped.data / "input")):
        for where in ("input", "output", "temp", "../input"):
            reference = json.dumps({"filename": name, "type": where}).encode()[:4000]
            body = form([("image", "m.png", png({})), ("original_ref", None, reference)])
            with Line(trapped) as line:
                answer = line.ask("POST", "/upload/mask", body, MULTIPART)
            judged(answer, f"{where} {name}")
            assert answer.status in (400, 404), name


def test_workflows_are_saved_and_removed_in_their_folder_alone(trapped: Server, found: Trap) -> None:
    before, body = listing(found.outside), json.dumps({"workflow": {}}).encode()
    every = (*names(found), *found.set(trapped.data / "workflows"))
    with Line(trapped) as line:
        for spelling in {each for name in every for each in spellings(name) if len(each) < 7000}:
            judged(line.ask("PUT", f"/api/v1/workflows/{spelling}", body), spelling)
            judged(line.ask("GET", f"/api/v1/workflows/{spelling}/versions/00000001"), spelling)
            judged(line.ask("DELETE", f"/api/v1/workflows/{spelling}"), spelling)
        for name in every:
            assert line.ask("PUT", "/api/v1/workflows/here", body).status == 200
            moved = line.ask("POST", "/api/v1/workflows/here/move", json.dumps({"to": name}).encode())
            judged(moved, name)
            if moved.status == 200:
                assert line.ask("DELETE", f"/api/v1/workflows/{quote(moved.json['name'])}").status == 200
    assert listing(found.outside) == before


def test_nothing_that_leads_outside_is_listed(trapped: Server) -> None:
    for path in ("/api/v1/workflows", "/api/v1/files", "/object_info/Read"):
        assert CANARY not in trapped.get(path).body
    assert [each["name"] for each in trapped.get("/api/v1/workflows").json["workflows"] if "link" in each["name"]] == []


def listing(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# Workflows: every input of every node of the diffusion pack that takes a text.


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Registry.from_packs(["diffusion"]).catalogue()


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, found: Trap) -> dict[str, tuple[Path, ...]]:
    root = tmp_path_factory.mktemp("roots")
    made = {name: (root / name,) for name in (*MODELS, "input", "data", "output", "temp")}
    for (folder,) in made.values():
        found.set(folder)
    return made


def text_inputs(catalogue: Catalogue) -> list[tuple[str, Input]]:
    kinds = (File, SaveName, Text)
    every = [(node.name, socket) for node in catalogue.nodes.values() for socket in node.inputs.values()]
    return [
        (name, socket)
        for name, socket in every
        if isinstance(socket.widget, kinds)
        or (isinstance(socket.widget, Many) and isinstance(socket.widget.item, kinds))
    ]


def test_no_text_in_a_workflow_becomes_a_path_outside(
    catalogue: Catalogue, folders: dict[str, tuple[Path, ...]], found: Trap
) -> None:
    inputs = text_inputs(catalogue)
    assert len({name for name, _ in inputs}) >= 15
    roots = [root.resolve() for each in folders.values() for root in each]
    for name in (*names(found), *found.set(folders["input"][0])):
        for kind, socket in inputs:
            literal = [name] if isinstance(socket.widget, Many) else name
            try:
                value = socket.parse(literal, folders)
            except Rejected:
                continue
            for path in value if isinstance(value, tuple) else (value,):  # pyright: ignore[reportUnknownVariableType]
                # Files that are saved have a number and an ending behind the name; what counts is the folder.
                place = path.parent if isinstance(path, Path) and isinstance(socket.widget, SaveName) else path  # pyright: ignore[reportUnknownVariableType]
                inside = not isinstance(place, Path) or any(place.resolve().is_relative_to(root) for root in roots)
                assert inside, f"{kind}.{socket.name}: {name!r} is {path}"


def test_the_refusal_of_a_name_tells_nothing_of_what_is_outside(
    catalogue: Catalogue, folders: dict[str, tuple[Path, ...]], found: Trap
) -> None:
    for name in (str(found.canary), f"folder/{NAME}", "link.png", f"../{NAME}", "pipe.png", "device.png"):
        node = {"type": "LoadImage", "values": {"image": name}}
        with pytest.raises(InvalidGraph) as refused:
            Graph.parse({"nodegraph": FORMAT, "nodes": {"a": node}}, catalogue, folders)
        assert CANARY.decode() not in str(refused.value)
        assert all(str(root) not in str(refused.value) for (root,) in folders.values())


def test_a_workflow_that_somebody_wrote_badly_by_hand_is_no_fault_of_the_server(trapped: Server) -> None:
    (trapped.data / "workflows" / "hand.json").write_bytes(b'{"nodegraph": 1,\xff')
    assert trapped.get("/api/v1/workflows/hand").status == 422
    assert trapped.post("/api/v1/workflows/hand", {"workflow": {}}, method="PUT").status == 200
    assert trapped.get("/api/v1/workflows/hand/versions/00000001").status == 422


def test_what_a_link_leads_to_is_not_kept_among_the_versions(trapped: Server, found: Trap) -> None:
    link = trapped.data / "workflows" / "linked.json"
    link.symlink_to(found.outside / "canary.json")
    assert trapped.post("/api/v1/workflows/linked", {"workflow": {}}, method="PUT").status == 422
    assert not [
        each for each in (trapped.data / "workflows").rglob("*") if not each.is_symlink() and CANARY in content(each)
    ]


def content(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""
