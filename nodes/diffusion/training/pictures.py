"""The captioned picture set: emoji sprites composed into scenes whose captions are true by construction.

A batch is a function of its seed alone, so a training that resumes goes on with the very pictures it would have seen.
"""

import random
from dataclasses import dataclass

import torch
from torch import Tensor

from ..looks import MOST_PICTURES, Look, thumbnail
from .concepts import BACKGROUNDS, COLOURS, CONCEPTS, SHAPES, STYLES

NO_TINT = -1
_KEPT_BACK = 7


@dataclass(frozen=True)
class Scene:
    """One picture, described: a concept or shape (numbered after the concepts), style, colour and background."""

    subject: int
    style: int
    tint: int
    background: int
    caption: str


@dataclass(frozen=True)
class PictureSet:
    """Sprites to compose scenes of: uint8 RGBA, [concepts, styles, 4, size, size] and [shapes, 4, size, size]."""

    sprites: Tensor
    shapes: Tensor

    def compose(self, scenes: list[Scene]) -> Tensor:
        """Draw scenes: [batch, 3, size, size] in −1…1."""
        sprites = torch.stack([self._sprite(scene) for scene in scenes]).float() / 255
        colour, alpha = sprites[:, :3], sprites[:, 3:]
        tints = torch.tensor([list(COLOURS.values())[max(s.tint, 0)] for s in scenes]).float() / 255
        tinted = torch.tensor([s.tint != NO_TINT for s in scenes])[:, None, None, None]
        colour = torch.where(tinted, tint(colour, tints[:, :, None, None]), colour)
        grounds = torch.tensor([list(BACKGROUNDS.values())[s.background] for s in scenes]).float() / 255
        return (colour * alpha + grounds[:, :, None, None] * (1 - alpha)) * 2 - 1

    def peek(self) -> Look:
        """How much there is to compose of, and some scenes."""
        count, styles = self.sprites.shape[:2]
        facts = ("concepts", f"{count} in {styles} styles"), ("shapes", f"{len(self.shapes)}")
        return Look(facts, thumbnail((self.compose(draw_scenes(MOST_PICTURES, seed=0)) + 1) / 2))

    def _sprite(self, scene: Scene) -> Tensor:
        if scene.subject >= len(self.sprites):
            return self.shapes[scene.subject - len(self.sprites)]
        return self.sprites[scene.subject, scene.style]


def tint(picture: Tensor, colour: Tensor) -> Tensor:
    """Colour a picture by its luminance: black stays black, middle tones take the colour, white a pale shade of it."""
    weights = torch.tensor([0.299, 0.587, 0.114])[None, :, None, None]
    light = (picture * weights).sum(dim=1, keepdim=True)
    dark = colour * (light / 0.6).clamp(max=1)
    pale = colour + (1 - colour) * 0.75 * ((light - 0.6) / 0.4).clamp(0, 1)
    return torch.where(light < 0.6, dark, pale)


def kept_back(subject: int, tint: int) -> bool:
    """Whether a coloured concept is never shown in training, on any background: one pair in seven."""
    return tint != NO_TINT and subject < len(CONCEPTS) and (3 * subject + 5 * tint) % _KEPT_BACK == 0


def draw_scenes(count: int, seed: int, *, unseen: bool = False) -> list[Scene]:
    """`count` random scenes: plain concepts, coloured ones and shapes; half of them on white.

    `unseen` draws coloured concepts that training never shows, on coloured backgrounds.
    """
    rng = random.Random(seed)
    return [_draw(rng, unseen) for _ in range(count)]


def _draw(rng: random.Random, unseen: bool) -> Scene:
    while True:
        kind = 0.7 if unseen else rng.random()
        subject = rng.randrange(len(CONCEPTS)) if kind < 0.9 else len(CONCEPTS) + rng.randrange(len(SHAPES))
        hue = NO_TINT if kind < 0.6 else rng.randrange(len(COLOURS))
        white = not unseen and rng.random() < 0.45
        background = 0 if white else rng.randrange(1, len(BACKGROUNDS))
        same = hue != NO_TINT and list(COLOURS)[hue] == list(BACKGROUNDS)[background]
        if same or kept_back(subject, hue) != unseen:
            continue
        style = rng.randrange(len(STYLES))
        named = subject < len(CONCEPTS) and rng.random() < 0.5
        return Scene(subject, style, hue, background, _caption(rng, subject, style if named else None, hue, background))


def _caption(rng: random.Random, subject: int, style: int | None, hue: int, background: int) -> str:
    words = [] if hue == NO_TINT else [list(COLOURS)[hue]]
    words.append((*CONCEPTS, *SHAPES)[subject])
    text = " ".join(words)
    if rng.random() < 0.85:
        text = f"{_article(text)} {text}"
    if background or rng.random() < 0.2:
        ground = list(BACKGROUNDS)[background]
        text += f" on {_article(ground)} {ground} background" if rng.random() < 0.85 else f", {ground} background"
    if style is not None:
        word = STYLES[style]
        text += f", {word} style" if rng.random() < 0.7 else f" in {word} style"
    return text


def _article(text: str) -> str:
    return "an" if text[0] in "aeiou" and not text.startswith(("uf", "uni")) else "a"
