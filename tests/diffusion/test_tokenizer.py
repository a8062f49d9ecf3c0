"""The tokenizer against transformers' CLIPTokenizer, and on a vocabulary of its own."""

import gzip
import pickle
from importlib.resources import files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodes.diffusion.tokenizer import END, START, Tokenizer, byte_symbols, vocabulary_of

UNTIMED = settings(deadline=None)  # the first call is slow
PROMPTS = [
    *["", " ", "a", "a purple frog on a black background", "A Photo of a CAT, 8k; (masterpiece)!!"],
    *[
        "it's they're I'VE we'd",
        "don''t ''s 'sss",
        "1234 3d 4k 2.5d",
        "naïve café — Ünïcödé",
        "e\u0301 vs é",
        "İstanbul ẞ ß ǅ",
    ],
    *["日本語のプロンプト", "Привет, мир", "مرحبا", "🐸🦊 emoji👍🏽 👨\u200d👩\u200d👧", "𝕱𝖗𝖆𝖐𝖙𝖚𝖗 ½ ² Ⅳ ٣"],
    *["tabs\tand\nnew\r\nlines   spaces\u00a0nbsp\u3000wide", "curly “quotes” ‘single’ …", "ﬁ ligature ｆｕｌｌ"],
    *[
        "&amp; &lt;b&gt; <b>",
        "a_b-c/d\\e|f",
        "\ufeffbom \u200bzero",
        "\x00\x07control",
        "supercalifragilisticexpialidocious",
    ],
    *[f"{START} inside {END} text", "<|endoftext", "!?!?...,,,;;;'''\"\"\"", "word " * 200],
]


@pytest.fixture(scope="module")
def clip() -> Tokenizer:
    return Tokenizer.clip()


@pytest.fixture(scope="module")
def merges() -> list[str]:
    return gzip.decompress(files("nodes.diffusion").joinpath("clip_merges.txt.gz").read_bytes()).decode().splitlines()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # transformers' own imports
def test_ids_equal_those_of_transformers(clip: Tokenizer, merges: list[str]):
    from transformers.models.clip.tokenization_clip import CLIPTokenizer

    pairs = [(left, right) for left, right in (merge.split() for merge in merges)]
    reference = CLIPTokenizer(vocab=vocabulary_of(merges), merges=pairs)  # pyright: ignore[reportArgumentType]  # pairs are what tokenizers takes
    for prompt in PROMPTS:
        assert [clip.start, *clip.ids(prompt), clip.end] == list(reference(prompt)["input_ids"]), prompt  # pyright: ignore[reportArgumentType]  # a list of ids


def test_clip_has_its_published_vocabulary(clip: Tokenizer):
    assert (clip.vocabulary_size, clip.start, clip.end, clip.pad, clip.length) == (49408, 49406, 49407, 49407, 77)
    assert Tokenizer.clip(pad=0).pad == 0
    assert clip.ids("a photo of a cat") == [320, 1125, 539, 320, 2368]


@UNTIMED
@given(text=st.text())
def test_every_text_becomes_one_sequence_of_known_ids(clip: Tokenizer, text: str):
    ids = clip.encode(text)
    assert len(ids) == 77
    assert ids[0] == clip.start
    assert clip.end in ids
    assert all(0 <= index < clip.vocabulary_size for index in ids)


def test_half_a_character_is_no_error(clip: Tokenizer):
    assert clip.ids("a \ud83d cat") == clip.ids("a ? cat")


def test_encode_cuts_what_is_too_long_and_keeps_the_end(clip: Tokenizer):
    ids = clip.encode("cat " * 100)
    assert ids == [clip.start, *[2368] * 75, clip.end]


def test_padding_follows_the_end(clip: Tokenizer):
    assert Tokenizer.clip(pad=0).encode("cat") == [clip.start, 2368, clip.end, *[0] * 74]
    assert clip.encode("cat") == [clip.start, 2368, *[clip.end] * 75]


def test_a_small_vocabulary_runs_through_the_same_code():
    small = Tokenizer.from_merges(["r e", "re d</w>", "c a", "ca t</w>"], length=8)
    assert small.vocabulary_size == 512 + 4 + 2
    assert small.ids("Red  CAT") == [513, 515]
    assert small.encode("red cat") == [516, 513, 515, 517, 517, 517, 517, 517]
    assert len(small.ids("dog")) == 3


def test_merges_that_do_not_fit_together_are_refused():
    for bad in (["x"], ["a b c"], ["nothing known"]):
        with pytest.raises(ValueError, match="merge"):
            Tokenizer.from_merges(bad)


def test_the_byte_symbols_are_distinct_characters():
    symbols = byte_symbols()
    assert len(set(symbols)) == 256
    assert symbols[:3] == ["!", '"', "#"]


def test_a_tokenizer_can_be_sent_to_another_process(clip: Tokenizer):
    assert pickle.loads(pickle.dumps(clip)).ids("red cat") == clip.ids("red cat")
