"""The memory cache: the results used last, within its bytes."""

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodegraph import MemoryCache
from nodegraph.cache import parts_of


class Block:
    """Something that says its own size."""

    def __init__(self, nbytes: int) -> None:
        self.nbytes = nbytes


@dataclass
class Model:
    weights: list[Block]
    name: str = "model"


def size_of(value: object) -> int:
    return sum(parts_of(value).values())


def test_it_is_a_mapping() -> None:
    cache = MemoryCache()
    cache["a"] = (1,)
    cache["b"] = (2,)
    assert (dict(cache), len(cache), "a" in cache, cache.get("c")) == ({"a": (1,), "b": (2,)}, 2, True, None)
    del cache["a"]
    assert list(cache) == ["b"]
    cache.clear()
    assert cache.bytes == 0
    with pytest.raises(KeyError):
        cache["a"]


def test_the_result_used_longest_ago_goes_first() -> None:
    cache = MemoryCache(3500)
    for name in "abc":
        cache[name] = (Block(1000),)
    assert cache["a"]
    cache["d"] = (Block(1000),)
    assert list(cache) == ["c", "a", "d"]


def test_asking_whether_something_is_there_is_not_using_it() -> None:
    cache = MemoryCache(2500)
    cache["a"] = (Block(1000),)
    cache["b"] = (Block(1000),)
    assert "a" in cache
    cache["c"] = (Block(1000),)
    assert list(cache) == ["b", "c"]


def test_a_result_that_is_too_large_is_not_kept_and_drives_nothing_out() -> None:
    cache = MemoryCache(2000)
    cache["a"] = (Block(1000),)
    cache["b"] = (Block(3000),)
    assert list(cache) == ["a"]
    cache["a"] = (Block(3000),)
    assert list(cache) == []


def test_what_results_share_counts_once() -> None:
    model = Model([Block(5000), Block(4000)])
    cache = MemoryCache(12_000)
    cache["loaded"] = (model,)
    cache["patched"] = (Model([model.weights[0], Block(100)]),)
    cache["again"] = (model,)
    assert len(cache) == 3
    assert 9_100 < cache.bytes < 11_000
    del cache["loaded"], cache["again"]
    assert 5_100 < cache.bytes < 6_000
    del cache["patched"]
    assert cache.bytes == 0


def test_containers_and_dataclasses_are_looked_into() -> None:
    nested: Any = {"a": [Block(1000), (Block(2000), Model([Block(4000)]))]}
    assert 7000 <= size_of(nested) < 9000


def test_an_object_that_holds_itself_is_measured() -> None:
    looped: list[Any] = [Block(10)]
    looped.append(looped)
    assert size_of(looped) >= 10


@given(
    st.integers(0, 3000),
    st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 1500), st.booleans()), max_size=40),
)
def test_it_never_holds_more_than_its_bytes_and_always_knows_how_many(
    bound: int, steps: list[tuple[str, int, bool]]
) -> None:
    cache = MemoryCache(bound)
    shared = Block(300)
    for name, size, delete in steps:
        if delete:
            cache.pop(name, None)
        else:
            cache[name] = (Block(size), shared)
        held = {part: bytes_ for outputs in cache.values() for part, bytes_ in parts_of(outputs).items()}
        assert cache.bytes == sum(held.values()) <= bound
