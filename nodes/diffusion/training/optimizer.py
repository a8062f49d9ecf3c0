"""Muon for the matrices, Adam for everything else, with weight averaging.

Muon (Jordan et al. 2024): momentum whose matrix is replaced by the nearest semi-orthogonal one, by Newton–Schulz
iterations; matrices of one shape are stacked so that a step costs few calls. torch.optim.Muon takes two-dimensional
parameters one at a time and no convolutions, hence our own.
"""

import math
from collections import defaultdict
from collections.abc import Mapping

import torch
from torch import Tensor, nn


def orthogonalized(matrices: Tensor, iterations: int = 5) -> Tensor:
    """The semi-orthogonal factor of each matrix, [count, rows, columns], by Newton–Schulz in bfloat16."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = matrices.bfloat16()
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    tall = x.shape[-2] > x.shape[-1]
    x = x.mT if tall else x
    for _ in range(iterations):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.mT if tall else x).to(matrices.dtype)


class Optimizer:
    """Muon, with weight decay, on matrices and convolutions; Adam on the rest and on the layers named in `adam_only`.

    The learning rate of a step is given to `step`; Muon's update is scaled so that its elements are about as large as
    Adam's (Liu et al. 2025), and one rate serves both.
    """

    def __init__(self, model: nn.Module, *, adam_only: tuple[str, ...] = (), decay: float = 0.01) -> None:
        self.parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self.decay = decay
        self.count = 0
        self.moments: dict[str, Tensor] = {}
        self.stacks: dict[tuple[int, int], list[str]] = defaultdict(list)
        for name, p in self.parameters.items():
            self.moments[f"first.{name}"] = torch.zeros_like(p)
            if p.ndim >= 2 and "embedding" not in name and not name.startswith(adam_only):
                self.stacks[(p.shape[0], p[0].numel())].append(name)
            else:
                self.moments[f"second.{name}"] = torch.zeros_like(p)

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Update every parameter from its gradient, clipped to norm 1 over all, and clear the gradients."""
        self.count += 1
        nn.utils.clip_grad_norm_(self.parameters.values(), 1.0)
        for shape, names in self.stacks.items():
            self._muon(shape, names, rate)
        for name, p in self.parameters.items():
            if f"second.{name}" in self.moments and p.grad is not None:
                self._adam(name, p, p.grad, rate)
            p.grad = None

    def _muon(self, shape: tuple[int, int], names: list[str], rate: float, momentum: float = 0.95) -> None:
        directions: list[Tensor] = []
        for name in names:
            p, velocity = self.parameters[name], self.moments[f"first.{name}"]
            gradient = p.grad if p.grad is not None else torch.zeros_like(p)
            velocity.lerp_(gradient, 1 - momentum)
            directions.append(gradient.lerp(velocity, momentum).reshape(shape))
        updates = orthogonalized(torch.stack(directions)) * (0.2 * math.sqrt(max(shape)))
        for name, update in zip(names, updates, strict=True):
            p = self.parameters[name]
            p.mul_(1 - rate * self.decay).sub_(update.reshape(p.shape), alpha=rate)

    def _adam(self, name: str, p: Tensor, gradient: Tensor, rate: float) -> None:
        first, second = self.moments[f"first.{name}"], self.moments[f"second.{name}"]
        first.lerp_(gradient, 0.1)
        second.lerp_(gradient.square(), 0.01)
        corrected = second / (1 - 0.99**self.count)
        p.sub_(first / (1 - 0.9**self.count) / (corrected.sqrt() + 1e-8), alpha=rate)

    def state(self) -> dict[str, Tensor]:
        """Everything a resumed run needs, as tensors."""
        return {**self.moments, "count": torch.tensor(self.count)}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take up what `state` gave."""
        self.count = int(state["count"])
        for name, moment in self.moments.items():
            moment.copy_(state[name])


class Average:
    """Exponential moving average of a model's weights (Polyak), with a short memory at the beginning."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.count = 0
        self.weights = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Move towards the model's weights."""
        self.count += 1
        decay = min(self.decay, (1 + self.count) / (10 + self.count))
        for name, tensor in model.state_dict().items():
            self.weights[name].lerp_(tensor, 1 - decay)


def learning_rate(step: int, total: int, peak: float) -> float:
    """Rise over the first 100 steps, stay for half the run, then fall by a cosine to 2 % of the peak."""
    warm = min(1.0, (step + 1) / min(100, max(total // 10, 1)))
    late = max(0.0, (step - total / 2) / (total / 2))
    return peak * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * late)))
