"""Errors: readable, placed, and with the exit code the command line needs."""

from typing import Any

import pytest

from nodegraph import errors
from nodegraph.errors import BadInput, InvalidGraph, MissingFile, NodeFailed, OutOfMemory, Problem, UsageError


def test_the_tree_in_the_docstring_names_every_error() -> None:
    classes = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)}
    assert errors.__doc__ is not None
    drawn = {line.strip("│├└─ ").split()[0] for line in errors.__doc__.splitlines() if line.strip("│├└─ ")}
    assert classes <= drawn


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("x"), 2),
        (InvalidGraph([Problem("a", None, "x", kind="wrong_type")]), 3),
        (InvalidGraph([Problem("a", "name", "x", kind="missing_file")]), 4),
        (InvalidGraph([Problem("a", "n", "x", kind="missing_file"), Problem("a", "n", "x", kind="cycle")]), 3),
        (MissingFile("x"), 4),
        (NodeFailed("a", "Add", ValueError("x")), 1),
        (NodeFailed("a", "Load", MissingFile("x")), 4),
        (OutOfMemory("a", "Add", MemoryError()), 5),
    ],
)
def test_each_error_has_the_exit_code_that_tells_it(error: errors.NodegraphError, code: int) -> None:
    assert error.exit_code == code


def test_a_problem_reads_well_alone() -> None:
    assert str(Problem("sampler", "steps", "expected an integer, got 'fast'")) == (
        "sampler.steps: expected an integer, got 'fast'"
    )


def test_a_failed_node_tells_an_expected_failure_in_its_own_words() -> None:
    assert str(NodeFailed("a", "Add", BadInput("too large"))) == "a (Add): too large"
    assert str(NodeFailed("a", "Add", ValueError("too large"))) == "a (Add): ValueError: too large"


ODD: list[Any] = [
    10**10000,
    -(10**10000),
    "x" * 10**6,
    "\ud800",
    [[]] * 9,
    {1: 2},
    object(),
    float("nan"),
    b"",
    None,
    True,
]


@pytest.mark.parametrize("value", ODD, ids=lambda value: type(value).__name__)
def test_any_value_can_be_shown_in_a_short_line(value: object) -> None:
    shown = errors.shown(value)
    assert len(shown) < 100
    assert shown.isprintable()


def test_the_closest_words_are_found_whatever_their_case() -> None:
    assert errors.closest("ksampler", ["KSampler", "Add", "SaveImage"]) == ["KSampler"]
    assert errors.did_you_mean("zzz", ["KSampler"]) is None


def test_a_very_long_word_is_not_compared() -> None:
    assert errors.closest("a" * 10**6, ["a" * 10**6]) == ()
