"""Textual inversion: every form of file, how a prompt names one, and what a text encoder makes of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from nodegraph import BadInput
from nodes.diffusion.models import TextEncoder, Tower
from nodes.diffusion.network import Network
from nodes.diffusion.prompt import Mention, Piece, chunks, mentioned, parse_weights
from nodes.diffusion.safetensors_file import BadCheckpoint, write_safetensors
from nodes.diffusion.text_encoder import TextConfig, TextTower
from nodes.diffusion.textual_inversion import (
    UnknownEmbedding,
    embedded,
    find_embedding,
    read_embedding,
    vectors_for,
)
from nodes.diffusion.tokenizer import Tokenizer
from nodes.diffusion.weights_file import ALLOWED
from nodes.text import encode
from nodes.types import Embeddings
from tests.diffusion.checkpoints import CPU, MERGES

LENGTH, NARROW, WIDE = 12, 16, 24
FROG = "frog"
TOKENIZER = Tokenizer.from_merges(MERGES, LENGTH)


def numbers(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


def tower(channels: int, projection: int | None = None) -> Tower:
    config = TextConfig(
        vocabulary=len(MERGES) + 514,
        length=LENGTH,
        channels=channels,
        layers=2,
        heads=2,
        width=32,
        projection=projection,
    )
    module = TextTower(config)
    generator = torch.Generator().manual_seed(channels)
    for tensor in module.state_dict().values():
        tensor.copy_(torch.randn(tensor.shape, generator=generator) / 4)
    return Tower(Network(module.requires_grad_(False).eval(), CPU), TOKENIZER)


ONE_TOWER = TextEncoder((tower(NARROW),))
TWO_TOWERS = TextEncoder((tower(NARROW), tower(WIDE, projection=WIDE)))


def table(encoder: TextEncoder, index: int = 0) -> Tensor:
    """The vectors of an encoder's words, [vocabulary, channels]."""
    return encoder.towers[index].network.module.text_model.embeddings.token_embedding.weight


def written(path: Path, **tensors: Tensor) -> Path:
    write_safetensors(dict(tensors), path)
    return path


def frog_file(path: Path, *, clip_l: bool = True, clip_g: bool = True) -> Path:
    """An embedding of SDXL that is the word "frog" in one tower or in both."""
    ids = TOKENIZER.ids("frog")
    named = {"clip_l": table(TWO_TOWERS)[ids], "clip_g": table(TWO_TOWERS, 1)[ids]}
    return written(path, **{name: named[name] for name, kept in (("clip_l", clip_l), ("clip_g", clip_g)) if kept})


PICKLED: Mapping[str, Any] = {
    "A1111": {
        "string_to_token": {"*": 265}, "string_to_param": {"*": numbers(3, NARROW)}, "name": "x", "step": 500,
        "sd_checkpoint": None,
    },
    "A1111, trained": {"string_to_param": {"*": numbers(3, NARROW).requires_grad_()}},
    "diffusers": {"<frog>": numbers(3, NARROW)},
    "plain": numbers(3, NARROW),
}  # fmt: skip


@pytest.mark.parametrize("form", PICKLED)
@pytest.mark.parametrize("ending", [".pt", ".bin"])
def test_every_pickled_form_gives_its_vectors_where_pickles_are_allowed(
    form: str, ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"x{ending}"
    torch.save(PICKLED[form], path)
    with pytest.raises(BadCheckpoint, match=r"--allow-pickle"):
        read_embedding(path)
    monkeypatch.setenv(ALLOWED, "1")
    (vectors,) = read_embedding(path).for_towers([NARROW])
    assert torch.equal(vectors, numbers(3, NARROW))
    assert not vectors.requires_grad


@pytest.mark.parametrize("key", ["emb_params", "<frog>", "*"])
def test_a_table_under_any_name_is_for_an_encoder_of_its_width(key: str, tmp_path: Path) -> None:
    path = written(tmp_path / "x.safetensors", **{key: numbers(3, WIDE).half()})
    (vectors,) = read_embedding(path).for_towers([WIDE])
    assert torch.equal(vectors, numbers(3, WIDE).half().float())


def test_a_single_vector_is_a_table_of_one(tmp_path: Path) -> None:
    path = written(tmp_path / "x.safetensors", frog=numbers(NARROW))
    assert [each.shape for each in read_embedding(path).for_towers([NARROW])] == [(1, NARROW)]


@pytest.mark.parametrize("keys", [("clip_l", "clip_g"), ("text_encoders_0", "text_encoders_1")])
def test_a_file_for_two_towers_gives_each_its_own(keys: tuple[str, str], tmp_path: Path) -> None:
    tables = numbers(2, NARROW), numbers(2, WIDE)
    path = written(tmp_path / "x.safetensors", **dict(zip(keys, tables, strict=True)))
    assert all(map(torch.equal, read_embedding(path).for_towers([NARROW, WIDE]), tables))


def test_places_that_a_file_leaves_empty_in_a_tower_are_zeros(tmp_path: Path) -> None:
    path = written(tmp_path / "x.safetensors", clip_l=numbers(2, NARROW), clip_g=numbers(3, WIDE))
    first, second = read_embedding(path).for_towers([NARROW, WIDE])
    assert torch.equal(first, torch.cat([numbers(2, NARROW), torch.zeros(1, NARROW)]))
    assert torch.equal(second, numbers(3, WIDE))
    only = written(tmp_path / "y.safetensors", clip_g=numbers(3, WIDE))
    assert torch.equal(read_embedding(only).for_towers([NARROW, WIDE])[0], torch.zeros(3, NARROW))


@pytest.mark.parametrize(
    ("tensors", "widths", "said"),
    [
        ({"emb_params": numbers(2, NARROW)}, [WIDE], "text encoders of 16 channels; this one has 24"),
        ({"emb_params": numbers(2, NARROW)}, [NARROW, WIDE], "text encoders of 16 channels; this one has 16 and 24"),
        ({"clip_l": numbers(2, 8), "clip_g": numbers(2, 9)}, [NARROW, WIDE], "of 8 and 9 channels"),
    ],
)
def test_an_embedding_of_another_family_is_refused_with_both_widths(
    tensors: dict[str, Tensor], widths: list[int], said: str, tmp_path: Path
) -> None:
    with pytest.raises(BadCheckpoint, match=rf"^x.safetensors: .*{said}"):
        read_embedding(written(tmp_path / "x.safetensors", **tensors)).for_towers(widths)


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        ({}, "no tensors"),
        ({"a": numbers(2, NARROW), "b": numbers(2, NARROW)}, "two embeddings of 16 channels"),
        ({f"layer{n}": numbers(2, 5 + n) for n in range(20)}, "20 tensors"),
        ({"a": numbers(2, 3, 4)}, r"'a' is \[2, 3, 4\]"),
        ({"a": numbers(0, 4)}, r"'a' is \[0, 4\]"),
        ({"a": numbers(2000, 2)}, r"'a' is \[2000, 2\]"),
        ({"a": torch.ones(2, 4, dtype=torch.int64)}, "'a' has elements that are no finite"),
        ({"a": torch.tensor([[1.0, float("nan")]])}, "'a' has elements that are no finite"),
    ],
)
def test_what_is_no_embedding_is_refused(tensors: dict[str, Tensor], said: str, tmp_path: Path) -> None:
    with pytest.raises(BadCheckpoint, match=rf"^x.safetensors: .*{said}"):
        read_embedding(written(tmp_path / "x.safetensors", **tensors))


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("embedding:foo", [Mention("foo", 1.0)]),
        ("a embedding:foo b", [Piece("a ", 1.0), Mention("foo", 1.0), Piece(" b", 1.0)]),
        ("a,embedding:foo, b", [Piece("a,", 1.0), Mention("foo", 1.0), Piece(", b", 1.0)]),
        ("a\nembedding:sub/foo.v1.2\nb", [Piece("a\n", 1.0), Mention("sub/foo.v1.2", 1.0), Piece("\nb", 1.0)]),
        ("(embedding:foo:1.2)", [Mention("foo", 1.2)]),
        ("(embedding:foo)", [Mention("foo", 1.1)]),
        ("(a (embedding:foo.pt), b:0.5)", [Piece("a ", 0.5), Mention("foo.pt", 0.55), Piece(", b", 0.5)]),
        ("[embedding:foo]", [Piece("[", 1.0), Mention("foo", 1.0), Piece("]", 1.0)]),
        (r"embedding:foo\(1\) x", [Mention("foo(1)", 1.0), Piece(" x", 1.0)]),
        ("embedding: foo", [Piece("embedding: foo", 1.0)]),
        ("myembedding:foo", [Piece("myembedding:foo", 1.0)]),
        ("(embedding:1.3)", [Piece("embedding", 1.3)]),
    ],
)
def test_a_prompt_names_embeddings(text: str, pieces: list[Piece]) -> None:
    found = parse_weights(text)
    assert [(type(each), each.text, pytest.approx(each.weight)) for each in found] == [
        (type(each), each.text, each.weight) for each in pieces
    ]
    assert mentioned(text) == [each.text for each in pieces if isinstance(each, Mention)]


def test_vectors_take_the_places_of_tokens_with_their_weight() -> None:
    vectors = numbers(3, NARROW)
    (chunk,) = chunks(TOKENIZER, "frog (embedding:x:1.5) frog", {"x": vectors})
    assert torch.equal(torch.stack([chunk.vectors[place] for place in (2, 3, 4)]), vectors)
    assert chunk.vectors.keys() == {2, 3, 4}
    frog = TOKENIZER.ids(FROG)[0]
    assert (chunk.ids[1], chunk.ids[5], chunk.ids[6]) == (frog, frog, TOKENIZER.end)
    assert chunk.ids.count(TOKENIZER.end) == LENGTH - 6
    assert chunk.weights == (1.0, 1.0, 1.5, 1.5, 1.5, *[1.0] * (LENGTH - 5))


@pytest.mark.parametrize("count", [1, 8, 9, 10])
def test_an_embedding_that_fits_in_a_sequence_is_not_cut(count: int) -> None:
    found = chunks(TOKENIZER, "frog " * 7 + "embedding:x", {"x": numbers(count, NARROW)})
    assert [len(chunk.vectors) for chunk in found] == ([0, count] if count > 3 else [count])


def test_an_embedding_longer_than_a_sequence_is_cut_and_keeps_its_order() -> None:
    vectors = numbers(25, NARROW)
    found = chunks(TOKENIZER, "embedding:x", {"x": vectors})
    assert [len(chunk.vectors) for chunk in found] == [10, 10, 5]
    assert torch.equal(torch.stack([vector for chunk in found for vector in chunk.vectors.values()]), vectors)


def test_the_vectors_of_words_are_embedded_as_the_words_are() -> None:
    text, ids = "red frog", TOKENIZER.ids("red frog")
    embeddings = ONE_TOWER.towers[0].network.module.text_model.embeddings
    parts = chunks(TOKENIZER, f"{text} embedding:x {text}", {"x": table(ONE_TOWER)[ids]})
    expected = embeddings(torch.tensor([TOKENIZER.encode(f"{text} {text} {text}")]))
    assert torch.equal(embedded(embeddings, parts), expected)


FILES = {name: Path(name) for name in ("foo.safetensors", "foo.pt", "sub/bar.v2.pt", "sub/baz.bin", "plain", "a.txt")}


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("foo", "foo.safetensors"), ("foo.pt", "foo.pt"), ("sub/bar.v2", "sub/bar.v2.pt"), ("sub\\baz", "sub/baz.bin"),
        ("plain", "plain"),
    ],
)  # fmt: skip
def test_an_embedding_is_found_with_or_without_its_ending(name: str, file: str) -> None:
    assert find_embedding(name, FILES) == Path(file)


@pytest.mark.parametrize(
    ("name", "files", "said"),
    [
        ("fooo", FILES, "no embedding 'fooo': did you mean 'foo'"),
        ("sub/bar.v3", FILES, "did you mean 'sub/bar.v2'"),
        ("Nothing", FILES, "there are 'a.txt', 'foo', 'plain', 'sub/bar.v2', 'sub/baz'$"),
        ("x", {}, "none is there"),
        ("x" * 9999, FILES, "there are 'a.txt'"),
    ],
)
def test_an_unknown_name_is_told_with_those_that_are_known(name: str, files: dict[str, Path], said: str) -> None:
    with pytest.raises(UnknownEmbedding, match=said) as told:
        find_embedding(name, files)
    assert len(str(told.value)) < 400


def test_an_embedding_of_a_word_is_as_good_as_the_word(tmp_path: Path) -> None:
    files = {"frog.safetensors": frog_file(tmp_path / "frog.safetensors", clip_g=False)}
    for text, plain in (("red embedding:frog", "red frog"), ("red (embedding:frog:1.4)", "red (frog:1.4)")):
        found, expected = ONE_TOWER.encode(text, embeddings=files), ONE_TOWER.encode(plain)
        assert torch.equal(found.context, expected.context)
    assert not torch.equal(
        ONE_TOWER.encode("red (embedding:frog:1.4)", embeddings=files).context, ONE_TOWER.encode("red frog").context
    )


def test_both_towers_read_their_own_vectors_and_the_text_is_pooled_at_its_end(tmp_path: Path) -> None:
    files = {"frog.safetensors": frog_file(tmp_path / "frog.safetensors")}
    found, expected = TWO_TOWERS.encode("red embedding:frog", embeddings=files), TWO_TOWERS.encode("red frog")
    assert torch.equal(found.context, expected.context)
    assert found.pooled is not None
    assert expected.pooled is not None
    assert torch.equal(found.pooled, expected.pooled)


def test_a_tower_that_an_embedding_has_nothing_for_keeps_the_places_of_the_other_words(tmp_path: Path) -> None:
    files = {"frog.safetensors": frog_file(tmp_path / "frog.safetensors", clip_g=False)}
    found, expected = TWO_TOWERS.encode("embedding:frog red", embeddings=files), TWO_TOWERS.encode("frog red")
    assert torch.equal(found.context[..., :NARROW], expected.context[..., :NARROW])
    assert not torch.equal(found.context[..., NARROW:], expected.context[..., NARROW:])
    first, second = vectors_for(["embedding:frog red"], files, [NARROW, WIDE])
    assert (
        chunks(TOKENIZER, "embedding:frog red", first)[0].ids == chunks(TOKENIZER, "embedding:frog red", second)[0].ids
    )


def test_a_node_turns_what_cannot_be_used_into_bad_input(tmp_path: Path) -> None:
    path = written(tmp_path / "wide.safetensors", emb_params=numbers(2, WIDE))
    files = Embeddings({"wide.safetensors": path})
    with pytest.raises(BadInput, match="no embedding 'wider': did you mean 'wide'"):
        encode("a embedding:wider", ONE_TOWER, embeddings=files)
    with pytest.raises(BadInput, match=r"wide\.safetensors: .* 24 channels; .* 16"):
        encode("a embedding:wide", ONE_TOWER, embeddings=files)
    with pytest.raises(BadInput, match="none is there"):
        encode("a embedding:wide", ONE_TOWER)
