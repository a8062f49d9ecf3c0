"""Masks."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as Picture

from nodegraph import BadInput
from nodes.mask import (
    crop_mask,
    feather_mask,
    grow_mask,
    image_to_mask,
    invert_mask,
    load_image_mask,
    mask_composite,
    mask_to_image,
    solid_mask,
)
from nodes.types import Mask
from tests.nodes.values import listed


def dot(size: int = 7) -> Mask:
    values = torch.zeros(1, size, size)
    values[0, size // 2, size // 2] = 1
    return Mask(values)


def test_a_solid_mask_has_one_value():
    mask = solid_mask(0.25, 5, 3)
    assert mask.values.shape == (1, 3, 5)
    assert (mask.values == 0.25).all()


def test_inverting_twice_gives_the_mask_back():
    mask = Mask(torch.tensor([[[0.0, 0.25, 1.0]]]))
    assert torch.equal(invert_mask(invert_mask(mask)).values, mask.values)


def test_a_grown_spot_is_a_diamond_or_a_square():
    assert grow_mask(dot(), 2, True).values.sum() == 13
    assert grow_mask(dot(), 2, False).values.sum() == 25


def test_shrinking_undoes_growing_and_growing_by_0_does_nothing():
    for tapered in (True, False):
        grown = grow_mask(dot(9), 2, tapered)
        assert torch.equal(grow_mask(grown, -2, tapered).values, dot(9).values)
        assert torch.equal(grow_mask(dot(), 0, tapered).values, dot().values)


def test_a_mask_grows_no_further_than_its_edges():
    assert grow_mask(dot(), 16384).values.eq(1).all()
    assert not grow_mask(dot(), -16384).values.any()


def test_feathering_fades_toward_each_side_alike():
    whole = solid_mask(1.0, 6, 4)
    assert listed(feather_mask(whole, left=2).values[0, 0]) == [0.5, 1, 1, 1, 1, 1]
    assert listed(feather_mask(whole, right=2).values[0, 0]) == [1, 1, 1, 1, 1, 0.5]
    assert listed(feather_mask(whole, top=4).values[0, :, 0]) == [0.25, 0.5, 0.75, 1]
    assert listed(feather_mask(whole, bottom=99).values[0, :, 0]) == [1, 0.75, 0.5, 0.25]


@pytest.mark.parametrize(
    ("operation", "expected"),
    [("multiply", 0.3), ("add", 1.0), ("subtract", 0.0), ("and", 1.0), ("or", 1.0), ("xor", 0.0)],
)
def test_masks_are_combined_by_each_operation(operation: str, expected: float):
    under, over = solid_mask(0.5 + 1e-6, 2, 2), solid_mask(0.6, 2, 2)
    assert mask_composite(under, over, 0, 0, operation).values[0, 0, 0].item() == pytest.approx(expected, abs=1e-5)


def test_a_mask_put_onto_another_changes_only_what_lies_under_it():
    result = mask_composite(solid_mask(0.0, 4, 4), solid_mask(1.0, 3, 3), 2, 3, "add").values
    assert result.sum() == 2
    assert listed(result[0, 3, 2:]) == [1, 1]
    for x, y in ((4, 0), (0, 4), (9, 9)):
        assert not mask_composite(solid_mask(0.0, 4, 4), solid_mask(1.0, 3, 3), x, y, "add").values.any()


def test_one_mask_can_be_put_onto_several_and_several_onto_one():
    one, two = solid_mask(1.0, 2, 2), Mask(torch.zeros(2, 2, 2))
    assert mask_composite(two, one, operation="add").values.sum() == 8
    assert mask_composite(one, two).values.shape == (1, 2, 2)


def test_cropping_takes_what_there_is():
    mask = Mask(torch.arange(12.0).reshape(1, 3, 4))
    assert listed(crop_mask(mask, 1, 1, 2, 1).values) == [[[5, 6]]]
    assert listed(crop_mask(mask, 3, 2, 50, 50).values) == [[[11]]]
    assert listed(crop_mask(mask, 99, 99, 5, 5).values) == [[[11]]]


def test_a_mask_as_a_picture_and_back_is_the_mask():
    mask = Mask(torch.rand(2, 4, 5))
    for channel in ("red", "green", "blue"):
        assert torch.equal(image_to_mask(mask_to_image(mask), channel).values, mask.values)


def test_what_is_transparent_in_a_file_is_painted(tmp_path: Path):
    pixels = np.zeros((2, 2, 4), np.uint8)
    pixels[0, :, 3], pixels[:, 0, 1] = 255, 51
    Picture.fromarray(pixels, "RGBA").save(tmp_path / "mask.png")
    assert listed(load_image_mask(tmp_path / "mask.png", "alpha").values) == [[[0, 0], [1, 1]]]
    assert load_image_mask(tmp_path / "mask.png", "green").values[0, 0, 0].item() == pytest.approx(0.2)


def test_a_file_that_is_no_picture_is_refused_by_name(tmp_path: Path):
    (tmp_path / "mask.png").write_text("not a picture")
    with pytest.raises(BadInput, match=r"mask\.png: this is no PNG"):
        load_image_mask(tmp_path / "mask.png")
