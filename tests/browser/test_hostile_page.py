"""A page of another origin, open in a real browser, cannot drive the server, nor read anything of it."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.server.serving import NUMBER, Server, serving, wait_for

pytest.importorskip("playwright", reason="needs Playwright: pip install -e '.[browser]'")
from playwright.sync_api import Page

pytestmark = pytest.mark.browser

# `told` resolves to what was read, or to the name of what went wrong.
ATTACK = """
<!doctype html><title>evil</title><link rel="icon" href="data:,"><iframe name="sink"></iframe>
<script>
const target = "TARGET", prompt = PROMPT;
const told = promise => promise.then(text => "read: " + text, error => error.name);
const text = answer => answer.type === "opaque" ? Promise.reject(new Error("opaque")) : answer.text();
const ask = (path, how) => told(fetch(target + path, how).then(text));
const send = (path, body, kind, mode) =>
  ask(path, {method: "POST", body, mode, credentials: "include", headers: kind ? {"Content-Type": kind} : {}});
const event = (element, good) => new Promise((resolve, reject) => {
  element.addEventListener(good, () => resolve(good));
  element.addEventListener("error", () => reject(new Error("error")));
  setTimeout(() => reject(new Error("silence")), 3000);
});
const put = (name, properties) => {
  const element = Object.assign(document.createElement(name), properties);
  document.body.append(element);
  return element;
};
const picture = () => {
  const form = new FormData();
  const bytes = Uint8Array.from(atob(PICTURE), c => c.charCodeAt(0));
  form.append("image", new Blob([bytes], {type: "image/png"}), "evil.png");
  return form;
};
const submit = (path, fields, enctype) => new Promise(resolve => {
  const form = put("form", {action: target + path, method: "post", enctype, target: "sink"});
  for (const [name, value] of fields) form.append(Object.assign(document.createElement("input"), {name, value}));
  form.submit();
  setTimeout(() => resolve("sent"), 500);
});
const socket = path => told(new Promise((resolve, reject) => {
  const ws = new WebSocket(target.replace("http", "ws") + path);
  ws.onmessage = message => resolve(String(message.data));
  ws.onerror = () => reject(new Error("refused"));
}));
async function attack() {
  const body = JSON.stringify({prompt}), setting = JSON.stringify({evil: 1});
  const found = {};
  const view = "/view?filename=toy_00001_.png";
  for (const path of ["/queue", "/api/v1/jobs", "/object_info", "/system_stats", view, "/"]) {
    found["get " + path] = await ask(path);
    found["blind get " + path] = await ask(path, {mode: "no-cors", credentials: "include"});
  }
  for (const mode of ["cors", "no-cors"])
    for (const kind of ["application/json", "text/plain", "application/x-www-form-urlencoded", ""]) {
      found[`prompt ${mode} ${kind}`] = await send("/prompt", body, kind, mode);
      found[`job ${mode} ${kind}`] = await send("/api/v1/jobs", JSON.stringify({workflow: prompt}), kind, mode);
      found[`setting ${mode} ${kind}`] = await send("/settings", setting, kind, mode);
      found[`file ${mode} ${kind}`] = await send("/userdata/evil.json", setting, kind, mode);
      found[`pause ${mode} ${kind}`] = await send("/api/v1/queue/pause", "", kind, mode);
      found[`upload ${mode}`] = await send("/upload/image", picture(), "", mode);
      found[`interrupt ${mode}`] = await send("/interrupt", undefined, "", mode);
    }
  found.delete = await ask("/api/v1/jobs/victim", {method: "DELETE"});
  found.beacon = navigator.sendBeacon(target + "/prompt", new Blob([body], {type: "text/plain"})) && "sent";
  found.form = await submit("/prompt", [[body.slice(0, -1) + ', "x": "', '"}']], "text/plain");
  found.multipart = await submit("/upload/image", [["image", "x"]], "multipart/form-data");
  found.pauseForm = await submit("/api/v1/queue/pause", [], "application/x-www-form-urlencoded");
  for (const path of ["/ws?clientId=evil", "/api/v1/events?after=0"]) found["socket " + path] = await socket(path);
  found.image = await told(event(put("img", {src: target + view}), "load"));
  found.script = await told(event(put("script", {src: target + "/api/v1/catalogue"}), "load"));
  const frame = put("iframe", {src: target + "/"});
  await told(event(frame, "load"));
  try { found.frame = "read: " + frame.contentDocument.body.innerText } catch (error) { found.frame = error.name }
  return found;
}
</script>
"""


class Quiet(SimpleHTTPRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


class Naive(BaseHTTPRequestHandler):
    """A server that does as it is told; `seen` is what it was."""

    seen: ClassVar[Counter[str]] = Counter()

    def do_GET(self) -> None:
        Naive.seen[self.command] += 1
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(200)
        self.send_header("Access-Control-Allow-Origin", self.headers.get("Origin", "*"))
        self.send_header("Access-Control-Allow-Credentials", "true")
        self.send_header("Access-Control-Allow-Headers", "content-type")
        self.send_header("Access-Control-Allow-Methods", "DELETE, GET, POST")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_POST = do_DELETE = do_OPTIONS = do_GET  # noqa: N815 -- http.server's names

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


@contextmanager
def elsewhere(handler: Callable[..., BaseHTTPRequestHandler]) -> Generator[int]:
    """Another web server on this machine; gives its port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        try:
            yield other.server_port
        finally:
            other.shutdown()


def evil(target: str) -> str:
    from base64 import b64encode

    from tests.server.fake_nodes import png

    text = ATTACK.replace("TARGET", target).replace("PROMPT", json.dumps(NUMBER))
    return text.replace("PICTURE", json.dumps(b64encode(png({})).decode()))


def state(server: Server) -> dict[str, Any]:
    """Everything that an attack could have changed."""
    files = [str(path) for name in ("input", "workflows", "output") for path in (server.data / name).rglob("*")]
    return {
        "jobs": server.get("/api/v1/jobs").json["jobs"],
        "queue": server.get("/api/v1/queue").json,
        "settings": server.get("/settings").json,
        "kept": server.get("/userdata?recurse=true").json,
        "files": sorted(files),
    }


def attacked(tab: Page, address: str) -> tuple[dict[str, str], Counter[int]]:
    """What an evil page got, and how often the server answered it with which status."""
    answers: Counter[int] = Counter()
    tab.on("response", lambda answer: answers.update([answer.status] if not answer.url.startswith(address) else []))
    tab.goto(address)
    return tab.evaluate("attack()"), answers


def read(found: dict[str, str]) -> list[str]:
    return [f"{name}: {said[:200]}" for name, said in found.items() if said.startswith("read: ")]


@pytest.fixture
def victim() -> Iterator[Server]:
    """A server with a job that has run."""
    with serving() as server:
        server.run(NUMBER, id="victim")
        # Done is told before what the job needed aside is swept away.
        aside = server.data / "output" / ".nodegraph"
        wait_for(lambda: not any(aside.iterdir()))
        yield server


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "evil.test"])
def test_a_page_of_another_origin_reads_nothing_and_changes_nothing(
    stray_page: Page, victim: Server, tmp_path: Path, host: str
) -> None:
    before = state(victim)
    with elsewhere(partial(Quiet, directory=str(tmp_path))) as port:
        (tmp_path / "index.html").write_text(evil(victim.origin))
        found, answers = attacked(stray_page, f"http://{host}:{port}/")
    assert len(found) > 50
    # A browser tells only of those answers that it does not keep from the page anyway; 200 is the empty frame's.
    assert (answers[403] > 0, answers.keys() <= {200, 403}) == (True, True), answers
    assert read(found) == []
    assert state(victim) == before


def test_a_name_that_was_made_to_lead_here_reads_nothing_and_changes_nothing(
    stray_page: Page, victim: Server, tmp_path: Path
) -> None:
    """DNS rebinding: the browser takes evil.test for one origin, on whichever machine it is."""
    before = state(victim)
    with elsewhere(partial(Quiet, directory=str(tmp_path))) as port:
        address = f"http://evil.test:{victim.port}"
        (tmp_path / "index.html").write_text(evil(address))
        found, _ = attacked(stray_page, f"http://evil.test:{port}/")
        own = same_origin(stray_page, f"{address}/")
    assert read(found) == []
    assert {status for status, _ in own} == {421}
    assert all("127.0.0.1" not in body for _, body in own)
    assert state(victim) == before


def same_origin(tab: Page, address: str) -> list[tuple[int, str]]:
    """What a page gets that the browser takes for one of the server's own."""
    script = """Promise.all(["/", "/queue", "/api/v1/jobs", "/system_stats"].map(
        path => fetch(path).then(async answer => [answer.status, await answer.text()])))"""
    tab.goto(address)
    answers: list[list[Any]] = tab.evaluate(script)
    return [(status, body) for status, body in answers]


def test_the_same_page_reads_and_changes_what_it_likes_on_a_server_that_lets_it(
    stray_page: Page, tmp_path: Path
) -> None:
    """Otherwise the tests above would prove nothing."""
    with elsewhere(partial(Quiet, directory=str(tmp_path))) as port, elsewhere(Naive) as naive:
        (tmp_path / "index.html").write_text(evil(f"http://127.0.0.1:{naive}"))
        found, _ = attacked(stray_page, f"http://localhost:{port}/")
    assert len(read(found)) > 25
    assert (Naive.seen["POST"] > 40, Naive.seen["GET"] > 10, Naive.seen["DELETE"]) == (True, True, 1)


def test_the_servers_own_page_may_do_all_that(stray_page: Page, victim: Server) -> None:
    """Otherwise the tests above would prove nothing."""
    stray_page.goto(f"{victim.origin}/")
    body = json.dumps({"prompt": NUMBER})
    how = f"{{method: 'POST', body: {body!r}, headers: {{'Content-Type': 'application/json'}}}}"
    assert stray_page.evaluate(f"fetch('/prompt', {how}).then(answer => answer.status)") == 200
    said = stray_page.evaluate(
        "new Promise(told => { new WebSocket(`ws://${location.host}/ws`).onmessage = m => told(m.data) })"
    )
    assert json.loads(said)["type"] == "status"
