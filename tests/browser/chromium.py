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
    """A page of a browser; `requests` has the status and URL of each answer that it got."""

    socket: aiohttp.ClientWebSocketResponse
    requests: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    _asked: int = 0

    async def call(self, method: str, **parameters: Any) -> Any:
        self._asked += 1
        await self.socket.send_json({"id": self._asked, "method": method, "params": parameters})
        while True:
            message = json.loads((await asyncio.wait_for(self.socket.receive(), SECONDS)).data)
            if message.get("method") == "Network.responseReceived":
                response = message["params"]["response"]
                self.requests.append((response["status"], response["url"]))
            if message.get("id") == self._asked:
                return message.get("result", {})

    async def open(self, url: str) -> None:
        for part in ("Page", "Runtime", "Network"):
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
