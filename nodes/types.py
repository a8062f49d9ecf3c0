"""What flows along the wires: immutable values with the tensors in them."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from nodegraph import Listing

from .diffusion.conditioning import Conditioning as Prompt
from .diffusion.controlnet import ControlNet
from .diffusion.denoiser import Denoiser
from .diffusion.looks import MOST_PICTURES, Look, facts_of, shape_of, thumbnail
from .diffusion.models import Model, TextEncoder, Vae
from .diffusion.preview import LatentColors

__all__ = [
    "Conditioning",
    "ControlNet",
    "Denoiser",
    "Embeddings",
    "Image",
    "Latent",
    "Mask",
    "Model",
    "Prompt",
    "Sigmas",
    "TextEncoder",
    "Vae",
]


class Embeddings(Listing, folder="embeddings"):
    """The files that a prompt may name as `embedding:name`: textual inversions."""


def _bad(tensor: Tensor, name: str) -> str | None:
    # The sum is a cheap alarm: it may overflow where no element is bad, so an alarm is checked.
    if torch.isfinite(tensor.sum()) or torch.isfinite(tensor).all():
        return None
    return f"{name} has NaN or infinite numbers"


@dataclass(frozen=True, eq=False)
class Latent:
    """Pictures in the small space of diffusion: samples [batch, 4, height / 8, width / 8], deviation about 1.

    `mask` ([1 or batch, 1, height, width], 0…1, of any size) says where to paint; elsewhere sampling keeps `clean`, the
    latent as it was before `noise` was added. `colors` says what it looks like, where its VAE is known; `scale` is the
    factor from a VAE's own numbers to these, where that is known.
    """

    samples: Tensor
    mask: Tensor | None = None
    clean: Tensor | None = None
    noise: Tensor | None = None
    colors: LatentColors | None = None
    scale: float | None = None

    def at_scale(self, scale: float | None) -> "Latent":
        """The same pictures at another scale; only said to be at it where their own was unknown."""
        if scale is None or scale == self.scale:
            return self
        if self.scale is None:
            return replace(self, scale=scale)
        factor = scale / self.scale
        clean, noise = (None if part is None else part * factor for part in (self.clean, self.noise))
        colors = None if self.colors is None else self.colors.scaled(factor)
        return Latent(self.samples * factor, self.mask, clean, noise, colors, scale)

    @property
    def nbytes(self) -> int:
        """Bytes of all tensors."""
        return sum(t.nbytes for t in (self.samples, self.mask, self.clean, self.noise) if t is not None)

    def non_finite(self) -> str | None:
        """What is not a number in it."""
        return _bad(self.samples, "the latent")

    def peek(self) -> Look:
        """Its numbers, its mask, and its colours; a noisy one is shown at deviation 1, or it would be black and white.

        Where its VAE is not known, or is of other channels, the colours are those of `LatentColors.plain`.
        """
        mask = () if self.mask is None else (("mask", shape_of(self.mask)),)
        shown, colors = self.samples[:MOST_PICTURES].float(), self.colors
        if colors is None or len(colors.weights) != shown.shape[1]:
            colors = LatentColors.plain(shown.shape[1])
        pictures = [colors.of(each / each.std(correction=0).clamp(min=1)) for each in shown]
        return Look(facts_of(self.samples) + mask, thumbnail(torch.stack(pictures)))


@dataclass(frozen=True, eq=False)
class Conditioning:
    """What steers a prediction: one prompt, or several that count together, each with its strength, place and time."""

    prompts: tuple[Prompt, ...]

    @property
    def nbytes(self) -> int:
        """Bytes of all tensors."""
        return sum(prompt.nbytes for prompt in self.prompts)

    def each(self, **changes: object) -> "Conditioning":
        """The same prompts with some of their fields changed."""
        return Conditioning(tuple(replace(prompt, **changes) for prompt in self.prompts))

    def non_finite(self) -> str | None:
        """What is not a number in it."""
        return next((fault for prompt in self.prompts if (fault := prompt.non_finite())), None)

    def peek(self) -> Look:
        """Each prompt: the size of its embedding, and its strength, place and time if they are not the whole."""
        return Look(tuple((f"prompt {number}", each.in_words) for number, each in enumerate(self.prompts, 1)))


@dataclass(frozen=True, eq=False)
class Image:
    """Pictures: pixels [batch, 3, height, width], RGB, 0…1."""

    pixels: Tensor

    @property
    def nbytes(self) -> int:
        """Bytes of the pixels."""
        return self.pixels.nbytes

    def non_finite(self) -> str | None:
        """What is not a number in it."""
        return _bad(self.pixels, "the picture")

    def peek(self) -> Look:
        """Its numbers, and the first pictures."""
        return Look(facts_of(self.pixels), thumbnail(self.pixels))


@dataclass(frozen=True, eq=False)
class Mask:
    """Masks: values [batch, height, width], 0…1; 1 is where to paint."""

    values: Tensor

    @property
    def nbytes(self) -> int:
        """Bytes of the values."""
        return self.values.nbytes

    def non_finite(self) -> str | None:
        """What is not a number in it."""
        return _bad(self.values, "the mask")

    def peek(self) -> Look:
        """Its numbers, and the first masks in grey."""
        return Look(facts_of(self.values), thumbnail(self.values[:, None]))


@dataclass(frozen=True, eq=False)
class Sigmas:
    """Noise levels, [steps + 1], falling, mostly to 0; `largest` is the highest level that the model knows.

    `scale` is that of the latents that the model was trained with, where it is known.
    """

    values: Tensor
    largest: float
    scale: float | None = None

    def __len__(self) -> int:
        """How many steps they make."""
        return max(0, len(self.values) - 1)

    @property
    def starts_at_most(self) -> bool:
        """Whether they begin with the highest level: with pure noise."""
        return len(self.values) > 0 and float(self.values[0]) >= self.largest * (1 - 1e-5)

    @property
    def nbytes(self) -> int:
        """Bytes of the values."""
        return self.values.nbytes

    def non_finite(self) -> str | None:
        """What is not a number in it."""
        return _bad(self.values, "the schedule")

    def peek(self) -> Look:
        """How many steps they make, and the levels as a curve."""
        steps = ("steps", str(len(self))), ("highest of the model", f"{self.largest:.4g}")
        return Look(steps + facts_of(self.values), curve=[float(level) for level in self.values])
