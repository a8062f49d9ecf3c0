"""`check`, `nodes`, `node`, `graph`, `schema` and `--version`."""

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from typer.testing import CliRunner

from nodegraph.cli import app
from tests.cli.conftest import SUM, Command, Write


def test_check_says_ok_for_each_good_file(command: Command, write: Write) -> None:
    result = command("check", write("a.json"), write("b.json"))
    assert (result.exit_code, result.stdout) == (0, "a.json: ok, 4 nodes\nb.json: ok, 4 nodes\n")


def test_check_goes_on_after_a_bad_file(command: Command, write: Write) -> None:
    bad = write("bad.json", one={"type": "Number", "values": {"value": 1001}})
    result = command("check", "none.json", bad, write("good.json"))
    assert result.exit_code == 3
    assert "one.value: expected an integer from 0 to 1000, got 1001" in result.stderr
    assert result.stdout == "good.json: ok, 4 nodes\n"


def test_nodes_that_do_not_run_are_told(command: Command, write: Write) -> None:
    muted = {"type": "Number", "values": {"value": 9000}, "mode": "mute"}
    name = write(one=muted, sum={"type": "Add", "values": {"a": 2}}, more={"type": "Add", "links": {"a": "one.int"}})
    assert command("check", name).stdout == "sum.json: ok, 3 nodes, and 2 that do not run\n"
    drawn = command("graph", name).stdout
    assert "one does not run: it is muted\nmore does not run: it needs one, which is muted\n" in drawn
    assert "└─ value: sum (Add)" in drawn


def test_nodes_are_listed_by_category(command: Command) -> None:
    lines = command("nodes").stdout.splitlines()
    assert "numbers" in lines
    assert any(line.split() == ["Add", "The", "sum", "of", "two", "numbers."] for line in lines)


def test_nodes_can_be_searched(command: Command) -> None:
    assert command("nodes", "sum two").stdout.split()[:2] == ["numbers", "Add"]


def test_a_node_is_shown_with_what_it_takes_and_where_it_fits(command: Command) -> None:
    shown = command("node", "Add").stdout
    assert "The sum of two numbers." in shown
    assert "a  int  an integer, required" in shown
    assert "b  int  an integer, default 10" in shown
    assert "fits Number.value, Add.a" in shown


def test_a_node_is_shown_with_all_of_its_choices_and_no_line_too_long(folder: Path) -> None:
    pack = folder / "choosing.py"
    pack.write_text(
        "from typing import Annotated\nfrom nodegraph import Choice, node\n"
        "WAYS = tuple(f'way_{n}' for n in range(40))\n"
        "@node('Choose')\n"
        "def choose(way: Annotated[str, Choice(WAYS), 'where to go'] = 'way_3') -> int:\n"
        "    'Go.'\n    return 1\n"
    )
    shown = CliRunner().invoke(app, ["node", "Choose", "--pack", str(pack)]).stdout
    assert 'way  str  a choice, default "way_3"' in shown
    assert shown.count("way_") == 41
    assert max(map(len, shown.splitlines())) <= 100


def test_a_tree_goes_from_what_is_saved_to_where_it_comes_from(command: Command, write: Write) -> None:
    file = write(sum={"type": "Add", "links": {"a": "one.int", "b": "one.int"}})
    assert command("graph", file).stdout.splitlines() == [
        "save (Save)",
        "└─ value: wait (Wait)",
        "   └─ value: sum (Add)",
        "      ├─ a: one (Number)",
        "      └─ b: one (Number)",
    ]


def test_a_deep_graph_is_drawn(command: Command, write: Write) -> None:
    chain = {f"n{i}": {"type": "Add", "links": {"a": f"n{i - 1}.int"}} for i in range(1, 3000)}
    file = write(n0={"type": "Number"}, **chain)
    result = command("graph", file)
    assert result.exit_code == 0, result.stderr
    assert len(result.stdout.splitlines()) == 3004


@pytest.mark.parametrize(
    ("language", "line"),
    [("mermaid", '    n0 -- "a" --> n1'), ("dot", '    "one" -> "sum" [label="a"];')],
)
def test_a_graph_is_drawn_in_a_language(command: Command, write: Write, language: str, line: str) -> None:
    assert line in command("graph", write(), "--format", language).stdout.splitlines()


def test_quotes_in_an_id_stay_in_their_label(command: Command, write: Write) -> None:
    file = write(**{'a"b\\': {"type": "Number"}})
    assert '"a\\"b\\\\"' in command("graph", file, "--format", "dot").stdout
    assert "a#quot;b" in command("graph", file, "--format", "mermaid").stdout


def test_the_schema_accepts_a_good_workflow_and_no_bad_one(command: Command) -> None:
    schema = json.loads(command("schema").stdout)
    jsonschema.Draft7Validator.check_schema(schema)
    validator = jsonschema.Draft7Validator(schema)
    assert validator.is_valid(SUM)  # pyright: ignore[reportUnknownMemberType] -- jsonschema has no types
    assert not validator.is_valid({**SUM, "nodes": {"one": {"type": "Numbr"}}})  # pyright: ignore[reportUnknownMemberType] -- as above


def test_the_version_is_told(command: Command) -> None:
    assert command("--version").stdout == "nodegraph 0.1.0\n"


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"]])
def test_help_imports_neither_torch_nor_a_pack(words: list[str]) -> None:
    script = (
        "import sys; from nodegraph.cli import app\n"
        "try: app(sys.argv[1:])\n"
        "except SystemExit: sys.exit(bool({'torch', 'transformers', 'PIL', 'aiohttp', 'nodes'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script, *words], capture_output=True, check=False).returncode == 0
