"""Long work that can be stopped: a generator that says how far it is, and returns its result.

Whoever drives it may close it between two parts; what was done until then is dropped. Nothing that holds for a whole
thread, such as `torch.no_grad`, may be on while it waits.
"""

from collections.abc import Generator, Sequence
from typing import NamedTuple, TypeVar

T = TypeVar("T")
LONGEST_STRETCH = 64 << 20  # bytes
FEWEST_STOPS = 10


class Done(NamedTuple):
    """So many parts of all of them are done."""

    done: int
    total: int


Work = Generator[Done, None, T]


def finish(work: Generator[object, None, T]) -> T:
    """Do all of it: what the generator returns."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


def stops(sizes: Sequence[int]) -> frozenset[int]:
    """After how many of the tensors, of so many bytes each, to say how far it is.

    Every 64 MiB, or ten times in all where that is more often; never more than once a tensor, and after the last one.
    """
    stretch, since = min(LONGEST_STRETCH, sum(sizes) // FEWEST_STOPS), 0
    found = {len(sizes)} if sizes else set[int]()
    for done, size in enumerate(sizes, 1):
        since += size
        if since >= stretch:
            found.add(done)
            since = 0
    return frozenset(found)
