"""`nodegraph run --sweep … --sheet …`: one workflow over values, and its pictures as one."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from nodegraph.cli.sweep import MOST_RUNS, Sweep, labels, values
from nodegraph.errors import UsageError
from nodegraph.picture import workflow_in
from tests.cli.conftest import Command, Write

PAINTED: dict[str, Any] = {"save": {"type": "Paint", "links": {"value": "wait.int"}}}
TWO = ("--sweep", "one.value=10,20,30", "--sweep", "sum.b=1..2")


def told(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def grays(file: Path, columns: int, rows: int) -> list[list[int]]:
    """What is in the middle of each cell of a sheet whose cells are 128 pixels wide, from the right and the bottom."""
    with Image.open(file) as opened:
        sheet = opened.convert("L")
    across = [sheet.width - 132 * (columns - column) + 64 for column in range(columns)]
    down = [sheet.height - 132 * (rows - row) + 64 for row in range(rows)]
    return [[int(sheet.getpixel((x, y))) for x in across] for y in down]  # type: ignore[arg-type] -- one band


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0..15:1.5", ["0", "1.5", "3", "4.5", "6", "7.5", "9", "10.5", "12", "13.5", "15"]),
        ("0..0.7:0.1", ["0", "0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7"]),
        ("0..10:4", ["0", "4", "8"]),
        ("3..1", ["3", "2", "1"]),
        ("1..0:0.5", ["1", "0.5", "0"]),
        ("1..0:-0.5", ["1", "0.5", "0"]),
        ("-1..1", ["-1", "0", "1"]),
        ("18446744073709551614..18446744073709551615", ["18446744073709551614", "18446744073709551615"]),
        ("1,2,10..30:10", ["1", "2", "10", "20", "30"]),
        ("a red apple, a duck", ["a red apple", "a duck"]),
        ('"a, b", c', ["a, b", "c"]),
        ('["a, b", "c", 3, 0.5, true]', ["a, b", "c", "3", "0.5", "true"]),
        (",a fox", ["", "a fox"]),
        ("0.5", ["0.5"]),
    ],
)
def test_values_are_counted_in_exact_decimals_or_named(text: str, expected: list[str]) -> None:
    assert list(values(text)) == expected


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("one.value", "id.input=value"),
        ("one.value=", "no value"),
        ("one.value=[]", "no value"),
        ("one.value=[1,", "not JSON"),
        ('one.value="a', "not a list"),
        ("one.value=0..5:0", "step of 0"),
        ("one.value=0..5:-1", "does not get to 5"),
        ("one.value=0.5..2", "does not say its step"),
        ("one.value=0..1000", "more than 1000"),
        (f"one.value={','.join(map(str, range(MOST_RUNS + 1)))}", "more than 1000"),
        ("one.value=0..99999999999999999999999999999999999999999", "more than 1000"),
    ],
)
def test_what_is_no_list_of_values_is_a_usage_error(command: Command, write: Write, word: str, reason: str) -> None:
    result = command("run", write(), "--sweep", word)
    assert (result.exit_code, reason in result.stderr) == (2, True), result.stderr


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--sweep", "one.value=1..40", "--sweep", "sum.b=1..40"), "1600 combinations"),
        (("--sweep", "sum.b=1,2", "--sweep", "sum.b=3"), "named twice"),
        (("--sheet", "out.png"), "--sweep"),
        (("--sheet", ".", "--sweep", "sum.b=1"), "name of a file"),
        (("--sheet", "s", "--sweep", "sum.b=1", "--sweep", "one.value=1", "--sweep", "wait.steps=1"), "two sides"),
        (("--sheet", "s", "--sweep", "other.value=1,2"), "depends on other.value"),
    ],
)
def test_a_sweep_that_makes_no_sense_is_a_usage_error(
    command: Command, write: Write, words: tuple[str, ...], reason: str
) -> None:
    result = command("run", write(other={"type": "Number"}), *words)
    assert (result.exit_code, reason in result.stderr) == (2, True), result.stderr


def test_unknown_inputs_are_told_all_at_once(command: Command, write: Write) -> None:
    result = command("run", write(), "--sweep", "onee.value=1,2", "--sweep", "sum.c=1,2")
    assert result.exit_code == 2
    assert "--sweep: the workflow has no node 'onee'" in result.stderr
    assert "Add has no input 'c'" in result.stderr


def test_every_value_is_checked_before_anything_runs(command: Command, write: Write, folder: Path) -> None:
    result = command("run", write(**PAINTED), "--sweep", "one.value=1,1001,x", "--sweep", "sum.b=1,y", "--sheet", "s")
    assert result.exit_code == 3
    assert [part in result.stderr for part in ("1001", "'x'", "'y'", "3 problems")] == [True] * 4, result.stderr
    assert [path.name for path in folder.iterdir()] == ["sum.json"]


def test_a_sheet_has_a_column_for_each_value_of_the_first_and_a_row_for_each_of_the_second(
    command: Command, write: Write, folder: Path
) -> None:
    result = command("run", write(**PAINTED), *TWO, "--sheet", "out")
    assert result.exit_code == 0, result.stderr
    assert result.stdout == "out.png\n"
    assert grays(folder / "out.png", 3, 2) == [[11, 21, 31], [12, 22, 32]]
    assert sorted(path.name for path in folder.iterdir()) == ["out.png", "sum.json"]


def test_a_sheet_carries_the_workflow_of_its_first_picture(command: Command, write: Write, folder: Path) -> None:
    command("run", write(**PAINTED), *TWO, "--sheet", "out.png")
    document: Any = workflow_in((folder / "out.png").read_bytes())
    assert (document["nodes"]["one"]["values"], document["nodes"]["sum"]["values"]) == ({"value": 10}, {"b": 1})
    assert command("run", "out.png", "--output", "there").exit_code == 0
    assert (folder / "there" / "paint_11_0.png").is_file()


def test_only_what_depends_on_a_changed_value_runs_again(command: Command, write: Write) -> None:
    ran = [
        (event["node"], *event["values"].values())
        for event in told(command("run", write(**PAINTED), *TWO, "--json").stdout)
        if event["event"] == "started"
    ]
    assert [places for name, *places in ran if name == "one"] == [[10, 1], [20, 1], [30, 1]]
    for name in ("sum", "wait", "save"):
        assert [places for each, *places in ran if each == name] == [
            [10, 1], [20, 1], [30, 1], [10, 2], [20, 2], [30, 2],
        ]  # fmt: skip


def test_a_dry_run_counts_what_each_run_computes_and_that_is_what_it_computes(command: Command, write: Write) -> None:
    planned = told(command("run", write(), *TWO, "--dry-run", "--json").stdout)
    events = told(command("run", write(), *TWO, "--json").stdout)
    completed = [event for event in events if event["event"] == "completed"]
    assert [(row["values"], row["run"], row["reused"]) for row in planned] == [
        (event["values"], event["ran"], event["reused"]) for event in completed
    ]
    assert [row["run"] for row in planned] == [4, 4, 4, 3, 3, 3]
    assert command("run", write(), *TWO, "--dry-run").stdout.splitlines()[-1] == "6 runs, 21 nodes in all"


def test_events_say_the_values_of_their_run_and_the_last_one_where_the_sheet_is(command: Command, write: Write) -> None:
    events = told(command("run", write(**PAINTED), *TWO, "--sheet", "out.png", "--json").stdout)
    assert events[-1] == {"event": "sheet", "path": "out.png"}
    assert all(set(event["values"]) == {"one.value", "sum.b"} for event in events[:-1])
    # The files are gone when the command ends, so nobody is told of them.
    assert all(event.get("artifacts", []) == [] for event in events)


def test_without_a_sheet_every_picture_is_saved_as_usual(command: Command, write: Write, folder: Path) -> None:
    result = command("run", write(**PAINTED), *TWO)
    saved = [folder / "output" / f"paint_{value}_0.png" for value in (11, 21, 31, 12, 22, 32)]
    assert result.stdout.splitlines() == [str(path) for path in saved]
    assert all(path.is_file() for path in saved)


def test_with_a_name_for_them_the_pictures_are_kept_beside_the_sheet(
    command: Command, write: Write, folder: Path
) -> None:
    result = command("run", write(**PAINTED), "--sweep", "sum.b=1,2", "--sheet", "out.png", "--out", "each.png")
    assert result.stdout.splitlines() == ["each.png", "each-2.png", "out.png"]
    assert grays(folder / "out.png", 2, 1) == [[2, 3]]


def test_each_node_that_saves_what_depends_on_the_sweep_has_its_part_of_the_sheet(
    command: Command, write: Write, folder: Path
) -> None:
    alone = command("run", write(**PAINTED), "--sweep", "sum.b=1,2", "--sheet", "one.png")
    more = {
        "first": {"type": "Paint", "links": {"value": "one.int"}},  # does not depend on it
        "again": {"type": "Paint", "values": {"prefix": "again", "copies": 2}, "links": {"value": "sum.int"}},
        "seen": {"type": "Look", "links": {"value": "sum.int"}},  # only looks at it
    }
    both = command("run", write(**PAINTED, **more), "--sweep", "sum.b=1,2", "--sheet", "both.png", "--json")
    assert (alone.exit_code, both.exit_code) == (0, 0)
    started = {event["node"] for event in told(both.stdout) if event["event"] == "started"}
    assert started == {"one", "sum", "wait", "save", "again"}
    with Image.open(folder / "one.png") as one, Image.open(folder / "both.png") as two:
        assert two.height > 2 * one.height
        # The two pictures of a batch stand side by side in one cell.
        assert two.width > 2 * 2 * 128


def test_where_no_node_saves_the_sheet_has_what_is_previewed(command: Command, write: Write, folder: Path) -> None:
    looked = write(save={"type": "Look", "links": {"value": "sum.int"}})
    assert command("run", looked, "--sweep", "sum.b=5,6", "--sheet", "out.png").exit_code == 0
    assert grays(folder / "out.png", 2, 1) == [[6, 7]]


def test_a_run_that_fails_says_with_which_values_and_leaves_the_old_sheet(
    command: Command, write: Write, folder: Path
) -> None:
    (folder / "out.png").write_text("old")
    failing = write(wait={"type": "Fail", "links": {"value": "sum.int"}})
    result = command("run", failing, *TWO, "--sheet", "out.png")
    assert result.exit_code == 1
    assert "one.value 10, sum.b 1" in result.stderr
    assert (folder / "out.png").read_text() == "old"
    assert sorted(path.name for path in folder.iterdir()) == ["out.png", "sum.json"]


def test_a_sweep_without_a_picture_has_no_sheet(command: Command, write: Write, folder: Path) -> None:
    none = write(save={"type": "Paint", "values": {"copies": 0}, "links": {"value": "sum.int"}})
    result = command("run", none, "--sweep", "sum.b=5,6", "--sheet", "out.png")
    assert (result.exit_code, "no picture was saved" in result.stderr) == (1, True)
    assert not (folder / "out.png").exists()


def test_a_sheet_that_cannot_be_written_is_told_before_anything_runs(command: Command, write: Write) -> None:
    result = command("run", write(**PAINTED), "--sweep", "sum.b=5,6", "--sheet", "sum.json/out.png", "--json")
    assert result.exit_code == 1
    assert [event["event"] for event in told(result.stdout)] == ["error"]


def test_values_can_be_swept_in_a_workflow_of_comfyui(command: Command, folder: Path) -> None:
    nodes = {
        "1": {"class_type": "Number", "inputs": {"value": 1}},
        "9": {"class_type": "Paint", "inputs": {"value": ["1", 0]}},
    }
    (folder / "comfy.json").write_text(json.dumps({"prompt": nodes}))
    result = command("run", "comfy.json", "--sweep", "1.value=7,8", "--sheet", "out.png")
    assert result.exit_code == 0, result.stderr
    assert grays(folder / "out.png", 2, 1) == [[7, 8]]


def test_labels_name_the_input_but_not_that_of_a_prompt() -> None:
    scale, seed = Sweep.parse("guide.scale=0..3:1.5"), Sweep.parse("noise.seed=1,2")
    prompt, other = Sweep.parse("prompt.text=a red apple,fox"), Sweep.parse("sampler.seed=3")
    assert labels(scale, [scale, seed]) == ["scale 0", "scale 1.5", "scale 3"]
    assert labels(prompt, [prompt]) == ["a red apple", "fox"]
    assert labels(seed, [seed, other]) == ["noise.seed 1", "noise.seed 2"]


def test_a_sweep_is_read_like_a_value_that_is_set() -> None:
    assert Sweep.parse("a.b.c=1,x") == Sweep("a.b", "c", ("1", "x"))
    with pytest.raises(UsageError, match="--sweep expects"):
        Sweep.parse("guide.scale")
