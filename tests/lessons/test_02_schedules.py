"""Lesson 2: noise schedules differ in how much of the picture is left at each step."""

from itertools import pairwise

import pytest
import torch
from torch import Tensor

from nodes.diffusion.noise_schedules import NOISE_SCHEDULES, QUANTITIES, betas
from nodes.plots import labels
from tests.lessons.conftest import Lesson, Lessons

NAME = "02_schedules"
NAMES = ["constant", "linear", "scaled_linear", "cosine", "sigmoid", "karras"]


def kept(name: str, steps: int = 1000) -> Tensor:
    return NOISE_SCHEDULES[name](steps)


def strip(run: Lesson) -> dict[str, Tensor]:
    names = [name.replace(" ", "_") for name in labels(run("strip", "schedules"))]
    return dict(zip(names, run("strip").pixels.chunk(len(names)), strict=True))


def likeness(picture: Tensor, other: Tensor) -> float:
    return float(torch.corrcoef(torch.stack([picture.flatten(), other.flatten()]))[0, 1])


def test_every_strip_starts_at_the_picture_and_loses_it_step_by_step(lesson: Lessons):
    run = lesson(NAME)
    rows = strip(run)
    assert list(rows) == NAMES
    for name, row in rows.items():
        assert torch.allclose(row[0], run("picture").pixels[0], atol=1e-6)
        falling = [likeness(row[0], each) for each in row]
        assert falling[-1] < 0.1, name
        assert all(later < earlier + 1e-3 for earlier, later in pairwise(falling)), name


def test_cosine_and_sigmoid_keep_more_of_the_picture_in_the_middle_than_linear(lesson: Lessons):
    middle = {name: likeness(row[0], row[len(row) // 2]) for name, row in strip(lesson(NAME)).items()}
    assert min(middle["cosine"], middle["sigmoid"]) > middle["scaled_linear"] + 0.05
    assert middle["scaled_linear"] > middle["linear"] + 0.05
    assert middle["linear"] > middle["constant"]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_left_of_the_picture_always_falls_and_is_the_product_of_what_the_steps_leave(name: str):
    assert ((kept(name) > 0) & (kept(name) <= 1)).all()
    assert (kept(name).diff() < 0).all()
    assert torch.allclose((1 - betas(kept(name))).cumprod(0), kept(name))


def test_half_is_gone_after_as_many_steps_as_the_note_says():
    halves = {name: int((kept(name) >= 0.5).sum()) + 1 for name in NAMES[:5]}
    assert halves == {"constant": 69, "linear": 260, "scaled_linear": 355, "cosine": 497, "sigmoid": 501}


def test_constant_adds_the_same_at_each_step_and_the_others_little_first_and_more_later():
    assert torch.allclose(betas(kept("constant")), betas(kept("constant"))[0])
    assert kept("constant")[-1] == pytest.approx(float(kept("linear")[-1]))
    for name in NAMES[1:5]:
        assert betas(kept(name))[-1] > 10 * betas(kept(name))[0]


def test_scaled_linear_never_reaches_a_signal_to_noise_ratio_of_0():
    assert float(QUANTITIES["snr"](kept("scaled_linear"))[-1]) == pytest.approx(0.0047, abs=5e-5)
    assert all(QUANTITIES["snr"](kept(name))[-1] < 2e-4 for name in NAMES if name != "scaled_linear")


def test_sigma_is_one_over_the_root_of_the_signal_to_noise_ratio_and_karras_is_even_in_its_seventh_root():
    for name in NAMES:
        assert torch.allclose(QUANTITIES["sigma"](kept(name)), QUANTITIES["snr"](kept(name)) ** -0.5)
    steps = (QUANTITIES["sigma"](kept("karras")) ** (1 / 7)).diff()
    assert torch.allclose(steps, steps.mean(), rtol=1e-4)


def test_with_few_steps_linear_and_scaled_linear_keep_more_than_half(lesson: Lessons):
    assert min(kept(name, 50)[-1] for name in ("linear", "scaled_linear")) > 0.5
    rows = strip(lesson(NAME, {"strip.steps": 50, "strip.times": "0, 50"}))
    assert likeness(*rows["linear"]) > 0.5 > 0.1 > likeness(*rows["cosine"])


def test_it_saves_the_strip_and_four_plots(lesson: Lessons):
    assert sorted(path.name.split("_0")[0] for path in lesson(NAME).saved()) == [
        "alpha_bar", "beta", "sigma", "snr", "strip"
    ]  # fmt: skip
