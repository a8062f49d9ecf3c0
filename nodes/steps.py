"""The library's long work as the steps of a node."""

from contextlib import closing
from typing import TypeVar

from nodegraph import Progress, Steps

from .diffusion.progress import Work

T = TypeVar("T")


def reported(work: Work[T]) -> Steps[T]:
    """Work with its progress said; closing this closes the work."""
    with closing(work):
        while True:
            try:
                done = next(work)
            except StopIteration as end:
                return end.value
            yield Progress(done.done, done.total)
