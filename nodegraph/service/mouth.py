"""What a worker says, in order and without waiting for whoever listens."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import sleep
from typing import Any, BinaryIO

from .frames import packed
from .process import memory

BEAT = 1.0  # seconds
MOST_UNSAID = 4 << 20  # bytes that wait for a server that does not listen; beyond, pictures are left out


@dataclass
class Mouth:
    """Says things in order: a thread of its own writes them, many at once where they come faster than it can."""

    stream: BinaryIO
    _waiting: list[bytes] = field(default_factory=list[bytes])
    _events: list[Mapping[str, Any]] = field(default_factory=list[Mapping[str, Any]])
    _attempt: int = 0
    _ready: threading.Condition = field(default_factory=threading.Condition)

    def say(self, message: Mapping[str, Any], blob: bytes = b"") -> None:
        with self._ready:
            if blob and sum(map(len, self._waiting)) > MOST_UNSAID:
                return
            self._collect()
            self._waiting.append(packed(message, blob))
            self._ready.notify()

    def event(self, attempt: int, event: Mapping[str, Any]) -> None:
        with self._ready:
            self._attempt = attempt
            self._events.append(event)
            self._ready.notify()

    def _collect(self) -> None:
        if self._events:
            self._waiting.append(packed({"say": "events", "attempt": self._attempt, "events": self._events}))
            self._events = []

    def speak(self) -> None:
        """Write what is to be said, for ever."""
        while True:
            with self._ready:
                while not (self._waiting or self._events):
                    self._ready.wait()
                self._collect()
                ready, self._waiting = self._waiting, []
            self.stream.write(b"".join(ready))
            self.stream.flush()

    def beat(self) -> None:
        """Say each second that the process is alive, for ever."""
        while True:
            self.say({"say": "beat", "memory": memory()})
            sleep(BEAT)
