"""Which output fits which input, and what sockets are called."""

from collections.abc import Callable
from typing import Annotated, Any, Literal, Protocol

import pytest

from nodegraph import DeclarationError, Range
from nodegraph.sockets import Input, accepts, an, holds, type_name
from nodegraph.widgets import File
from tests.examples import Latent, Masked


class Shaped(Protocol):
    shape: int


FITTING: list[tuple[Any, Any]] = [
    (Latent, Latent),
    (Latent, Masked),
    (float, int),
    (Any, Latent),
    (Any, Latent | int),
    (object, bool),
    (float | Latent, int),
    (Latent | str, Masked | str),
    (Latent | None, Latent),
    (list[Latent], list[Latent]),
    (str, Literal["a", "b"]),
    (Literal["a", "b", "c"], Literal["c", "a"]),
    (Annotated[int, Range(0, 1)], int),
    (int, Annotated[int, Range(0, 1)]),
]
UNFITTING: list[tuple[Any, Any]] = [
    (Masked, Latent),
    (int, float),
    (int, bool),
    (float, bool),
    (bool, int),
    (str, int),
    (Latent, Any),
    (Latent, Latent | int),
    (Latent, Latent | None),
    (list[Latent], list[Masked]),
    (list, list[Latent]),
    (Literal["a"], str),
    (Literal["a"], Literal["a", "b"]),
    (Literal[1], Literal[True]),
    (Shaped, Latent),
]


@pytest.mark.parametrize(("target", "source"), FITTING)
def test_an_output_fits_an_input_of_its_own_or_a_wider_type(target: object, source: object) -> None:
    assert accepts(target, source)


@pytest.mark.parametrize(("target", "source"), UNFITTING)
def test_nothing_else_fits(target: object, source: object) -> None:
    assert not accepts(target, source)


def test_a_type_is_called_by_its_class() -> None:
    assert type_name(Latent) == "Latent"
    assert type_name(Annotated[Latent, "help"]) == "Latent"
    assert type_name(list[Latent]) == "list[Latent]"
    assert type_name(tuple[Latent, ...]) == "tuple[Latent, ...]"
    assert type_name(Any) == "Any"


def test_the_order_of_a_union_is_not_in_its_name() -> None:
    assert type_name(Latent | int) == type_name(int | Latent)


def test_what_is_not_a_type_has_no_name() -> None:
    for annotation in ("text", 3, Callable[[int], int]):
        with pytest.raises(DeclarationError):
            type_name(annotation)


def test_an_input_holds_what_its_widget_takes() -> None:
    number = Input("x", "float", Range(0, 1))
    assert holds(number, 1)
    assert not holds(number, 2)
    assert not holds(number, None)
    assert holds(Input("x", "float", Range(0, 1), nullable=True), None)


def test_an_input_without_a_widget_holds_no_literal() -> None:
    assert not holds(Input("latent", "Latent"), 1)
    assert not holds(Input("name", "Path", File("data")), "a")


def test_nouns_get_their_article() -> None:
    assert (an("Image"), an("Latent")) == ("an Image", "a Latent")
