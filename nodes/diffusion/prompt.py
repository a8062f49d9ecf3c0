r"""Prompts: weights in brackets, and cutting long texts into sequences that a text encoder takes.

`(word)` counts 1.1 times as much as the rest, brackets multiply, `(word:1.3)` says the weight outright, `\(` and `\)`
are plain brackets. Square brackets and brackets without a partner are plain text: every text is a prompt.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from .tokenizer import Tokenizer

EMPHASIS = 1.1
DEEPEST = 64  # brackets further in are plain text; 1.1 to this power is 446, far beyond use
WHOLE = 8  # a piece of fewer tokens than this is moved to the next sequence rather than cut
ESCAPES = {r"\(": "\ud800", r"\)": "\ud801"}  # halves of characters, which no text holds, stand in while parsing
PLAIN = str.maketrans("\ud800\ud801", "()")


class Piece(NamedTuple):
    """A stretch of text with one weight."""

    text: str
    weight: float


class Chunk(NamedTuple):
    """One sequence for the text encoder: its ids, specials and padding included, and as many weights."""

    ids: tuple[int, ...]
    weights: tuple[float, ...]


def parse_weights(text: str) -> list[Piece]:
    r"""The pieces of a prompt in order; their texts joined are the prompt without its markup.

    A weight given as a number replaces those of the brackets around it: in `((a:1.2))` a counts 1.2, not 1.45.
    """
    for escaped, stand_in in ESCAPES.items():
        text = text.replace(escaped, stand_in)
    return [Piece(piece.translate(PLAIN), weight) for piece, weight in _weigh(text, 1.0)]


def chunks(tokenizer: Tokenizer, text: str) -> list[Chunk]:
    """A prompt as one or more sequences of `tokenizer.length`: start, tokens, end, padding.

    A piece runs on into the next sequence where one is full, unless it is short: then it moves there whole.
    """
    room = tokenizer.length - 2
    sequences: list[list[tuple[int, float]]] = [[]]
    for piece in parse_weights(text):
        tokens = [(index, piece.weight) for index in tokenizer.ids(piece.text)]
        if len(tokens) < WHOLE and len(sequences[-1]) + len(tokens) > room:
            sequences.append([])
        while tokens:
            if len(sequences[-1]) == room:
                sequences.append([])
            space = room - len(sequences[-1])
            sequences[-1] += tokens[:space]
            tokens = tokens[space:]
    return [_framed(tokenizer, sequence) for sequence in sequences]


def weighted(embeddings: Tensor, empty: Tensor, weights: Tensor) -> Tensor:
    """Embeddings [batch, tokens, channels] moved away from those of the empty prompt (or towards them) by `weights`.

    `empty` is [1, tokens, channels], `weights` is [batch, tokens]. Weight 1 leaves an embedding bitwise as it is.
    """
    moved = (embeddings - empty) * weights[..., None] + empty
    return torch.where(weights[..., None] == 1, embeddings, moved)


def _weigh(text: str, weight: float, depth: int = 0) -> Iterator[tuple[str, float]]:
    for part in _parts(text):
        bracketed = len(part) > 1 and part.startswith("(") and part.endswith(")")
        if bracketed and depth < DEEPEST:
            inside, given = _number_after_colon(part[1:-1])
            yield from _weigh(inside, weight * EMPHASIS if given is None else given, depth + 1)
        else:
            yield part, weight


def _number_after_colon(text: str) -> tuple[str, float | None]:
    before, colon, after = text.rpartition(":")
    if not (colon and before):
        return text, None
    try:
        given = float(after)
    except ValueError:
        return text, None
    return (before, given) if math.isfinite(given) else (text, None)


def _parts(text: str) -> Iterator[str]:
    """`text` cut before and after each outermost bracketed part."""
    depth = begin = 0
    for i, character in enumerate(text):
        if character == "(":
            if depth == 0 and i > begin:
                yield text[begin:i]
                begin = i
            depth += 1
        elif character == ")":
            depth -= 1
            if depth == 0:
                yield text[begin : i + 1]
                begin = i + 1
    if begin < len(text):
        yield text[begin:]


def _framed(tokenizer: Tokenizer, sequence: list[tuple[int, float]]) -> Chunk:
    padding = tokenizer.length - 2 - len(sequence)
    ids = [tokenizer.start, *(index for index, _ in sequence), tokenizer.end, *[tokenizer.pad] * padding]
    return Chunk(tuple(ids), (1.0, *(weight for _, weight in sequence), *[1.0] * (padding + 1)))
