"""Lesson 1: kinds of noise differ in their values and in how coarse they are, and sampling minds the second only."""

import pytest
import torch
from torch import Tensor

from nodes.diffusion.distributions import radial_spectrum, spectral_slope
from nodes.diffusion.noise_schedules import jump
from nodes.plots import labels
from tests.lessons.conftest import Lesson, Lessons

NAME = "01_kinds_of_noise"
COARSE = {"perlin", "pyramid", "pink", "brown"}
WHITE = {"gaussian", "uniform", "salt and pepper"}


def of_kinds(run: Lesson, noise: str, samples: Tensor) -> dict[str, Tensor]:
    names = labels(run(noise, "kinds"))
    return dict(zip(names, samples.chunk(len(names)), strict=True))


def spreads(run: Lesson) -> dict[str, float]:
    """The deviation of the finished latents of each kind of start."""
    return {kind: float(each.std()) for kind, each in of_kinds(run, "starts", run("sampler").samples).items()}


def test_noise_is_around_0_with_deviation_1_and_not_from_0_to_255(lesson: Lessons):
    run = lesson(NAME)
    kinds = of_kinds(run, "noise", run("noise").samples)
    assert len(kinds) == 8
    for each in kinds.values():
        assert each.mean().item() == pytest.approx(0, abs=0.05)
        assert each.std().item() == pytest.approx(1, abs=0.05)
        assert (each.abs() < 4).float().mean() > 0.999


def test_white_kinds_have_flat_spectra_and_other_values(lesson: Lessons):
    run = lesson(NAME)
    kinds = of_kinds(run, "white", run("white").samples)
    assert kinds.keys() == WHITE
    for each in kinds.values():
        assert spectral_slope(*radial_spectrum(each[0])) == pytest.approx(0, abs=0.1)
    beyond = {kind: float((each.abs() > 2).float().mean()) for kind, each in kinds.items()}
    assert beyond == pytest.approx({"gaussian": 0.0455, "uniform": 0, "salt and pepper": 0.1}, abs=0.005)


def test_the_power_of_coloured_noise_goes_with_frequency_as_the_note_says(lesson: Lessons):
    run = lesson(NAME)
    kinds = of_kinds(run, "coloured", run("coloured").samples)
    slopes = {kind: spectral_slope(*radial_spectrum(each[0])) for kind, each in kinds.items()}
    assert slopes == pytest.approx({"gaussian": 0, "pink": -2, "brown": -4, "blue": 2}, abs=0.2)


def test_pink_noise_has_equal_power_in_each_octave(lesson: Lessons):
    run = lesson(NAME)
    frequency, power = map(torch.tensor, radial_spectrum(of_kinds(run, "coloured", run("coloured").samples)["pink"][0]))
    bounds = [(1 / 16, 1 / 8), (1 / 8, 1 / 4), (1 / 4, 1 / 2)]
    octaves = [float((power * frequency)[(low <= frequency) & (frequency < high)].sum()) for low, high in bounds]
    assert max(octaves) < 1.3 * min(octaves)


def test_mixing_keeps_the_scale_of_a_picture_and_noise_of_deviation_1(lesson: Lessons):
    picture, noise = lesson(NAME)("white").samples[0].chunk(2)
    for kept in (0.1, 0.5, 0.9):
        assert jump(picture, noise, kept).std().item() == pytest.approx(1, abs=0.02)


def test_white_starts_give_pictures_alike_coarse_ones_louder_and_blue_ones_paler(lesson: Lessons):
    found = spreads(lesson(NAME))
    gaussian = found["gaussian"]
    assert all(abs(found[kind] / gaussian - 1) < 0.2 for kind in WHITE)
    assert all(found[kind] > 1.2 * gaussian for kind in COARSE)
    assert found["blue"] < 0.85 * gaussian


def test_a_prompt_says_more_than_the_kind_of_noise(lesson: Lessons):
    without, under = spreads(lesson(NAME)), spreads(lesson(NAME, {"prompt.text": "a yellow duck"}))
    assert max(without.values()) / min(without.values()) > 1.8
    assert max(under.values()) / min(under.values()) < 1.35


def test_noise_twice_as_strong_as_the_model_is_told_stays_in_the_picture(lesson: Lessons):
    told, louder = spreads(lesson(NAME)), spreads(lesson(NAME, {"louder.multiplier": 2.0}))
    assert all(louder[kind] > 2 * told[kind] for kind in told)
