"""Merging models: weights between those of two, computed when they are needed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from torch import Tensor, nn

from .network import Change, Network

M = TypeVar("M", bound=nn.Module)


@dataclass(frozen=True, eq=False)
class Blend:
    """`share` of a weight and the rest of the other network's of that name."""

    other: Network
    name: str
    share: float

    nbytes = 0  # the other network counts its own

    def __call__(self, weight: Tensor) -> Tensor:
        return weight.lerp(self.other.weight(self.name).float().to(weight.device), 1 - self.share)


def merged(first: Network[M], second: Network[M], share: Callable[[str], float]) -> Network[M]:
    """A network whose weights are `share(name)` of the first's (1 is all of it) and the rest of the second's.

    ValueError where they are not of one size.
    """
    shapes, others = ({name: tensor.shape for name, tensor in each.stored.items()} for each in (first, second))
    if shapes != others:
        odd = next(name for name in (*shapes, *others) if shapes.get(name) != others.get(name))
        raise ValueError(f"the two are of different families or sizes: {odd} is not the same in both")
    blends: dict[str, Change] = {name: Blend(second, name, share(name)) for name in shapes if share(name) != 1}
    return first.changed(blends)
