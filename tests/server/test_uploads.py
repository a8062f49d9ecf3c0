"""What clients send as pictures: only pixels are kept, encoded again, and only of pictures that are sound."""

import json
import secrets
import socket
import struct

import pytest
from PIL import Image

from tests.server.pictures import (
    CARRIERS,
    MARK,
    UNSOUND,
    encoded,
    opened,
    oriented,
    plain,
    png_of,
    with_chunk,
)
from tests.server.raw import FORM, Line, ask, form, request
from tests.server.serving import NUMBER, Answer, Server, serving, wait_for

MULTIPART = f"multipart/form-data; boundary={FORM}"
POLICY = "sandbox; default-src 'none'"


def send(server: Server, content: bytes, name: str = "", route: str = "image", **fields: str) -> Answer:
    """Upload a picture as ComfyUI's front end does."""
    name = name or f"{secrets.token_hex(4)}.png"
    parts = [("image", name, content), *((key, None, value.encode()) for key, value in fields.items())]
    with Line(server) as line:
        return line.ask("POST", f"/upload/{route}", form(parts), MULTIPART)


def kept(server: Server, answer: Answer) -> Answer:
    """The picture that an upload has become."""
    assert answer.status == 200, answer.body
    place = answer.json
    return server.get(f"/view?filename={place['name']}&subfolder={place['subfolder']}&type=input".replace(" ", "%20"))


@pytest.mark.parametrize("kind", CARRIERS)
def test_nothing_but_pixels_is_kept_of_what_carries_a_script(shared: Server, kind: str) -> None:
    content, status = CARRIERS[kind]
    answer = send(shared, content)
    assert answer.status == status, answer.body
    if status == 200:
        served = kept(shared, answer)
        assert MARK not in served.body
        assert opened(served.body).size == (24, 16)
    assert all(MARK not in path.read_bytes() for path in (shared.data / "input").rglob("*") if path.is_file())


@pytest.mark.parametrize("kind", UNSOUND)
def test_what_is_no_sound_picture_is_refused_with_a_reason(shared: Server, kind: str) -> None:
    answer = send(shared, UNSOUND[kind])
    assert (answer.status, answer.json["type"]) == (422, "bad_picture")
    assert "it cannot be read" not in answer.json["message"]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_picture_is_served_as_what_it_is_and_nothing_else(shared: Server, kind: str) -> None:
    served = kept(shared, send(shared, encoded(plain(), kind), f"it.{kind.lower()}", overwrite="true"))
    expected = {
        "Content-Type": "image/png",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": POLICY,
        "Content-Disposition": f'inline; filename="it.{kind.lower()}"',
    }
    assert {name: served.headers[name] for name in expected} == expected
    assert opened(served.body).format == "PNG"


def test_a_name_that_looks_like_a_page_becomes_a_picture(shared: Server) -> None:
    for name in ("page.html", "page.svg", "page.png.html", "page", ".htaccess"):
        answer = send(shared, encoded(plain()), name)
        assert answer.json["name"].endswith(".png")
        assert kept(shared, answer).headers["Content-Type"] == "image/png"


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_every_kind_of_pixel_keeps_its_look(shared: Server, mode: str) -> None:
    value = 128 * 257 if mode == "I;16" else None
    gray = plain((128, 128, 128), (8, 8))
    picture = Image.new(mode, (8, 8), value) if value else gray.quantize() if mode == "P" else gray.convert(mode)
    served = opened(kept(shared, send(shared, encoded(picture, "JPEG" if mode == "CMYK" else "PNG"))).body)
    levels = served.convert("L").getextrema()
    assert served.mode in ("L", "RGB", "RGBA")
    assert all(isinstance(level, int) and (mode == "1" or abs(level - 128) <= 2) for level in levels)


@pytest.mark.parametrize(("orientation", "size", "red"), [(1, (32, 16), (4, 8)), (3, (32, 16), (28, 8)),
                                                         (6, (16, 32), (8, 4)), (8, (16, 32), (8, 28))])  # fmt: skip
def test_a_picture_that_lies_on_its_side_is_turned(
    shared: Server, orientation: int, size: tuple[int, int], red: tuple[int, int]
) -> None:
    served = opened(kept(shared, send(shared, oriented(orientation))).body)
    assert served.size == size
    pixel = served.convert("RGB").getpixel(red)
    assert isinstance(pixel, tuple)
    assert pixel[0] > 200 > pixel[2]
    assert not served.getexif()


def test_a_workflow_in_a_picture_is_kept_and_found(shared: Server) -> None:
    workflow = json.dumps(NUMBER).encode()
    content = with_chunk(encoded(plain()), b"tEXt", b"nodegraph\0" + workflow)
    answer = shared.ask("POST", "/api/v1/assets?name=mine.png", content, {"Content-Type": "image/png"})
    assert answer.status == 200, answer.body
    facts = shared.get(f"/api/v1/assets/{answer.json['id']}/metadata").json
    assert facts["workflow"] == NUMBER


def test_the_same_picture_is_kept_once_and_another_gets_a_number(server: Server) -> None:
    names = [send(server, encoded(plain((shade, 0, 0))), "cat.png").json["name"] for shade in (1, 1, 2, 3, 1)]
    assert names == ["cat.png", "cat.png", "cat (1).png", "cat (2).png", "cat.png"]
    assert len(list((server.data / "input").iterdir())) == 3


def test_a_picture_takes_the_place_of_another_if_that_is_wished(server: Server) -> None:
    first, second = (encoded(plain((shade, 0, 0))) for shade in (1, 2))
    send(server, first, "cat.png")
    answer = send(server, second, "cat.png", overwrite="true")
    assert answer.json["name"] == "cat.png"
    assert opened(kept(server, answer).body).convert("RGB").getpixel((0, 0)) == (2, 0, 0)


def test_a_file_that_somebody_put_there_is_not_replaced(server: Server) -> None:
    own = server.data / "input" / "mine.png"
    own.write_bytes(encoded(plain((9, 9, 9))))
    before = own.read_bytes()
    assert send(server, encoded(plain()), "mine.png", overwrite="true").json["name"] == "mine (1).png"
    assert own.read_bytes() == before
    assert server.get("/view?filename=mine.png&type=input").body == before


def test_a_picture_that_was_removed_can_be_sent_again(server: Server) -> None:
    answer = send(server, encoded(plain()), "cat.png", subfolder="pets/mine")
    assert answer.json == {"name": "cat.png", "subfolder": "pets/mine", "type": "input"}
    (server.data / "input" / "pets" / "mine" / "cat.png").unlink()
    assert kept(server, send(server, encoded(plain()), "cat.png", subfolder="pets/mine")).status == 200


def test_a_mask_becomes_the_alpha_of_a_picture(shared: Server) -> None:
    name = send(shared, encoded(plain((10, 20, 30), (4, 4)))).json["name"]
    mask = Image.new("RGBA", (8, 8), (0, 0, 0, 77))
    reference = json.dumps({"filename": name, "type": "input", "subfolder": ""})
    answer = send(shared, encoded(mask), route="mask", original_ref=reference)
    served = opened(kept(shared, answer).body)
    assert (served.size, served.getpixel((0, 0))) == ((4, 4), (10, 20, 30, 77))


@pytest.mark.parametrize("reference", ["", "[]", "null", "{", '{"filename": "\\ud800"}', '{"filename": 1}', "[" * 90])
def test_a_mask_of_no_picture_is_refused(shared: Server, reference: str) -> None:
    answer = send(shared, encoded(plain()), route="mask", original_ref=reference)
    assert answer.status in (400, 404)


def test_a_thumbnail_is_a_small_jpeg(shared: Server) -> None:
    upload = shared.ask("POST", "/api/v1/assets", encoded(plain(size=(640, 320))), {"Content-Type": "image/png"}).json
    answer = shared.get(f"/api/v1/assets/{upload['id']}/thumbnail?size=64")
    assert (answer.headers["Content-Type"], answer.headers["Content-Security-Policy"]) == ("image/jpeg", POLICY)
    assert opened(answer.body).size == (64, 32)


def test_a_hundred_thousand_parts_are_refused_at_once(shared: Server) -> None:
    parts = [("image", "a.png", encoded(plain())), *[("", None, b"")] * 100_000]
    with Line(shared) as line:
        answer = line.ask("POST", "/upload/image", form(parts), MULTIPART)
    assert (answer.status, answer.json["type"]) == (400, "bad_request")


@pytest.mark.parametrize("body", [
    b"", b"--", b"--" + FORM.encode(), b"x" * 70_000, form([]), form([("image", "a.png", b"")]),
    form([("x", None, b"")]), form([("image", "a.png", b"x")])[:-20],
    form([("image", "a.png", encoded(plain())), ("type", None, b"secret")]),
    form([("image", "a.png", encoded(plain())), ("subfolder", None, b"x" * 5000)]),
    b"--" + FORM.encode() + b"\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n--b--\r\n",
    b"--" + FORM.encode() + b"\r\n" + b"X: 1\r\n" * 5000 + b"\r\n\r\n",
])  # fmt: skip
def test_a_form_that_is_none_is_refused(shared: Server, body: bytes) -> None:
    for kind in (MULTIPART, "multipart/form-data", 'multipart/form-data; boundary=""', "multipart/form-data; x"):
        with Line(shared) as line:
            answer = line.ask("POST", "/upload/image", body, kind)
        assert answer.status in (400, 413, 415, 422), (kind, answer.body)
        assert {"type", "message", "pointer"} <= answer.json.keys()


def test_a_picture_at_the_limit_is_taken_and_one_beyond_it_is_not() -> None:
    with serving(settings="[bounds]\nupload = 100_000\nupload_pixels = 1_000_000\n") as server:
        noise = encoded(Image.frombytes("L", (400, 200), secrets.token_bytes(80_000)))
        assert send(server, noise).status == 200
        assert send(server, png_of(1000, 1000)).status == 200
        assert send(server, png_of(1000, 1001)).status == 422
        large = encoded(Image.frombytes("L", (400, 400), secrets.token_bytes(160_000)))
        assert send(server, large).status == 413


@pytest.mark.parametrize(("line", "kind"), [("POST /upload/image", MULTIPART), ("POST /api/v1/assets", "image/png")])
def test_a_body_of_another_length_than_was_said_is_no_fault_of_the_server(server: Server, line: str, kind: str) -> None:
    picture = encoded(plain())
    body = form([("image", "a.png", picture)]) if kind == MULTIPART else picture
    headers = (f"Origin: {server.origin}", f"Content-Type: {kind}")
    shorter = ask(server, line, (*headers, f"Content-Length: {len(body) - 20}"), body)
    assert shorter.status in (400, 422)
    for more in (1, 100_000):
        with socket.create_connection(("127.0.0.1", server.port), 15) as connection:
            connection.sendall(request(server, line, (*headers, f"Content-Length: {len(body) + more}"), body))
    wait_for(lambda: server.get("/ready").status == 200)
    assert list((server.data / "input").iterdir()) == []
    assert "error" not in server.log


def test_many_frames_cost_nothing(shared: Server) -> None:
    control = struct.pack(">II", 10_000, 0)
    answer = send(shared, with_chunk(encoded(plain()), b"acTL", control))
    assert (answer.status, answer.json["type"]) == (422, "bad_picture")


def test_the_largest_picture_that_is_taken_fits_into_the_memory_of_its_reader(shared: Server) -> None:
    assert send(shared, png_of(8000, 4000, 16, 2)).status == 200
