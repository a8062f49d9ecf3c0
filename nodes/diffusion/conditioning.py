"""What steers a model: the text's embeddings, and where and when they count."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Conditioning:
    """One prompt as a model reads it.

    `context` holds the token embeddings, [1, tokens, channels] (or a row per latent); `pooled` the embedding of the
    whole text, [1, channels], for the families that use it; `extra` further inputs of the model by name, each with one
    row. `strength`, `mask` ([1 or batch, 1, height, width], of any size) and the part of the way from `start` to `end`
    (0 is pure noise, 1 the picture) say how much a prompt counts among several, where, and when.
    """

    context: Tensor
    pooled: Tensor | None = None
    extra: Mapping[str, Tensor] = field(default_factory=dict[str, Tensor])
    strength: float = 1.0
    mask: Tensor | None = None
    start: float = 0.0
    end: float = 1.0

    @property
    def inputs(self) -> dict[str, Tensor]:
        """What the model gets beside the context, by name."""
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
        said += [f"strength {self.strength:g}"] if self.strength != 1 else []
        said += ["within a mask"] if self.mask is not None else []
        said += [f"from {self.start:.0%} to {self.end:.0%} of the way"] if self.start > 0 or self.end < 1 else []
        return ", ".join(said)

    @property
    def nbytes(self) -> int:
        """The size of its tensors, for caches."""
        tensors = [self.context, *self.inputs.values(), *([] if self.mask is None else [self.mask])]
        return sum(tensor.nbytes for tensor in tensors)

    def non_finite(self) -> str | None:
        """What is not a finite number in it, or None."""
        if not torch.isfinite(self.context).all():
            return "the text embedding"
        bad = [name for name, tensor in self.inputs.items() if not torch.isfinite(tensor).all()]
        return f"the conditioning's {bad[0]}" if bad else None
