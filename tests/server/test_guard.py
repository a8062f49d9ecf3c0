"""What a browser on another page, another machine or a broken client may not do, header by header."""

import json

import pytest

from tests.server.raw import FORM, ask, exchange, form, request
from tests.server.serving import NUMBER, Answer, Server

JSON = "Content-Type: application/json"
MULTIPART = f"Content-Type: multipart/form-data; boundary={FORM}"
SOCKET = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
)
OWN = "Origin: http://127.0.0.1:{port}"
EVIL = "Origin: http://evil.example"
PROMPT = json.dumps({"prompt": NUMBER}).encode()
# Headers that are refused wherever they come, with the status that they get.
REFUSED = {
    "a rebound host": (("Host: evil.test:{port}",), 421),
    "another port's host": (("Host: 127.0.0.1:1",), 421),
    "no host": (("Host",), 400),
    "two hosts": (("Host: 127.0.0.1:{port}", "Host: 127.0.0.1:{port}"), 400),
    "an evil origin": ((EVIL,), 403),
    "the origin null": (("Origin: null",), 403),
    "an origin that begins like ours": (("Origin: http://127.0.0.1.evil:{port}",), 403),
    "an origin of another port": (("Origin: http://127.0.0.1:1",), 403),
    "two origins": ((OWN, EVIL), 403),
    "a page of the same site": (("Sec-Fetch-Site: same-site",), 403),
}
TARGETS = {
    "prompt": ("POST /prompt", (JSON,), PROMPT),
    "upload": ("POST /upload/image", (MULTIPART,), form([("image", "a.png", b"x")])),
    "page": ("GET /", (), b""),
    "socket": ("GET /ws", SOCKET, b""),
}
# The matrix of S6: what is sent, and the status that is expected.
MATRIX = {
    "curl GET": ("GET /", ("User-Agent: curl/8.5.0", "Accept: */*"), b"", 200),
    "curl POST": ("POST /prompt", ("User-Agent: curl/8.5.0", JSON), PROMPT, 200),
    "rebound host": ("GET /", ("Host: evil.test:{port}",), b"", 421),
    "no host": ("GET /", ("Host",), b"", 400),
    "two hosts": ("GET /", ("Host: 127.0.0.1:{port}", "Host: evil.test"), b"", 400),
    "evil origin": ("POST /prompt", (EVIL, JSON), PROMPT, 403),
    "origin null": ("POST /prompt", ("Origin: null", JSON), PROMPT, 403),
    "look-alike": ("POST /prompt", ("Origin: http://127.0.0.1.evil:{port}", JSON), PROMPT, 403),
    "other port": ("POST /prompt", ("Origin: http://127.0.0.1:8000", JSON), PROMPT, 403),
    "same site": ("POST /prompt", ("Sec-Fetch-Site: same-site", JSON), PROMPT, 403),
    "navigation": ("GET /", ("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate"), b"", 200),
    "img": ("GET /view?filename=a.png", ("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors"), b"", 403),
    "text form": ("POST /prompt", ("Content-Type: text/plain",), PROMPT, 415),
    "bare multipart": ("POST /upload/image", (MULTIPART,), form([("image", "a.png", b"x")]), 403),
    "own page": ("POST /prompt", (OWN, "Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: cors", JSON), PROMPT, 200),
    "evil socket": ("GET /ws", (EVIL, *SOCKET), b"", 403),
}
ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}
# One request for every kind of answer, refusals by aiohttp itself included.
ANSWERS = {
    "a page": ("GET /", (), b""),
    "data": ("GET /api/v1/queue", (), b""),
    "no such route": ("GET /nothing", (), b""),
    "another method": ("PATCH /prompt", (), b""),
    "a refused socket": ("GET /ws", (EVIL, *SOCKET), b""),
    "no socket": ("GET /ws", (), b""),
    "a bad body": ("POST /prompt", (JSON,), b"{"),
    "a rebound host": ("GET /", ("Host: evil.test",), b""),
    "a long line": ("GET /" + "a" * 9000, (), b""),
    "many headers": ("GET /", [f"X-{number}: 1" for number in range(100)], b""),
    "no request": ("\x01\x02", (), b""),
    "another expectation": ("POST /prompt", (JSON, "Expect: tea"), b"{}"),
}


def said(answer: Answer) -> dict[str, object]:
    """The body of an error, with its three fields."""
    assert {"type", "message", "pointer"} <= answer.json.keys(), answer.body
    return answer.json


@pytest.mark.parametrize("row", MATRIX)
def test_the_header_matrix(shared: Server, row: str) -> None:
    line, headers, body, status = MATRIX[row]
    assert ask(shared, line, headers, body).status == status


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("headers", REFUSED)
def test_what_no_honest_client_sends_is_refused_on_every_route(shared: Server, target: str, headers: str) -> None:
    line, own, body = TARGETS[target]
    given, status = REFUSED[headers]
    answer = ask(shared, line, (*own, *given), body)
    assert (answer.status, bool(said(answer))) == (status, True)


@pytest.mark.parametrize("kind", ANSWERS)
def test_every_answer_has_the_headers_that_keep_it_safe(shared: Server, kind: str) -> None:
    answer = ask(shared, *ANSWERS[kind])
    assert {name: answer.headers.get(name) for name in ALWAYS} == ALWAYS
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers.get("Server", "nodegraph") == "nodegraph"


@pytest.mark.parametrize("kind", sorted(ANSWERS.keys() - {"a page", "data", "another expectation"}))
def test_every_refusal_is_json_with_type_message_and_pointer(shared: Server, kind: str) -> None:
    answer = ask(shared, *ANSWERS[kind])
    assert 400 <= answer.status < 500
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert said(answer)


def test_another_method_is_told_which_ones_there_are(shared: Server) -> None:
    answer = ask(shared, "PATCH /prompt")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET,POST")


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "gzip, identity"])
def test_compressed_bodies_are_refused(shared: Server, encoding: str) -> None:
    answer = ask(shared, "POST /prompt", (JSON, f"Content-Encoding: {encoding}"), PROMPT)
    assert (answer.status, said(answer)["type"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize("path", ["/prompt", "/api/v1/jobs", "/api/v1/check", "/upload/image", "/settings", "/queue"])
def test_a_body_that_is_announced_too_large_is_refused_before_it_is_read(shared: Server, path: str) -> None:
    kind = MULTIPART if "upload" in path else JSON
    answer = ask(shared, f"POST {path}", (OWN, kind, "Content-Length: 80000000"))
    assert (answer.status, said(answer)["type"]) == (413, "too_large")


@pytest.mark.parametrize("path", ["/prompt", "/api/v1/jobs", "/api/v1/assets", "/api/v1/convert", "/settings"])
def test_a_body_that_turns_out_too_large_is_refused(shared: Server, path: str) -> None:
    kind = "Content-Type: image/png" if "assets" in path else JSON
    size = 33 << 20 if "assets" in path else 3 << 20
    piece = b"%x\r\n%b\r\n" % (size, b" " * size)
    answer = ask(shared, f"POST {path}", (OWN, kind, "Transfer-Encoding: chunked"), piece + b"0\r\n\r\n")
    assert (answer.status, said(answer)["type"]) == (413, "too_large")


def test_json_that_urllib_calls_a_form_is_taken(shared: Server) -> None:
    headers = ("User-Agent: Python-urllib/3.11", "Content-Type: application/x-www-form-urlencoded", "Connection: close")
    answer = ask(shared, "POST /prompt", headers, PROMPT)
    assert (answer.status, answer.json["node_errors"]) == (200, {})


def test_a_form_that_a_browser_sends_is_refused(shared: Server) -> None:
    headers = ("User-Agent: Mozilla/5.0", "Content-Type: application/x-www-form-urlencoded")
    assert ask(shared, "POST /prompt", headers, PROMPT).status == 415


@pytest.mark.parametrize("agent", ["python-requests/2.32.3", "Python/3.11 aiohttp/3.14.5", "python-httpx/0.28"])
def test_a_picture_in_a_scripts_form_is_taken(shared: Server, agent: str) -> None:
    picture = small_png()
    body = form([("image", f"{agent[:9]}.png", picture), ("overwrite", None, b"true")])
    answer = ask(shared, "POST /upload/image", (f"User-Agent: {agent}", MULTIPART), body)
    assert (answer.status, answer.json["type"]) == (200, "input")


def test_a_socket_of_our_own_page_opens(shared: Server) -> None:
    answer = exchange(shared, request(shared, "GET /ws", (OWN, *SOCKET)))
    assert answer.status == 101


@pytest.mark.parametrize("value", ["\xff\xfe", "Bearer \xe9", '";', "=" * 4000])
def test_odd_bytes_in_headers_are_no_fault_of_the_server(shared: Server, value: str) -> None:
    names = ("Authorization", "Cookie", "User-Agent", "Content-Type", "If-None-Match", "Sec-Fetch-Site", "Origin")
    for name in names:
        answer = ask(shared, "GET /api/v1/catalogue", (f"{name}: {value}",))
        assert answer.status < 500, name


def small_png() -> bytes:
    from tests.server.fake_nodes import png

    return png({})
