"""`nodegraph lessons`: the course on the command line."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from nodegraph.about import About
from nodegraph.cli import app
from nodegraph.cli.lessons import Lesson, Remark, every_lesson, in_order, named, remarks
from nodegraph.errors import UsageError

LESSONS = [
    Lesson(name, Path(f"{name}.json"), About(title, ""))
    for name, title in (
        ("01_kinds_of_noise", "1. Kinds of noise"), ("04_predict_the_noise", "4. Predict the noise"),
        ("10_latent_space", "10. Latent space"), ("11_training", "11. Training"),
    )
]  # fmt: skip


def lessons(*words: str) -> Result:
    return CliRunner().invoke(app, ["lessons", *words])


def test_the_lessons_are_listed_in_their_order_with_a_sentence() -> None:
    result = lessons()
    assert result.exit_code == 0, result.stderr
    titles = [line for line in result.stdout.splitlines() if line[:1].isdecimal()]
    assert titles == [each.about.title for each in every_lesson()]
    assert [int(title.partition(".")[0]) for title in titles] == sorted(
        int(title.partition(".")[0]) for title in titles
    )
    assert all(" ".join(each.about.text.split()) in " ".join(result.stdout.split()) for each in every_lesson())


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("1", "01_kinds_of_noise"),
        ("01", "01_kinds_of_noise"),
        ("10", "10_latent_space"),
        ("predict", "04_predict_the_noise"),
        ("LATENT", "10_latent_space"),
        ("lessons/11_training", "11_training"),
        ("11_training.json", "11_training"),
    ],
)
def test_a_lesson_is_named_by_number_or_by_a_part_of_its_name(word: str, name: str) -> None:
    assert named(word, LESSONS).name == name


def test_a_word_for_several_lessons_or_for_none_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="01_kinds_of_noise or 04_predict_the_noise"):
        named("noise", LESSONS)
    with pytest.raises(UsageError) as error:
        named("11_trainin_", LESSONS)
    assert "11_training" in str(error.value.hint)
    with pytest.raises(UsageError) as error:
        named("7", LESSONS)
    assert "04_predict_the_noise" in str(error.value.hint)


def test_every_lesson_can_be_read_and_says_how_to_run_it() -> None:
    for lesson in every_lesson():
        result = lessons(lesson.name)
        assert result.exit_code == 0, result.stderr
        assert result.stdout.startswith(f"{lesson.about.title}\n")
        assert f"nodegraph run lessons/{lesson.name}\n" in result.stdout
        assert f"/?template=lessons/{lesson.name}\n" in result.stdout


def test_notes_are_read_by_their_numbers_and_those_without_after_the_nearest() -> None:
    document = {
        "nodes": {},
        "view": {
            ".notes": {
                "a": {"at": [600, 0], "size": [1, 1], "text": "2. Then this."},
                "b": {"at": [0, 0], "size": [1, 1], "text": "1. First this."},
            },
            "near_two": {"at": [590, 90], "note": "Beside the second."},
            "near_one": {"at": [10, 80], "title": "A title", "note": "Beside the first."},
            "silent": {"at": [0, 0]},
        },
    }
    said = [(each.title, each.text) for each in in_order(list(remarks(document)))]
    assert said == [
        ("", "1. First this."), ("A title", "Beside the first."), ("", "2. Then this."),
        ("near_two", "Beside the second."),
    ]  # fmt: skip


def test_notes_without_numbers_are_read_column_by_column() -> None:
    notes = [Remark(300, 0, "", "c"), Remark(10, 50, "", "b"), Remark(0, 90, "", "d"), Remark(20, 10, "", "a")]
    assert [each.text for each in in_order(notes)] == ["a", "b", "d", "c"]


@pytest.mark.parametrize(
    "document", [None, [], {"view": {"a": 3, ".notes": []}}, {"view": {"a": {"note": "x", "at": 7}}}]
)
def test_a_view_that_is_damaged_is_read_as_far_as_it_goes(document: object) -> None:
    assert all(each.text == "x" for each in remarks(document))
