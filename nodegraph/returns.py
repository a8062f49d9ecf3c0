"""What a return annotation says: the outputs of a node by name, and how its result is taken apart."""

from __future__ import annotations

import types
import typing
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from .errors import BadInput, DeclarationError
from .events import Artifact, Progress
from .sockets import Output, bare, type_name, unwrapped

Outputs = tuple[Any, ...]


@dataclass(frozen=True)
class Returns:
    """The outputs by name and their annotations; `streams` if the result comes at the end of a generator.

    `row` is the class of a result with several parts, and `artifacts` says which parts are files that were written.
    """

    outputs: Mapping[str, Output]
    annotations: tuple[Any, ...]
    row: type | None
    artifacts: tuple[int, ...]
    streams: bool

    def taken_apart(self, result: Any) -> tuple[Outputs, tuple[Artifact, ...]]:
        """The outputs in order, and the artifacts; BadInput if the function did not return what it declares."""
        parts = self._parts(result)
        if self.artifacts:
            written = [_artifacts(part) for index, part in enumerate(parts) if index in self.artifacts]
            artifacts = tuple(artifact for each in written for artifact in each)
            parts = tuple(part for index, part in enumerate(parts) if index not in self.artifacts)
        else:
            artifacts = ()
        for part, annotation in zip(parts, self.annotations, strict=True):
            if not _may_be(part, annotation):
                raise BadInput(f"returned a {type(part).__name__} where it declares {type_name(annotation)}")
        return parts, artifacts

    def _parts(self, result: Any) -> Outputs:
        count = len(self.annotations) + len(self.artifacts)
        if self.row is None:
            return (result,) if count else ()
        if not isinstance(result, self.row) or len(result) != count:  # pyright: ignore[reportUnknownArgumentType,reportArgumentType] -- row is a tuple class
            raise BadInput(f"returned a {type(result).__name__} where it declares {self.row.__name__} of {count}")
        return tuple(result)  # pyright: ignore[reportUnknownArgumentType,reportArgumentType,reportUnknownVariableType] -- the same


def _artifacts(part: Any) -> tuple[Artifact, ...]:
    return (part,) if isinstance(part, Artifact) else tuple(part)


def _may_be(value: Any, annotation: Any) -> bool:
    """Whether a value can be of a type. Only plain classes are looked at; a protocol or a generic cannot be asked."""
    if type(value) is annotation or type(annotation) is not type or (annotation is float and type(value) is int):
        return True
    return isinstance(value, annotation)


def read_returns(hint: Any, is_generator: bool) -> Returns:
    """What a return annotation declares; DeclarationError if the outputs' names do not follow from it."""
    streams = get_origin(hint) is Generator
    if is_generator and not streams:
        raise DeclarationError("a node that yields must return Steps[...]")
    if streams:
        if get_args(hint)[0] is not Progress:
            raise DeclarationError("a long node must return Steps[...]")
        hint = get_args(hint)[2]
    parts, row = _declared_parts(hint)
    artifacts = tuple(index for index, (_, part) in enumerate(parts) if _is_artifact(part))
    outputs: dict[str, Output] = {}
    annotations: list[Any] = []
    for name, part in (part for index, part in enumerate(parts) if index not in artifacts):
        output, annotation = _output(name, part)
        if output.name in outputs:
            raise DeclarationError(
                f"two outputs are named {output.name!r}", hint='name each of them: Annotated[X, Output("name")]'
            )
        outputs[output.name] = output
        annotations.append(annotation)
    return Returns(outputs, tuple(annotations), row, artifacts, streams)


def _declared_parts(hint: Any) -> tuple[list[tuple[str | None, Any]], type | None]:
    plain: Any = bare(hint)
    if plain is None or plain is types.NoneType:
        return [], None
    if hasattr(plain, "_fields") and plain.__mro__[1] is tuple:
        return list(typing.get_type_hints(plain, include_extras=True).items()), plain
    inner = get_args(plain)
    if get_origin(plain) is tuple and inner[-1:] != (Ellipsis,):
        return [(None, part) for part in inner], tuple
    return [(None, hint)], None


def _is_artifact(hint: Any) -> bool:
    plain = bare(hint)
    return plain is Artifact or (get_origin(plain) in (tuple, list) and get_args(plain)[0] is Artifact)


def _output(name: str | None, hint: Any) -> tuple[Output, Any]:
    annotation, nullable, notes = unwrapped(hint)
    annotation = bare(hint) if nullable else annotation
    given = next((note for note in notes if isinstance(note, Output)), Output(""))
    spoken = type_name(annotation)
    found = name or given.name or _snake_case(spoken)
    if not found.isidentifier():
        raise DeclarationError(f"the output of type {spoken} needs a name", hint='write Annotated[X, Output("name")]')
    help_line = given.help or " ".join(note for note in notes if isinstance(note, str))
    return Output(found, spoken, help_line), annotation


def _snake_case(name: str) -> str:
    """TextEncoder → text_encoder, VAE → vae, CLIPModel → clip_model."""
    starts = [
        index > 0 and letter.isupper() and (name[index - 1].islower() or name[index + 1 : index + 2].islower())
        for index, letter in enumerate(name)
    ]
    return "".join(f"_{letter}" if start else letter for letter, start in zip(name, starts, strict=True)).lower()
