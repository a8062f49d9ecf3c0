"""How well a checkpoint paints what it is asked for, judged by the classifier of the picture set."""

import re
from collections.abc import Generator
from dataclasses import dataclass

import torch
from torch import Tensor

from ..checkpoint import Checkpoint
from ..conditioning import Conditioning
from ..denoiser import Prediction
from ..guidance import Guided
from ..noise import gaussian_noise, seeded_noise
from ..parameterization import noised
from ..samplers import SAMPLERS
from ..schedules import schedule
from ..tokenizer import Tokenizer
from .classifier import Classifier, Judgement
from .concepts import BACKGROUNDS, COLOURS, CONCEPTS, SHAPES, STYLES
from .pictures import ALONE, NO_TINT, Scene, draw_scenes

BATCH = 20
_WORD = re.compile(r"\w+|,")
COUNTS = ("two", "three", "four")


@dataclass(frozen=True)
class Accuracy:
    """Shares of pictures, 0…1, in which the classifier saw what the prompt named; None where no prompt named it.

    A count is right where as many things are seen; a relation is right where both things are, each in its place.
    """

    subject: float | None
    tint: float | None
    background: float | None
    style: float | None
    count: float | None
    relation: float | None


@dataclass(frozen=True)
class Way:
    """How pictures are sampled: as many steps of a method over a schedule, with guidance of a scale."""

    steps: int = 20
    scale: float = 3.0
    method: str = "euler"
    scheduler: str = "normal"


USUAL = Way()


def generate(checkpoint: Checkpoint, prompts: list[str], way: Way, seed: int = 0) -> Tensor:
    """One 64 × 64 picture a prompt, all in one batch, as the text-to-image workflow does: [prompts, 3, 64, 64], 0…1."""
    model, clip, vae = checkpoint
    sigmas = schedule(way.scheduler, model.parameterization, way.steps)
    context = torch.cat([clip.encode(prompt).context for prompt in prompts])
    denoiser = Guided(Prediction(model, Conditioning(context)), Prediction(model, clip.encode("")), way.scale)
    noise = seeded_noise((len(prompts), 4, 8, 8), seed)
    x = noised(torch.zeros_like(noise), noise, sigmas[0], starts_at_most=True)
    walk = SAMPLERS[way.method](denoiser, x, sigmas, gaussian_noise(x, seed))
    while True:
        try:
            next(walk)
        except StopIteration as end:
            return vae.decode(end.value)


def known_scenes(tokenizer: Tokenizer, count: int, seed: int, *, unseen: bool = False) -> list[Scene]:
    """Random scenes, at most `count`, in whose captions each word is one token: those that a small model was taught."""
    drawn = draw_scenes(10 * count, seed, unseen=unseen)
    return [each for each in drawn if len(tokenizer.ids(each.caption)) == len(_WORD.findall(each.caption))][:count]


def painted(
    checkpoint: Checkpoint, scenes: list[Scene], way: Way = USUAL, seed: int = 0
) -> Generator[int, None, Tensor]:
    """Paint each scene's caption, yielding how many are done: [scenes, 3, 64, 64] in −1…1."""
    pictures: list[Tensor] = []
    for begin in range(0, len(scenes), BATCH):
        captions = [scene.caption for scene in scenes[begin : begin + BATCH]]
        pictures.append(generate(checkpoint, captions, way, seed + begin) * 2 - 1)
        yield begin + len(captions)
    return torch.cat(pictures)


@torch.no_grad()
def feature_distance(model: Classifier, pictures: Tensor, others: Tensor) -> float:
    """How far two sets of pictures, [count, 3, 64, 64] in −1…1, are from each other in what a classifier sees.

    The kernel distance (KID, Bińkowski et al. 2018): the unbiased squared maximum mean discrepancy of features under
    the kernel (x · y / d + 1)³; 0 on average for two sets of one distribution, and below 0 as often as above.
    """
    first, last = (model.features(each).mean(dim=(2, 3)).double() for each in (pictures, others))

    def kernel(x: Tensor, y: Tensor) -> Tensor:
        return (x @ y.T / x.shape[1] + 1) ** 3

    def within(x: Tensor) -> Tensor:
        values = kernel(x, x)
        return (values.sum() - values.diagonal().sum()) / (len(x) * (len(x) - 1))

    return float(within(first) + within(last) - 2 * kernel(first, last).mean())


def compare(scenes: list[Scene], seen: list[Judgement]) -> Accuracy:
    """Count, for each kind of word, the pictures whose prompt names one and that show it."""
    subjects, tints, grounds, styles = (*CONCEPTS, *SHAPES), list(COLOURS), list(BACKGROUNDS), STYLES
    pairs = list(zip(scenes, seen, strict=True))
    return Accuracy(
        subject=_share([subjects[scene.subject] == found.subject for scene, found in pairs if scene.second == ALONE]),
        tint=_share([tints[scene.tint] == found.tint for scene, found in pairs if scene.tint != NO_TINT]),
        background=_share([grounds[scene.background] == found.background for scene, found in pairs]),
        style=_share([styles[scene.style] == found.style for scene, found in pairs if "style" in scene.caption]),
        count=_share([scene.arrangement == found.arrangement for scene, found in pairs if scene.arrangement in COUNTS]),
        relation=_share(
            [
                (scene.arrangement, subjects[scene.subject], subjects[scene.second])
                == (found.arrangement, found.subject, found.second)
                for scene, found in pairs
                if scene.second != ALONE
            ]
        ),
    )


def _share(right: list[bool]) -> float | None:
    return sum(right) / len(right) if right else None
