"""Lesson 3: many small noises and one large one make the same pictures."""

import pytest
import torch
from torch import Tensor

from nodes.diffusion.distributions import kolmogorov_smirnov
from nodes.diffusion.noise_schedules import NOISE_SCHEDULES, walk
from nodes.forward import sums_of_steps
from nodes.plots import labels
from tests.lessons.conftest import Lesson, Lessons

NAME = "03_straight_to_step_t"
VALUE = 0xE6 / 255 * 2 - 1  # of the picture of one colour, as models see it


def by_time(run: Lesson, node: str) -> dict[int, Tensor]:
    """Values as models see them, by the number of steps."""
    return {int(t): x * 2 - 1 for t, x in zip(labels(run("walks", "times")), run(node).pixels, strict=True)}


def test_the_noises_of_the_steps_combined_into_one_give_the_pictures_of_the_walk(lesson: Lessons):
    walked, combined = lesson(NAME)("walk"), lesson(NAME)("walk", "combined")
    assert len(walked.pixels) == 8
    assert (walked.pixels - combined.pixels).abs().max() < 1e-5
    assert (walked.pixels - lesson(NAME)("jump").pixels)[-1].std() > 0.5


@pytest.mark.parametrize("node", ["walks", "jumps"])
def test_the_mean_and_the_deviation_after_t_steps_are_those_of_the_formula(lesson: Lessons, node: str):
    for t, values in by_time(lesson(NAME), node).items():
        kept = float(NOISE_SCHEDULES["scaled_linear"](1000)[t - 1])
        assert values.numel() == 49152
        assert values.mean().item() == pytest.approx(kept**0.5 * VALUE, abs=0.02)
        assert values.std().item() == pytest.approx((1 - kept) ** 0.5, rel=0.02)


def test_walked_and_jumped_values_are_of_one_distribution(lesson: Lessons):
    walked, jumped = by_time(lesson(NAME), "walks"), by_time(lesson(NAME), "jumps")
    assert all(kolmogorov_smirnov(walked[t], jumped[t])[1] > 0.01 for t in (50, 250, 1000))


def test_the_test_sees_another_schedule(lesson: Lessons):
    walked, jumped = by_time(lesson(NAME), "walks"), by_time(lesson(NAME, {"jumps.steps": 1200}), "jumps")
    assert kolmogorov_smirnov(walked[250], jumped[250])[1] < 1e-6


def test_variances_add_and_deviations_do_not():
    kept = NOISE_SCHEDULES["scaled_linear"](1000)
    variances, deviations = sums_of_steps(kept)
    assert torch.allclose(variances, 1 - kept)
    measured = torch.stack([x.var() for x, _ in walk(torch.zeros(4096), kept, torch.Generator().manual_seed(1))])
    assert torch.allclose(measured.double(), variances, rtol=0.15)
    assert deviations[-1] == pytest.approx(20, abs=0.5)


def test_it_saves_the_strip_the_histograms_and_the_growth_of_the_noise(lesson: Lessons):
    assert len(lesson(NAME).saved()) == 3
