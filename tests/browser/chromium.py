"""A real Chromium without a window, driven by the Chrome DevTools Protocol."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import subprocess
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-port=0",
    "--window-size=1400,900",
)  # fmt: skip
SECONDS = 60.0


@dataclass
class Page:
    """A page of a browser; `requests` has the status and URL of each answer that it got, `said` its complaints."""

    socket: aiohttp.ClientWebSocketResponse
    requests: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    said: list[str] = field(default_factory=list[str])
    _asked: int = 0

    async def call(self, method: str, **parameters: Any) -> Any:
        self._asked += 1
        await self.socket.send_json({"id": self._asked, "method": method, "params": parameters})
        while True:
            message = json.loads((await asyncio.wait_for(self.socket.receive(), SECONDS)).data)
            self._hear(message.get("method"), message.get("params", {}))
            if message.get("id") == self._asked:
                return message.get("result", {})

    def _hear(self, method: str | None, told: dict[str, Any]) -> None:
        match method:
            case "Network.responseReceived":
                self.requests.append((told["response"]["status"], told["response"]["url"]))
            case "Runtime.consoleAPICalled" if told["type"] in ("error", "warning"):
                self.said.append(" ".join(str(each.get("value", each.get("description"))) for each in told["args"]))
            case "Runtime.exceptionThrown":
                self.said.append(str(told["exceptionDetails"].get("exception", {}).get("description", "exception")))
            case "Log.entryAdded" if told["entry"]["source"] != "network":  # those are in `requests`
                self.said.append(told["entry"]["text"])
            case _:
                pass

    async def open(self, url: str) -> None:
        for part in ("Page", "Runtime", "Network", "Log"):
            await self.call(f"{part}.enable")
        await self.call("Page.navigate", url=url)

    async def evaluate(self, script: str) -> Any:
        """The value of a script, awaited if it is a promise; an error of it is text that begins with "error"."""
        found = await self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in found:
            return f"error: {found['exceptionDetails'].get('exception', {}).get('description', '')}"
        return found.get("result", {}).get("value")

    async def until(self, script: str, seconds: float = SECONDS) -> Any:
        """The value of a script once it is true."""
        async with asyncio.timeout(seconds):
            while not (value := await self.evaluate(script)) or str(value).startswith("error"):
                await asyncio.sleep(0.2)
        return value

    async def press(self, key: str, *, control: bool = False, shift: bool = False) -> None:
        """A key, by its name ("Enter", "z", "/"), down and up."""
        held = 2 * control + 8 * shift
        code = {"Enter": 13, "Escape": 27, "ArrowDown": 40, "Delete": 46}.get(key, ord(key.upper()[0]))
        text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "") if not control else ""
        keys: dict[str, Any] = {"key": key, "modifiers": held, "windowsVirtualKeyCode": code}
        await self.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **keys)
        await self.call("Input.dispatchKeyEvent", type="keyUp", **keys)

    async def type(self, text: str) -> None:
        """Text, letter by letter, where the focus is."""
        for letter in text:
            await self.call("Input.insertText", text=letter)

    async def mouse(self, kind: str, x: float, y: float, clicks: int = 1) -> None:
        held = 0 if kind == "mouseMoved" else 1
        await self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=held, clickCount=clicks)

    async def click(self, x: float, y: float, clicks: int = 1) -> None:
        await self.mouse("mouseMoved", x, y)
        for count in range(1, clicks + 1):
            await self.mouse("mousePressed", x, y, count)
            await self.mouse("mouseReleased", x, y, count)

    async def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        await self.mouse("mouseMoved", *start)
        await self.mouse("mousePressed", *start)
        for part in (0.1, 0.5, 0.9, 1.0):
            x, y = (a + (b - a) * part for a, b in zip(start, end, strict=True))
            await self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y, button="left", buttons=1)
        await self.mouse("mouseReleased", *end)

    async def screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode((await self.call("Page.captureScreenshot", format="png"))["data"]))


@asynccontextmanager
async def chromium(*flags: str) -> AsyncGenerator[Page]:
    """The first page of a browser of its own, gone afterwards."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert program, "these tests need chromium: apt-get install chromium"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        words = [program, *FLAGS, *flags, f"--user-data-dir={profile}", "about:blank"]
        with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                port = await _port(Path(profile) / "DevToolsActivePort")
                async with aiohttp.ClientSession() as session:
                    async with session.get(f"http://127.0.0.1:{port}/json") as answer:
                        pages = [each for each in await answer.json() if each["type"] == "page"]
                    url = pages[0]["webSocketDebuggerUrl"]
                    async with session.ws_connect(url, max_msg_size=0) as socket:
                        yield Page(socket)
            finally:
                process.kill()


async def _port(file: Path) -> int:
    async with asyncio.timeout(SECONDS):
        while not (file.exists() and file.read_text().strip()):
            await asyncio.sleep(0.05)
    return int(file.read_text().splitlines()[0])
