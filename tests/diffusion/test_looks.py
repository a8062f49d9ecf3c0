"""Facts and thumbnails: true numbers, few pixels."""

import io
from collections.abc import Iterator

import pytest
import torch
from PIL import Image
from torch import Tensor

from nodes.diffusion.denoiser import Denoiser, Leaf
from nodes.diffusion.guidance import Average, Guided, Part
from nodes.diffusion.looks import GAP, facts_of, in_short, thumbnail
from nodes.diffusion.parameterization import Scalar


class Still(Denoiser):
    """A denoiser that takes what it is given for clean."""

    def leaves(self, x: Tensor, sigma: Scalar) -> list[Leaf]:
        return []

    def fold(self, x: Tensor, sigma: Scalar, estimates: Iterator[Tensor]) -> Tensor:
        return x


def opened(pictures: Tensor) -> Image.Image:
    content = thumbnail(pictures)
    assert content is not None
    return Image.open(io.BytesIO(content))


def test_the_facts_of_a_tensor_are_its_numbers():
    facts = dict(facts_of(torch.tensor([[-1.0, 3.0], [1.0, 1.0]])))
    assert facts == {"shape": "2 × 2", "dtype": "float32", "range": "-1 … 3", "mean ± deviation": "1 ± 1.41"}
    assert dict(facts_of(torch.zeros(0, 3))) == {"shape": "0 × 3", "dtype": "float32"}
    assert dict(facts_of(torch.tensor([60000.0, 60000.0]).half()))["mean ± deviation"] == "6e+04 ± 0"


@pytest.mark.parametrize("shape", [(1, 3, 4096, 16), (1, 1, 3, 5000), (9, 3, 300, 200), (2, 1, 1, 1), (4, 3, 7, 500)])
def test_no_side_of_a_thumbnail_is_longer_than_192_pixels(shape: tuple[int, ...]):
    assert max(opened(torch.rand(shape)).size) <= 192


def test_a_thumbnail_shows_the_first_four_pictures_side_by_side():
    greys = torch.tensor([0.0, 0.2, 0.4, 0.6, 0.8]).reshape(5, 1, 1, 1).expand(5, 1, 8, 8)
    strip = opened(greys)
    side = (strip.width - 3 * GAP) // 4
    middles = [strip.getpixel((place * (side + GAP) + side // 2, side // 2)) for place in range(4)]
    assert middles == [(round(255 * grey),) * 3 for grey in (0.0, 0.2, 0.4, 0.6)]


def test_the_pixels_of_a_small_picture_stay_sharp_and_those_of_a_large_one_are_averaged():
    checks = torch.arange(2).repeat(32)[:, None] ^ torch.arange(2).repeat(32)[None]
    small = opened(checks[None, None, :8, :8].float())
    assert small.size == (192, 192)
    assert {color for _, color in small.getcolors() or []} == {(0, 0, 0), (255, 255, 255)}
    large = opened(checks.repeat(6, 6)[None, None].float())
    assert {color for _, color in large.getcolors() or []} <= {(127, 127, 127), (128, 128, 128)}


def test_no_pictures_and_numbers_beyond_0_to_1_are_no_fault():
    assert thumbnail(torch.zeros(0, 3, 8, 8)) is None
    assert opened(torch.tensor([float("nan"), float("inf"), -5.0, 7.0]).reshape(1, 1, 2, 2)).size == (192, 192)


@pytest.mark.parametrize(("count", "text"), [(999, "999"), (1500, "1.5 k"), (859_520_964, "860 M"), (3 * 10**9, "3 G")])
def test_large_numbers_are_said_in_short(count: int, text: str):
    assert in_short(count) == text


def test_a_denoiser_is_told_as_an_expression():
    leaf = Still()
    denoiser = Guided(leaf, Average((Part(leaf), Part(leaf, 0.5))), 7.5)
    assert said(denoiser) == "Guided(Still, Average(Still, Still), scale 7.5)"


def test_an_expression_that_is_used_twice_at_every_level_is_told_in_short():
    denoiser: Denoiser = Still()
    for _ in range(200):
        denoiser = Guided(denoiser, denoiser, 2.0)
    assert len(said(denoiser)) < 1000


def said(denoiser: Denoiser) -> str:
    return dict(denoiser.peek().facts)["expression"]
