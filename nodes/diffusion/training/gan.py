"""Generative adversarial networks (Goodfellow et al. 2014), small, on the latents of pictures.

A generator makes a latent from random numbers in one go, and a discriminator tells it from real ones; each learns from
the other alone. Nothing in that asks the generator for *every* kind of picture, hence mode collapse.
"""

import time
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..looks import Look, network_facts
from ..noise import seeded_noise
from ..progress import Done, Work
from .loop import built, finished
from .small import SHOWN, Cost, shown_after

CODE = 64  # random numbers that a picture is made of


class Generator(nn.Module):
    """Random numbers [batch, 64] → latents [batch, channels, 8, 8], by convolutions (DCGAN, Radford et al. 2016)."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(CODE, 16 * 2 * width),
            nn.Unflatten(1, (2 * width, 4, 4)),
            nn.BatchNorm2d(2 * width),
            nn.ReLU(),
            nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, channels, 3, padding=1),
        )

    def forward(self, code: Tensor) -> Tensor:
        return self.layers(code)


class Discriminator(nn.Module):
    """Latents [batch, channels, 8, 8] → logits [batch], positive for real ones.

    With `deviation` it also sees how much a batch varies: the minibatch standard deviation of Karras et al. 2018.
    """

    def __init__(self, channels: int, width: int, *, deviation: bool = False) -> None:
        super().__init__()
        self.deviation = deviation
        self.first = nn.Conv2d(channels, width, 3, padding=1)
        self.second = nn.Conv2d(width, 2 * width, 4, stride=2, padding=1)
        self.third = nn.Conv2d(2 * width + deviation, 2 * width, 3, padding=1)
        self.last = nn.Linear(16 * 2 * width, 1)

    def forward(self, latents: Tensor) -> Tensor:
        x = functional.leaky_relu(self.first(latents), 0.2)
        x = functional.leaky_relu(self.second(x), 0.2)
        if self.deviation:
            spread = x.var(dim=0, correction=0).add(1e-8).sqrt().mean()
            x = torch.cat([x, spread.expand(len(x), 1, *x.shape[2:])], dim=1)
        return self.last(functional.leaky_relu(self.third(x), 0.2).flatten(1))[:, 0]


@dataclass(frozen=True)
class Tricks:
    """What keeps a generator from collapsing; all off is the plain GAN.

    `deviation`: see `Discriminator`. `gradient`: γ of R₁, the penalty γ/2 · E‖∇D(x)‖² at real x (Mescheder et al.
    2018), which keeps the discriminator from being too sure too soon. `noise`: the deviation of Gaussian noise on all
    that the discriminator sees (Sønderby et al. 2017), falling to 0 at the end, so that real and made overlap.
    `memoryless`: Adam without momentum, β = (0, 0.99) as in Karras et al. 2018, in place of DCGAN's (0.5, 0.999); with
    it a network runs on against an opponent that has moved.
    """

    deviation: bool = False
    gradient: float = 0.0
    noise: float = 0.0
    memoryless: bool = False


@dataclass(frozen=True, eq=False)
class Gan:
    """A trained generator."""

    generator: Generator

    @torch.no_grad()
    def sample(self, count: int, seed: int) -> Tensor:
        """So many latents, [count, channels, 8, 8], each from random numbers of its own."""
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
    """The generator, its samples on the way, [times · 6, channels, 8, 8], both losses of every step, and the cost."""

    gan: Gan
    samples: Tensor
    generator_losses: list[float]
    discriminator_losses: list[float]
    cost: Cost


class Duel:
    """Both networks, and a step of each in turn: the non-saturating losses of Goodfellow et al. 2014, by Adam."""

    def __init__(self, latents: Tensor, width: int, tricks: Tricks, *, rate: float, batch: int, seed: int) -> None:
        channels = latents.shape[1]
        self.latents, self.tricks, self.batch = latents, tricks, batch
        self.generator = built(lambda: Generator(channels, width), seed)
        self.discriminator = built(lambda: Discriminator(channels, width, deviation=tricks.deviation), seed + 1)
        betas = (0.0, 0.99) if tricks.memoryless else (0.5, 0.999)
        self.generator_adam = torch.optim.Adam(self.generator.parameters(), rate, betas)
        self.discriminator_adam = torch.optim.Adam(self.discriminator.parameters(), rate, betas)
        self.random = torch.Generator().manual_seed(seed)

    def step(self, progress: float) -> tuple[float, float]:
        """One step of the discriminator, then one of the generator: their losses, that of the generator first."""
        chosen = torch.randint(len(self.latents), (self.batch,), generator=self.random)
        real = self.latents[chosen].requires_grad_(self.tricks.gradient > 0)
        made = self.generator(torch.randn(self.batch, CODE, generator=self.random))
        noise = self.tricks.noise * (1 - progress)
        judged = self.discriminator(self._noised(real, noise))
        loss = functional.softplus(-judged).mean()
        loss = loss + functional.softplus(self.discriminator(self._noised(made.detach(), noise))).mean()
        self._update(self.discriminator_adam, loss + self._penalty(judged, real))
        fooled = functional.softplus(-self.discriminator(self._noised(made, noise))).mean()
        self._update(self.generator_adam, fooled)
        return float(fooled.detach()), float(loss.detach())

    def _noised(self, latents: Tensor, deviation: float) -> Tensor:
        if deviation == 0:
            return latents
        return latents + deviation * torch.randn(latents.shape, generator=self.random)

    def _penalty(self, judged: Tensor, real: Tensor) -> Tensor | float:
        if self.tricks.gradient == 0:
            return 0.0
        (slope,) = torch.autograd.grad(judged.sum(), real, create_graph=True)
        return self.tricks.gradient / 2 * slope.square().sum(dim=(1, 2, 3)).mean()

    @staticmethod
    def _update(adam: torch.optim.Optimizer, loss: Tensor) -> None:
        adam.zero_grad()
        loss.backward()
        adam.step()


def train_gan(duel: Duel, steps: int, seed: int) -> Work[TrainedGan]:
    """Train a generator against a discriminator, and sample from the same random numbers on the way."""
    shown, losses = shown_after(steps), list[tuple[float, float]]()
    samples: list[Tensor] = []
    seconds, each = 0.0, 0.0
    for step in range(steps + 1):
        if step in shown:
            begin = time.process_time()
            duel.generator.eval()
            samples += [Gan(duel.generator).sample(SHOWN, seed)] * shown.count(step)
            duel.generator.train()
            each = (time.process_time() - begin) / SHOWN
        yield Done(step, steps)
        if step < steps:
            begin = time.process_time()
            losses.append(duel.step(step / steps))
            seconds += time.process_time() - begin
    generator = finished(duel.generator)
    kept, helper = (sum(w.numel() for w in part.parameters()) for part in (generator, duel.discriminator))
    generator_losses, discriminator_losses = map(list, zip(*losses, strict=True))
    cost = Cost(kept, helper, seconds, each)
    return TrainedGan(Gan(generator), torch.cat(samples), generator_losses, discriminator_losses, cost)
