"""Training: without words, with words, and with words dropped, which guidance needs."""

from collections.abc import Sequence
from statistics import mean

import pytest
import torch

from nodes.diffusion.models import Model
from nodes.diffusion.training.scores import Score
from tests.lessons.conftest import Lesson, Lessons

NAME = "11_training"
TRAININGS = ("wordless", "told", "dropped")
# Half of the pictures, and fewer steps: enough for what is said, in half a minute.
SMALL = {
    "pictures.names": "duck, frog, heart, moon, penguin, pizza",
    "empty.batch_size": 18,
    "judge.steps": 100,
    "wordless.steps": 80,
    "told.steps": 180,
    "dropped.steps": 180,
}


@pytest.fixture
def small(lesson: Lessons) -> Lesson:
    return lesson(NAME, SMALL)


def falls(losses: Sequence[float]) -> bool:
    tenth = len(losses) // 10
    return mean(losses[-tenth:]) < 0.35 * mean(losses[:tenth])


def nearer(lesson: Lesson, training: str) -> bool:
    """Whether the last samples are nearer to real pictures than the first, which are noise."""
    distances = lesson("judge").distances(lesson(f"{training}_steps").pixels).reshape(5, 6).mean(dim=1)
    return bool(distances[-1] < 0.7 * distances[0])


def score(lesson: Lesson, sampling: str) -> Score:
    return lesson(f"{sampling}_judge", "score")


def right(lesson: Lesson, sampling: str) -> float:
    share = score(lesson, sampling).right
    assert share is not None
    return share


@torch.no_grad()
def loss_without_words(lesson: Lesson, training: str) -> float:
    """The error of the predicted noise, asked with an empty caption, over all time steps alike."""
    model: Model = lesson(training, "model")
    clean = lesson("encode").samples.repeat(4, 1, 1, 1)
    times = torch.linspace(0, 999, len(clean)).long()
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(5))
    context = lesson("nothing").prompts[0].context.expand(len(clean), -1, -1)
    noisy = model.parameterization.diffuse(clean, noise, times)
    return float((model.predict(noisy, times.float(), context) - noise).square().mean())


@pytest.mark.parametrize("training", TRAININGS)
def test_the_loss_falls_from_that_of_a_guess_of_0_and_the_samples_come_near_the_pictures(
    small: Lesson, training: str
) -> None:
    losses = small(training, "losses").values
    assert losses[0] == pytest.approx(1, abs=0.1)
    assert falls(losses)
    assert nearer(small, training)


def test_with_words_comes_what_was_asked_and_with_guidance_more_often(small: Lesson) -> None:
    assert right(small, "told") > 2 / 6
    assert right(small, "dropped_3") > right(small, "dropped") > 1 / 6


def test_only_dropped_captions_teach_the_prediction_without_words(small: Lesson) -> None:
    assert loss_without_words(small, "dropped") < 0.9 * loss_without_words(small, "told")


@pytest.mark.slow
def test_the_whole_lesson_holds(lesson: Lessons) -> None:
    whole = lesson(NAME)
    assert all(falls(whole(each, "losses").values) and nearer(whole, each) for each in TRAININGS)
    assert right(whole, "told") > 4 / 12
    assert right(whole, "dropped_3") > right(whole, "dropped") + 0.1
    # Guidance brings the samples nearer to the pictures only where both of its predictions were learnt.
    assert score(whole, "dropped_3").distance < score(whole, "told_3").distance
    assert loss_without_words(whole, "dropped") < loss_without_words(whole, "told")
    wordless, told, dropped = (score(whole, each) for each in ("wordless", "told_nothing", "dropped_nothing"))
    assert told.covered < min(dropped.covered, wordless.covered)
    assert told.none > dropped.none + 0.2
    assert len(whole.saved()) >= 9
