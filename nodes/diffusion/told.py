"""A model that is told another time step than the true one: what the network needs its second input for."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

from torch import Tensor

from .controlnet import Control
from .models import Model


@dataclass(frozen=True, eq=False)
class Told(Model):
    """A model whose network is told `factor` · t in place of t, rounded and kept within the table.

    Only the network is misled. Its input is scaled, and its answer read, by the true noise level, so that what comes
    out differs by what the network makes of t and by nothing else.
    """

    factor: float = 1.0

    @classmethod
    def wrong(cls, model: Model, factor: float) -> "Told":
        """The same model, told `factor` times what it would have been."""
        return cls(**{field.name: getattr(model, field.name) for field in fields(Model)}, factor=factor)

    def predict(
        self, x: Tensor, t: Tensor, context: Tensor, controls: Sequence[Control] = (), **extra: Tensor
    ) -> Tensor:
        """The raw output, as of the wrong step; see `DiffusionModel.predict`."""
        last = len(self.parameterization.alphas_cumprod) - 1
        return super().predict(x, (t * self.factor).round().clamp(0, last), context, controls, **extra)
