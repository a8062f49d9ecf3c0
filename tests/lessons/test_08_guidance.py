"""Lesson 8: classifier-free guidance is one line of arithmetic on two predictions."""

import torch

from .conftest import Lessons

NAME = "08_guidance"


def test_it_saves_its_four_pictures(lesson: Lessons):
    names = {path.name.removesuffix("_00001_.png") for path in lesson(NAME).saved()}
    assert names == {"predictions", "difference", "scales", "negative"}


def test_guidance_is_the_prediction_without_text_and_the_scaled_difference(lesson: Lessons):
    opened = lesson(NAME)
    values = {node: described.get("values", {}) for node, described in opened.document["nodes"].items()}
    assert values["amplified"]["multiplier"] == values["guide"]["scale"]
    one_by_one, in_one = opened("sum").samples, opened("estimate_guided").samples
    torch.testing.assert_close(one_by_one, in_one, rtol=1e-3, atol=1e-3)
    assert (in_one - opened("estimate_with").samples).abs().mean() > 0.1


def test_the_text_adds_less_the_later_it_is_asked_about(lesson: Lessons):
    sizes = [float(lesson(NAME, {"split.step": step})("difference").samples.std()) for step in (2, 8)]
    assert sizes[1] < 0.8 * sizes[0]


def test_scale_0_does_not_see_the_prompt_and_scale_1_sees_it_alone(lesson: Lessons):
    short = {"schedule.steps": 6, "scales.scales": "0, 1"}
    frog, car = (lesson(NAME, {**short, "eight.amount": 2, "prompt.text": text}) for text in ("a purple frog", "a car"))
    samples = frog("sampler").samples
    torch.testing.assert_close(car("sampler").samples[0], samples[0], rtol=1e-3, atol=1e-3)
    assert (car("sampler").samples[1] - samples[1]).abs().mean() > 0.1
    alone = lesson(NAME, {**short, "eight.amount": 2, "nothing.text": "a pink rose"})("sampler").samples
    torch.testing.assert_close(alone[1], samples[1], rtol=1e-3, atol=1e-3)
    assert (alone[0] - samples[0]).abs().mean() > 0.1


def test_far_beyond_the_scales_of_use_the_numbers_of_the_latent_grow(lesson: Lessons):
    opened = lesson(NAME)
    scales = [float(word) for word in opened.document["nodes"]["scales"]["values"]["scales"].split(",")]
    assert scales == [float(word) for word in opened.document["nodes"]["scale_sheet"]["values"]["columns"].split(",")]
    spread = dict(zip(scales, opened("sampler").samples.std(dim=(1, 2, 3)).tolist(), strict=True))
    assert spread[0] < spread[3] < spread[15]
    assert spread[15] > 1.25 * spread[3]


def test_a_negative_prompt_goes_away_from_the_colour_that_it_names(lesson: Lessons):
    pictures = lesson(NAME)("decode_negative").pixels.mean(dim=(2, 3))
    directions = torch.tensor([[1, -0.5, -0.5], [-0.5, 1, -0.5], [-0.5, -0.5, 1], [0.5, 0.5, -1]])
    for avoided, direction in zip(pictures[1:], directions, strict=True):
        assert (avoided - pictures[0]) @ direction < -0.05
