"""A small byte-pair vocabulary of the training captions."""

import json
from collections.abc import Iterable

from tokenizers import Regex, normalizers, pre_tokenizers
from tokenizers import Tokenizer as Backend
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer

from ..tokenizer import SPLIT, WORD_END, Tokenizer, byte_symbols
from .pictures import draw_scenes


def train_merges(captions: Iterable[str], size: int = 2048) -> list[str]:
    """Merges, each `"left right"` in order of rank, until each word of the captions is one token (at most `size`)."""
    backend = Backend(BPE(end_of_word_suffix=WORD_END))
    backend.normalizer = normalizers.Lowercase()
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    trainer = BpeTrainer(
        vocab_size=size,
        min_frequency=1,
        end_of_word_suffix=WORD_END,
        initial_alphabet=byte_symbols(),
        show_progress=False,
    )
    backend.train_from_iterator(captions, trainer)
    return [" ".join(pair) for pair in json.loads(backend.to_str())["model"]["merges"]]


def caption_tokenizer(length: int = 24, captions: int = 20_000) -> Tokenizer:
    """A tokenizer of the words that captions of scenes are made of; `length` as the text tower's positions."""
    return Tokenizer.from_merges(train_merges(scene.caption for scene in draw_scenes(captions, 0)), length=length)
