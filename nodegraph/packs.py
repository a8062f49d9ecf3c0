"""Packs: modules of nodes, found by entry point or by name; and the fingerprint of their source."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
import uuid
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

from .errors import PackError, did_you_mean

GROUP = "nodegraph.packs"


def load_packs(names: Iterable[str] | None = None) -> list[ModuleType]:
    """The modules of some packs, each named as an entry point or as a module; of all installed packs without names."""
    installed = {point.name: point.module for point in entry_points(group=GROUP)}
    wanted = installed if names is None else names
    return [_imported(installed.get(name, name), installed) for name in wanted]


def check_packs(names: Iterable[str]) -> None:
    """PackError for a pack that is not installed; nothing is imported."""
    installed = {point.name: point.module for point in entry_points(group=GROUP)}
    for name in names:
        if importlib.util.find_spec(installed.get(name, name).partition(".")[0]) is None:
            raise PackError(f"there is no pack or module {name!r}", hint=did_you_mean(name, installed))


def with_submodules(module: ModuleType) -> Iterator[ModuleType]:
    """A module and the submodules that it lists in `__nodes__`: how a package says where its nodes are."""
    yield module
    for name in getattr(module, "__nodes__", ()):
        yield from with_submodules(_imported(f"{module.__name__}.{name}", ()))


def _imported(name: str, installed: Iterable[str]) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise PackError(f"the pack {name!r} cannot be imported: {error}") from error
        raise PackError(f"there is no pack or module {name!r}", hint=did_you_mean(name, installed)) from error
    except Exception as error:
        raise PackError(f"the pack {name!r} cannot be imported: {type(error).__name__}: {error}") from error


@cache
def source_fingerprint(name: str) -> str:
    """A hash of the source of the top-level package or module `name`, without importing it.

    Computed once in a process: code that changes on disk later is not the code that runs. Code that is in no file has a
    fingerprint of its own in each process, so that its results are never taken for those of other code.
    """
    digest = hashlib.sha256()
    for label, path in sorted(_sources(name)):
        content = path.read_bytes()
        digest.update(f"{label}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest() if _sources(name) else uuid.uuid4().hex


def _sources(name: str) -> list[tuple[str, Path]]:
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):  # __main__ and modules made by hand have no spec
        spec = None
    if spec is not None and spec.submodule_search_locations:
        roots = {Path(root).resolve() for root in spec.submodule_search_locations}
        return [(path.relative_to(root).as_posix(), path) for root in roots for path in root.rglob("*.py")]
    origin = spec.origin if spec else getattr(sys.modules.get(name), "__file__", None)
    path = Path(origin) if origin else None
    return [(path.name, path)] if path and path.is_file() else []
