"""Contact sheets as a node."""

import pytest
import torch

from nodegraph import BadInput
from nodes.plots import sheet
from nodes.types import Image


def test_a_contact_sheet_has_every_picture_of_a_batch_and_changes_none() -> None:
    pixels = torch.linspace(0, 1, 4)[:, None, None, None].expand(4, 3, 64, 64).clone()
    before = pixels.clone()
    made = sheet(Image(pixels), columns="a, b", rows="1\n2", title="Four").pixels
    assert made.shape[:2] == (1, 3)
    cells = made[0, 0, -(2 * 132) :, -(2 * 132) :].unfold(0, 132, 132).unfold(1, 132, 132)[..., 64, 64]
    assert torch.allclose(cells.flatten(), pixels[:, 0, 0, 0], atol=1 / 255)
    assert torch.equal(pixels, before)


def test_words_that_do_not_go_with_the_pictures_are_refused() -> None:
    with pytest.raises(BadInput, match="1 rows of 2 hold 2 pictures, and there are 3"):
        sheet(Image(torch.zeros(3, 3, 8, 8)), columns="a, b", rows="c")
