"""What keeps the code readable: the direction of the imports, the length of files and functions, who may use what."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import nodegraph

ROOT = Path(__file__).parents[1]
ENGINE = sorted((ROOT / "nodegraph").rglob("*.py"))
NODES = sorted((ROOT / "nodes").rglob("*.py"))
SOURCES = [*ENGINE, *NODES]
# From the bottom up: a module imports from its own level or below.
LEVELS = [
    {"errors", "events", "files", "keys", "folders", "peek"},
    {"widgets", "listing", "sheet"},
    {"sockets"},
    {"catalogue", "returns"},
    {"document"},
    {"node", "packs", "report", "about"},
    {"parser", "comfyui", "picture"},
    {"modes"},
    {"graph"},
    {"plan"},
    {"registry", "cache", "execute"},
    {"runtime"},
    {"__init__"},
    {"service", "client"},
    {"server", "cli"},
    {"__main__"},
]
# The networks and samplers are longer than plumbing may be.
LONGEST_FILE, LONGEST_NUMERICS, LONGEST_FUNCTION = 300, 350, 40
HEAVY = {"torch", "transformers", "safetensors", "PIL", "nodes", "diffusers", "numpy", "tokenizers"}
ONLY_IN = {
    "networkx": ("nodegraph/graph.py", "nodegraph/plan.py"),
    "sqlite3": ("nodegraph/service/store.py", "nodegraph/service/ledger.py", "nodegraph/service/migrations.py"),
    "aiohttp": ("nodegraph/server/", "nodegraph/client.py"),
    "typer": ("nodegraph/cli/",),
    "rich": ("nodegraph/cli/",),
}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(path: Path) -> Iterator[str]:
    """The modules that a file imports, wherever in it, with the package written out."""
    package = ".".join(path.relative_to(ROOT).with_suffix("").parts[:-1])
    for statement in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(statement, ast.Import):
            yield from (alias.name for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom):
            above = package.rsplit(".", statement.level - 1)[0] if statement.level > 1 else package
            start = above if statement.level else ""
            module = ".".join(part for part in (start, statement.module) if part)
            yield module
            if module in ("nodegraph", "nodes", "nodes.diffusion"):
                yield from (f"{module}.{alias.name}" for alias in statement.names)


def level_of(module: str) -> int:
    parts = module.split(".")
    noun = parts[1] if len(parts) > 1 else "__init__"
    return next((level for level, nouns in enumerate(LEVELS) if noun in nouns), LEVELS.index({"__init__"}))


@pytest.mark.parametrize("path", ENGINE, ids=name_of)
def test_nothing_in_the_engine_imports_what_is_above_it(path: Path) -> None:
    own = level_of(".".join(path.relative_to(ROOT).with_suffix("").parts))
    if own >= LEVELS.index({"__init__"}):
        own = max(own, LEVELS.index({"__init__"}))
    upwards = [module for module in imports(path) if module.startswith("nodegraph.") and level_of(module) > own]
    assert upwards == []


def test_every_module_of_the_engine_has_a_level() -> None:
    known = {noun for level in LEVELS for noun in level}
    assert {path.relative_to(ROOT / "nodegraph").parts[0].removesuffix(".py") for path in ENGINE} <= known


@pytest.mark.parametrize("path", ENGINE, ids=name_of)
def test_the_engine_imports_no_numerics_and_no_nodes(path: Path) -> None:
    draws = "cli" in path.parts or "server" in path.parts or path.name == "sheet.py"
    allowed = {"PIL"} if draws else set[str]()
    assert {module.split(".")[0] for module in imports(path)} & (HEAVY - allowed) == set()


@pytest.mark.parametrize("path", NODES, ids=name_of)
def test_the_library_knows_neither_the_engine_nor_the_nodes_and_nodes_use_public_names(path: Path) -> None:
    used = set(imports(path))
    if "diffusion" in path.parts:
        own = {module for module in used if module.startswith("nodes.") and not module.startswith("nodes.diffusion")}
        assert own | {module for module in used if module.split(".")[0] == "nodegraph"} == set()
    else:
        inner = {module for module in used if module.startswith("nodegraph.")}
        assert inner - {f"nodegraph.{name}" for name in nodegraph.__all__} == set()


@pytest.mark.parametrize("library", ONLY_IN)
def test_each_library_has_its_place(library: str) -> None:
    users = {name_of(path) for path in SOURCES if library in {module.split(".")[0] for module in imports(path)}}
    assert {user for user in users if not user.startswith(ONLY_IN[library])} == set()


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_files_and_functions_stay_short(path: Path) -> None:
    text = path.read_text("utf-8")
    numerics = "diffusion" in path.parts
    assert text.count("\n") <= (LONGEST_NUMERICS if numerics else LONGEST_FILE)
    long = [
        f"{item.name}: {item.end_lineno - item.lineno + 1} lines"
        for item in ast.walk(ast.parse(text))
        if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)
        and item.end_lineno is not None
        and item.end_lineno - item.lineno >= LONGEST_FUNCTION
    ]
    assert long == []


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_only_the_command_line_prints(path: Path) -> None:
    calls = [item.func for item in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(item, ast.Call)]
    prints = [call.lineno for call in calls if isinstance(call, ast.Name) and call.id == "print"]
    assert not prints or "cli" in path.parts


def test_weights_are_unpickled_in_one_place_at_most() -> None:
    loading = [name_of(path) for path in SOURCES for _ in re.findall(r"torch\.load\(", path.read_text("utf-8"))]
    assert len(loading) <= 1


def test_one_file_of_the_canvas_touches_the_network() -> None:
    sources = [path for path in (ROOT / "web" / "src").rglob("*.ts*") if path.is_file()]
    users = {name_of(path) for path in sources if re.search(r"\b(fetch|WebSocket)\(", path.read_text("utf-8"))}
    assert users == {"web/src/api.ts"}


def shipped_texts() -> list[Path]:
    kinds = ("*.py", "*.md", "*.toml", "*.json", "*.txt", "Makefile")
    places = ("nodegraph", "nodes", "tests", "workflows")
    found = [path for place in places for kind in kinds for path in (ROOT / place).rglob(kind)]
    return found + [path for kind in kinds for path in ROOT.glob(kind)]


def test_nothing_names_the_machine_it_was_written_on() -> None:
    # Put together here, so that this file does not name them itself.
    telling = re.compile("|".join(f"/{name}/" for name in ("work/main", "work/env", "work/shared", "root/.pyenv")))
    assert [
        name_of(path) for path in shipped_texts() if telling.search(path.read_text("utf-8", errors="replace"))
    ] == []
