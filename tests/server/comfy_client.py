"""A client of ComfyUI, written from what its protocol promises: it knows nothing of nodegraph."""

from __future__ import annotations

import asyncio
import struct
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp

SECONDS = 60


@dataclass
class ComfyClient:
    """One client id, its HTTP session and its WebSocket; `heard` has every message, previews as bytes."""

    base: str
    prefix: str = ""
    sid: str = field(default_factory=lambda: uuid.uuid4().hex)
    heard: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    previews: list[bytes] = field(default_factory=list[bytes])

    async def __aenter__(self) -> ComfyClient:
        self.session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(SECONDS))
        self.socket = await self.session.ws_connect(f"{self.base}{self.prefix}/ws?clientId={self.sid}")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.socket.close()
        await self.session.close()

    async def get(self, path: str, **query: Any) -> Any:
        async with self.session.get(f"{self.base}{self.prefix}{path}", params=query) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def view(self, place: Mapping[str, str], **query: str) -> tuple[str, bytes]:
        url = f"{self.base}{self.prefix}/view"
        async with self.session.get(url, params={**place, **query}) as answer:
            assert answer.status == 200, await answer.text()
            return answer.headers["Content-Type"], await answer.read()

    async def post(self, path: str, data: Any = None) -> tuple[int, Any]:
        async with self.session.post(f"{self.base}{self.prefix}{path}", json=data) as answer:
            text = await answer.text()
            return answer.status, await answer.json() if text else None

    async def queue(self, prompt: Mapping[str, Any], **more: Any) -> str:
        status, said = await self.post("/prompt", {"prompt": prompt, "client_id": self.sid, **more})
        assert (status, said["node_errors"]) == (200, {}), said
        return said["prompt_id"]

    async def upload(self, picture: bytes, name: str, path: str = "/upload/image", **fields: str) -> dict[str, str]:
        form = aiohttp.FormData(quote_fields=False)  # as browsers and requests write names
        form.add_field("image", picture, filename=name, content_type="image/png")
        for key, value in fields.items():
            form.add_field(key, value)
        async with self.session.post(f"{self.base}{self.prefix}{path}", data=form) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def hear(self) -> dict[str, Any] | bytes:
        """The next message: JSON, or a binary frame."""
        message = await asyncio.wait_for(self.socket.receive(), SECONDS)
        if message.type == aiohttp.WSMsgType.BINARY:
            self.previews.append(message.data)
            return message.data
        assert message.type == aiohttp.WSMsgType.TEXT, message
        said: dict[str, Any] = message.json()
        self.heard.append(said)
        return said

    async def until(self, kind: str, **data: Any) -> dict[str, Any]:
        """The data of the next message of a kind that says so."""
        while True:
            said = await self.hear()
            if isinstance(said, dict) and said["type"] == kind and data.items() <= said["data"].items():
                return said["data"]

    async def finish(self, prompt_id: str) -> list[dict[str, Any]]:
        """What is said until the run is over, as clients find out: `executing` with no node."""
        start = len(self.heard)
        await self.until("executing", node=None, prompt_id=prompt_id)
        return self.heard[start:]


def preview_of(frame: bytes) -> bytes:
    """The picture in a binary frame without metadata."""
    kind, form = struct.unpack(">II", frame[:8])
    assert (kind, form) == (1, 1)
    return frame[8:]


def kinds(messages: list[dict[str, Any]]) -> list[str]:
    """The types of messages in order, each run of the same one once, without the status."""
    found: list[str] = []
    for message in messages:
        if message["type"] != "status" and found[-1:] != [message["type"]]:
            found.append(message["type"])
    return found
