"""Prompt weights and long prompts."""

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nodes.diffusion.prompt import chunks, parse_weights, weighted
from nodes.diffusion.tokenizer import Tokenizer

UNTIMED = settings(deadline=None)  # the first call is slow
CLIP = Tokenizer.clip()
CAT = 2368


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("a cat", [("a cat", 1.0)]),
        ("", []),
        ("a (red:1.3) cat", [("a ", 1.0), ("red", 1.3), (" cat", 1.0)]),
        ("(dog)", [("dog", 1.1)]),
        ("((dog))", [("dog", 1.21)]),
        ("(a (b))", [("a ", 1.1), ("b", 1.21)]),
        ("(soft (warm:1.2):0.8)", [("soft ", 0.8), ("warm", 1.2)]),
        ("((dog):0.5)", [("dog", 0.55)]),
        ("((dog:1.2))", [("dog", 1.2)]),
        ("(dog:-1)", [("dog", -1.0)]),
        ("(ratio 16:9)", [("ratio 16", 9.0)]),
        (r"\(text\)", [("(text)", 1.0)]),
        (r"(a \(b\):1.5)", [("a (b)", 1.5)]),
        ("[blue] {x} <y>", [("[blue] {x} <y>", 1.0)]),
        ("(word:)", [("word:", 1.1)]),
        ("(word:strong)", [("word:strong", 1.1)]),
        ("(word:inf)", [("word:inf", 1.1)]),
        ("(:1.3)", [(":1.3", 1.1)]),
        ("a (b", [("a ", 1.0), ("(b", 1.0)]),
        ("a) (b)", [("a) (b)", 1.0)]),
        ("()", []),
    ],
)
def test_weights_are_read(text: str, pieces: list[tuple[str, float]]):
    assert [(piece, pytest.approx(weight)) for piece, weight in pieces] == parse_weights(text)


@UNTIMED
@given(st.text())
@example("\ue000\ue001\x00")
def test_every_text_is_a_prompt_that_keeps_its_words(text: str):
    words = [c for c in text if c not in "()\\" and not c.isspace()]
    kept = "".join(piece.text for piece in parse_weights(text))
    if "(" not in text and "\\" not in text:
        assert kept == text
    elif ":" not in text:
        assert [c for c in kept if c not in "()\\" and not c.isspace()] == words


@UNTIMED
@given(st.recursive(st.text("ab :,", min_size=1), lambda inner: st.lists(inner, min_size=1, max_size=3)))
def test_brackets_multiply(tree: str | list[object]):
    def write(part: object) -> str:
        return part.replace(":", "") if isinstance(part, str) else "(" + "".join(map(write, list(part))) + ")"  # pyright: ignore[reportArgumentType, reportUnknownArgumentType]  # a list of such

    def expected(part: object, weight: float) -> list[tuple[str, float]]:
        if isinstance(part, str):
            return [(c, weight) for c in part.replace(":", "")]
        return [pair for inner in list(part) for pair in expected(inner, weight * 1.1)]  # pyright: ignore[reportArgumentType, reportUnknownArgumentType, reportUnknownVariableType]  # a list of such

    read = [(c, piece.weight) for piece in parse_weights(write(tree)) for c in piece.text]
    assert [c for c, _ in read] == [c for c, _ in expected(tree, 1.0)]
    assert [w for _, w in read] == pytest.approx([w for _, w in expected(tree, 1.0)])


def test_brackets_without_end_are_no_error():
    assert "".join(piece.text for piece in parse_weights("(" * 20_000)) == "(" * 20_000
    assert all(abs(piece.weight) < 1000 for piece in parse_weights("(" * 2000 + "a" + ")" * 2000))


def test_a_short_prompt_is_one_sequence():
    (chunk,) = chunks(CLIP, "a (cat:1.5)")
    assert chunk.ids == tuple(CLIP.encode("a cat"))
    assert chunk.weights == (1.0, 1.0, 1.5, *[1.0] * 74)


def test_an_empty_prompt_is_one_sequence():
    assert [chunk.ids for chunk in chunks(CLIP, "")] == [tuple(CLIP.encode(""))]


def test_75_tokens_fit_and_the_next_begins_a_sequence():
    assert len(chunks(CLIP, "cat " * 75)) == 1
    first, second = chunks(CLIP, "cat " * 76)
    assert first.ids == (CLIP.start, *[CAT] * 75, CLIP.end)
    assert second.ids == (CLIP.start, CAT, *[CLIP.end] * 75)


def test_a_short_piece_is_not_cut_and_a_long_one_is():
    first, second = chunks(CLIP, "cat " * 73 + "(cat cat cat:1.5)")
    assert first.ids == (CLIP.start, *[CAT] * 73, *[CLIP.end] * 3)
    assert second.weights[:5] == (1.0, 1.5, 1.5, 1.5, 1.0)
    first, second = chunks(CLIP, "cat " * 73 + "(" + "cat " * 8 + ":1.5)")
    assert first.weights[73:] == (1.0, 1.5, 1.5, 1.0)
    assert second.ids[:8] == (CLIP.start, *[CAT] * 6, CLIP.end)


@UNTIMED
@given(
    st.lists(st.tuples(st.integers(1, 100), st.sampled_from([0.5, 1.0, 1.5])), max_size=6),
    st.sampled_from([12, 24, 77]),
)
def test_no_token_is_lost_in_cutting(pieces: list[tuple[int, float]], length: int):
    tokenizer = Tokenizer.from_merges(["c a", "ca t</w>"], length=length)
    cat = tokenizer.ids("cat")[0]
    found = chunks(tokenizer, "".join(f"({'cat ' * count}:{weight})" for count, weight in pieces))
    assert all(len(chunk.ids) == len(chunk.weights) == length for chunk in found)
    kept = [w for chunk in found for index, w in zip(chunk.ids, chunk.weights, strict=True) if index == cat]
    assert kept == [weight for count, weight in pieces for _ in range(count)]


def test_weights_scale_the_distance_from_the_empty_prompt():
    generator = torch.Generator().manual_seed(0)
    words, empty = torch.randn(2, 3, 4, generator=generator), torch.randn(1, 3, 4, generator=generator)
    moved = weighted(words, empty, torch.tensor([[1.0, 1.5, 0.0], [1.0, 1.0, 1.0]]))
    assert torch.equal(moved[0, 0], words[0, 0])
    assert torch.equal(moved[1], words[1])
    torch.testing.assert_close(moved[0, 1], empty[0, 1] + 1.5 * (words[0, 1] - empty[0, 1]))
    torch.testing.assert_close(moved[0, 2], empty[0, 2])
