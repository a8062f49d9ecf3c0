"""Contact sheets: what stands where."""

import pytest
from PIL import Image

from nodegraph import BadInput, contact_sheet
from nodegraph.sheet import GAP, PAPER, arranged
from nodes.diffusion import figures


def patch(gray: int, width: int = 128, height: int = 128) -> Image.Image:
    return Image.new("RGB", (width, height), (gray, gray, gray))


def test_sheets_and_plots_are_of_the_same_paper_and_ink() -> None:
    from nodegraph import sheet

    assert (sheet.PAPER, sheet.INK) == (figures.PAPER, figures.INK)


@pytest.mark.parametrize(
    ("count", "rows", "columns", "expected"),
    [(4, 0, 0, (2, 2)), (5, 0, 0, (2, 3)), (1, 0, 0, (1, 1)), (6, 2, 0, (2, 3)), (5, 0, 2, (3, 2)), (3, 2, 2, (2, 2))],
)
def test_pictures_without_words_make_about_a_square(
    count: int, rows: int, columns: int, expected: tuple[int, int]
) -> None:
    assert arranged(count, rows, columns) == expected


def test_too_few_words_are_refused() -> None:
    with pytest.raises(BadInput, match="1 rows of 2 hold 2 pictures, and there are 3"):
        contact_sheet([patch(1)] * 3, ["a"], ["b", "c"])


def test_pictures_stand_row_by_row() -> None:
    sheet = contact_sheet([patch(gray) for gray in (10, 20, 30, 40)])
    assert sheet.size == (2 * (128 + GAP) + GAP,) * 2
    assert [sheet.getpixel((x, y)) for y in (64, 200) for x in (64, 200)] == [(gray,) * 3 for gray in (10, 20, 30, 40)]


def test_small_pictures_are_enlarged_by_a_whole_factor_and_smaller_ones_stand_in_the_middle() -> None:
    sheet = contact_sheet([patch(10, 50, 50), patch(20, 25, 25)])
    assert sheet.size == (2 * (150 + GAP) + GAP, 150 + 2 * GAP)
    middle = 150 + 2 * GAP + 75
    assert sheet.getpixel((middle, GAP + 75)) == (20, 20, 20)
    assert sheet.getpixel((middle - 60, GAP + 75)) == tuple(bytes.fromhex(PAPER[1:]))


def test_long_words_take_lines_and_no_more_width() -> None:
    plain = contact_sheet([patch(1), patch(2)], columns=["a", "b"])
    long = contact_sheet([patch(1), patch(2)], columns=["a red apple on a black background", "x" * 100])
    assert long.width == plain.width
    assert long.height > plain.height
    assert contact_sheet([patch(1)], rows=["word " * 100]).width < 128 + 300
