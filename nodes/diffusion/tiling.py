"""Large pictures through an autoencoder in little memory: some of a batch at a time, or overlapping tiles of one.

Tiles are blended over their overlaps with linear ramps, whose sum is 1 everywhere. An autoencoder's normalization and
attention look at a tile alone, so that a tiled picture differs a little from a whole one.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from .devices import Portion
from .progress import Done, Work

Span = tuple[int, int]


class Units(NamedTuple):
    """How many pixels of what goes in, and of what comes out, a latent pixel is, each way."""

    before: int
    after: int


def in_portions(work: Callable[[Tensor], Work[Tensor]], x: Tensor, portion: Portion, units: Units) -> Work[Tensor]:
    """What `work` makes of a batch [batch, channels, height, width], no more of it at once than the portion says."""
    if portion.side is not None:
        return (yield from tiled(work, x, portion.side, portion.side // 4, units))
    if portion.pictures >= len(x):
        return (yield from work(x))
    parts, done = x.split(portion.pictures), list[Tensor]()
    for number, part in enumerate(parts):
        done.append((yield from _one_of(work(part), number, len(parts))))
    return torch.cat(done)


def tiled(work: Callable[[Tensor], Work[Tensor]], x: Tensor, side: int, overlap: int, units: Units) -> Work[Tensor]:
    """What `work` makes of pictures [batch, channels, height, width], in tiles that overlap, one at a time.

    `side` and `overlap` are in latent pixels; the sides of x are multiples of `units.before`. Of the result and a tile
    alone there is a copy in memory. Pictures that fit into one tile are given to `work` as they are.
    """
    rows, columns = (length // units.before for length in x.shape[-2:])
    down, across = spans(rows, side, overlap), spans(columns, side, overlap)
    if len(down) == len(across) == 1:
        return (yield from work(x))
    down_shares, across_shares = shares(down, overlap, units.after), shares(across, overlap, units.after)
    places = [(i, j) for i in range(len(down)) for j in range(len(across))]
    whole: Tensor | None = None
    for number, (i, j) in enumerate(places):
        part = x[..., _in(down[i], units.before), _in(across[j], units.before)]
        tile = yield from _one_of(work(part), number, len(places))
        if whole is None:
            whole = tile.new_zeros(*tile.shape[:2], rows * units.after, columns * units.after)
        share = down_shares[i][:, None] * across_shares[j]
        whole[..., _in(down[i], units.after), _in(across[j], units.after)] += tile * share.to(tile)
    assert whole is not None, "there is at least one tile"
    return whole


def spans(length: int, side: int, overlap: int) -> list[Span]:
    """Begin and end of tiles that cover a length, all `side` long; each overlaps the one before by at least `overlap`.

    One as long as the length where that is no longer than a side. An overlap is at most half of a side.
    """
    if length <= side:
        return [(0, length)]
    stride = side - min(overlap, side // 2)
    begins = [*range(0, length - side, stride), length - side]
    return [(begin, begin + side) for begin in begins]


def shares(tiles: list[Span], overlap: int, unit: int) -> list[Tensor]:
    """How much each tile counts at each of its pixels, `unit` of them for one of its length; their sum is 1.

    It rises from a tile's begin, and falls to its end, in a line over the overlap; not at the ends of the whole.
    """
    (length,) = {end - begin for begin, end in tiles}
    fade = min(overlap, length // 2) * unit + 1
    last = tiles[-1][1]
    total = torch.zeros(last * unit, dtype=torch.float64)
    ramps: list[Tensor] = []
    for begin, end in tiles:
        rising = torch.arange(1, (end - begin) * unit + 1, dtype=torch.float64) / fade
        ramp = torch.ones_like(rising)
        ramp = ramp if begin == 0 else ramp.minimum(rising)
        ramp = ramp if end == last else ramp.minimum(rising.flip(0))
        total[_in((begin, end), unit)] += ramp
        ramps.append(ramp)
    return [ramp / total[_in(tile, unit)] for ramp, tile in zip(ramps, tiles, strict=True)]


def _in(span: Span, unit: int) -> slice:
    return slice(span[0] * unit, span[1] * unit)


def _one_of(work: Work[Tensor], number: int, count: int) -> Work[Tensor]:
    """Work as one of several parts of the same size: its progress is that of all of them."""
    try:
        while True:
            step = next(work)
            yield Done(number * step.total + step.done, count * step.total)
    except StopIteration as end:
        return end.value
    finally:
        work.close()
