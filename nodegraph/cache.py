"""The memory cache: the results used last, within a number of bytes."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any, cast

from .keys import Key
from .returns import Outputs

DEFAULT_BYTES = 4 << 30


class MemoryCache(MutableMapping[Key, Outputs]):
    """Results by key, the least recently used dropped first once they take more than `max_bytes`.

    An object that several results share, such as a model that went through three nodes, counts once. A result that
    alone is larger than the bound is not kept.
    """

    def __init__(self, max_bytes: int = DEFAULT_BYTES) -> None:
        self.max_bytes = max_bytes
        self.bytes = 0
        self._results: dict[Key, tuple[Outputs, Mapping[int, int]]] = {}
        self._holders: dict[int, int] = {}

    def __getitem__(self, key: Key) -> Outputs:
        # Out and in again: a dict keeps the order of insertion, so the first is always the one used longest ago.
        entry = self._results[key] = self._results.pop(key)
        return entry[0]

    def __setitem__(self, key: Key, outputs: Outputs) -> None:
        self.pop(key, None)
        parts = parts_of(outputs)
        if sum(parts.values()) > self.max_bytes:
            return
        self._results[key] = outputs, parts
        for part, size in parts.items():
            held = self._holders.get(part, 0)
            self._holders[part] = held + 1
            self.bytes += 0 if held else size
        while self.bytes > self.max_bytes:
            del self[next(iter(self._results))]

    def __delitem__(self, key: Key) -> None:
        _, parts = self._results.pop(key)
        for part, size in parts.items():
            self._holders[part] -= 1
            if not self._holders[part]:
                del self._holders[part]
                self.bytes -= size

    def __contains__(self, key: object) -> bool:
        return key in self._results

    def __iter__(self) -> Iterator[Key]:
        return iter(tuple(self._results))  # a copy, as looking at a result moves it

    def __len__(self) -> int:
        return len(self._results)


def parts_of(value: object) -> dict[int, int]:
    """The objects that a value is made of, by identity, and their sizes in bytes.

    An object with `nbytes` (an array, a tensor, a model) says its own size; containers and dataclasses are looked into;
    of anything else Python's own estimate is taken.
    """
    sizes: dict[int, int] = {}
    pending = [value]
    while pending:
        part = pending.pop()
        if id(part) in sizes:
            continue
        size = getattr(part, "nbytes", None)
        if isinstance(size, int):
            sizes[id(part)] = size
            continue
        sizes[id(part)] = sys.getsizeof(part)
        pending.extend(_inside(part))
    return sizes


def _inside(value: object) -> Iterator[Any]:
    if isinstance(value, tuple | list | set | frozenset):
        yield from cast("tuple[Any, ...]", value)
    elif isinstance(value, dict):
        yield from cast("dict[Any, Any]", value).values()
    elif dataclasses.is_dataclass(value):
        # Not dataclasses.asdict, which copies; and only what is set, since a field may be filled in late.
        yield from (getattr(value, field.name, None) for field in dataclasses.fields(value))
