"""What the commands work with: the options that they share, the nodes of the packs, and the checked workflow."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from nodegraph.catalogue import Catalogue
from nodegraph.errors import InvalidGraph, PackError
from nodegraph.registry import Registry

Packs = Annotated[
    list[str] | None,
    typer.Option(
        "--pack",
        metavar="PACK",
        help="Use the nodes of this pack only (repeatable): an installed pack, a module or a .py file.",
    ),
]
Models = Annotated[
    Path | None, typer.Option("--models", metavar="DIR", help="Look here for models first: DIR/checkpoints, DIR/vae, …")
]
AllowPickle = Annotated[
    bool,
    typer.Option("--allow-pickle", help="Read .ckpt, .pt and .bin files too: their tensors, and nothing that runs."),
]
Memory = Annotated[
    float | None,
    typer.Option("--memory", metavar="GIB", min=0.0, help="Weights on the device at once; as many as fit by default."),
]
Debug = Annotated[bool, typer.Option("--debug", help="Show a traceback when something goes wrong.")]
Workflow = Annotated[
    str,
    typer.Argument(
        metavar="FILE", help="A workflow, a picture that carries one, `-`, or the name of a workflow that is shipped."
    ),
]


def load_registry(packs: Sequence[str] | None) -> Registry:
    """The nodes of the packs, ready to run."""
    return Registry.from_packs([module_name(pack) for pack in packs] if packs else None)


def load_catalogue(packs: Sequence[str] | None) -> Catalogue:
    """The nodes of the packs as data: all that commands need which run nothing."""
    return load_registry(packs).catalogue()


def module_name(pack: str) -> str:
    """The name to import a pack by; a file's folder is put where Python looks."""
    if not pack.endswith(".py"):
        return pack
    path = Path(pack).resolve()
    if not path.is_file():
        raise PackError(f"there is no pack {pack!r}")
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    spec = importlib.util.find_spec(path.stem) if path.stem.isidentifier() else None
    if spec is None or spec.origin is None or not path.samefile(spec.origin):
        raise PackError(f"the pack {pack!r} cannot be imported by that name", hint="give the file another name")
    return path.stem


def allow_pickle() -> None:
    """Let nodes read pickles, in this process and in those that it starts."""
    os.environ["NODEGRAPH_ALLOW_PICKLE"] = "1"


@contextmanager
def problems_of(name: str) -> Generator[None]:
    """Say which workflow the problems are in."""
    try:
        yield
    except InvalidGraph as error:
        error.add_note(name)
        raise
