"""Making a model faster: what many guided steps do, learnt by a LoRA for few steps without guidance."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NamedTuple

from nodegraph import Artifact, Range, SaveName, Steps, node

from .diffusion.looks import Look
from .diffusion.models import Model, TextEncoder, Vae
from .diffusion.training import distillation
from .diffusion.training.distillation import LowRank
from .diffusion.training.loop import Recipe
from .diffusion.training.pictures import PictureSet
from .diffusion.unet import UNet
from .training import Batch, Losses, Rate, State, TrainingSteps, trained


@dataclass(frozen=True, eq=False)
class Lora:
    """Low-rank changes of a U-Net's weights, by layer."""

    changes: Mapping[str, LowRank]
    unet: UNet

    @property
    def nbytes(self) -> int:
        """Bytes of the changes, for caches."""
        return sum(each.down.nbytes + each.up.nbytes for each in self.changes.values())

    def peek(self) -> Look:
        """How many layers it changes."""
        return Look((("layers", f"{len(self.changes)}"),))


class TrainedLora(NamedTuple):
    """A LoRA and the losses."""

    lora: Lora
    losses: Losses


@node("TrainFewSteps", category="training")
def train_few_steps(
    pictures: PictureSet,
    model: Model,
    clip: TextEncoder,
    vae: Vae,
    steps: TrainingSteps = 400,
    rate: Rate = 1e-3,
    batch: Batch = 64,
    cfg: Annotated[float, Range(0, 100), "the guidance that the LoRA learns, and then needs no more"] = 3.0,
    few: Annotated[int, Range(1, 100), "in how many steps it will paint"] = 6,
    rank: Annotated[int, Range(1, 256)] = 16,
    state: State = Path("training/few_steps"),
) -> Steps[TrainedLora]:
    """Train a LoRA with which a model paints in few steps what took many, and without guidance.

    Use it with the schedule sgm_uniform, as many steps, and guidance of 1.
    """
    tower = clip.towers[0]
    task = distillation.DistillationTask(
        model.unet.resident(),
        tower.network.resident(),
        tower.tokenizer,
        vae.encode,
        pictures,
        rank=rank,
        steps=few,
        scale=cfg,
        batch=batch,
    )
    losses = yield from trained(task, Recipe(steps, rate, average=0.998, adam_only=("",)), state, "few steps")
    return TrainedLora(Lora(task.changes, task.teacher), losses)


@node("SaveLora", category="training", effect=True)
def save_lora(lora: Lora, filename_prefix: Annotated[Path, SaveName("output")] = Path("lora")) -> tuple[Artifact, ...]:
    """Save a LoRA, in kohya's naming."""
    path = filename_prefix.with_name(f"{filename_prefix.name}.safetensors")
    distillation.save_lora(dict(lora.changes), lora.unet, path)
    return (Artifact(path, "model", "application/octet-stream"),)
