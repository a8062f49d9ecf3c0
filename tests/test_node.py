"""A fully annotated function is a node; anything less is told at once."""

from collections.abc import Callable, Generator
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import pytest

from nodegraph import (
    Artifact,
    Choice,
    DeclarationError,
    Document,
    File,
    Input,
    Listing,
    NodeType,
    Output,
    Profile,
    Progress,
    Range,
    Seed,
    Steps,
    Text,
    Toggle,
    node,
)
from nodegraph.widgets import Many, SaveName
from tests.examples import REGISTRY, Halves, Latent, add, empty


class TextEncoder:
    pass


class VAE:
    pass


class Twins(NamedTuple):
    first: Annotated[Latent, "the first"]
    files: tuple[Artifact, ...]


NOTHING = Latent(())


class Size(Enum):
    SMALL = 1
    LARGE = 2


def declared(function: Callable[..., Any], *, effect: bool = False) -> NodeType:
    return node("Test", effect=effect)(function).node_type  # pyright: ignore[reportFunctionMemberAccess] -- set by @node


def inputs(function: Callable[..., Any]) -> dict[str, Input]:
    return dict(declared(function).description.inputs)


def test_the_decorator_returns_the_same_function() -> None:
    def double(x: int) -> int:
        return 2 * x

    assert node("Double")(double) is double
    assert empty(size=2) == Latent((0.0, 0.0))


def test_the_docstring_is_the_help() -> None:
    description = REGISTRY["Add"].description
    assert description.help == "Add to a latent."
    assert description.docs == "Add to a latent.\n\nThe other latent, if there is one, is added as well."
    assert (description.title, description.category, description.effect) == ("Add", "latent", False)


def test_annotations_become_sockets_with_widgets() -> None:
    def many(
        count: int, share: float, flag: bool, text: str, method: Literal["a", "b"], size: Size, numbers: list[float],
        latent: Latent, mixed: Latent | float, name: Annotated[Path, File("data")], seed: Annotated[int, Seed()],
        steps: Annotated[int, Range(1, 9)], word: Annotated[str, Choice(("x", "y"))],
    ) -> None: ...  # fmt: skip

    assert {name: (socket.type, socket.widget) for name, socket in inputs(many).items()} == {
        "count": ("int", Range(whole=True)),
        "share": ("float", Range()),
        "flag": ("bool", Toggle()),
        "text": ("str", Text()),
        "method": ("Literal['a', 'b']", Choice(("a", "b"))),
        "size": ("Size", Choice(("SMALL", "LARGE"))),
        "numbers": ("list[float]", Many(Range())),
        "latent": ("Latent", None),
        "mixed": ("Latent | float", Range()),
        "name": ("Path", File("data")),
        "seed": ("int", Seed()),
        "steps": ("int", Range(1, 9, whole=True)),
        "word": ("str", Choice(("x", "y"))),
    }
    assert all(socket.required for socket in inputs(many).values())


def test_a_default_makes_an_input_optional() -> None:
    def optional(
        x: int = 3, size: Size = Size.LARGE, other: Latent | None = None, share: float | None = None,
        prefix: Annotated[Path, SaveName()] = Path("a/b"), many: tuple[int, ...] = (1, 2), made: Latent = NOTHING,
    ) -> None: ...  # fmt: skip

    sockets = inputs(optional)
    assert not any(socket.required for socket in sockets.values())
    assert {name: socket.default for name, socket in sockets.items()} == {
        "x": 3,
        "size": "LARGE",
        "other": None,
        "share": None,
        "prefix": "a/b",
        "many": [1, 2],
        "made": None,
    }
    assert [name for name, socket in sockets.items() if socket.nullable] == ["other", "share"]


def test_text_in_an_annotation_is_the_help_of_its_socket() -> None:
    assert REGISTRY["Load"].description.inputs["name"].help == "what to read"


def test_what_the_run_supplies_is_no_socket() -> None:
    def keep(latent: Latent, profile: Profile, document: Document) -> None: ...

    kept = declared(keep, effect=True)
    assert set(kept.description.inputs) == {"latent"}
    assert kept.supplied == {"profile": Profile, "document": Document}


@pytest.mark.parametrize(
    ("hint", "names"),
    [
        (Latent, {"latent": "Latent"}),
        (TextEncoder, {"text_encoder": "TextEncoder"}),
        (VAE, {"vae": "VAE"}),
        (int, {"int": "int"}),
        (Annotated[Latent, Output("noisy")], {"noisy": "Latent"}),
        (Halves, {"left": "Latent", "right": "Latent"}),
        (tuple[Latent, VAE], {"latent": "Latent", "vae": "VAE"}),
        (Annotated[Latent | int, Output("either")], {"either": "Latent | int"}),
        (Steps[Latent], {"latent": "Latent"}),
        (Steps[Annotated[Latent, Output("done")]], {"done": "Latent"}),
        (None, {}),
    ],
)
def test_the_return_annotation_names_the_outputs(hint: Any, names: dict[str, str]) -> None:
    def make() -> Any: ...

    make.__annotations__["return"] = hint
    assert {name: output.type for name, output in declared(make).description.outputs.items()} == names


def test_artifacts_are_no_output() -> None:
    def write() -> Twins: ...  # pyright: ignore[reportReturnType] -- only declared

    assert set(declared(write, effect=True).description.outputs) == {"first"}


MISTAKES: list[tuple[str, dict[str, Any], tuple[Any, ...]]] = [
    # what is said, the annotations of f(x), and the default of x
    ("'x' has no annotation", {"return": int}, ()),
    ("return annotation is missing", {"x": int}, ()),
    ("cannot be read", {"x": "Nowhere", "return": int}, ()),
    ("cannot be read|not a type", {"x": 3, "return": int}, ()),
    ("Seed is a widget", {"x": Seed, "return": int}, ()),
    ("Seed is a widget", {"x": Annotated[int, Seed], "return": int}, ()),
    ("2 widgets", {"x": Annotated[int, Seed(), Range()], "return": int}, ()),
    ("does not go with str", {"x": Annotated[str, Range()], "return": int}, ()),
    ("does not go with str", {"x": Annotated[str, File("data")], "return": int}, ()),
    ("default of 'x': expected an integer", {"x": int, "return": int}, (1.5,)),
    ("default of 'x': expected an integer", {"x": int, "return": int}, (True,)),
    ("default of 'x': expected an integer from 1 to 5", {"x": Annotated[int, Range(1, 5)], "return": int}, (9,)),
    ("None by default", {"x": int, "return": int}, (None,)),
    ("needs a name", {"x": int, "return": Latent | int}, ()),
    ("needs a name", {"x": int, "return": list[Latent]}, ()),
    ("two outputs are named 'latent'", {"x": int, "return": tuple[Latent, Latent]}, ()),
    ("only an effect node", {"x": int, "return": tuple[Artifact, ...]}, ()),
    ("only an effect node", {"x": Document, "return": int}, ()),
    ("must return Steps", {"x": int, "return": Generator[int, None, Latent]}, ()),
]


@pytest.mark.parametrize(("said", "annotations", "defaults"), MISTAKES)
def test_a_bad_declaration_is_told_with_its_node_and_function(
    said: str, annotations: dict[str, Any], defaults: tuple[Any, ...]
) -> None:
    def mistaken(x: Any) -> Any: ...

    mistaken.__annotations__ = annotations
    mistaken.__defaults__ = defaults
    with pytest.raises(DeclarationError, match=rf"node 'Test' \(.*mistaken\): .*({said})"):
        declared(mistaken)


def test_parameters_must_have_names_and_a_node_that_yields_must_say_so() -> None:
    def rest(*values: int) -> None: ...
    def keywords(**values: int) -> None: ...
    def yields() -> Any:
        yield Progress(1, 1)

    for function, said in ((rest, "by name"), (keywords, "by name"), (yields, "must return Steps")):
        with pytest.raises(DeclarationError, match=said):
            declared(function)


class Words(Listing, folder="words"):
    """The files of one folder."""


def test_a_listing_is_supplied_and_no_socket_with_a_default_or_without() -> None:
    def speak(text: str, *, words: Words) -> Latent: ...  # pyright: ignore[reportReturnType] -- only declared
    def say(text: str, words: Words = Words()) -> Latent: ...  # pyright: ignore[reportReturnType]  # noqa: B008 -- only declared

    for function in (speak, say):
        assert list(inputs(function)) == ["text"]
        assert declared(function).supplied == {"words": Words}
        assert "Words" not in declared(function).types


def test_a_listing_names_its_folder() -> None:
    def speak(words: Listing) -> Latent: ...  # pyright: ignore[reportReturnType] -- only declared

    with pytest.raises(DeclarationError, match="names no folder") as told:
        declared(speak)
    assert told.value.hint is not None


@pytest.mark.parametrize("name", ["", "a\nb"])
def test_a_node_needs_a_name(name: str) -> None:
    def make() -> Latent: ...  # pyright: ignore[reportReturnType] -- only declared

    with pytest.raises(DeclarationError, match="name"):
        node(name)(make)


def test_a_macro_node_calls_smaller_ones() -> None:
    @node("AddTwice")
    def add_twice(latent: Latent, amount: float) -> Latent:
        return add(add(latent, amount), amount)

    assert add_twice(Latent((1.0,)), 2.0) == Latent((5.0,))
