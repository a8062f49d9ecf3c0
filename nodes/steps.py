"""The library's long work as the steps of a node."""

from collections.abc import Generator
from contextlib import closing, contextmanager
from typing import TypeVar

from nodegraph import BadInput, Progress, Steps

from .diffusion.progress import Work
from .diffusion.safetensors_file import BadCheckpoint

T = TypeVar("T")


@contextmanager
def refusing_bad_files() -> Generator[None]:
    """Within it, a file that turns out to be damaged is a node's expected failure: BadInput, in the same words.

    Weights are read where they are first computed with, so that can be in any node that computes.
    """
    try:
        yield
    except BadCheckpoint as error:
        raise BadInput(str(error)) from error


def reported(work: Work[T]) -> Steps[T]:
    """Work with its progress said, and BadInput where a file is damaged; closing this closes the work."""
    with closing(work), refusing_bad_files():
        while True:
            try:
                done = next(work)
            except StopIteration as end:
                return end.value
            yield Progress(done.done, done.total)
