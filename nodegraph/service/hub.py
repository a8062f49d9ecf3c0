"""Events to many listeners, none of whom can hold up another: one bounded queue each."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from json import dumps

from .records import Entry

MOST_WAITING = 256  # messages
MOST_BYTES = 4 << 20


class TooSlow(Exception):
    """The listener did not take its events in time; the numbers of those it has tell where it can go on."""


class Over(Exception):
    """Everything has been told: the server goes down."""


@dataclass(frozen=True)
class Batch:
    """Events of one job that belong together, in order: a commit's, or one that is only worth telling while new."""

    entries: tuple[Entry, ...]

    @property
    def job(self) -> str:
        return self.entries[0].job

    @property
    def client(self) -> str:
        return self.entries[0].client

    @property
    def fleeting(self) -> tuple[str, str] | None:
        """The kind of news and its node, if newer ones take its place; None if it must not be lost."""
        first = self.entries[0]
        return None if first.number is not None else (str(first.event["event"]), str(first.event.get("node")))

    @cached_property
    def text(self) -> str:
        """The batch as JSON, for all listeners alike: written once."""
        events = [
            dict(entry.event) if entry.number is None else {"number": entry.number, **entry.event}
            for entry in self.entries
        ]
        return dumps({"job": self.job, "events": events}, ensure_ascii=False, separators=(",", ":"))

    @cached_property
    def frame(self) -> bytes:
        """A preview as one message: a big-endian u32 length, so many bytes of JSON, and the picture; made once."""
        entry = self.entries[0]
        head = dumps({"job": self.job, **entry.event}, ensure_ascii=False).encode()
        return struct.pack(">I", len(head)) + head + entry.blob

    @cached_property
    def size(self) -> int:
        """Bytes on the wire, about."""
        return len(self.text.encode("utf-8", "replace")) + sum(len(entry.blob) for entry in self.entries)


@dataclass(eq=False)
class Listener:
    """The batches that wait for one client: never more than so many messages and bytes.

    Progress and previews are replaced by newer ones of the same node, and make room for what must not be lost. When
    that finds no more room, everything is dropped and `next` raises TooSlow.
    """

    wants: Callable[[Batch], bool]
    most: int = MOST_WAITING
    most_bytes: int = MOST_BYTES
    _waiting: dict[object, Batch] = field(default_factory=dict[object, Batch])
    _bytes: int = 0
    _slow: bool = False
    _over: bool = False
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def offer(self, batch: Batch) -> None:
        if self._slow or not self.wants(batch):
            return
        key: object = id(batch) if batch.fleeting is None else (batch.job, batch.fleeting)
        self._drop([key] if key in self._waiting else [])
        if batch.fleeting is None and not self._has_room(batch):
            self._drop([each for each, waiting in self._waiting.items() if waiting.fleeting])
        if not self._has_room(batch):
            if batch.fleeting is None:
                self._slow = True
                self._drop(list(self._waiting))
                self._news.set()
            return
        self._waiting[key] = batch
        self._bytes += batch.size
        self._news.set()

    def _has_room(self, batch: Batch) -> bool:
        return len(self._waiting) < self.most and self._bytes + batch.size <= self.most_bytes

    def _drop(self, keys: Iterable[object]) -> None:
        for key in keys:
            self._bytes -= self._waiting.pop(key).size

    async def next(self) -> Batch:
        """The oldest batch that waits, as soon as there is one; TooSlow if some had to be dropped, Over at the end."""
        while not self._waiting:
            if self._slow or self._over:
                raise TooSlow if self._slow else Over
            self._news.clear()
            await self._news.wait()
        batch = self._waiting.pop(next(iter(self._waiting)))
        self._bytes -= batch.size
        return batch

    def end(self) -> None:
        """Nothing more will come than what waits."""
        self._over = True
        self._news.set()

    @property
    def waiting_bytes(self) -> int:
        return self._bytes


class Hub:
    """Hands every event to all who listen; used on the event loop only."""

    def __init__(self) -> None:
        self.listeners: set[Listener] = set()
        self._over = False

    def listen(self, listener: Listener) -> Listener:
        self.listeners.add(listener)
        if self._over:
            listener.end()
        return listener

    def leave(self, listener: Listener) -> None:
        self.listeners.discard(listener)

    def end(self) -> None:
        """Nothing more will be published."""
        self._over = True
        for listener in self.listeners:
            listener.end()

    def publish(self, entries: Iterable[Entry]) -> None:
        """Tell what has been committed, and what was told with it, in order."""
        for batch in batches(entries):
            for listener in tuple(self.listeners):
                listener.offer(batch)


def batches(entries: Iterable[Entry]) -> Iterable[Batch]:
    """Entries put together by job, each fleeting one by itself."""

    def kind(numbered: tuple[int, Entry]) -> tuple[str, int]:
        index, entry = numbered
        return entry.job, -1 if entry.number is not None else index

    for _, group in groupby(enumerate(entries), kind):
        yield Batch(tuple(entry for _, entry in group))
