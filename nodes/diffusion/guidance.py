"""Arithmetic on denoisers: guidance, averages over prompts and regions, ranges of noise, inpainting."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from .conditioning import Conditioning
from .denoiser import Denoiser, DiffusionModel, Leaf, Prediction
from .parameterization import Scalar, rows
from .resize import repeated


@dataclass(frozen=True, eq=False)
class Guided(Denoiser):
    """Classifier-free guidance (Ho & Salimans 2022): D⁻ + scale·(D⁺ - D⁻).

    With scale 1 it is the positive estimate, and the negative one is not evaluated.
    """

    positive: Denoiser
    negative: Denoiser
    scale: float

    def leaves(self, x: Tensor, sigma: Scalar) -> list[Leaf]:
        positive = self.positive.leaves(x, sigma)
        return positive if self.scale == 1 else positive + self.negative.leaves(x, sigma)

    def fold(self, x: Tensor, sigma: Scalar, estimates: Iterator[Tensor]) -> Tensor:
        positive = self.positive.fold(x, sigma, estimates)
        if self.scale == 1:
            return positive
        negative = self.negative.fold(x, sigma, estimates)
        return negative + (positive - negative) * self.scale


@dataclass(frozen=True, eq=False)
class RescaledGuided(Guided):
    """Guidance whose velocity keeps the spread of the positive one (Lin et al. 2024, section 3.4).

    `rescale` from 0 (plain guidance) to 1 mixes in the rescaled velocity: high scales then do not overexpose.
    """

    rescale: float = 0.7

    def fold(self, x: Tensor, sigma: Scalar, estimates: Iterator[Tensor]) -> Tensor:
        positive = self.positive.fold(x, sigma, estimates)
        if self.scale == 1:
            return positive
        negative = self.negative.fold(x, sigma, estimates)
        square = 1 + rows(sigma, x) ** 2
        # Up to a factor that is the same for all, the velocity is x/(1+σ²) - D.
        velocity = x / square - positive
        guided = x / square - negative - (positive - negative) * self.scale
        ratio = _spread(velocity) / _spread(guided)
        return x / square - guided * (1 - self.rescale + self.rescale * ratio)


@dataclass(frozen=True, eq=False)
class Part:
    """A term of an average: it counts with `weight` while `low` ≤ sigma ≤ `high`.

    The weight is a number, or a mask [1 or batch, 1, height, width] of any size.
    """

    denoiser: Denoiser
    weight: float | Tensor = 1.0
    high: float = math.inf
    low: float = 0.0

    def active(self, sigma: Scalar) -> bool:
        """Whether it counts at this level (that of the first row, if there are several)."""
        level = float(torch.as_tensor(sigma).flatten()[0])
        return self.low <= level <= self.high


@dataclass(frozen=True, eq=False)
class Average(Denoiser):
    """Σ wD / Σ w over the parts that are active: several prompts at once, or each in its region.

    Where no part has weight the estimate is 0.
    """

    parts: tuple[Part, ...]

    def leaves(self, x: Tensor, sigma: Scalar) -> list[Leaf]:
        return [leaf for part in self.parts if part.active(sigma) for leaf in part.denoiser.leaves(x, sigma)]

    def fold(self, x: Tensor, sigma: Scalar, estimates: Iterator[Tensor]) -> Tensor:
        total, weights = torch.zeros_like(x), torch.zeros_like(x)
        for part in self.parts:
            if part.active(sigma):
                weight = part.weight if isinstance(part.weight, float | int) else sized(part.weight, x)
                total = total + part.denoiser.fold(x, sigma, estimates) * weight
                weights = weights + weight
        return torch.where(weights == 0, 0, total / weights)


@dataclass(frozen=True, eq=False)
class StepRange(Denoiser):
    """One denoiser while `low` ≤ sigma ≤ `high`, another outside."""

    inside: Denoiser
    outside: Denoiser
    high: float = math.inf
    low: float = 0.0

    def leaves(self, x: Tensor, sigma: Scalar) -> list[Leaf]:
        return self._chosen(sigma).leaves(x, sigma)

    def fold(self, x: Tensor, sigma: Scalar, estimates: Iterator[Tensor]) -> Tensor:
        return self._chosen(sigma).fold(x, sigma, estimates)

    def _chosen(self, sigma: Scalar) -> Denoiser:
        return self.inside if Part(self.inside, 1.0, self.high, self.low).active(sigma) else self.outside


@dataclass(frozen=True, eq=False)
class Inpainting(Denoiser):
    """Paint where `mask` is 1 and keep `latent` where it is 0; in between, a mixture.

    The model sees the kept part as it would be at this level, latent + sigma·noise, and the estimate there is the
    latent itself. `noise` is the noise that sampling started from; `mask` is [1 or batch, 1, height, width].
    """

    inner: Denoiser
    mask: Tensor
    latent: Tensor
    noise: Tensor

    def leaves(self, x: Tensor, sigma: Scalar) -> list[Leaf]:
        # An inpainting model reads the mask and what is kept beside the noise, where its prompt does not bring them.
        mask, kept = self.mask.round(), self.latent * (1 - self.mask.round())
        beside = torch.cat([mask.expand(len(kept), -1, -1, -1), kept], dim=1)
        leaves = self.inner.leaves(self._blend(x, sigma), sigma)
        return [leaf._replace(conditioning=leaf.conditioning.beside(beside)) for leaf in leaves]

    def fold(self, x: Tensor, sigma: Scalar, estimates: Iterator[Tensor]) -> Tensor:
        estimate = self.inner.fold(self._blend(x, sigma), sigma, estimates)
        return estimate * self.mask + self.latent * (1 - self.mask)

    def _blend(self, x: Tensor, sigma: Scalar) -> Tensor:
        return x * self.mask + (self.latent + self.noise * rows(sigma, x)) * (1 - self.mask)


def prediction(model: DiffusionModel, conditionings: Sequence[Conditioning]) -> Denoiser:
    """A model under one or several conditionings, each with its strength, mask and part of the way."""
    if len(conditionings) == 1 and conditionings[0].everywhere:
        return Prediction(model, conditionings[0])
    return Average(tuple(_part(model, conditioning) for conditioning in conditionings))


def keeping_unmasked(inner: Denoiser, x: Tensor, mask: Tensor, clean: Tensor | None, noise: Tensor | None) -> Denoiser:
    """Inpainting for a noisy latent x and a mask of any size; a latent without added noise is its own original."""
    noise = torch.zeros_like(x) if noise is None else noise
    return Inpainting(inner, sized(mask, x), x if clean is None else clean, noise)


def sized(mask: Tensor, x: Tensor) -> Tensor:
    """A mask [masks, 1, height, width] with the height and width of x, one for each of x's rows, or one for all."""
    resized = functional.interpolate(mask, size=tuple(x.shape[-2:]), mode="bilinear").to(x)
    return resized if len(resized) == 1 else repeated(resized, len(x))


def _part(model: DiffusionModel, conditioning: Conditioning) -> Part:
    weight = conditioning.strength if conditioning.mask is None else conditioning.mask * conditioning.strength
    levels = model.parameterization
    return Part(
        Prediction(model, conditioning), weight, levels.sigma_at(conditioning.start), levels.sigma_at(conditioning.end)
    )


def _spread(x: Tensor) -> Tensor:
    return x.std(dim=tuple(range(1, x.ndim)), keepdim=True)
