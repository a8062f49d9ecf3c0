"""Lesson 4: far from the picture a single step gives a blur, since many pictures fit."""

from itertools import pairwise
from typing import cast

import pytest
import torch
from torch import Tensor

from nodes.estimates import detail_of, size_of
from nodes.types import Latent, Sigmas
from tests.lessons.conftest import Lesson, Lessons

NAME = "04_predict_the_noise"


@pytest.fixture
def opened(lesson: Lessons) -> Lesson:
    return lesson(NAME)


def samples(lesson: Lesson, node: str, output: str | None = None) -> Tensor:
    return cast(Latent, lesson(node, output)).samples


def levels(lesson: Lesson) -> Tensor:
    """Those of the sheet, from the most noise to the least."""
    return cast(Sigmas, lesson("levels")).values[:-1]


def test_it_saves_its_sheets_and_plots(opened: Lesson):
    # The two previews of one time step come on top.
    assert len(opened.saved()) == 4 + 2


def test_the_noise_is_the_easier_to_tell_the_more_of_it_there_is(opened: Lesson):
    errors = size_of(samples(opened, "misses"), len(levels(opened)))
    assert all(more < less for more, less in pairwise(errors))


def test_the_estimate_is_the_further_off_the_more_noise_there_was(opened: Lesson):
    errors = size_of(samples(opened, "off"), len(levels(opened)))
    assert all(more > less for more, less in pairwise(errors))


def test_the_error_of_the_estimate_is_sigma_times_that_of_the_noise(opened: Lesson):
    noise, original = samples(opened, "misses"), samples(opened, "off")
    torch.testing.assert_close(original, -levels(opened)[:, None, None, None] * noise, rtol=1e-3, atol=1e-4)


def test_the_more_noise_there_was_the_less_detail_the_estimate_has(opened: Lesson):
    detail = detail_of(samples(opened, "each", "original"), len(levels(opened)))
    assert all(more < less for more, less in pairwise(detail))
    assert detail[0] < detail_of(samples(opened, "encode"), 1)[0] / 2


def test_where_there_is_much_noise_the_text_sharpens_the_estimate(opened: Lesson):
    without, with_text = (
        detail_of(samples(opened, node, "original"), len(levels(opened))) for node in ("each", "each_text")
    )
    assert with_text[0] > 1.5 * without[0]
    assert with_text[1] > 1.5 * without[1]


def test_the_more_noise_there_is_the_more_the_text_counts(opened: Lesson, lesson: Lessons):
    duck = lesson(NAME, {"caption.text": "a yellow duck on a blue background"})
    difference = samples(duck, "each_text", "original") - samples(opened, "each_text", "original")
    sizes = size_of(difference, len(levels(opened)))
    assert sizes[0] > 2 * sizes[-1]


def test_one_time_step_is_what_the_sheet_shows_of_it(opened: Lesson, lesson: Lessons):
    there = cast(str, opened("levels", "times")).split(", ").index("600")
    torch.testing.assert_close(
        samples(opened, "estimate"), samples(opened, "each", "original")[there : there + 1], rtol=1e-4, atol=1e-4
    )
    near, far = (
        size_of(samples(turned, "estimate") - samples(turned, "encode"), 1)[0]
        for turned in (lesson(NAME, {"level.times": time}) for time in ("100", "900"))
    )
    assert near < far / 2


def test_from_pure_noise_one_step_gives_the_mean_of_all_pictures_and_twenty_give_pictures(opened: Lesson):
    one, twenty = samples(opened, "counts").chunk(2)
    assert detail_of(twenty, 1)[0] > 2 * detail_of(one, 1)[0]

    def varied(batch: Tensor) -> float:
        return size_of(batch - batch.mean(0), 1)[0]

    assert varied(twenty) > 2 * varied(one)
