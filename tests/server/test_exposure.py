"""A server that other machines can reach wants a token, and keeps it to itself."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.raw import ask
from tests.server.serving import FAKES, NUMBER, ROOT, Server, serving

TOKEN = "correct-horse-battery-staple-0123456789"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a token."""
    file = tmp_path_factory.mktemp("token") / "token"
    file.write_text(TOKEN + "\n")
    file.chmod(0o600)
    with serving(None, "--token-file", str(file)) as server:
        yield server


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def serve(*words: str) -> subprocess.CompletedProcess[str]:
    """Start a server that refuses to start."""
    command = [sys.executable, "-m", "nodegraph", "serve", "--port", "0", "--pack", FAKES, *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=ROOT)


@pytest.mark.parametrize("path", ["/prompt", "/queue", "/api/v1/jobs", "/ws", "/view?filename=a", "/metrics"])
def test_nothing_is_answered_without_the_token(guarded: Server, path: str) -> None:
    answer = guarded.get(path)
    assert (answer.status, answer.json["type"]) == (401, "unauthorized")


@pytest.mark.parametrize("path", ["/live", "/ready", "/"])
def test_whether_it_lives_is_no_secret(guarded: Server, path: str) -> None:
    assert guarded.get(path).status == 200


def test_a_client_that_knows_the_token_is_served(guarded: Server) -> None:
    assert guarded.get("/queue", **bearer(TOKEN)).status == 200
    assert guarded.post("/api/v1/jobs", {"workflow": NUMBER}, **bearer(TOKEN)).status == 200


@pytest.mark.parametrize("token", ["", "x", TOKEN[:-1], TOKEN + "x", TOKEN.upper()])
def test_almost_the_token_is_not_the_token(guarded: Server, token: str) -> None:
    assert guarded.get("/queue", **bearer(token)).status == 401
    assert guarded.post("/api/v1/session", {"token": token}).status == 401


def test_a_token_in_the_address_is_not_read(guarded: Server) -> None:
    assert guarded.get(f"/queue?token={TOKEN}").status == 401


def test_the_token_becomes_a_cookie_that_scripts_cannot_read(guarded: Server) -> None:
    answer = guarded.post("/api/v1/session", {"token": TOKEN})
    name, *attributes = answer.headers["Set-Cookie"].split("; ")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(attributes)
    assert TOKEN not in name
    assert guarded.get("/queue", Cookie=name).status == 200
    assert guarded.get("/queue", Cookie=name[:-1]).status == 401


def test_a_cookie_is_no_leave_for_another_sites_page(guarded: Server) -> None:
    cookie = guarded.post("/api/v1/session", {"token": TOKEN}).headers["Set-Cookie"].split(";")[0]
    assert guarded.get("/queue", Cookie=cookie, Origin="http://evil.example").status == 403


@pytest.mark.parametrize("value", ["\xff\xfe", "Bearer \xe9\xff", "Bearer " + "x" * 8000])
def test_a_token_of_odd_bytes_is_a_wrong_one(guarded: Server, value: str) -> None:
    assert ask(guarded, "GET /queue", (f"Authorization: {value}",)).status == 401
    assert ask(guarded, "GET /queue", (f"Cookie: nodegraph_session={value[:4000]}",)).status == 401


def test_the_token_is_never_in_the_log(guarded: Server) -> None:
    for name in (TOKEN, "wrong-token-that-somebody-tried-0123456789"):
        guarded.get(f"/nothing?token={name}", **bearer(name))
        guarded.post("/api/v1/session", {"token": name})
    ask(guarded, f"BAD\x01 /{TOKEN}", (f"Authorization: Bearer {TOKEN}",))
    assert TOKEN not in guarded.log
    assert "wrong-token" not in guarded.log


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_beyond_this_machine_it_does_not_start_without_a_token(tmp_path: Path, host: str) -> None:
    ended = serve("--host", host, "--data", str(tmp_path))
    assert ended.returncode == 2
    assert "a token is needed" in ended.stderr
    assert "--token-file" in ended.stderr


def test_a_token_that_is_made_is_its_owners_alone(tmp_path: Path) -> None:
    file = tmp_path / "secrets" / "token"
    with serving(tmp_path / "data", "--token-file", str(file), "--host", "0.0.0.0") as server:
        token = file.read_text().strip()
        assert (file.stat().st_mode & 0o777, len(token) >= 32) == (0o600, True)
        assert server.get("/queue").status == 401
        assert server.get("/queue", **bearer(token)).status == 200
        assert token not in server.log


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_token_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN)
    file.chmod(mode)
    ended = serve("--data", str(tmp_path / "data"), "--token-file", str(file))
    assert (ended.returncode, "others can read" in ended.stderr) == (2, True)
    assert TOKEN not in ended.stderr


@pytest.mark.parametrize("token", ["", "short", "x" * 31, "ü" * 40])
def test_a_token_that_could_be_guessed_is_refused(tmp_path: Path, token: str) -> None:
    file = tmp_path / "token"
    file.write_text(token)
    file.chmod(0o600)
    ended = serve("--data", str(tmp_path / "data"), "--token-file", str(file))
    assert (ended.returncode, "too short" in ended.stderr) == (2, True)


def test_another_name_of_the_server_is_not_one_of_every_port(tmp_path: Path) -> None:
    with serving(tmp_path / "data", "--allow-host", "box.test", "--allow-host", "proxy.test:443") as server:
        own = (f"box.test:{server.port}", "box.test", "proxy.test:443")
        status = {host: ask(server, "GET /queue", (f"Host: {host}",)).status for host in (*own, "box.test:1", "x.test")}
        assert status == dict.fromkeys(own, 200) | {"box.test:1": 421, "x.test": 421}


def test_a_pack_that_is_not_there_is_told_at_the_start(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "nodegraph", "serve", "--port", "0", "--data", str(tmp_path), "--pack", "difusion"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert (done.returncode, "did you mean 'diffusion'?" in done.stderr) == (2, True)
