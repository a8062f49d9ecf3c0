"""What steers a model: the text's embeddings, and where and when they count."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from .controlnet import Control
from .unet import timestep_embedding

# What SDXL reads beside the text, in its order (Podell et al. 2023): pixels, and the refiner a score of beauty, 0…10.
SIZES = ("height", "width", "crop_top", "crop_left", "target_height", "target_width")
SIZES_OF_REFINER = ("height", "width", "crop_top", "crop_left", "aesthetic_score")
AESTHETIC, AESTHETIC_OF_NEGATIVE = 6.0, 2.5
NUMBER_CHANNELS = 256  # that each of these numbers is embedded in


@dataclass(frozen=True, eq=False)
class Conditioning:
    """One prompt as a model reads it.

    `context` holds the token embeddings, [1, tokens, channels] (or a row per latent); `pooled` the embedding of the
    whole text, [1, channels], for the families that use it; `extra` further inputs of the model by name, each with one
    row; `sizes` what SDXL is told about the picture, by the names in `SIZES`, where it is not the usual. `strength`,
    `mask` ([1 or batch, 1, height, width], of any size) and the part of the way from `start` to `end`
    (0 is pure noise, 1 the picture) say how much a prompt counts among several, where, and when.
    """

    context: Tensor
    pooled: Tensor | None = None
    extra: Mapping[str, Tensor] = field(default_factory=dict[str, Tensor])
    strength: float = 1.0
    mask: Tensor | None = None
    start: float = 0.0
    end: float = 1.0
    sizes: Mapping[str, float] = field(default_factory=dict[str, float])
    controls: tuple[Control, ...] = ()

    def beside(self, concat: Tensor) -> "Conditioning":
        """The same with further channels for a model that reads them, if it has none; they are named `concat`."""
        return self if "concat" in self.extra else replace(self, extra={**self.extra, "concat": concat})

    @property
    def inputs(self) -> dict[str, Tensor]:
        """The tensors that it has beside the context and the mask, by name."""
        return dict(self.extra) if self.pooled is None else {"pooled": self.pooled, **self.extra}

    @property
    def everywhere(self) -> bool:
        """Whether it counts for all of the picture and all of the way."""
        return self.mask is None and self.start <= 0 and self.end >= 1

    @property
    def in_words(self) -> str:
        """The size of its embeddings, and what of it is not as usual."""
        said = [" × ".join(map(str, self.context.shape))]
        said += [f"pooled {self.pooled.shape[-1]}"] if self.pooled is not None else []
        said += [f"{name} {number:g}" for name, number in self.sizes.items()]
        said += [f"strength {self.strength:g}"] if self.strength != 1 else []
        said += ["within a mask"] if self.mask is not None else []
        said += [f"from {self.start:.0%} to {self.end:.0%} of the way"] if self.start > 0 or self.end < 1 else []
        said += [control.in_words for control in self.controls]
        return ", ".join(said)

    @property
    def nbytes(self) -> int:
        """The size of its tensors, for caches."""
        tensors = [self.context, *self.inputs.values(), *([] if self.mask is None else [self.mask])]
        return sum(tensor.nbytes for tensor in tensors) + sum(control.nbytes for control in self.controls)

    def non_finite(self) -> str | None:
        """What is not a finite number in it, or None."""
        if not torch.isfinite(self.context).all():
            return "the text embedding"
        bad = [name for name, tensor in self.inputs.items() if not torch.isfinite(tensor).all()]
        return f"the conditioning's {bad[0]}" if bad else None


def sizes_embedded(conditioning: Conditioning, channels: int, height: int, width: int) -> Tensor:
    """SDXL's and its refiner's `y`: the text's embedding, then sinusoids of each number, [1, channels].

    Sizes that the conditioning does not say are those of the picture, `height` and `width` in pixels, uncropped. Which
    numbers there are follows from `channels`: 2816 for SDXL, 2560 for the refiner.
    """
    assert conditioning.pooled is not None
    said = conditioning.sizes
    height, width = int(said.get("height", height)), int(said.get("width", width))
    usual: dict[str, float] = {"height": height, "width": width, "target_height": height, "target_width": width}
    usual["aesthetic_score"] = AESTHETIC
    names = SIZES if channels - conditioning.pooled.shape[-1] == len(SIZES) * NUMBER_CHANNELS else SIZES_OF_REFINER
    numbers = torch.tensor([{**usual, **said}.get(name, 0.0) for name in names])
    embedded = timestep_embedding(numbers, NUMBER_CHANNELS).reshape(1, -1)
    return torch.cat([conditioning.pooled, embedded.expand(len(conditioning.pooled), -1)], dim=1)
