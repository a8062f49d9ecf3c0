"""Each thing that can go wrong: a few readable lines and its exit code, never a traceback."""

import json
from typing import Any

import pytest

from tests.cli.conftest import Command, Write


def failing(how: str) -> dict[str, Any]:
    return {"type": "Fail", "values": {"how": how}, "links": {"value": "sum.int"}}


@pytest.mark.parametrize(
    ("how", "code", "says"),
    [
        ("fault", 1, "wait (Fail): ValueError: the value is odd"),
        ("refusal", 1, "wait (Fail): expected an even value, got 3\n  add one"),
        ("full", 1, "No space left on device"),
        ("memory", 5, "use smaller pictures"),
    ],
)
def test_a_node_that_fails_is_told(command: Command, write: Write, how: str, code: int, says: str) -> None:
    result = command("run", write(wait=failing(how)))
    assert result.exit_code == code
    assert says in result.stderr
    assert "Traceback" not in result.output
    assert len(result.stderr.splitlines()) <= 3
    assert result.stdout == ""


def test_a_traceback_comes_with_debug(command: Command, write: Write) -> None:
    result = command("run", write(wait=failing("fault")), "--debug")
    assert result.exit_code == 1
    assert "Traceback" in result.stderr


def test_every_problem_of_a_workflow_is_told(command: Command, write: Write) -> None:
    file = write(
        one={"type": "Numbr"},
        sum={"type": "Add", "values": {"b": "two", "c": 3}, "links": {"a": "one.int"}},
    )
    result = command("run", file)
    assert result.exit_code == 3
    assert result.stderr.startswith("error: sum.json cannot be run: 3 problems\n")
    assert "did you mean 'Number'?" in result.stderr
    assert "sum.b: expected an integer, got 'two'" in result.stderr
    assert "sum.c: Add has no input 'c'" in result.stderr


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["run", "sum.json", "--set", "one.vlaue=3"], 2, "did you mean 'value'?"),
        (["run", "sum.json", "--set", "oen.value=3"], 2, "did you mean 'one'?"),
        (["run", "sum.json", "--set", "one"], 2, "--set expects id.input=value, got 'one'"),
        (["run", "sum.json", "--set", "one.value=many"], 3, "got 'many'"),
        (["run", "sum.json", "--frobnicate"], 2, "--frobnicate"),
        (["run", "sum.json", "--pack", "no_such_pack"], 2, "there is no pack or module 'no_such_pack'"),
        (["run", "sum.json", "--pack", "no_such_pack.py"], 2, "there is no pack 'no_such_pack.py'"),
        (["run", "smu.json"], 4, "did you mean sum.json?"),
        (["run", "a\0b"], 4, "there is no workflow"),
        (["run", "x" * 5000], 4, "cannot be read"),
        (["run", "."], 4, "Is a directory"),
        (["node", "Numbr"], 2, "did you mean 'Number'?"),
        (["nodes", "nothinglikethis"], 2, "no node has 'nothinglikethis' in it"),
    ],
)
def test_a_mistake_is_told(command: Command, write: Write, words: list[str], code: int, says: str) -> None:
    write()
    result = command(*words)
    assert result.exit_code == code
    assert says in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize("text", ["", "{", "[" * 10_000, '{"nodegraph": NaN}', "\udcff", '{"a": 1, "a": 2}'])
def test_text_that_is_not_a_document_is_told_with_its_place(command: Command, text: str) -> None:
    result = command("run", "-", given=text.encode("utf-8", "surrogateescape"))
    assert result.exit_code == 3
    assert "standard input" in result.stderr
    assert "line 1, column" in result.stderr


def test_a_missing_model_is_told_with_those_that_are_there(command: Command, write: Write) -> None:
    result = command("run", write(one={"type": "Read", "values": {"name": "none.txt"}}, sum=None, wait=None, save=None))
    assert result.exit_code == 4
    assert "one.name: expected a file name in 'checkpoints' that exists" in result.stderr


@pytest.mark.parametrize(
    ("changed", "event", "code"), [({"type": "Numbr"}, "error", 3), (failing("memory"), "failed", 5)]
)
def test_json_says_what_went_wrong_as_an_event(
    command: Command, write: Write, changed: dict[str, Any], event: str, code: int
) -> None:
    result = command("run", write(wait=changed), "--json")
    assert result.exit_code == code
    assert [json.loads(line)["event"] for line in result.stdout.splitlines()][-1] == event
    assert result.stderr == ""
