"""Lesson 7: text becomes tokens and embeddings, and the embeddings steer the picture."""

import torch
from torch import Tensor

from nodes.diffusion.similarity import read_at_end, similarities, similarities_by_place
from nodes.diffusion.token_table import token_cells
from nodes.prompts import sequences_of
from nodes.types import TextEncoder

from .conftest import Lesson, Lessons

NAME = "07_text"


def lines(lesson: Lesson, node: str) -> list[str]:
    return lesson.document["nodes"][node]["values"]["texts"].split("\n")


def context(lesson: Lesson, node: str) -> Tensor:
    return lesson(node).prompts[0].context


def embedded(clip: TextEncoder, texts: list[str]) -> Tensor:
    return torch.cat([clip.encode(text).context for text in texts])


def test_it_saves_its_five_pictures(lesson: Lessons):
    names = {path.name.removesuffix("_00001_.png") for path in lesson(NAME).saved()}
    assert names == {"tokens", "token_by_token", "similarity", "same_noise", "walk"}


def test_a_sequence_is_start_tokens_end_and_padding_and_a_weight_changes_no_token(lesson: Lessons):
    opened = lesson(NAME)
    clip, text = opened("loader", "clip"), opened.document["nodes"]["tokens"]["values"]["text"]
    tokenizer = clip.towers[-1].tokenizer
    (sequence,), (plain,) = sequences_of(clip, text), sequences_of(clip, text.replace("(pink:1.2)", "pink"))
    assert sequence.ids == plain.ids
    assert sequence.weights != plain.weights
    cells = token_cells(tokenizer, [sequence])
    assert [cells[0].text, cells[-2].text] == ["start", "end"]
    letters = "".join(
        cell.text.removesuffix("-") if cell.text.endswith("-") else f"{cell.text} " for cell in cells[1:-2]
    )
    assert letters.strip() == text.replace("(pink:1.2)", "pink")
    assert len(cells) - 1 + int(cells[-1].text.split()[0]) == tokenizer.length


def test_prompts_are_equal_up_to_the_first_word_that_differs_and_the_padding_after_it_differs(lesson: Lessons):
    opened = lesson(NAME)
    first, *others = embedded(opened("loader", "clip"), lines(opened, "compare"))
    for other, same in zip(others, (3, 2), strict=True):  # start, a, red | start, a
        cosine = similarities_by_place(first, other)
        torch.testing.assert_close(cosine[:same], torch.ones(same), rtol=0, atol=1e-5)
        assert cosine[same] < 0.95
        padding = first[5:] - other[5:]  # start, three words, end
        assert (padding.square().sum(dim=-1) > 1e-4).all()


def test_prompts_that_share_a_colour_or_a_thing_are_nearer_than_those_that_share_neither(lesson: Lessons):
    opened = lesson(NAME)
    clip, texts = opened("loader", "clip"), lines(opened, "similar")
    assert texts == lines(opened, "each")
    table = similarities(read_at_end(clip.towers[-1], [sequences_of(clip, text)[0] for text in texts]))
    torch.testing.assert_close(table.diagonal(), torch.ones(len(texts)), rtol=0, atol=1e-5)
    shared: dict[bool, list[float]] = {True: [], False: []}
    for row, one in enumerate(texts):
        for column, other in enumerate(texts[:row]):
            common = set(one.split()) & set(other.split()) - {"a"}
            shared[bool(common)].append(float(table[row, column]))
    assert min(shared[True]) > max(shared[False])


def test_on_the_same_noise_the_words_alone_make_the_difference(lesson: Lessons):
    opened = lesson(NAME)
    noise = opened("same_noise").samples
    assert torch.equal(noise, noise[:1].expand_as(noise))
    again = lesson(
        NAME, {"each.texts": "\n".join(["a red heart", *lines(opened, "each")[1:4], "a red heart", "a car"])}
    )
    repeated = again("sampler").samples
    torch.testing.assert_close(repeated[4], repeated[0], rtol=1e-3, atol=1e-3)
    assert (repeated[1] - repeated[0]).abs().mean() > 0.1


def test_the_colour_word_changes_the_colour_and_little_of_the_shape(lesson: Lessons):
    red_heart, green_heart, red_car, green_car = lesson(NAME)("decode").pixels[:4]
    for red, green in ((red_heart, green_heart), (red_car, green_car)):
        assert (red[0] - red[1]).mean() > 0.05
        assert (green[1] - green[0]).mean() > 0.05
    overlap = {"heart": iou(red_heart, green_heart), "car": iou(red_car, green_car)}
    assert min(overlap.values()) > max(iou(red_heart, red_car), iou(green_heart, green_car))


def iou(one: Tensor, other: Tensor) -> float:
    """How much of two things on white covers the same place: intersection over union."""
    first, second = (picture.amin(0) < 0.8 for picture in (one, other))
    return float((first & second).sum() / (first | second).sum())


def test_the_steps_are_even_in_the_embedding_and_uneven_in_the_picture(lesson: Lessons):
    opened = lesson(NAME)
    mixed = context(opened, "walk")
    assert torch.equal(mixed[0], context(opened, "from")[0])
    assert torch.equal(mixed[-1], context(opened, "to")[0])
    steps = (mixed[1:] - mixed[:-1]).flatten(1).square().sum(dim=1).sqrt()
    torch.testing.assert_close(steps, steps.mean().expand_as(steps), rtol=1e-3, atol=1e-3)
    latents = opened("sampler_walk").samples
    jumps = (latents[1:] - latents[:-1]).flatten(1).norm(dim=1)
    assert jumps.max() > 1.5 * jumps.median()
    to_first, to_last = ((latents - end).flatten(1).norm(dim=1) for end in (latents[0], latents[-1]))
    assert (to_first[:3] < to_last[:3]).all()
    assert (to_first[-3:] > to_last[-3:]).all()
