"""A small byte-pair vocabulary of the training captions, for `Tokenizer.from_merges`."""

import json
from collections.abc import Iterable

from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer

from ..tokenizer import SPLIT, WORD_END, byte_symbols


def train_merges(captions: Iterable[str], size: int = 2048) -> list[str]:
    """Merges, each `"left right"` in order of rank, until each word of the captions is one token (at most `size`)."""
    backend = Tokenizer(BPE(end_of_word_suffix=WORD_END))
    backend.normalizer = normalizers.Lowercase()
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    trainer = BpeTrainer(
        vocab_size=size, min_frequency=1, end_of_word_suffix=WORD_END, initial_alphabet=byte_symbols(), show_progress=False
    )
    backend.train_from_iterator(captions, trainer)
    return [" ".join(pair) for pair in json.loads(backend.to_str())["model"]["merges"]]
