"""CLIP's byte-pair tokenizer (Radford et al. 2021), run by the `tokenizers` library.

A vocabulary follows from its merges: 256 byte symbols, the same symbols at the end of a word, the joined merges, then
the start and the end token. So CLIP's 49,408 entries and the embedded checkpoint's few hundred share one code path.
"""

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from tokenizers import AddedToken, Regex, normalizers, pre_tokenizers
from tokenizers import Tokenizer as Backend
from tokenizers.models import BPE

CLIP_SIZE = 49_408
START, END = "<|startoftext|>", "<|endoftext|>"
WORD_END = "</w>"
# Specials, contractions, runs of letters, single digits, runs of anything else that is not white space.
SPLIT = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


@dataclass(frozen=True, eq=False)
class Tokenizer:
    """Text to token ids.

    `start`, `end` and `pad` are ids; `length` is the number of ids in one sequence of the text encoder (77 for CLIP),
    `start` and `end` included.
    """

    backend: Backend
    start: int
    end: int
    pad: int
    length: int = 77

    @classmethod
    def clip(cls, pad: int | None = None) -> "Tokenizer":
        """CLIP's own vocabulary. SD1 and SDXL's first tower pad with the end token (the default), OpenCLIP with 0."""
        packed = files("nodes.diffusion").joinpath("clip_merges.txt.gz").read_bytes()
        return cls.from_merges(gzip.decompress(packed).decode().splitlines(), pad=pad)

    @classmethod
    def from_merges(cls, merges: Sequence[str], length: int = 77, pad: int | None = None) -> "Tokenizer":
        """A tokenizer from merges in order of rank, each `"left right"`, as byte symbols with `</w>` ending a word.

        Raises ValueError if a merge is not two symbols that are in the vocabulary by then.
        """
        vocabulary = vocabulary_of(merges)
        start, end = vocabulary[START], vocabulary[END]
        return cls(_backend(vocabulary, merges), start, end, end if pad is None else pad, length)

    @property
    def vocabulary_size(self) -> int:
        """The number of ids, specials included: the rows of the text encoder's embedding."""
        return self.end + 1

    @property
    def merges(self) -> tuple[str, ...] | None:
        """What `from_merges` takes; None for CLIP's own vocabulary, which needs no naming."""
        if self.vocabulary_size == CLIP_SIZE:
            return None
        return tuple(" ".join(pair) for pair in json.loads(self.backend.to_str())["model"]["merges"])

    def ids(self, text: str) -> list[int]:
        """The ids of `text` at its full length, without start, end or padding."""
        whole = text.encode(errors="replace").decode()  # JSON may hold half a character; the backend refuses it
        return self.backend.encode(whole, add_special_tokens=False).ids

    def encode(self, text: str) -> list[int]:
        """Exactly `length` ids: start, as much of `text` as fits, end, padding."""
        ids = self.ids(text)[: self.length - 2]
        return [self.start, *ids, self.end, *[self.pad] * (self.length - 2 - len(ids))]


def byte_symbols() -> list[str]:
    """GPT-2's 256 printable stand-ins for bytes, in CLIP's order of ids (not in the order of the bytes).

    The printable Latin-1 characters stand for themselves and come first; the rest are U+0100 and up.
    """
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    return [chr(byte) for byte in printable] + [chr(256 + n) for n in range(256 - len(printable))]


def vocabulary_of(merges: Sequence[str]) -> dict[str, int]:
    """Symbol to id: bytes, bytes that end a word, merges joined, start, end (512 + len(merges) + 2 entries)."""
    symbols = byte_symbols()
    entries = [*symbols, *(s + WORD_END for s in symbols), *(m.replace(" ", "") for m in merges), START, END]
    return {entry: index for index, entry in enumerate(entries)}


def _backend(vocabulary: dict[str, int], merges: Sequence[str]) -> Backend:
    try:
        pairs = [(left, right) for left, right in (merge.split(" ") for merge in merges)]
        backend = Backend(BPE(vocab=vocabulary, merges=pairs, end_of_word_suffix=WORD_END))
    except Exception as error:  # the library raises nothing more precise
        raise ValueError(f"the vocabulary's merges do not fit together: {error}") from error
    backend.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    backend.add_special_tokens([AddedToken(START, special=True), AddedToken(END, special=True)])
    return backend
