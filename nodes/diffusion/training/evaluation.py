"""How well a checkpoint paints what it is asked for, judged by the classifier of the picture set."""

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
from .classifier import Classifier, Judgement, judge
from .concepts import BACKGROUNDS, COLOURS, CONCEPTS, SHAPES, STYLES
from .pictures import NO_TINT, Scene

BATCH = 20


@dataclass(frozen=True)
class Accuracy:
    """Shares of pictures, 0…1, in which the classifier saw what the prompt named; None where no prompt named it."""

    subject: float | None
    tint: float | None
    background: float | None
    style: float | None


def generate(
    checkpoint: Checkpoint,
    prompts: list[str],
    *,
    steps: int = 20,
    scale: float = 3.0,
    method: str = "euler",
    seed: int = 0,
) -> Tensor:
    """One 64 × 64 picture a prompt, all in one batch, as the text-to-image workflow does: [prompts, 3, 64, 64], 0…1."""
    model, clip, vae = checkpoint
    sigmas = schedule("normal", model.parameterization, steps)
    context = torch.cat([clip.encode(prompt).context for prompt in prompts])
    denoiser = Guided(Prediction(model, Conditioning(context)), Prediction(model, clip.encode("")), scale)
    noise = seeded_noise((len(prompts), 4, 8, 8), seed)
    x = noised(torch.zeros_like(noise), noise, sigmas[0], starts_at_most=True)
    walk = SAMPLERS[method](denoiser, x, sigmas, gaussian_noise(x, seed))
    while True:
        try:
            next(walk)
        except StopIteration as end:
            return vae.decode(end.value)


def judged(
    checkpoint: Checkpoint,
    classifier: Classifier,
    scenes: list[Scene],
    *,
    steps: int = 20,
    scale: float = 3.0,
    seed: int = 0,
) -> Generator[int, None, list[Judgement]]:
    """Paint each scene's caption and let the classifier name what it sees; yields how many are done."""
    seen: list[Judgement] = []
    for begin in range(0, len(scenes), BATCH):
        captions = [scene.caption for scene in scenes[begin : begin + BATCH]]
        pictures = generate(checkpoint, captions, steps=steps, scale=scale, seed=seed + begin)
        seen += judge(classifier, pictures * 2 - 1)
        yield len(seen)
    return seen


def compare(scenes: list[Scene], seen: list[Judgement]) -> Accuracy:
    """Count, for each kind of word, the pictures whose prompt names one and that show it."""
    subjects, tints, grounds, styles = (*CONCEPTS, *SHAPES), list(COLOURS), list(BACKGROUNDS), STYLES
    pairs = list(zip(scenes, seen, strict=True))
    return Accuracy(
        subject=_share([subjects[scene.subject] == found.subject for scene, found in pairs]),
        tint=_share([tints[scene.tint] == found.tint for scene, found in pairs if scene.tint != NO_TINT]),
        background=_share([grounds[scene.background] == found.background for scene, found in pairs]),
        style=_share([styles[scene.style] == found.style for scene, found in pairs if "style" in scene.caption]),
    )


def _share(right: list[bool]) -> float | None:
    return sum(right) / len(right) if right else None
