"""GANs: collapse is counted, mended by three tricks, and compared with diffusion of the same size and time."""

import math
from statistics import mean

import pytest

from nodes.diffusion.training.scores import Score
from tests.lessons.conftest import Lesson, Lessons

NAME = "12_gans"
GENERATORS = ("plain", "mended", "diffusion")
# Half of the pictures, and fewer steps: enough for what is said, in half a minute.
SMALL = {
    "pictures.names": "duck, frog, heart, moon, penguin, pizza",
    "judge.steps": 100,
    "empty.batch_size": 48,
    "plain_sample.batch_size": 48,
    "mended_sample.batch_size": 48,
    "plain.steps": 400,
    "mended.steps": 400,
    "diffusion.steps": 350,
    "diffusion.rate": 3e-3,
}


@pytest.fixture
def small(lesson: Lessons) -> Lesson:
    return lesson(NAME, SMALL)


def score(lesson: Lesson, generator: str) -> Score:
    return lesson(f"{generator}_judge", "score")


def losses(lesson: Lesson, generator: str, which: str) -> float:
    """The mean of the last fifth."""
    values = lesson(generator, f"{which}_losses").values
    return mean(values[-len(values) // 5 :])


def test_a_plain_gan_forgets_classes_that_a_mended_one_and_diffusion_cover(small: Lesson) -> None:
    plain, mended, diffusion = (score(small, each) for each in GENERATORS)
    assert plain.classes == 6
    assert plain.covered + 2 <= mended.covered <= diffusion.covered


def test_diffusion_makes_fewer_blends_than_the_mended_gan_and_comes_nearer_to_real_pictures(small: Lesson) -> None:
    mended, diffusion = score(small, "mended"), score(small, "diffusion")
    assert diffusion.none < mended.none
    assert diffusion.distance < mended.distance


def test_the_discriminator_of_the_plain_gan_wins(small: Lesson) -> None:
    guess = 2 * math.log(2)
    assert losses(small, "plain", "discriminator") < losses(small, "mended", "discriminator") < guess
    assert losses(small, "plain", "generator") > losses(small, "mended", "generator")


def test_size_and_cost_are_measured(small: Lesson) -> None:
    plain, mended, diffusion = (score(small, each).cost for each in GENERATORS)
    assert plain is not None
    assert mended is not None
    assert diffusion is not None
    assert plain.weights == mended.weights
    assert abs(plain.weights / diffusion.weights - 1) < 0.1
    assert diffusion.seconds_per_picture > 3 * plain.seconds_per_picture
    assert min(plain.seconds, mended.seconds, diffusion.seconds) > 0


@pytest.mark.slow
def test_the_whole_lesson_holds(lesson: Lessons) -> None:
    whole = lesson(NAME)
    plain, mended, diffusion = (score(whole, each) for each in GENERATORS)
    assert plain.covered + 4 <= mended.covered <= diffusion.covered
    assert diffusion.none < mended.none < 0.6
    assert diffusion.distance < mended.distance
    times = [each.cost.seconds for each in (plain, mended, diffusion) if each.cost]
    assert max(times) < 1.5 * min(times)  # the same work on an idle core; a busy one varies
    assert len(whole.saved()) >= 9
