r"""Prompts: weights in brackets, and cutting long texts into sequences that a text encoder takes.

`(word)` counts 1.1 times as much as the rest, brackets multiply, `(word:1.3)` says the weight outright, `\(` and `\)`
are plain brackets. Square brackets and brackets without a partner are plain text: every text is a prompt.
`embedding:name` stands for the vectors of that name, and ends at white space, a comma or a bracket.
"""

import math
import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

import torch
from torch import Tensor

from .tokenizer import Tokenizer

EMPHASIS = 1.1
DEEPEST = 64  # brackets further in are plain text; 1.1 to this power is 446, far beyond use
WHOLE = 8  # a piece of fewer tokens than this is moved to the next sequence rather than cut
ESCAPES = {r"\(": "\ud800", r"\)": "\ud801"}  # halves of characters, which no text holds, stand in while parsing
PLAIN = str.maketrans("\ud800\ud801", "()")
MENTION = re.compile(r"(?<![^\s,()\[\]{}<>])embedding:([^\s,()\[\]{}<>]+)")
BLANK = 0  # the id where a vector stands in for a token: any but the end token's, at which a text is pooled


class Piece(NamedTuple):
    """A stretch of text with one weight."""

    text: str
    weight: float


class Mention(Piece):
    """A piece that names an embedding: its text is the name."""


class Token(NamedTuple):
    """One place of a sequence: a token, or the vector [channels] of an embedding."""

    id: int
    weight: float
    vector: Tensor | None = None


class Chunk(NamedTuple):
    """One sequence for the text encoder: its ids, specials and padding included, and as many weights.

    `vectors` has those that stand in for tokens, each [channels], by their places in the sequence.
    """

    ids: tuple[int, ...]
    weights: tuple[float, ...]
    vectors: Mapping[int, Tensor] = MappingProxyType({})


def parse_weights(text: str) -> list[Piece]:
    r"""The pieces of a prompt in order; their texts joined are the prompt without its markup.

    A weight given as a number replaces those of the brackets around it: in `((a:1.2))` a counts 1.2, not 1.45.
    """
    for escaped, stand_in in ESCAPES.items():
        text = text.replace(escaped, stand_in)
    return [piece for part, weight in _weigh(text, 1.0) for piece in _with_mentions(part, weight)]


def mentioned(text: str) -> list[str]:
    """The names of the embeddings in a prompt, each once."""
    return list(dict.fromkeys(piece.text for piece in parse_weights(text) if isinstance(piece, Mention)))


def chunks(tokenizer: Tokenizer, text: str, embeddings: Mapping[str, Tensor] = MappingProxyType({})) -> list[Chunk]:
    """A prompt as one or more sequences of `tokenizer.length`: start, tokens, end, padding.

    A piece runs on into the next sequence where one is full, unless it is short: then it moves there whole. So does an
    embedding. `embeddings` has the vectors [n, channels] of every name in the prompt; they take n places.
    """
    room = tokenizer.length - 2
    sequences: list[list[Token]] = [[]]
    for piece in parse_weights(text):
        tokens = _tokens(tokenizer, piece, embeddings)
        kept_whole = len(tokens) < WHOLE or (isinstance(piece, Mention) and len(tokens) <= room)
        if kept_whole and len(sequences[-1]) + len(tokens) > room:
            sequences.append([])
        while tokens:
            if len(sequences[-1]) == room:
                sequences.append([])
            space = room - len(sequences[-1])
            sequences[-1] += tokens[:space]
            tokens = tokens[space:]
    return [_framed(tokenizer, sequence) for sequence in sequences]


def _tokens(tokenizer: Tokenizer, piece: Piece, embeddings: Mapping[str, Tensor]) -> list[Token]:
    if isinstance(piece, Mention):
        return [Token(BLANK, piece.weight, vector) for vector in embeddings[piece.text]]
    return [Token(index, piece.weight) for index in tokenizer.ids(piece.text)]


def weighted(embeddings: Tensor, empty: Tensor, weights: Tensor) -> Tensor:
    """Embeddings [batch, tokens, channels] moved away from those of the empty prompt (or towards them) by `weights`.

    `empty` is [1, tokens, channels], `weights` is [batch, tokens]. Weight 1 leaves an embedding bitwise as it is.
    """
    moved = (embeddings - empty) * weights[..., None] + empty
    return torch.where(weights[..., None] == 1, embeddings, moved)


def _with_mentions(text: str, weight: float) -> Iterator[Piece]:
    """A part of a prompt, cut where it names embeddings, with the stand-ins for brackets put back."""
    begin = 0
    for match in MENTION.finditer(text):
        if match.start() > begin:
            yield Piece(text[begin : match.start()].translate(PLAIN), weight)
        yield Mention(match[1].translate(PLAIN), weight)
        begin = match.end()
    if begin < len(text):
        yield Piece(text[begin:].translate(PLAIN), weight)


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


def _framed(tokenizer: Tokenizer, sequence: list[Token]) -> Chunk:
    padding = tokenizer.length - 2 - len(sequence)
    whole = [Token(tokenizer.start, 1.0), *sequence, Token(tokenizer.end, 1.0), *[Token(tokenizer.pad, 1.0)] * padding]
    vectors = {place: token.vector for place, token in enumerate(whole) if token.vector is not None}
    return Chunk(tuple(token.id for token in whole), tuple(token.weight for token in whole), vectors)
