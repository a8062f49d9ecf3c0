"""Tiles and slices: their ramps sum to 1, their seams are small, and little is in memory at once."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from nodes.diffusion.devices import Portion, placement
from nodes.diffusion.models import Vae
from nodes.diffusion.network import Network
from nodes.diffusion.progress import Done, Work, finish
from nodes.diffusion.tiling import Units, in_portions, shares, spans, tiled
from nodes.diffusion.vae import Autoencoder
from tests.diffusion.checkpoints import CPU, tiny

UP, DOWN, SAME = Units(1, 8), Units(8, 1), Units(1, 1)
SIZES = [(64, 64, 8), (65, 64, 8), (127, 64, 8), (200, 64, 0), (200, 33, 16), (97, 10, 5), (97, 10, 9), (3, 2, 2)]


def random(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def working(
    function: Callable[[Tensor], Tensor], seen: list[tuple[int, ...]] | None = None
) -> Callable[..., Work[Tensor]]:
    """A function as work of two parts; `seen` is told the shape of everything it is given."""

    def work(x: Tensor) -> Work[Tensor]:
        if seen is not None:
            seen.append(tuple(x.shape))
        yield Done(1, 2)
        result = function(x)
        yield Done(2, 2)
        return result

    return work


def enlarged(x: Tensor) -> Tensor:
    """Each pixel by its 3 × 3 neighbours, 8 times as large: what a decoder without attention would be."""
    return functional.interpolate(functional.avg_pool2d(x, 3, 1, 1, count_include_pad=False), scale_factor=8.0)


@pytest.mark.parametrize(("length", "side", "overlap"), SIZES)
@pytest.mark.parametrize("unit", [1, 8])
def test_tiles_cover_every_pixel_and_their_shares_sum_to_1(length: int, side: int, overlap: int, unit: int) -> None:
    tiles = spans(length, side, overlap)
    assert tiles[0][0] == 0
    assert tiles[-1][1] == length
    assert all(end - begin == min(side, length) for begin, end in tiles)
    assert all(end - begin >= min(overlap, side // 2) for (_, end), (begin, _) in pairwise(tiles))
    total = torch.zeros(length * unit, dtype=torch.float64)
    for (begin, end), share in zip(tiles, shares(tiles, overlap, unit), strict=True):
        assert (share > 0).all()
        total[begin * unit : end * unit] += share
    torch.testing.assert_close(total, torch.ones_like(total), rtol=0, atol=1e-12)


def test_a_share_is_a_line_over_the_overlap() -> None:
    first, second = shares([(0, 8), (4, 12)], 4, 1)
    torch.testing.assert_close(first[4:], torch.tensor([0.8, 0.6, 0.4, 0.2], dtype=torch.float64))
    torch.testing.assert_close(second[:4], torch.tensor([0.2, 0.4, 0.6, 0.8], dtype=torch.float64))


@pytest.mark.parametrize("size", [(7, 9), (64, 64), (33, 101), (1, 50), (20, 16)])
def test_what_looks_no_further_than_the_overlap_is_the_same_in_tiles(size: tuple[int, int]) -> None:
    x = random(2, 4, *size)
    pieces = finish(tiled(working(lambda part: part * 2 + 1), x, 16, 4, SAME))
    torch.testing.assert_close(pieces, x * 2 + 1)
    whole, parts = enlarged(x), finish(tiled(working(enlarged), x, 16, 4, UP))
    assert parts.shape == whole.shape
    assert (parts - whole).abs().max() < 0.5 * whole.abs().max()  # at a tile's edge, where its share is small


def test_pictures_become_latents_in_tiles() -> None:
    x = random(1, 3, 8 * 21, 8 * 13)
    pooled = finish(tiled(working(lambda part: functional.avg_pool2d(part, 8)), x, 8, 2, DOWN))
    torch.testing.assert_close(pooled, functional.avg_pool2d(x, 8))


def test_the_tile_is_all_that_is_in_work_at_once_and_progress_counts_them_all() -> None:
    seen: list[tuple[int, ...]] = []
    steps = list(tiled(working(enlarged, seen), random(1, 4, 60, 40), 16, 4, UP))
    assert set(seen) == {(1, 4, 16, 16)}
    assert [step.done for step in steps] == list(range(1, 2 * len(seen) + 1))
    assert {step.total for step in steps} == {2 * len(seen)}


def test_closing_tiled_work_closes_the_tile() -> None:
    closed: list[bool] = []

    def work(x: Tensor) -> Work[Tensor]:
        try:
            yield Done(1, 1)
        finally:
            closed.append(True)
        return x

    steps = tiled(work, random(1, 4, 40, 40), 16, 4, SAME)
    next(steps)
    steps.close()
    assert closed == [True]


@pytest.mark.parametrize(
    ("portion", "expected"),
    [
        (Portion(5), [(5, 4, 8, 8)]),
        (Portion(2), [(2, 4, 8, 8), (2, 4, 8, 8), (1, 4, 8, 8)]),
        (Portion(1), [(1, 4, 8, 8)] * 5),
    ],
)
def test_a_batch_is_sliced_into_as_many_pictures_as_fit(portion: Portion, expected: list[tuple[int, ...]]) -> None:
    seen: list[tuple[int, ...]] = []
    x = random(5, 4, 8, 8)
    assert torch.equal(finish(in_portions(working(lambda part: part + 1, seen), x, portion, SAME)), x + 1)
    assert seen == expected


def test_one_rule_says_how_much_fits() -> None:
    place = replace(placement("cpu", "float32"), activations=4 * 1000 * 64 * 64 * 3)
    assert place.portion(2, 64, 64, 1000) == Portion(2)
    assert place.portion(9, 64, 64, 1000) == Portion(3)
    assert place.portion(9, 128, 64, 1000) == Portion(1)
    assert place.portion(9, 128, 128, 1000) == Portion(1, 110)
    assert replace(place, activations=1).portion(9, 128, 128, 1000) == Portion(1, 32)
    assert replace(place, dtype=torch.bfloat16).portion(9, 64, 64, 1000) == Portion(6)


def limited(bytes_of_activations: int) -> Vae:
    vae, place = tiny().vae, replace(CPU, activations=bytes_of_activations)
    module = vae.autoencoder.module
    assert isinstance(module, Autoencoder)
    return replace(vae, autoencoder=Network(module, place))


@pytest.mark.parametrize("size", [(40, 40), (33, 71)])
def test_a_vae_with_little_memory_takes_tiles_and_its_pictures_are_nearly_the_same(size: tuple[int, int]) -> None:
    latents = random(2, 4, *size)
    whole, parts = tiny().vae.decode(latents), limited(1).decode(latents)
    assert parts.shape == whole.shape
    assert not torch.equal(parts, whole)
    assert (parts - whole).abs().mean() < 0.05
    encoded = limited(1).encode(whole)
    assert (encoded - tiny().vae.encode(whole)).abs().mean() < 0.05


def test_a_vae_with_enough_memory_takes_a_batch_whole_and_with_less_one_picture_at_a_time() -> None:
    latents = random(3, 4, 8, 8)
    layers = len(tiny().vae.autoencoder.module.decoding)
    one = tiny().vae.autoencoder.config.held * 8 * 8 * 4
    assert {step.total for step in limited(3 * one).decode_steps(latents)} == {layers}
    assert {step.total for step in limited(one).decode_steps(latents)} == {3 * layers}
    torch.testing.assert_close(limited(one).decode(latents), tiny().vae.decode(latents), rtol=1e-4, atol=1e-5)


def test_latents_of_one_value_give_pictures_of_one_value_in_tiles() -> None:
    latents = torch.full((1, 3, 50, 31), 0.7)
    pictures = finish(tiled(working(enlarged), latents, 16, 5, UP))
    torch.testing.assert_close(pictures, torch.full((1, 3, 400, 248), 0.7))
