"""The judge of a model: a classifier that learns from real pictures, and names what generated ones show."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import torch
from torch import Tensor

from nodegraph import Artifact, BadInput, Choice, File, Progress, Range, SaveName, Seed, Steps, node

from .diffusion.checkpoint import Checkpoint
from .diffusion.models import Model, TextEncoder, Vae
from .diffusion.safetensors_file import BadCheckpoint, write_bytes
from .diffusion.samplers import SAMPLERS
from .diffusion.schedules import SCHEDULES
from .diffusion.training import classifier
from .diffusion.training.classifier import Classifier
from .diffusion.training.classifier import judge as name
from .diffusion.training.evaluation import BATCH, Way, compare, feature_distance, known_scenes, painted
from .diffusion.training.loop import Recipe, built, finished
from .diffusion.training.pictures import PictureSet, Scene
from .training import Batch, Losses, Rate, State, TrainingSteps, trained


class TrainedClassifier(NamedTuple):
    """A classifier and the losses."""

    classifier: Classifier
    losses: Losses


@node("TrainClassifier", category="training")
def train_classifier(
    pictures: PictureSet,
    steps: TrainingSteps = 6000,
    rate: Rate = 1e-3,
    batch: Batch = 64,
    state: State = Path("training/classifier"),
) -> Steps[TrainedClassifier]:
    """Train a judge of generated pictures on real ones: concept, colour, background and style."""
    model = built(Classifier)
    task = classifier.ClassifierTask(model, pictures, batch)
    losses = yield from trained(task, Recipe(steps, rate, average=0.998), state, "classifier")
    return TrainedClassifier(finished(model), losses)


@node("SaveClassifier", category="training", effect=True)
def save_classifier(
    judge: Classifier, filename_prefix: Annotated[Path, SaveName("output")] = Path("classifier")
) -> tuple[Artifact, ...]:
    """Save a classifier of the picture set."""
    path = filename_prefix.with_name(f"{filename_prefix.name}.safetensors")
    classifier.save_classifier(judge, path)
    return (Artifact(path, "model", "application/octet-stream"),)


@node("LoadClassifier", category="training")
def load_classifier(name: Annotated[Path, File("checkpoints")]) -> Classifier:
    """Load a classifier of the picture set."""
    try:
        return classifier.load_classifier(name)
    except BadCheckpoint as error:
        raise BadInput(str(error)) from error


@node("JudgeModel", category="training", effect=True)
def judge_model(
    model: Model,
    clip: TextEncoder,
    vae: Vae,
    judge: Classifier,
    pictures: PictureSet,
    combinations: Literal["any", "never trained"] = "any",
    count: Annotated[int, Range(2, 10_000)] = 500,
    method: Annotated[str, Choice(tuple(SAMPLERS))] = "euler",
    scheduler: Annotated[str, Choice(tuple(SCHEDULES))] = "normal",
    steps: Annotated[int, Range(1, 1000)] = 20,
    cfg: Annotated[float, Range(0, 100)] = 3.0,
    seed: Annotated[int, Seed()] = 20_000,
    filename_prefix: Annotated[Path, SaveName("output")] = Path("accuracy"),
) -> Steps[tuple[Artifact, ...]]:
    """Generate pictures, let a classifier name what they show, and save how often it is what was asked.

    Prompts are random captions of the picture set, of words that the text encoder has a token for each.

    Beside it stand the distances of the pictures, of real ones that the VAE has encoded and decoded, and of other
    real ones from the real pictures of the same captions, in the features of the classifier (KID).
    """
    unseen = combinations == "never trained"
    tokenizer = clip.towers[0].tokenizer
    scenes, others = (known_scenes(tokenizer, count, number, unseen=unseen) for number in (seed, seed + 1))
    if len(scenes) < 2 or len(others) < 2:
        raise BadInput("the text encoder has no tokens for the words of the picture set")
    made = yield from _painted(Checkpoint(model, clip, vae), scenes, Way(steps, cfg, method, scheduler), seed)
    report: dict[str, object] = asdict(compare(scenes, name(judge, made)))
    real, other = pictures.compose(scenes), pictures.compose(others)
    decoded = torch.cat([vae.decode(vae.encode((each + 1) / 2)) * 2 - 1 for each in real.split(BATCH)])
    sets = {"generated": made, "decoded": decoded, "real": other}
    report["feature_distance"] = {title: feature_distance(judge, each, real) for title, each in sets.items()}
    path = filename_prefix.with_name(f"{filename_prefix.name}.json")
    write_bytes(json.dumps(report, indent=2).encode() + b"\n", path)
    return (Artifact(path, "text", "application/json"),)


def _painted(checkpoint: Checkpoint, scenes: list[Scene], way: Way, seed: int) -> Steps[Tensor]:
    walk = painted(checkpoint, scenes, way, seed)
    while True:
        try:
            yield Progress(next(walk), len(scenes))
        except StopIteration as finish:
            return finish.value
