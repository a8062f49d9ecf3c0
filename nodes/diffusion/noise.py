"""Where random numbers come from: the CPU generator with the workflow's seed, whatever device computes.

So a picture can be made again on another machine, and it is the picture that ComfyUI makes of the same seed.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

Noise = Callable[[Tensor, Tensor], Tensor]
"""What a sampler calls for the noise of the step from one sigma to the next: unit variance, the latent's shape."""


def seeded_noise(shape: Sequence[int], seed: int) -> Tensor:
    """Standard normal noise on the CPU, float32. A batch is drawn at once, so its first item depends on its size."""
    return torch.randn(tuple(shape), generator=_generator(seed))


def gaussian_noise(x: Tensor, seed: int) -> Noise:
    """Fresh, independent noise at every call, for ancestral samplers and lcm.

    The generator starts at seed + 1: with the seed itself the first draw would be the noise that the latent began as.
    """
    generator = _generator((seed + 1) % 2**64)
    return lambda _sigma, _sigma_next: torch.randn(x.shape, generator=generator).to(x)


def brownian_noise(x: Tensor, sigmas: Tensor, seed: int) -> Noise:
    """Increments of one Brownian motion over sigma, divided by √|σ - σ'|, for SDE samplers.

    The path depends on the seed only and not on the levels visited, so more steps refine the same picture.
    """
    visited = sigmas[sigmas > 0]
    path = BrownianPath(float(visited.min()), float(visited.max()), tuple(x.shape), seed)

    def noise(sigma: Tensor, sigma_next: Tensor) -> Tensor:
        start, end = float(sigma), float(sigma_next)
        increment = path(max(start, end)) - path(min(start, end))
        return (increment * math.copysign(1, end - start) / math.sqrt(abs(end - start))).to(x)

    return noise


class BrownianPath:
    """W(t) - W(start) for t in [start, end]: a virtual Brownian tree that gives the values of torchsde's BrownianTree.

    The interval is halved until t is an end; the value in the middle is drawn from its law given both ends (Lévy's
    construction), from a seed of its own. Only the last value is kept: all others can be drawn again.
    """

    def __init__(self, start: float, end: float, shape: tuple[int, ...], seed: int, digits: int = 6) -> None:
        self.start, self.end, self.digits = round(start, digits), round(end, digits), digits
        self.shape, self.seed = shape, seed
        self.total = self._draw() * math.sqrt(end - start)
        self.latest: tuple[float, Tensor] | None = None

    def __call__(self, t: float) -> Tensor:
        """W(t) - W(start), float32 on the CPU; t is rounded to `digits` and kept within the interval."""
        t = min(max(round(t, self.digits), self.start), self.end)
        if self.latest is None or self.latest[0] != t:
            self.latest = (t, self._descend(t))
        return self.latest[1]

    def _descend(self, t: float) -> Tensor:
        start, end, before, within = self.start, self.end, torch.zeros(self.shape), self.total
        node = depth = 0
        while t not in (start, end):
            middle = round((start + end) / 2, self.digits)
            share, spread = (middle - start) / (end - start), (middle - start) * (end - middle) / (end - start)
            left = share * within + math.sqrt(spread) * self._draw(node, depth)
            node, depth = 2 * node, depth + 1
            if t <= middle:
                end, within = middle, left
            else:
                start, before, within = middle, before + left, within - left
                node += 1
        return before if t == start else before + within

    def _draw(self, *key: int) -> Tensor:
        sequence = np.random.SeedSequence(self.seed, spawn_key=key, pool_size=24)
        return torch.randn(self.shape, generator=_generator(int(sequence.generate_state(1)[0])))


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
