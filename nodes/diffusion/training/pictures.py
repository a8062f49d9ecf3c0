"""The captioned picture set: emoji sprites composed into scenes whose captions are true by construction.

A batch is a function of its seed alone, so a training that resumes goes on with the very pictures it would have seen.
"""

import random
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from ..looks import MOST_PICTURES, Look, thumbnail
from .captions import caption
from .concepts import ARRANGEMENTS, BACKGROUNDS, COLOURS, CONCEPTS, SHAPES, STYLES, Arrangement

NO_TINT = -1
ALONE = -1
_KEPT_BACK = 7
Kind = Literal["plain", "coloured", "shape", "pair", "count"]
KINDS: dict[Kind, float] = {"plain": 0.42, "coloured": 0.17, "shape": 0.07, "pair": 0.2, "count": 0.14}


@dataclass(frozen=True)
class Scene:
    """One picture, described: a concept or shape (numbered after the concepts), style, colour and background.

    Of two things, `subject` is the left or the upper one and `second` the other.
    """

    subject: int
    style: int
    tint: int
    background: int
    caption: str
    arrangement: Arrangement = "one"
    second: int = ALONE


@dataclass(frozen=True)
class PictureSet:
    """Sprites to compose scenes of: uint8 RGBA, [concepts, styles, 4, size, size] and [shapes, 4, size, size]."""

    sprites: Tensor
    shapes: Tensor

    def compose(self, scenes: list[Scene]) -> Tensor:
        """Draw scenes: [batch, 3, size, size] in −1…1. Several things are each half as wide as one."""
        grounds = torch.tensor([list(BACKGROUNDS.values())[s.background] for s in scenes]).float() / 255
        grounds = grounds[:, :, None, None]
        pictures = self._things([scene.subject for scene in scenes], scenes, grounds)
        for arrangement, places in ARRANGEMENTS.items():
            several = [i for i, scene in enumerate(scenes) if scene.arrangement == arrangement]
            if arrangement == "one" or not several:
                continue
            chosen = [scenes[i] for i in several]
            seconds = [scene.subject if scene.second == ALONE else scene.second for scene in chosen]
            first = functional.avg_pool2d(pictures[several], 2)
            last = functional.avg_pool2d(self._things(seconds, chosen, grounds[several]), 2)
            canvas = grounds[several].repeat(1, 1, *pictures.shape[-2:])
            unit = pictures.shape[-1] // 4
            for number, (x, y) in enumerate(places):
                rows, columns = slice(y * unit, (y + 2) * unit), slice(x * unit, (x + 2) * unit)
                canvas[:, :, rows, columns] = last if number else first
            pictures[several] = canvas
        return pictures * 2 - 1

    def peek(self) -> Look:
        """How much there is to compose of, and some scenes."""
        count, styles = self.sprites.shape[:2]
        facts = ("concepts", f"{count} in {styles} styles"), ("shapes", f"{len(self.shapes)}")
        return Look(facts, thumbnail((self.compose(draw_scenes(MOST_PICTURES, seed=0)) + 1) / 2))

    def _things(self, subjects: list[int], scenes: list[Scene], grounds: Tensor) -> Tensor:
        """One thing each, as large as the picture, in the style and colour of its scene: 0…1."""
        sprites = [self._sprite(subject, scene.style) for subject, scene in zip(subjects, scenes, strict=True)]
        colour, alpha = (torch.stack(sprites).float() / 255).split((3, 1), dim=1)
        tints = torch.tensor([list(COLOURS.values())[max(s.tint, 0)] for s in scenes]).float() / 255
        tinted = torch.tensor([s.tint != NO_TINT for s in scenes])[:, None, None, None]
        colour = torch.where(tinted, tint(colour, tints[:, :, None, None]), colour)
        return colour * alpha + grounds * (1 - alpha)

    def _sprite(self, subject: int, style: int) -> Tensor:
        if subject >= len(self.sprites):
            return self.shapes[subject - len(self.sprites)]
        return self.sprites[subject, style]


def tint(picture: Tensor, colour: Tensor) -> Tensor:
    """Colour a picture by its luminance: black stays black, middle tones take the colour, white a pale shade of it."""
    weights = torch.tensor([0.299, 0.587, 0.114])[None, :, None, None]
    light = (picture * weights).sum(dim=1, keepdim=True)
    dark = colour * (light / 0.6).clamp(max=1)
    pale = colour + (1 - colour) * 0.75 * ((light - 0.6) / 0.4).clamp(0, 1)
    return torch.where(light < 0.6, dark, pale)


def kept_back(scene: Scene) -> bool:
    """Whether training never shows this: one in seven coloured concepts, and one in seven pairs of things."""
    first, other = scene.subject, scene.tint if scene.second == ALONE else scene.second
    return other >= 0 and first < len(CONCEPTS) and (3 * first + 5 * other) % _KEPT_BACK == 0


def draw_scenes(count: int, seed: int, *, unseen: bool = False, kinds: dict[Kind, float] = KINDS) -> list[Scene]:
    """`count` random scenes, their kinds as often as `kinds` says; about half of them on white.

    `unseen` draws coloured concepts and pairs that training never shows, on coloured backgrounds.
    """
    rng = random.Random(seed)
    chosen: dict[Kind, float] = {
        kind: share for kind, share in kinds.items() if not unseen or kind in ("coloured", "pair")
    }
    return [_draw(rng, rng.choices(list(chosen), list(chosen.values()))[0], unseen) for _ in range(count)]


def _draw(rng: random.Random, kind: Kind, unseen: bool) -> Scene:
    while True:
        subject = rng.randrange(len(CONCEPTS)) if kind != "shape" else len(CONCEPTS) + rng.randrange(len(SHAPES))
        coloured = kind in ("coloured", "shape") or (kind == "count" and rng.random() < 0.25)
        hue = rng.randrange(len(COLOURS)) if coloured else NO_TINT
        white = not unseen and rng.random() < 0.45
        background = 0 if white else rng.randrange(1, len(BACKGROUNDS))
        same = hue != NO_TINT and list(COLOURS)[hue] == list(BACKGROUNDS)[background]
        second = rng.randrange(len(CONCEPTS)) if kind == "pair" else ALONE
        arrangement = _arrangement(rng, kind)
        scene = Scene(subject, rng.randrange(len(STYLES)), hue, background, "", arrangement, second)
        if same or second == subject or kept_back(scene) != unseen:
            continue
        style = STYLES[scene.style] if kind != "shape" and rng.random() < 0.5 else ""
        names = (*CONCEPTS, *SHAPES)
        things = [names[subject]] if second == ALONE else [names[subject], names[second]]
        colour = "" if hue == NO_TINT else list(COLOURS)[hue]
        text = caption(rng, things, arrangement, colour, list(BACKGROUNDS)[background], style)
        return Scene(subject, scene.style, hue, background, text, arrangement, second)


def _arrangement(rng: random.Random, kind: Kind) -> Arrangement:
    if kind == "pair":
        return rng.choice(("beside", "stacked"))
    return rng.choice(("two", "three", "four")) if kind == "count" else "one"
