"""A fully annotated function is a node; anything less is told at once."""

# pyright: reportUnusedFunction=false -- nodes are declared here to see whether they can be

from collections.abc import Callable
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


def bad_annotation(x) -> int: ...  # type: ignore  # noqa: PGH003 -- this is the mistake
def no_return(x: int): ...
def rest(*values: int) -> int: ...  # pyright: ignore[reportReturnType] -- only declared, here and below
def keywords(**values: int) -> int: ...  # pyright: ignore[reportReturnType]
def unknown_name(x: "Nowhere") -> int: ...  # type: ignore  # noqa: F821, PGH003 -- this is the mistake
def widget_for_type(seed: Seed) -> int: ...  # pyright: ignore[reportReturnType]
def widget_class(seed: Annotated[int, Seed]) -> int: ...  # pyright: ignore[reportReturnType]
def two_widgets(x: Annotated[int, Seed(), Range()]) -> int: ...  # pyright: ignore[reportReturnType]
def wrong_widget(x: Annotated[str, Range()]) -> int: ...  # pyright: ignore[reportReturnType]
def file_as_text(x: Annotated[str, File("data")]) -> int: ...  # pyright: ignore[reportReturnType]
def wrong_default(x: int = 1.5) -> int: ...  # type: ignore  # noqa: PGH003 -- this is the mistake
def out_of_range(x: Annotated[int, Range(1, 5)] = 9) -> int: ...  # pyright: ignore[reportReturnType]
def none_default(x: int = None) -> int: ...  # type: ignore  # noqa: PGH003, RUF013 -- this is the mistake
def unnamed_union() -> Latent | int: ...  # pyright: ignore[reportReturnType]
def unnamed_list() -> list[Latent]: ...  # pyright: ignore[reportReturnType]
def same_names() -> tuple[Latent, Latent]: ...  # pyright: ignore[reportReturnType]
def artifacts_of_a_value() -> tuple[Artifact, ...]: ...  # pyright: ignore[reportReturnType]
def document_of_a_value(x: Document) -> int: ...  # pyright: ignore[reportReturnType]
def yields_without_steps() -> Latent:  # type: ignore  # noqa: PGH003 -- this is the mistake
    yield Progress(1, 1)


def not_a_type(x: 3) -> int: ...  # type: ignore  # noqa: PGH003 -- this is the mistake


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (bad_annotation, "'x' has no annotation"),
        (no_return, "return annotation is missing"),
        (rest, "cannot be given by name"),
        (keywords, "cannot be given by name"),
        (unknown_name, "cannot be read"),
        (widget_for_type, "Seed is a widget"),
        (widget_class, "Seed is a widget"),
        (two_widgets, "2 widgets"),
        (wrong_widget, "does not go with str"),
        (file_as_text, "does not go with str"),
        (wrong_default, "default of 'x': expected an integer"),
        (out_of_range, "default of 'x': expected an integer from 1 to 5"),
        (none_default, "None by default"),
        (unnamed_union, "needs a name"),
        (unnamed_list, "needs a name"),
        (same_names, "two outputs are named 'latent'"),
        (artifacts_of_a_value, "only an effect node"),
        (document_of_a_value, "only an effect node"),
        (yields_without_steps, "must return Steps"),
        (not_a_type, "cannot be read|not a type"),
    ],
)
def test_a_bad_declaration_is_told_with_its_node_and_function(function: Callable[..., Any], said: str) -> None:
    with pytest.raises(DeclarationError, match=f"node 'Test' .{function.__name__}.: .*({said})"):
        declared(function)


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
