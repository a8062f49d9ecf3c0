"""Running a lesson as it is shipped, and looking at what its nodes gave."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, cast

import pytest

from nodegraph import MemoryCache, Registry, Runtime, read_document, results_of
from nodegraph.folders import default_folders

FOLDER = Path(__file__).parents[2] / "workflows" / "lessons"


class Lesson:
    """A lesson's document, changed or not, and the outputs of its nodes by id."""

    def __init__(self, runtime: Runtime, name: str, values: Mapping[str, object]) -> None:
        self.document = cast("dict[str, Any]", read_document(FOLDER / f"{name}.json"))
        for place, value in values.items():
            node, _, given = place.partition(".")
            described = self.document["nodes"][node]
            described.setdefault("values", {})[given] = value
            described.get("links", {}).pop(given, None)
        self._runtime = runtime

    def __call__(self, node: str, output: str | None = None) -> Any:
        """What a node gives: the output of that name, or its first."""
        outputs = results_of(self._runtime.run(self.document, [node]))[node].outputs
        return outputs[output] if output else next(iter(outputs.values()))

    def saved(self) -> list[Path]:
        """Run all of it; the files that it saves."""
        results = results_of(self._runtime.run(self.document)).values()
        return [artifact.path for result in results for artifact in result.artifacts]


@pytest.fixture(scope="session")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Runtime:
    """One for all lessons: what they have in common is computed once."""
    folder = tmp_path_factory.mktemp("lessons")
    folders = {**default_folders(output=folder / "output"), "temp": (folder / "temp",)}
    return Runtime(Registry.from_packs(), MemoryCache(), folders)


class Lessons(Protocol):
    """`lesson(name, {"id.input": value})`: that lesson, perhaps with some values changed."""

    def __call__(self, name: str, values: Mapping[str, object] = {}, /) -> Lesson: ...


@pytest.fixture
def lesson(runtime: Runtime) -> Lessons:
    def opened(name: str, values: Mapping[str, object] = {}, /) -> Lesson:
        return Lesson(runtime, name, values)

    return opened
