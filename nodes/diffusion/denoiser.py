"""A denoiser is an expression: its leaves are model predictions, the rest is arithmetic on what they give.

Calling one collects the leaves, groups those that can share a batch, evaluates the model once per group and folds the
estimates. Batching is written here only; guidance, regions and ranges (guidance.py) are leaves() and fold().
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from .conditioning import Conditioning
from .controlnet import Control
from .looks import Look
from .parameterization import Parameterization, Scalar


class DiffusionModel(Protocol):
    """A network as denoisers see it."""

    @property
    def parameterization(self) -> Parameterization:
        """Its noise levels and what its output means."""
        ...

    def predict(
        self, x: Tensor, t: Tensor, context: Tensor, controls: Sequence[Control] = (), **extra: Tensor
    ) -> Tensor:
        """The raw output for a batch, of x's shape in any float type.

        x: [batch, channels, height, width], scaled to unit variance, float32; t: [batch], whole numbers as float32;
        context: [batch, tokens, channels]; extra: what `inputs` gives, [batch, …]. The model moves them to its own type
        and device.
        """
        ...

    def inputs(self, conditioning: Conditioning, x: Tensor) -> dict[str, Tensor]:
        """What it reads beside the latent x and the text, by name, with one row each or one for every row of x."""
        ...


class Leaf(NamedTuple):
    """One prediction to make: the model, what steers it, and the noisy latent it is asked about."""

    model: DiffusionModel
    conditioning: Conditioning
    x: Tensor


class Denoiser(ABC):
    """An estimate of the clean latent, as an expression over predictions."""

    def __call__(self, x: Tensor, sigma: Scalar) -> Tensor:
        """The estimate D for x = x₀ + sigma·ε, of x's shape and type; sigma is one number or one per row."""
        return self.fold(x, sigma, iter(evaluate(self.leaves(x, sigma), sigma)))

    @abstractmethod
    def leaves(self, x: Tensor, sigma: Scalar) -> list[Leaf]:
        """The predictions needed at this level, in the order in which `fold` takes them."""

    @abstractmethod
    def fold(self, x: Tensor, sigma: Scalar, estimates: Iterator[Tensor]) -> Tensor:
        """The estimate, from those of the leaves; takes exactly its own from the iterator."""

    def peek(self) -> Look:
        """The expression."""
        return Look((("expression", in_words(self)),))


@dataclass(frozen=True, eq=False)
class Prediction(Denoiser):
    """What a model makes of a latent under one conditioning: the leaf of every denoiser."""

    model: DiffusionModel
    conditioning: Conditioning

    def leaves(self, x: Tensor, sigma: Scalar) -> list[Leaf]:
        return [Leaf(self.model, self.conditioning, x)]

    def fold(self, x: Tensor, sigma: Scalar, estimates: Iterator[Tensor]) -> Tensor:
        return next(estimates)


def in_words(part: object, depth: int = 4) -> str:
    """An expression by the names of its parts and by its numbers, such as Guided(Prediction, Prediction, scale 3).

    What is nested deeper is left out, since a part that is used twice would be told twice at every level.
    """
    name = type(part).__name__
    if not is_dataclass(part):
        return name
    values = {field.name: getattr(part, field.name) for field in fields(part)}
    inner = [each for value in values.values() for each in (value if isinstance(value, tuple) else (value,))]
    parts = [each for each in (getattr(each, "denoiser", each) for each in inner) if isinstance(each, Denoiser)]
    said = [in_words(each, depth - 1) for each in parts] if depth else ["…"] * bool(parts)
    said += [f"{field} {value:g}" for field, value in values.items() if isinstance(value, float | int)]
    return f"{name}({', '.join(said)})" if said else name


def evaluate(leaves: Sequence[Leaf], sigma: Scalar) -> list[Tensor]:
    """The estimates of the leaves, in their order, from one forward pass per group of `groups`."""
    estimates: list[Tensor | None] = [None] * len(leaves)
    inputs = inputs_of(leaves)
    for members in groups(leaves, inputs):
        together = _forward([leaves[i] for i in members], [inputs[i] for i in members], sigma)
        for index, estimate in zip(members, together, strict=True):
            estimates[index] = estimate
    return [estimate for estimate in estimates if estimate is not None]


def inputs_of(leaves: Sequence[Leaf]) -> list[dict[str, Tensor]]:
    """What the model of each leaf reads beside the latent and the text."""
    return [model.inputs(conditioning, x) for model, conditioning, x in leaves]


def groups(leaves: Sequence[Leaf], inputs: Sequence[Mapping[str, Tensor]]) -> list[list[int]]:
    """Indices of the leaves that can share a batch: same model, latent shape, controls, width and kinds of inputs.

    `inputs` are those of `inputs_of`. The number of tokens may differ, as contexts are repeated to a common length.
    """
    found: dict[Hashable, list[int]] = {}
    for index, ((model, conditioning, x), own) in enumerate(zip(leaves, inputs, strict=True)):
        kinds = tuple(sorted((name, tensor.shape[1:]) for name, tensor in own.items()))
        controls = tuple(control.key for control in conditioning.controls)
        key = id(model), x.shape, controls, conditioning.context.shape[2], kinds
        found.setdefault(key, []).append(index)
    return list(found.values())


def _forward(leaves: Sequence[Leaf], inputs: Sequence[Mapping[str, Tensor]], sigma: Scalar) -> Sequence[Tensor]:
    model, _, x = leaves[0]
    rows = len(x)
    parameterization = model.parameterization
    # Repeating all tokens changes nothing in cross-attention: a softmax over n copies gives each 1/n of the weight.
    tokens = math.lcm(*(leaf.conditioning.context.shape[1] for leaf in leaves))
    context = [_rows(leaf.conditioning.context, rows) for leaf in leaves]
    context = [part.repeat(1, tokens // part.shape[1], 1) for part in context]
    extra = {name: torch.cat([_rows(each[name], rows) for each in inputs]) for name in inputs[0]}
    t = parameterization.timestep(sigma).to(x.device, torch.float32).expand(rows).repeat(len(leaves))
    scaled = torch.cat([parameterization.scale_input(leaf.x, sigma) for leaf in leaves])
    active = [each for each in leaves[0].conditioning.controls if each.active(parameterization, sigma)]
    controls = [control.spread(rows, len(leaves)) for control in active]
    outputs = model.predict(scaled, t, torch.cat(context), controls, **extra).to(x).chunk(len(leaves))
    return [parameterization.denoised(leaf.x, sigma, out) for leaf, out in zip(leaves, outputs, strict=True)]


def _rows(tensor: Tensor, rows: int) -> Tensor:
    """`tensor` with so many rows, repeated from the first on."""
    return tensor.repeat(-(-rows // len(tensor)), *[1] * (tensor.ndim - 1))[:rows]
