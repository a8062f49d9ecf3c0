"""Pictures: reading, changing, and above all saving them."""

import errno
import os
import stat
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as Picture

from nodegraph import BadInput, Document
from nodes.diffusion.pictures import write_new
from nodes.image import (
    empty_image,
    image_batch,
    image_composite_masked,
    image_crop,
    image_invert,
    image_pad_for_outpaint,
    image_scale,
    image_scale_by,
    load_image,
    preview_image,
    save_image,
)
from nodes.mask import solid_mask
from nodes.types import Image, Mask
from tests.nodes.values import listed

WORKFLOW = Document({"nodegraph": 1, "nodes": {}, "view": {"ä": "日本"}})


def random(*shape: int) -> Image:
    return Image(torch.rand(shape, generator=torch.Generator().manual_seed(3)))


def test_a_saved_picture_has_floor_of_255_x_in_every_pixel(tmp_path: Path):
    picture = Image(torch.cat([torch.linspace(-0.1, 1.1, 3 * 40 * 50)]).reshape(1, 3, 40, 50))
    (saved,) = save_image(picture, tmp_path / "a", workflow=WORKFLOW)
    with Picture.open(saved.path) as file:
        found = np.array(file)
    expected = (picture.pixels.clamp(0, 1) * 255).floor()[0].permute(1, 2, 0).numpy()
    assert (found == expected).all()


def test_a_picture_saved_and_read_again_is_saved_the_same(tmp_path: Path):
    (first,) = save_image(random(1, 3, 9, 13), tmp_path / "a", workflow=WORKFLOW)
    again, mask = load_image(first.path)
    (second,) = save_image(again, tmp_path / "b", workflow=WORKFLOW)
    assert first.path.read_bytes() == second.path.read_bytes()
    assert again.pixels.shape == (1, 3, 9, 13)
    assert not mask.values.any()


def test_a_saved_picture_carries_its_workflow(tmp_path: Path):
    (saved,) = save_image(random(1, 3, 4, 4), tmp_path / "a", workflow=WORKFLOW)
    with Picture.open(saved.path) as file:
        assert file.info["nodegraph"] == WORKFLOW.text()


def test_pictures_are_numbered_after_the_highest_number_that_is_there(tmp_path: Path):
    for name in ("a_00007_.png", "a_x_.png", "ab_00090_.png", "a_00003_.jpg"):
        (tmp_path / name).touch()
    saved = save_image(random(2, 3, 4, 4), tmp_path / "a", workflow=WORKFLOW)
    assert [artifact.path.name for artifact in saved] == ["a_00008_.png", "a_00009_.png"]


def test_a_folder_that_is_not_there_is_made(tmp_path: Path):
    (saved,) = preview_image(random(1, 3, 4, 4), tmp_path / "new" / "deep" / "a", workflow=WORKFLOW)
    assert saved.path.parent == tmp_path / "new" / "deep"


def test_a_file_is_never_replaced_and_nothing_else_is_left(tmp_path: Path):
    write_new(b"first", tmp_path / "a.png")
    with pytest.raises(FileExistsError):
        write_new(b"second", tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes() == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_without_hard_links_a_file_is_still_whole_and_never_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no links on this file system")

    monkeypatch.setattr(os, "link", refuse)
    write_new(b"first", tmp_path / "a.png")
    with pytest.raises(FileExistsError):
        write_new(b"second", tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes() == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_a_full_disk_is_told_and_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def fail(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(BadInput, match=r"a_…\.png cannot be written: No space left on device"):
        save_image(random(1, 3, 4, 4), tmp_path / "a", workflow=WORKFLOW)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_a_file_is_told(tmp_path: Path):
    (tmp_path / "taken").touch()
    with pytest.raises(BadInput, match="cannot be written"):
        save_image(random(1, 3, 4, 4), tmp_path / "taken" / "a", workflow=WORKFLOW)


def test_a_saved_file_has_the_permissions_of_any_new_file(tmp_path: Path):
    (saved,) = save_image(random(1, 3, 4, 4), tmp_path / "a", workflow=WORKFLOW)
    (tmp_path / "plain").touch()
    assert stat.S_IMODE(saved.path.stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


@pytest.mark.parametrize("content", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"])
def test_a_file_that_is_no_picture_is_refused_by_name(tmp_path: Path, content: bytes):
    (tmp_path / "bad.png").write_bytes(content)
    with pytest.raises(BadInput, match=r"bad\.png"):
        load_image(tmp_path / "bad.png")


def test_a_picture_cut_short_is_refused(tmp_path: Path):
    (saved,) = save_image(random(1, 3, 64, 64), tmp_path / "a", workflow=WORKFLOW)
    content = saved.path.read_bytes()
    (tmp_path / "short.png").write_bytes(content[: len(content) // 2])
    with pytest.raises(BadInput, match=r"short\.png"):
        load_image(tmp_path / "short.png")


def test_what_is_transparent_in_a_picture_is_its_mask(tmp_path: Path):
    pixels = np.full((2, 2, 4), 255, np.uint8)
    pixels[0, 0, 3] = 0
    Picture.fromarray(pixels, "RGBA").save(tmp_path / "a.png")
    image, mask = load_image(tmp_path / "a.png")
    assert image.pixels.eq(1).all()
    assert listed(mask.values) == [[[1, 0], [0, 0]]]


def test_gray_and_palette_pictures_are_read_as_rgb(tmp_path: Path):
    for mode in ("L", "P", "1", "CMYK"):
        name = tmp_path / f"{mode}.{'jpg' if mode == 'CMYK' else 'png'}"
        Picture.new(mode, (5, 4)).save(name)
        assert load_image(name).image.pixels.shape == (1, 3, 4, 5)


def test_a_gray_picture_of_16_bits_keeps_its_shades(tmp_path: Path):
    Picture.fromarray(np.array([[0, 32896, 65535]], np.uint16)).save(tmp_path / "deep.png")
    assert listed(load_image(tmp_path / "deep.png").image.pixels[0, 0, 0] * 255) == pytest.approx([0, 128, 255])


@pytest.mark.parametrize("method", ["nearest-exact", "bilinear", "area", "bicubic", "lanczos"])
def test_pictures_are_scaled_by_every_method(method: str):
    picture = random(2, 3, 6, 10)
    assert image_scale(picture, method, 20, 0).pixels.shape == (2, 3, 12, 20)
    assert image_scale(picture, method, 0, 0).pixels.shape == (2, 3, 6, 10)
    assert image_scale(picture, method, 5, 5, "center").pixels.shape == (2, 3, 5, 5)
    assert image_scale_by(picture, method, 0.01).pixels.shape == (2, 3, 1, 1)


def test_scaling_to_the_same_size_changes_nothing():
    picture = random(1, 3, 6, 10)
    for method in ("nearest-exact", "bilinear", "area"):
        torch.testing.assert_close(image_scale(picture, method, 10, 6).pixels, picture.pixels)


def test_an_empty_picture_has_the_colour_asked_for():
    picture = empty_image(3, 2, 4, 0xFF8000)
    assert picture.pixels.shape == (4, 3, 2, 3)
    assert listed(picture.pixels[0, :, 0, 0] * 255) == pytest.approx([255, 128, 0])


def test_inverting_twice_gives_the_picture_back():
    picture = empty_image(2, 2, 1, 0xFF00FF)
    assert torch.equal(image_invert(image_invert(picture)).pixels, picture.pixels)


def test_a_batch_takes_the_size_of_its_first_pictures():
    assert image_batch(random(1, 3, 4, 6), random(2, 3, 9, 9)).pixels.shape == (3, 3, 4, 6)


def test_cropping_takes_what_there_is():
    picture = random(1, 3, 4, 6)
    assert torch.equal(image_crop(picture, 2, 3, 1, 1).pixels, picture.pixels[..., 1:4, 1:3])
    assert image_crop(picture, 99, 99, 99, 99).pixels.shape == (1, 3, 1, 1)


def test_a_picture_is_put_onto_another_only_where_the_mask_is():
    under, over = empty_image(6, 6, 2, 0), empty_image(4, 4, 1, 0xFFFFFF)
    half = torch.zeros(1, 8, 8)
    half[..., :4] = 1
    result = image_composite_masked(under, over, 1, 3, False, Mask(half)).pixels
    assert result.shape == (2, 3, 6, 6)
    assert listed(result[1, 0, 3]) == [0, 1, 1, 0, 0, 0]
    assert not result[..., :3, :].any()


def test_a_picture_put_beside_another_changes_nothing():
    under = random(1, 3, 4, 4)
    assert torch.equal(image_composite_masked(under, random(1, 3, 2, 2), 4, 0).pixels, under.pixels)


def test_a_source_resized_covers_the_whole_picture():
    result = image_composite_masked(random(1, 3, 5, 7), empty_image(2, 2), resize_source=True)
    assert not result.pixels.any()


def test_a_margin_is_gray_and_to_be_painted():
    padded, mask = image_pad_for_outpaint(empty_image(100, 100), right=8, feathering=10)
    assert padded.pixels.shape == (1, 3, 100, 108)
    assert padded.pixels[..., 100:].eq(0.5).all()
    assert mask.values[..., 100:].eq(1).all()
    assert not mask.values[..., :90].any()
    assert 0 < mask.values[0, 0, 95] < mask.values[0, 0, 99] < 1


def test_a_mask_of_a_solid_value_mixes_two_pictures():
    mixed = image_composite_masked(empty_image(4, 4), empty_image(4, 4, 1, 0xFFFFFF), mask=solid_mask(0.25, 2, 2))
    torch.testing.assert_close(mixed.pixels, torch.full((1, 3, 4, 4), 0.25))
