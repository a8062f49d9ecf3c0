"""Lesson 6: what a network makes of a picture when it is told another time step than the true one."""

from itertools import pairwise
from typing import cast

import pytest
import torch
from torch import Tensor

from nodes.estimates import detail_of, size_of
from nodes.types import Latent
from tests.lessons.conftest import Lesson, Lessons

NAME = "06_the_time_step"
TIMES = 5


@pytest.fixture
def opened(lesson: Lessons) -> Lesson:
    return lesson(NAME)


def samples(lesson: Lesson, node: str, output: str | None = None) -> Tensor:
    return cast(Latent, lesson(node, output)).samples


def errors(lesson: Lesson, node: str) -> list[float]:
    return size_of(samples(lesson, node), TIMES)


def details(lesson: Lesson, node: str) -> list[float]:
    return detail_of(samples(lesson, node, "original"), TIMES)


def test_it_saves_its_sheets_and_plots(opened: Lesson):
    # The plot of the detail is a preview.
    assert len(opened.saved()) == 3 + 1


def test_told_the_truth_the_error_is_the_least_at_every_time_step(opened: Lesson):
    for less, true, more in zip(*(errors(opened, f"off_{told}") for told in ("less", "true", "more")), strict=True):
        assert true < less
        assert true < more


def test_the_further_from_the_truth_the_larger_is_the_error(opened: Lesson, lesson: Lessons):
    nearer = lesson(NAME, {"told_less.factor": 0.8, "told_more.factor": 1.25})
    # The table ends at 999, so that the latest steps are told the same by both factors.
    for told, times in (("less", slice(None)), ("more", slice(1, None))):
        far, near = (errors(each, f"off_{told}")[times] for each in (opened, nearer))
        assert all(a > b for a, b in zip(far, near, strict=True))


def test_told_too_little_the_network_answers_too_loudly_and_too_much_is_taken_away(opened: Lesson):
    noise, answer = (samples(opened, "each_less", output) for output in ("noise", "predicted"))
    share = (noise * answer).sum((1, 2, 3)) / (noise * noise).sum((1, 2, 3))
    assert (share > 1).all()
    assert min(size_of(answer, TIMES)) > 1.1
    assert max(abs(size - 1) for size in size_of(samples(opened, "each_true", "predicted"), TIMES)) < 0.1


def test_told_too_little_there_is_too_much_detail_and_told_too_much_too_little(opened: Lesson):
    less, true, more = (details(opened, f"each_{told}") for told in ("less", "true", "more"))
    assert all(a > b > c for a, b, c in zip(less, true, more, strict=True))


def test_over_the_whole_way_detail_and_contrast_fall_with_what_the_network_is_told(opened: Lesson):
    runs = samples(opened, "runs_4")
    for sizes in (size_of(runs, 5), detail_of(runs, 5)):
        assert all(less > more for less, more in pairwise(sizes))


def test_over_the_whole_way_the_further_from_the_truth_the_further_from_the_right_picture(opened: Lesson):
    half, little_less, true, little_more, twice = samples(opened, "runs_4").chunk(5)
    off = [size_of(each - true, 1)[0] for each in (half, little_less, little_more, twice)]
    assert off[0] > off[1] > 0
    assert off[3] > off[2] > 0


def test_told_the_truth_by_ToldTime_is_not_told_at_all(opened: Lesson, lesson: Lessons):  # noqa: N802 -- a node's name
    told = lesson(NAME, {"told_less.factor": 1.0})
    assert torch.equal(samples(told, "each_less", "original"), samples(opened, "each_true", "original"))
