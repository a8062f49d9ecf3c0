"""A small U-Net that learns a handful of pictures in a minute, in memory: nothing is saved, nothing resumed."""

import copy
import time
from collections.abc import Generator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..conditioning import Conditioning
from ..denoiser import Prediction
from ..devices import Placement
from ..looks import Look, in_short
from ..models import Model
from ..network import Network
from ..noise import gaussian_noise, seeded_noise
from ..parameterization import Parameterization, noised
from ..progress import Done, Work, finish
from ..samplers import SAMPLERS
from ..schedules import schedule
from ..unet import UNet, UNetConfig
from .loop import Task, finished
from .optimizer import Average, Optimizer, learning_rate

SHOWN_AT = (0.0, 0.1, 0.25, 0.5, 1.0)  # shares of a training after which its samples are looked at
SHOWN = 6  # samples each time
SAMPLING_STEPS = 20


@dataclass(frozen=True)
class Cost:
    """What a generator took: its weights, and those of a helper that only training needs; seconds of the processor.

    The seconds are measured, so they differ from run to run.
    """

    weights: int
    helper: int
    seconds: float
    seconds_per_picture: float

    def peek(self) -> Look:
        """All of it, in words."""
        helper = (("of the helper", in_short(self.helper)),) if self.helper else ()
        times = ("training", f"{self.seconds:.3g} s"), ("a picture", f"{1000 * self.seconds_per_picture:.3g} ms")
        return Look((("weights", in_short(self.weights)), *helper, *times))


@dataclass(frozen=True, eq=False)
class Learnt:
    """A trained U-Net, its samples on the way, [times · 6, channels, height, width], the losses, and the cost."""

    unet: UNet
    samples: Tensor
    losses: list[float]
    cost: Cost


def small_unet(channels: int, width: int, context_channels: int) -> UNetConfig:
    """Two levels of one block each, attention in the middle: 0.74 million weights at a width of 32."""
    return UNetConfig(
        in_channels=channels,
        out_channels=channels,
        model_channels=width,
        channel_mult=(1, 2),
        res_blocks=1,
        depth=(0, 0),
        context_channels=context_channels,
        heads=4,
        groups=8,
    )


@dataclass(frozen=True, eq=False)
class SmallDenoising:
    """Squared error of the noise predicted at random steps (Ho et al. 2020, algorithm 1).

    `latents` [count, channels, height, width] with a row of `contexts` [count, tokens, channels] each; a share of the
    contexts is `dropped` for `empty` [1, tokens, channels] (Ho & Salimans 2022).
    """

    model: UNet
    latents: Tensor
    contexts: Tensor
    empty: Tensor
    dropped: float = 0.0
    batch: int = 32
    seed: int = 0
    parameterization: Parameterization = field(default_factory=Parameterization.stable_diffusion)

    def loss(self, step: int) -> Tensor:
        """The loss of one batch, its time steps spread evenly over the schedule."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        chosen = torch.randint(len(self.latents), (self.batch,), generator=generator)
        drop = torch.rand(self.batch, generator=generator) < self.dropped
        contexts = torch.where(drop[:, None, None], self.empty, self.contexts[chosen])
        spread = (torch.arange(self.batch) + torch.rand(self.batch, generator=generator)) / self.batch
        timesteps = (spread * len(self.parameterization.sigmas)).long()
        clean = self.latents[chosen]
        noise = torch.randn(clean.shape, generator=generator)
        noisy = self.parameterization.diffuse(clean, noise, timesteps)
        return (self.model(noisy, timesteps, contexts) - noise).square().mean()


def learn(task: Task, steps: int, rate: float) -> Generator[tuple[int, Average], None, list[float]]:
    """Train `task.model` in place by Adam, yielding the steps made, from 0 on, and the average of the weights.

    At the end the model holds the average; returns the losses, one a step.
    """
    optimizer, average = Optimizer(task.model, adam_only=("",)), Average(task.model, 0.99)
    losses: list[float] = []
    yield 0, average
    for step in range(steps):
        loss = task.loss(step)
        loss.backward()
        optimizer.step(learning_rate(step, steps, rate))
        average.update(task.model)
        losses.append(float(loss.detach()))
        yield step + 1, average
    task.model.load_state_dict(average.weights)
    return losses


def train_denoiser(task: SmallDenoising, steps: int, rate: float) -> Work[Learnt]:
    """Train a small U-Net, and sample from it on the way: the same noise, and some of its own contexts, each time."""
    shown = shown_after(steps)
    some = torch.arange(SHOWN) * len(task.contexts) // SHOWN
    samples: list[Tensor] = []
    seconds, each = 0.0, 0.0
    learning = learn(task, steps, rate)
    while True:
        begin = time.process_time()
        try:
            step, average = next(learning)
        except StopIteration as end:
            unet = finished(task.model)
            count = sum(weights.numel() for weights in unet.parameters())
            return Learnt(unet, torch.cat(samples), end.value, Cost(count, 0, seconds, each))
        seconds += time.process_time() - begin
        if step in shown:
            begin = time.process_time()
            samples += [_samples(task, average, task.contexts[some])] * shown.count(step)
            each = (time.process_time() - begin) / SHOWN
        yield Done(step, steps)


def shown_after(steps: int) -> list[int]:
    """The numbers of steps after which samples are shown."""
    return [round(share * steps) for share in SHOWN_AT]


def _samples(task: SmallDenoising, average: Average, contexts: Tensor) -> Tensor:
    """What the averaged weights make of the same noise each time, [contexts, channels, height, width]."""
    unet = copy.deepcopy(task.model)
    unet.load_state_dict(average.weights)
    place = Placement(torch.device("cpu"), torch.float32)
    denoiser = Prediction(Model(Network(finished(unet), place), task.parameterization), Conditioning(contexts))
    sigmas = schedule("normal", task.parameterization, SAMPLING_STEPS)
    noise = seeded_noise((len(contexts), *task.latents.shape[1:]), task.seed)
    x = noised(torch.zeros_like(noise), noise, sigmas[0], starts_at_most=True)
    return finish(SAMPLERS["euler"](denoiser, x, sigmas, gaussian_noise(x, task.seed)))
