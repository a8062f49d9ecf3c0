"""Lesson 5: steps of a sampler, with the same noise put back and with fresh noise, and how many are enough."""

from itertools import pairwise
from typing import cast

import pytest
import torch
from torch import Tensor

from nodes.estimates import size_of
from nodes.types import Latent
from tests.lessons.conftest import Lesson, Lessons

NAME = "05_the_sampling_loop"


@pytest.fixture
def opened(lesson: Lessons) -> Lesson:
    return lesson(NAME)


def samples(lesson: Lesson, node: str, output: str | None = None) -> Tensor:
    return cast(Latent, lesson(node, output)).samples


def size(tensor: Tensor) -> float:
    return size_of(tensor, 1)[0]


def test_it_saves_its_sheets_and_plots(opened: Lesson):
    # The three steps and the plot of the estimates are previews.
    assert len(opened.saved()) == 4 + 2


def test_three_steps_by_hand_are_the_sampler_bit_for_bit(opened: Lesson):
    assert torch.equal(samples(opened, "back_3"), samples(opened, "ddim"))


def test_after_the_last_step_nothing_is_put_back(opened: Lesson):
    assert torch.equal(samples(opened, "back_3"), samples(opened, "estimate_3"))


def test_each_estimate_of_euler_is_closer_to_the_final_picture(opened: Lesson):
    distances = size_of(samples(opened, "same_way"), 5)
    assert all(later < earlier for earlier, later in pairwise(distances))
    assert distances[-1] < distances[0] / 5


def test_fresh_noise_strays_to_another_picture(opened: Lesson):
    same, fresh = samples(opened, "same_last"), samples(opened, "fresh_last")
    assert torch.equal(samples(opened, "same", "original")[:1], samples(opened, "fresh", "original")[:1])
    assert size(same - fresh) > 0.1


@pytest.mark.parametrize("node", ["same", "fresh"])
def test_the_steps_end_with_what_the_sampler_gives(lesson: Lessons, node: str):
    changed = lesson(NAME, {f"{node}_2.seed": 1})
    assert torch.equal(samples(changed, f"{node}_2"), samples(changed, node, "noisy")[-1:])


def test_the_samplers_seed_counts_for_fresh_noise_only(opened: Lesson):
    assert torch.equal(samples(opened, "same_last"), samples(opened, "same_2"))
    assert size(samples(opened, "fresh_last") - samples(opened, "fresh_2")) > 0.1


def test_another_seed_of_the_noise_is_another_picture_for_both(opened: Lesson, lesson: Lessons):
    other = lesson(NAME, {"noise_6.seed": 2})
    assert size(samples(opened, "same_last") - samples(other, "same_last")) > 0.1
    assert size(samples(opened, "fresh_last") - samples(other, "fresh_last")) > 0.1


def test_more_steps_come_closer_to_the_exact_solution(opened: Lesson):
    for node in ("off", "off_2m"):
        distances = size_of(samples(opened, node), 6)
        assert all(more < fewer for fewer, more in pairwise(distances))


def test_twice_as_many_steps_of_euler_about_halve_the_error_and_the_second_order_is_closer(opened: Lesson):
    first, second = (size_of(samples(opened, node), 6) for node in ("off", "off_2m"))
    assert 1.5 < first[4] / first[5] < 3.5
    assert second[4] < first[4]
    assert second[5] < first[5] / 2
