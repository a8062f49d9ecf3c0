"""A judge of the sample pictures: a small classifier that learns them in seconds, and what no concept looks like."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..looks import Look, network_facts
from ..resize import resize
from .loop import built, finished
from .optimizer import learning_rate

SIDE = 16  # pixels that the judge looks at, each way
BATCH = 48
FAIR = 4  # a class is covered by a quarter of its fair share of the pictures


@dataclass(frozen=True, eq=False)
class SampleJudge:
    """Tells the classes `names` apart; what is none of them, such as a blend of two, is a class of its own."""

    network: nn.Module
    names: tuple[str, ...]
    pictures: Tensor  # the real ones, [count, 3, 16, 16] in 0…1

    @torch.no_grad()
    def classes(self, pictures: Tensor) -> Tensor:
        """The numbers of the classes of pictures [count, 3, height, width] in 0…1; `len(names)` means none."""
        return self.network(_seen(pictures)).argmax(dim=1)

    @torch.no_grad()
    def distances(self, pictures: Tensor) -> Tensor:
        """How far each picture is from the nearest real one: the root mean square over its pixels, 0…1."""
        apart = (_seen(pictures)[:, None] - self.pictures[None] * 2 + 1) / 2
        return apart.square().mean(dim=(2, 3, 4)).sqrt().min(dim=1).values

    def counts(self, pictures: Tensor) -> list[int]:
        """How many of the pictures show each class, and at last how many show none."""
        return torch.bincount(self.classes(pictures), minlength=len(self.names) + 1).tolist()

    def peek(self) -> Look:
        """What the network is, and what it tells apart."""
        return Look((*network_facts(self.network), ("tells apart", ", ".join(self.names))))


def covered(counts: list[int]) -> int:
    """How many classes are shown often enough: by a quarter of their fair share of all, and at least once.

    `counts` as `SampleJudge.counts` gives them. By chance alone a class of fair share 9 misses that once in 160 times.
    """
    classes = counts[:-1]
    return sum(count > 0 and count * FAIR * len(classes) >= sum(counts) for count in classes)


def train_judge(pictures: Tensor, names: list[str], steps: int = 150, seed: int = 0) -> SampleJudge:
    """Learn pictures [count, 3, height, width] in 0…1 by their classes; half of each batch shows none of them."""
    classes = tuple(dict.fromkeys(names))
    truth = torch.tensor([classes.index(name) for name in names])
    small = _seen(pictures)
    network = built(lambda: _network(len(classes) + 1), seed)
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=0.01)
    generator = torch.Generator().manual_seed(seed)
    for step in range(steps):
        chosen = torch.randint(len(small), (BATCH,), generator=generator)
        nothing = _blended(small, generator)
        batch = _disturbed(torch.cat([small[chosen], nothing]), generator)
        target = torch.cat([truth[chosen], torch.full((BATCH,), len(classes))])
        loss = functional.cross_entropy(network(batch), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.param_groups[0]["lr"] = learning_rate(step, steps, 3e-3)
        optimizer.step()
    return SampleJudge(finished(network), classes, (small + 1) / 2)


def _network(classes: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 24, 5, padding=2, stride=2),
        nn.GELU(),
        nn.Conv2d(24, 48, 3, padding=1, stride=2),
        nn.GELU(),
        nn.Flatten(),
        nn.Linear(48 * (SIDE // 4) ** 2, 96),
        nn.GELU(),
        nn.Linear(96, classes),
    )


def _seen(pictures: Tensor) -> Tensor:
    return resize(pictures.float().cpu(), SIDE, SIDE, "area") * 2 - 1


def _blended(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """What is no class: two pictures mixed pixel by pixel, or side by side in stripes, or of unrelated quarters."""
    first, second, third = (pictures[torch.randint(len(pictures), (BATCH,), generator=generator)] for _ in range(3))
    share = 0.35 + 0.3 * torch.rand(BATCH, 1, 1, 1, generator=generator)
    mixed = first * share + second * (1 - share)
    place = torch.rand(BATCH, 1, SIDE // 4, SIDE // 4, generator=generator)
    patch = functional.interpolate(place, scale_factor=4)
    pieces = torch.where(patch < 0.33, first, torch.where(patch < 0.67, second, third))
    return torch.where(torch.rand(BATCH, 1, 1, 1, generator=generator) < 0.5, mixed, pieces)


def _disturbed(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Moved by a pixel at most, a little blurred, a little noised."""
    down, right = (int(torch.randint(0, 3, (), generator=generator)) for _ in range(2))
    padded = functional.pad(pictures, (1, 1, 1, 1), mode="replicate")
    moved = padded[:, :, down : down + SIDE, right : right + SIDE]
    soft = functional.avg_pool2d(functional.pad(moved, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    share, strength = torch.rand(2, len(pictures), 1, 1, 1, generator=generator)
    return moved * share + soft * (1 - share) + 0.2 * strength * torch.randn(pictures.shape, generator=generator)
