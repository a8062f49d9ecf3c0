"""The kinds of LoRA: how a few small tensors make a difference of a weight W [out, in, …kernel].

With a scale of alpha / rank where a file has an alpha, else 1, and a strength that the user chooses:

- LoRA (Hu et al. 2021), and LoCon for convolutions: W + strength · scale · up · down; a tensor `mid` between the two is
  the core of a Tucker decomposition.
- LoHa (Hyeon-Woo et al. 2021): the product of two such products, element by element.
- LoKr (Yeh et al. 2023): a Kronecker product; each factor, where it is decomposed, is a product itself.
- Full differences, and those of normalizations and biases: as they are.
- DoRA (Liu et al. 2024): W changed by one of the first three, and then its rows, or columns, given other lengths.

A change is made where it is used, in float32: until then its tensors stay in their file.
"""

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]  # of the parts of a layer's change
Parts = Mapping[str, Tensor]
MODIFIERS = frozenset({"alpha", "scalar", "dora_scale", "magnitude"})


class Unfit(ValueError):
    """Tensors that make no change of a weight; the message says which and why."""


class Kind(NamedTuple):
    """A kind of difference, and its parts.

    `expected` gives the shapes of the parts that must be there, from those that are there and the weight's; `rank` what
    alpha is divided by, or None where there is no rank; `difference` makes it from the parts in float32.
    """

    name: str
    parts: frozenset[str]
    expected: Callable[[Shapes, Shape], dict[str, Shape]]
    rank: Callable[[Shapes], int | None]
    difference: Callable[[Parts, Shape], Tensor]


@dataclass(frozen=True, eq=False)
class Added:
    """W + amount · difference."""

    kind: Kind
    parts: Parts
    amount: float

    def __call__(self, weight: Tensor) -> Tensor:
        # Copied, since where in a mapped file a tensor begins decides on a CPU how it multiplies, and so the last bits.
        parts = {part: tensor.to(weight.device, torch.float32, copy=True) for part, tensor in self.parts.items()}
        difference = self.kind.difference(parts, tuple(weight.shape)).reshape(weight.shape)
        return difference.mul_(self.amount).add_(weight)  # in what was just made: a third of the time, all memory's

    @property
    def nbytes(self) -> int:
        """The size of the parts."""
        return sum(tensor.nbytes for tensor in self.parts.values())


@dataclass(frozen=True, eq=False)
class Decomposed:
    """W + strength · (what DoRA makes of W − W): the changed weight's direction along an axis, with other lengths.

    `axis` is what has a length each: 0 the outputs, as in the paper and in newer files, 1 the inputs.
    """

    direction: Added
    magnitude: Tensor
    axis: int
    strength: float

    def __call__(self, weight: Tensor) -> Tensor:
        direction = self.direction(weight)
        others = [axis for axis in range(weight.ndim) if axis != self.axis]
        # As LyCORIS has it, so that a row of zeros stays one.
        norm = torch.linalg.vector_norm(direction, dim=others, keepdim=True) + torch.finfo(torch.float32).eps
        magnitude = self.magnitude.to(weight.device, torch.float32).reshape(norm.shape)
        return torch.lerp(weight, direction * (magnitude / norm), self.strength)

    @property
    def nbytes(self) -> int:
        """The size of the parts."""
        return self.direction.nbytes + self.magnitude.nbytes


def kind_of(parts: Collection[str]) -> Kind:
    """The kind that parts of a layer are of; Unfit where they are of several, or of none and so LoRA's are missing."""
    found = [kind for kind in KINDS if not kind.parts.isdisjoint(parts)]
    if len(found) > 1:
        raise Unfit(f"{found[0].name} and {found[1].name} of one weight")
    return found[0] if found else LORA


def fits(shape: Shape, expected: Shape) -> bool:
    """Whether a tensor has the numbers of this shape in this order.

    A linear layer's weight may be written as that of a 1 × 1 convolution, and the other way round; a convolution's may
    have its kernel in the columns.
    """
    return _padded(shape) == _padded(expected) or shape == (expected[0], math.prod(expected[1:]))


def axis_of(shape: Shape, weight: Shape, *, peft: bool) -> int | None:
    """Which axis of a weight the lengths of a DoRA are along: 0 or 1, or None where they fit neither.

    LyCORIS writes [out, 1, …] or [1, in, …], peft [out] or, for a convolution, [1, out, 1, 1].
    """
    ones = (1,) * (len(weight) - 2)
    if shape in ((weight[0],), (weight[0], 1), (weight[0], 1, *ones)) or (peft and shape == (1, weight[0], *ones)):
        return 0
    return 1 if not peft and shape in ((1, weight[1]), (1, weight[1], *ones)) else None


def _padded(shape: Shape) -> Shape:
    return shape + (1,) * (4 - len(shape))


def _size(shapes: Shapes, part: str, axis: int) -> int:
    """A size that a part brings along, at least 1, so that an empty one fits nowhere."""
    return max(1, *shapes.get(part, ())[axis : axis + 1], 1)


def _low_rank_shapes(shapes: Shapes, weight: Shape) -> dict[str, Shape]:
    out, channels, *kernel = weight
    rank = _size(shapes, "down", 0)
    if "mid" not in shapes:
        return {"up": (out, rank), "down": (rank, channels, *kernel)}
    wider = _size(shapes, "up", 1)
    return {"up": (out, wider), "mid": (wider, rank, *kernel), "down": (rank, channels)}


def _low_rank(parts: Parts, _: Shape) -> Tensor:
    up, down = parts["up"].flatten(1), parts["down"].flatten(1)
    return _tucker(parts["mid"], up.mT, down) if "mid" in parts else up @ down


def _tucker(core: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """[rank, rank, …], [rank, out], [rank, in] → [out, in, …]."""
    return torch.einsum("ab...,ao,bi->oi...", core, rows, columns)


def _hadamard_shapes(shapes: Shapes, weight: Shape) -> dict[str, Shape]:
    out, channels, *kernel = weight
    expected: dict[str, Shape] = {}
    for each in "12":
        rank = _size(shapes, f"hada_w{each}_b", 0)
        if "hada_t1" in shapes or "hada_t2" in shapes:
            expected[f"hada_t{each}"] = (rank, rank, *kernel)
            expected |= {f"hada_w{each}_a": (rank, out), f"hada_w{each}_b": (rank, channels)}
        else:
            expected |= {f"hada_w{each}_a": (out, rank), f"hada_w{each}_b": (rank, channels, *kernel)}
    return expected


def _hadamard(parts: Parts, _: Shape) -> Tensor:
    def factor(each: str) -> Tensor:
        rows, columns = parts[f"hada_w{each}_a"].flatten(1), parts[f"hada_w{each}_b"].flatten(1)
        core = parts.get(f"hada_t{each}")
        return rows @ columns if core is None else _tucker(core, rows, columns)

    return factor("1").mul_(factor("2"))


def _kronecker_shapes(shapes: Shapes, weight: Shape) -> dict[str, Shape]:
    out, channels, *kernel = weight
    whole, decomposed = "lokr_w1" in shapes, "lokr_w2" not in shapes
    rows = _size(shapes, "lokr_w1" if whole else "lokr_w1_a", 0)
    columns = _size(shapes, "lokr_w1" if whole else "lokr_w1_b", 1)
    if out % rows or channels % columns:
        raise Unfit(f"a LoKr with {rows} × {columns} blocks does not make a weight {list(weight)}")
    rank, rank2 = _size(shapes, "lokr_w1_b", 0), _size(shapes, "lokr_w2_b", 0)
    block = (out // rows, channels // columns, *kernel)
    outer = {"lokr_w1": (rows, columns)} if whole else {"lokr_w1_a": (rows, rank), "lokr_w1_b": (rank, columns)}
    if not decomposed:
        return outer | {"lokr_w2": block}
    if "lokr_t2" in shapes:
        factors = {"lokr_w2_a": (rank2, block[0]), "lokr_w2_b": (rank2, block[1])}
        return outer | {"lokr_t2": (rank2, rank2, *kernel)} | factors
    return outer | {"lokr_w2_a": (block[0], rank2), "lokr_w2_b": (rank2, *block[1:])}


def _kronecker_rank(shapes: Shapes) -> int | None:
    # Both ranks are the same in files that LyCORIS writes.
    factor = next((part for part in ("lokr_w2_b", "lokr_w1_b") if part in shapes), None)
    return _size(shapes, factor, 0) if factor else None


def _kronecker(parts: Parts, weight: Shape) -> Tensor:
    _, channels, *kernel = weight
    if "lokr_w1" in parts:
        outer = parts["lokr_w1"].flatten(1)
    else:
        outer = parts["lokr_w1_a"].flatten(1) @ parts["lokr_w1_b"].flatten(1)
    if "lokr_w2" in parts:
        block = parts["lokr_w2"]
    else:
        rows, columns = parts["lokr_w2_a"].flatten(1), parts["lokr_w2_b"].flatten(1)
        block = _tucker(parts["lokr_t2"], rows, columns) if "lokr_t2" in parts else rows @ columns
    block = block.reshape(-1, channels // outer.shape[1], *kernel).contiguous()  # as torch.kron wants it
    return torch.kron(outer.reshape(*outer.shape, *[1] * len(kernel)), block)


def _whole(name: str, part: str) -> Kind:
    return Kind(name, frozenset({part}), lambda _, weight: {part: weight}, lambda _: None, lambda parts, _: parts[part])


LORA = Kind(
    "LoRA",
    frozenset({"up", "down", "mid"}),
    _low_rank_shapes,
    lambda shapes: _size(shapes, "down", 0),
    _low_rank,
)
LOHA = Kind(
    "LoHa",
    frozenset(f"hada_{part}" for part in ("w1_a", "w1_b", "w2_a", "w2_b", "t1", "t2")),
    _hadamard_shapes,
    lambda shapes: _size(shapes, "hada_w1_b", 0),
    _hadamard,
)
LOKR = Kind(
    "LoKr",
    frozenset(f"lokr_{part}" for part in ("w1", "w1_a", "w1_b", "w2", "w2_a", "w2_b", "t2")),
    _kronecker_shapes,
    _kronecker_rank,
    _kronecker,
)
FULL, NORM = _whole("full differences", "diff"), _whole("norms", "w_norm")
KINDS = (LORA, LOHA, LOKR, FULL, NORM)
WHOLE = (FULL, NORM)
BIASES = (_whole("full differences", "diff_b"), _whole("norms", "b_norm"))
BIAS_PARTS = frozenset({"diff_b", "b_norm"})
