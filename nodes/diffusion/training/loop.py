"""The training loop: a generator of steps that resumes after a kill and never leaves a half-written file."""

import json
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

import torch
from safetensors import safe_open
from torch import Tensor, nn

from ..safetensors_file import write_safetensors
from .optimizer import Average, Optimizer, learning_rate

M = TypeVar("M", bound=nn.Module)


class OtherRecipe(ValueError):
    """A state file that belongs to a model of other dimensions."""


class Task(Protocol):
    """What is trained: a module that holds every weight, and its loss on the batch of a step."""

    @property
    def model(self) -> nn.Module:
        """Everything that is trained."""
        ...

    def loss(self, step: int) -> Tensor:
        """The loss on the batch that belongs to this step; the same batch whenever it is asked."""
        ...


@dataclass(frozen=True)
class Recipe:
    """How long and how fast: `rate` is the peak of the learning rate, `average` the decay of the weight average."""

    steps: int
    rate: float
    average: float = 0.999
    save_every: float = 60.0
    adam_only: tuple[str, ...] = ()


@dataclass
class _State:
    task: Task
    recipe: Recipe
    optimizer: Optimizer
    average: Average
    step: int = 0
    losses: list[float] = field(default_factory=list)

    def save(self, path: Path) -> None:
        tensors = {f"model.{name}": t for name, t in self.task.model.state_dict().items()}
        tensors |= {f"average.{name}": t for name, t in self.average.weights.items()}
        tensors |= {f"optimizer.{name}": t for name, t in self.optimizer.state().items()}
        metadata = {"step": str(self.step), "losses": json.dumps([round(loss, 5) for loss in self.losses])}
        write_safetensors({name: t.contiguous().clone() for name, t in tensors.items()}, path, metadata)

    def restore(self, path: Path) -> None:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 -- a file, not a dict
            metadata = file.metadata()
        try:
            self.task.model.load_state_dict(_below(tensors, "model."))
            self.average.weights = _below(tensors, "average.")
            self.optimizer.restore(_below(tensors, "optimizer."))
            self.step, self.losses = int(metadata["step"]), json.loads(metadata["losses"])
        except (RuntimeError, KeyError, ValueError, TypeError) as error:
            raise OtherRecipe(f"{path.name} is the state of another training: {str(error).splitlines()[0]}") from error
        self.average.count = self.step


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def fit(task: Task, recipe: Recipe, state_file: Path) -> Generator[int, None, list[float]]:
    """Train `task.model` in place, yielding the number of steps made; at the end it holds the averaged weights.

    Where `state_file` exists the run resumes from it; it is written about every `recipe.save_every` seconds, when the
    generator is closed, and at the end. Returns the losses, one a step.
    """
    state = _State(task, recipe, Optimizer(task.model, adam_only=recipe.adam_only), Average(task.model, recipe.average))
    if state_file.exists():
        state.restore(state_file)
    saved = time.monotonic()
    try:
        while state.step < recipe.steps:
            loss = task.loss(state.step)
            loss.backward()
            state.optimizer.step(learning_rate(state.step, recipe.steps, recipe.rate))
            state.average.update(task.model)
            state.losses.append(float(loss.detach()))
            state.step += 1
            if time.monotonic() - saved > recipe.save_every:
                state.save(state_file)
                saved = time.monotonic()
            yield state.step
    except GeneratorExit:
        # Closed between two steps. After an error within one, weights and step would not belong together.
        state.save(state_file)
        raise
    state.save(state_file)
    task.model.load_state_dict(state.average.weights)
    return state.losses


def built(build: Callable[[], M], seed: int = 0) -> M:
    """A model with the random weights of a seed, laid out in memory as CPU convolutions are fastest."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return laid_out(build(), torch.channels_last)


def finished(model: M) -> M:
    """A trained model, ready to be used: no gradients, ordinary memory layout."""
    return laid_out(model.requires_grad_(False).eval(), torch.contiguous_format)


def laid_out(model: M, layout: torch.memory_format) -> M:
    """The model, its weights in a memory layout."""
    return model.to(memory_format=layout)  # pyright: ignore[reportCallIssue] -- its stubs know tensors' layouts only


def mixed_precision() -> torch.autocast:
    """bfloat16 for the products, float32 for the rest."""
    return torch.autocast("cpu", torch.bfloat16)
