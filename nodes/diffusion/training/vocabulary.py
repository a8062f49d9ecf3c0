"""A small byte-pair vocabulary of the training captions (Sennrich et al. 2016).

Written out here since the trainer of the `tokenizers` library breaks ties between equally frequent pairs at random: a
training that resumes would find other ids for its words.
"""

from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

from tokenizers import Regex, pre_tokenizers

from ..tokenizer import SPLIT, WORD_END, Tokenizer, vocabulary_of
from .pictures import draw_scenes

SPLITTER = pre_tokenizers.Sequence(
    [
        pre_tokenizers.Split(Regex(SPLIT), behavior="removed", invert=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ]
)


def train_merges(captions: Iterable[str], size: int = 2048) -> list[str]:
    """Merges, each `"left right"` in order of rank, until each word is one token or the vocabulary has `size` entries.

    The same for the same captions in any order: of equally frequent pairs the alphabetically first is merged.
    """
    counts = Counter(word for caption in captions for word, _ in SPLITTER.pre_tokenize_str(caption.lower()))
    words = {word: (*word[:-1], word[-1] + WORD_END) for word in counts}
    merges: list[str] = []
    while len(merges) < size - len(vocabulary_of([])):
        pairs: Counter[tuple[str, str]] = Counter()
        for word, symbols in words.items():
            for pair in pairwise(symbols):
                pairs[pair] += counts[word]
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(" ".join(best))
        words = {word: _merged(symbols, best) for word, symbols in words.items()}
    return merges


def _merged(symbols: tuple[str, ...], pair: tuple[str, str]) -> tuple[str, ...]:
    merged: list[str] = []
    for symbol in symbols:
        if merged and (merged[-1], symbol) == pair:
            merged[-1] += symbol
        else:
            merged.append(symbol)
    return tuple(merged)


def caption_tokenizer(length: int = 24, captions: int = 20_000) -> Tokenizer:
    """A tokenizer of the words that captions of scenes are made of; `length` as the text tower's positions."""
    return Tokenizer.from_merges(train_merges(scene.caption for scene in draw_scenes(captions, 0)), length=length)
