"""Generative adversarial networks (Goodfellow et al. 2014), small, on the latents of pictures.

A generator makes a latent from random numbers in one go, and a discriminator tells it from real ones; each learns from
the other alone. Nothing in that asks the generator for *every* kind of picture, hence mode collapse.
"""

import copy
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..looks import Look, network_facts
from ..noise import seeded_noise
from ..progress import Done, Work
from .loop import built, finished
from .optimizer import Average, learning_rate
from .small import SHOWN, Cost, shown_after

CODE = 64  # random numbers that a picture is made of


class Generator(nn.Module):
    """Random numbers [batch, 64] → latents [batch, *shape], by three hidden layers (Goodfellow et al. 2014)."""

    def __init__(self, shape: Sequence[int], width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(CODE, width),
            nn.LeakyReLU(0.2),
            nn.Linear(width, width),
            nn.LeakyReLU(0.2),
            nn.Linear(width, width),
            nn.LeakyReLU(0.2),
            nn.Linear(width, math.prod(shape)),
            nn.Unflatten(1, tuple(shape)),
        )

    def forward(self, code: Tensor) -> Tensor:
        return self.layers(code)


class Discriminator(nn.Module):
    """Latents [batch, *shape] → logits [batch], positive for real ones.

    With `deviation` it also sees how much a batch varies: the minibatch standard deviation of Karras et al. 2018.
    """

    def __init__(self, shape: Sequence[int], width: int, *, deviation: bool = False) -> None:
        super().__init__()
        self.deviation = deviation
        self.first = nn.Linear(math.prod(shape), width)
        self.second = nn.Linear(width, width)
        self.third = nn.Linear(width + deviation, width)
        self.last = nn.Linear(width, 1)

    def forward(self, latents: Tensor) -> Tensor:
        x = functional.leaky_relu(self.first(latents.flatten(1)), 0.2)
        x = functional.leaky_relu(self.second(x), 0.2)
        if self.deviation:
            spread = x.var(dim=0, correction=0).add(1e-8).sqrt().mean()
            x = torch.cat([x, spread.expand(len(x), 1)], dim=1)
        return self.last(functional.leaky_relu(self.third(x), 0.2))[:, 0]


@dataclass(frozen=True)
class Tricks:
    """What keeps a generator from collapsing; all off is the plain GAN.

    `deviation`: see `Discriminator`. `gradient`: γ of R₁, the penalty γ/2 · E‖∇D(x)‖² at real x (Mescheder et al.
    2018), which keeps the discriminator from being too sure too soon: real and made latents do not overlap, and without
    it D would rise between them without limit. `memoryless`: Adam without momentum, β = (0, 0.99) as in Karras et al.
    2018, in place of DCGAN's (0.5, 0.999); with it a network runs on against an opponent that has moved.
    """

    deviation: bool = False
    gradient: float = 0.0
    memoryless: bool = False


@dataclass(frozen=True, eq=False)
class Gan:
    """A trained generator."""

    generator: Generator

    @torch.no_grad()
    def sample(self, count: int, seed: int) -> Tensor:
        """So many latents, [count, channels, height, width], each from random numbers of its own."""
        return self.generator(seeded_noise((count, CODE), seed))

    @property
    def nbytes(self) -> int:
        """The size of the weights, for caches."""
        return sum(weights.nbytes for weights in self.generator.state_dict().values())

    def peek(self) -> Look:
        """What the generator is."""
        return Look((*network_facts(self.generator), ("random numbers", str(CODE))))


@dataclass(frozen=True)
class TrainedGan:
    """The generator, samples on the way, [times · 6, channels, height, width], both losses of each step, the cost."""

    gan: Gan
    samples: Tensor
    generator_losses: list[float]
    discriminator_losses: list[float]
    cost: Cost


class Duel:
    """Both networks, and a step of each in turn: the non-saturating losses of Goodfellow et al. 2014, by Adam.

    `average` is that of the generator's weights (Yazıcı et al. 2019), which circle around the good ones.
    """

    def __init__(self, latents: Tensor, width: int, tricks: Tricks, *, batch: int, seed: int) -> None:
        shape = latents.shape[1:]
        self.latents, self.tricks, self.batch = latents, tricks, batch
        self.generator = built(lambda: Generator(shape, width), seed)
        self.discriminator = built(lambda: Discriminator(shape, width, deviation=tricks.deviation), seed + 1)
        betas = (0.0, 0.99) if tricks.memoryless else (0.5, 0.999)
        self.generator_adam = torch.optim.Adam(self.generator.parameters(), betas=betas)
        self.discriminator_adam = torch.optim.Adam(self.discriminator.parameters(), betas=betas)
        self.average = Average(self.generator, 0.99)
        self.random = torch.Generator().manual_seed(seed)

    def step(self, rate: float) -> tuple[float, float]:
        """One step of the discriminator, then one of the generator: their losses, that of the generator first.

        The penalty is no part of the discriminator's loss that comes back.
        """
        chosen = torch.randint(len(self.latents), (self.batch,), generator=self.random)
        real = self.latents[chosen].requires_grad_(self.tricks.gradient > 0)
        made = self.generator(torch.randn(self.batch, CODE, generator=self.random))
        judged = self.discriminator(real)
        loss = functional.softplus(-judged).mean() + functional.softplus(self.discriminator(made.detach())).mean()
        self._update(self.discriminator_adam, loss + self._penalty(judged, real), rate)
        fooled = functional.softplus(-self.discriminator(made)).mean()
        self._update(self.generator_adam, fooled, rate)
        self.average.update(self.generator)
        return float(fooled.detach()), float(loss.detach())

    def averaged(self) -> Gan:
        """The generator of averaged weights, as it is now."""
        generator = copy.deepcopy(self.generator)
        generator.load_state_dict(self.average.weights)
        return Gan(finished(generator))

    def _penalty(self, judged: Tensor, real: Tensor) -> Tensor | float:
        if self.tricks.gradient == 0:
            return 0.0
        (slope,) = torch.autograd.grad(judged.sum(), real, create_graph=True)
        return self.tricks.gradient / 2 * slope.square().sum(dim=(1, 2, 3)).mean()

    @staticmethod
    def _update(adam: torch.optim.Optimizer, loss: Tensor, rate: float) -> None:
        adam.param_groups[0]["lr"] = rate
        adam.zero_grad()
        loss.backward()
        adam.step()


def train_gan(duel: Duel, steps: int, rate: float, seed: int) -> Work[TrainedGan]:
    """Train a generator against a discriminator, and sample from the same random numbers on the way."""
    shown, losses = shown_after(steps), list[tuple[float, float]]()
    samples: list[Tensor] = []
    seconds, each = 0.0, 0.0
    for step in range(steps + 1):
        if step in shown:
            gan = duel.averaged()
            begin = time.process_time()
            samples += [gan.sample(SHOWN, seed)] * shown.count(step)
            each = (time.process_time() - begin) / SHOWN
        yield Done(step, steps)
        if step < steps:
            begin = time.process_time()
            losses.append(duel.step(learning_rate(step, steps, rate)))
            seconds += time.process_time() - begin
    kept, helper = (sum(w.numel() for w in part.parameters()) for part in (duel.generator, duel.discriminator))
    generator_losses, discriminator_losses = map(list, zip(*losses, strict=True))
    cost = Cost(kept, helper, seconds, each)
    return TrainedGan(duel.averaged(), torch.cat(samples), generator_losses, discriminator_losses, cost)
