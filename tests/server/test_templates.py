"""The gallery: the workflows that come along, their order, their words and their pictures."""

import io
from pathlib import Path

import pytest
from PIL import Image

from nodegraph.document import read_document
from nodegraph.server.api.templates import FIRST, LAST, place
from tests.server.serving import ROOT, Server, serving

FOLDER = ROOT / "workflows"
NAMES = [path.relative_to(FOLDER).with_suffix("").as_posix() for path in FOLDER.rglob("*.json")]


def test_the_gallery_begins_with_the_plainest_and_ends_with_training(shared: Server) -> None:
    templates = shared.get("/api/v1/templates").json["templates"]
    names = [each["name"] for each in templates]
    assert sorted(names) == sorted(NAMES)
    assert names[0] == "text_to_image"
    assert all(name.startswith("training/") for name in names[-len(LAST) :])
    assert names == [*FIRST, *names[len(FIRST) : -len(LAST)], *LAST]
    assert all(each["title"] and each["about"].endswith(".") for each in templates)


def test_what_the_order_does_not_name_comes_between_by_name() -> None:
    names = ["training/vae", "lessons/steps", "a_new_one", "inpaint", "lessons/noise", "text_to_image"]
    expected = ["text_to_image", "inpaint", "a_new_one", "lessons/noise", "lessons/steps", "training/vae"]
    assert sorted(names, key=place) == expected


@pytest.mark.parametrize("name", NAMES)
def test_a_template_is_the_shipped_workflow_with_its_picture(shared: Server, name: str) -> None:
    assert shared.get(f"/api/v1/templates/{name}").json == {
        "name": name,
        "workflow": read_document(FOLDER / f"{name}.json"),
    }
    (told,) = (each for each in shared.get("/api/v1/templates").json["templates"] if each["name"] == name)
    file = FOLDER / "pictures" / f"{name}.png"
    answer = shared.get(f"/api/v1/templates/{name}/picture")
    assert told["picture"] is file.exists()
    assert answer.status == (200 if told["picture"] else 404)
    if told["picture"]:
        assert answer.headers["Content-Type"] == "image/png"
        assert answer.body == file.read_bytes()
        assert Image.open(io.BytesIO(answer.body)).width <= 256


@pytest.mark.parametrize("name", ["text_to_imag", "../README", "pictures/text_to_image", "text_to_image.json", "%00"])
def test_there_are_no_other_templates(shared: Server, name: str) -> None:
    for path in (name, f"{name}/picture"):
        answer = shared.get(f"/api/v1/templates/{path}")
        assert answer.status == 404
    if name == "text_to_imag":
        assert "text_to_image" in shared.get(f"/api/v1/templates/{name}").json["hint"]


def test_a_template_that_reads_a_picture_is_sound_on_a_new_server(tmp_path: Path) -> None:
    with serving(tmp_path, "--pack", "diffusion") as server:
        for name in FIRST:
            workflow = server.get(f"/api/v1/templates/{name}").json["workflow"]
            answer = server.post("/api/v1/check", {"workflow": workflow})
            assert answer.status == 200, answer.body
