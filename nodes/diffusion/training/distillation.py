"""Distilling guidance and many steps into few: a LoRA with which a model paints in six steps, without guidance.

A step of the student goes where several guided steps of the teacher go: progressive distillation (Salimans & Ho 2022)
of a guided model (Meng et al. 2023), kept in low-rank changes of the weights (Hu et al. 2021) as LCM-LoRA does (Luo et
al. 2023).
"""

import copy
import math
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ..parameterization import Parameterization
from ..safetensors_file import write_safetensors
from ..schedules import schedule
from ..text_encoder import TextTower
from ..tokenizer import Tokenizer
from ..unet import UNet
from .loop import laid_out, mixed_precision
from .pictures import PictureSet, draw_scenes

SCHEDULE = "sgm_uniform"  # that the student learns the levels of
MOST_WEIGHT = 25.0


class LowRank(nn.Module):
    """A change of a weight, up · down, of at most `rank`; nothing to begin with."""

    def __init__(self, weight: Tensor, rank: int) -> None:
        super().__init__()
        rows, columns = weight.shape[0], weight[0].numel()
        rank = min(rank, rows, columns)
        self.down = nn.Parameter(torch.randn(rank, columns) / math.sqrt(columns))
        self.up = nn.Parameter(torch.zeros(rows, rank))

    def forward(self, weight: Tensor) -> Tensor:
        return weight + (self.up @ self.down).reshape(weight.shape)


def low_rank(unet: UNet, rank: int, seed: int = 0) -> tuple[UNet, dict[str, LowRank]]:
    """A copy of a U-Net with a low-rank change on every product and convolution, and those changes by layer."""
    student = laid_out(copy.deepcopy(unet).float().requires_grad_(False), torch.channels_last)
    changes: dict[str, LowRank] = {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for name, layer in student.named_modules():
            if isinstance(layer, nn.Linear | nn.Conv2d):
                changes[name] = LowRank(layer.weight, rank)
    for name, change in changes.items():
        parametrize.register_parametrization(student.get_submodule(name), "weight", change)
    return student, changes


def save_lora(changes: dict[str, LowRank], unet: UNet, path: Path) -> None:
    """Write the changes as kohya names them, in float16: whole or not at all."""
    tensors: dict[str, Tensor] = {}
    for name, change in changes.items():
        weight = unet.get_submodule(name).weight
        assert isinstance(weight, Tensor)
        kernel = weight.shape[2:]
        key, rank = f"lora_unet_{name.replace('.', '_')}", change.down.shape[0]
        tensors[f"{key}.lora_down.weight"] = change.down.detach().reshape(rank, *weight.shape[1:]).half().contiguous()
        tensors[f"{key}.lora_up.weight"] = (
            change.up.detach().reshape(-1, rank, *(1 for _ in kernel)).half().contiguous()
        )
        tensors[f"{key}.alpha"] = torch.tensor(float(rank))
    write_safetensors(tensors, path)


class DistillationTask:
    """Squared error between a step of the student and where `substeps` guided steps of the teacher lead.

    `encode` makes latents of pictures [batch, 3, height, width] in 0…1, as the VAE of the model does.
    """

    def __init__(
        self,
        unet: UNet,
        text: TextTower,
        tokenizer: Tokenizer,
        encode: Callable[[Tensor], Tensor],
        pictures: PictureSet,
        *,
        rank: int = 16,
        steps: int = 6,
        substeps: int = 3,
        scale: float = 3.0,
        batch: int = 64,
        seed: int = 6,
    ) -> None:
        self.teacher = unet
        self.student, self.changes = low_rank(unet, rank)
        self.model = nn.ModuleDict({name.replace(".", "_"): change for name, change in self.changes.items()})
        self.text, self.tokenizer, self.encode, self.pictures = text, tokenizer, encode, pictures
        self.substeps, self.scale, self.batch, self.seed = substeps, scale, batch, seed
        self.parameterization = Parameterization.stable_diffusion()
        self.sigmas = schedule(SCHEDULE, self.parameterization, steps)
        # The teacher's levels are a part of the schedule of so many times as many steps.
        self.finer = schedule(SCHEDULE, self.parameterization, steps * substeps)

    def loss(self, step: int) -> Tensor:
        """The loss of one batch, its steps spread evenly over the schedule."""
        seed = self.seed * 1_000_003 + step
        generator = torch.Generator().manual_seed(seed)
        scenes = draw_scenes(self.batch, seed)
        clean = self.encode((self.pictures.compose(scenes) + 1) / 2)
        at = torch.arange(self.batch) % (len(self.sigmas) - 1)
        sigma = _column(self.sigmas[at])
        x = clean + sigma * torch.randn(clean.shape, generator=generator)
        with torch.no_grad():
            ids = torch.tensor([self.tokenizer.encode(text) for text in (*(s.caption for s in scenes), "")])
            context = self.text(ids)
            given, empty = context[:-1], context[-1:].expand(self.batch, -1, -1)
            there = self._taught(x, at, given, empty)
            target = (there - x) / (_column(self.sigmas[at + 1]) - sigma)
        with mixed_precision():
            predicted = self._noise(self.student, x, sigma, given.float())
        weights = sigma.flatten().square().clamp(1, MOST_WEIGHT)
        return (weights * (predicted - target).square().mean(dim=(1, 2, 3))).mean() / weights.mean()

    def _taught(self, x: Tensor, at: Tensor, given: Tensor, empty: Tensor) -> Tensor:
        """Where the guided teacher leads in `substeps` steps of Euler."""
        for substep in range(self.substeps):
            level = at * self.substeps + substep
            sigma, following = _column(self.finer[level]), _column(self.finer[level + 1])
            both = torch.cat([x, x]), torch.cat([sigma, sigma])
            with_text, without = self._noise(self.teacher, *both, torch.cat([given, empty])).chunk(2)
            x = x + (following - sigma) * (without + self.scale * (with_text - without))
        return x

    def _noise(self, unet: UNet, x: Tensor, sigma: Tensor, context: Tensor) -> Tensor:
        kind = next(unet.parameters()).dtype
        scaled = (x / (1 + sigma.square()).sqrt()).to(kind, memory_format=torch.channels_last)
        return unet(scaled, self.parameterization.timestep(sigma.flatten()), context.to(kind)).float()


def _column(values: Tensor) -> Tensor:
    return values[:, None, None, None]
