"""`--sweep id.input=values`: one workflow, run once for each combination of values."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import product
from math import prod
from typing import cast

from nodegraph.cli.assignment import Assignment, assign, table
from nodegraph.document import read_document
from nodegraph.errors import InvalidGraph, Problem, UsageError
from nodegraph.graph import Graph
from nodegraph.runtime import Runtime

MOST_RUNS = 1000
NUMBER = r"[+-]?(?:\d+(?:\.\d+)?|\.\d+)"
RANGE = re.compile(rf"({NUMBER})\.\.({NUMBER})(?::({NUMBER}))?")
HINT = '0..15:1.5 counts, 1,2,3 and a list in JSON like ["a, b", "c"] name each value'


@dataclass(frozen=True)
class Sweep:
    """An input and its values, each as `--set` takes it."""

    node: str
    input: str
    texts: tuple[str, ...]

    @classmethod
    def parse(cls, word: str) -> Sweep:
        """Read `id.input=values`; UsageError for what is no list of values, or for too long a one."""
        said = Assignment.parse(word, "--sweep", "guide.scale=1..8")
        texts = tuple(values(said.text))
        if not texts:
            raise UsageError(f"--sweep {said.place}: there is no value", hint=HINT)
        if len(texts) > MOST_RUNS:
            raise UsageError(f"--sweep {said.place}: {len(texts)} values are more than {MOST_RUNS}")
        return cls(said.node, said.input, texts)

    @property
    def place(self) -> str:
        return f"{self.node}.{self.input}"

    def assignments(self) -> Iterator[Assignment]:
        return (Assignment(self.node, self.input, text, "--sweep") for text in self.texts)


def values(text: str) -> Iterator[str]:
    """The values of a list: JSON in brackets, or words between commas (in quotes as in CSV), each perhaps a range."""
    if text.startswith("["):
        try:
            listed = read_document(text)
        except InvalidGraph as error:
            raise UsageError(f"--sweep: the list is not JSON: {error}", hint=HINT) from error
        yield from (each if isinstance(each, str) else json.dumps(each) for each in cast("list[object]", listed))
        return
    try:
        (words,) = csv.reader([text], skipinitialspace=True, strict=True)
    except (csv.Error, ValueError) as error:
        raise UsageError(f"--sweep: {text!r} is not a list of values", hint=HINT) from error
    for word in words:
        counted = RANGE.fullmatch(word.strip())
        yield from count(*counted.groups()) if counted else (word.strip(),)


def count(first: str, last: str, by: str | None) -> Iterator[str]:
    """From first to last, up or down, in exact decimals; with last if it falls on a step."""
    start, end = Decimal(first), Decimal(last)
    span = end - start
    said = f"--sweep: {first}..{last}" + (f":{by}" if by else "")
    if by is None and not (first.lstrip("+-").isdecimal() and last.lstrip("+-").isdecimal()):
        raise UsageError(f"{said} does not say its step", hint=f"for example {first}..{last}:0.5")
    step = Decimal(by or 1)
    if step == 0:
        raise UsageError(f"{said} has a step of 0, and does not get to {last}")
    # A range that goes down may say so in its step, or leave that to its ends.
    if step < 0 < span:
        raise UsageError(f"{said} goes down, and does not get to {last}")
    step = abs(step).copy_sign(span)
    if abs(span) >= abs(step) * MOST_RUNS:
        raise UsageError(f"{said} has more than {MOST_RUNS} values")
    return (f"{(start + place * step).normalize():f}" for place in range(int(span / step) + 1))


@dataclass(frozen=True)
class Cell:
    """One run: its values by place, as the workflow has them, and its graph. Without a sweep there is one run."""

    values: Mapping[str, object]
    graph: Graph

    @classmethod
    def of(cls, assignments: Iterable[Assignment], graph: Graph) -> Cell:
        nodes = table(graph.document.data, "nodes")
        values = {each.place: table(table(nodes, each.node), "values").get(each.input) for each in assignments}
        return cls(values, graph)

    def __str__(self) -> str:
        return ", ".join(f"{place} {value}" for place, value in self.values.items())


def cells(document: object, sweeps: Sequence[Sweep], runtime: Runtime) -> list[Cell]:
    """Every run, checked: the first sweep's values change fastest. UsageError, or InvalidGraph with every problem."""
    places = [sweep.place for sweep in sweeps]
    if twice := [place for place in places if places.count(place) > 1]:
        raise UsageError(f"--sweep: {twice[0]} is named twice")
    if (runs := prod(len(sweep.texts) for sweep in sweeps)) > MOST_RUNS:
        raise UsageError(f"--sweep: {runs} combinations are more than {MOST_RUNS}")
    checked: list[Cell] = []
    problems: dict[Problem, None] = {}
    for reversed_cell in product(*(tuple(sweep.assignments()) for sweep in reversed(sweeps))):
        cell = reversed_cell[::-1]
        try:
            graph = runtime.check(assign(document, cell, runtime.catalogue))
        except InvalidGraph as error:
            problems |= dict.fromkeys(error.problems)
        else:
            checked.append(Cell.of(cell, graph))
    if problems:
        raise InvalidGraph(problems)
    return checked


def labels(sweep: Sweep, sweeps: Sequence[Sweep]) -> list[str]:
    """What to write beside the pictures of each value: `scale 1.5`, but a prompt without the name of its input."""
    if any(" " in text for text in sweep.texts):
        return list(sweep.texts)
    shared = [each.input for each in sweeps].count(sweep.input) > 1
    return [f"{sweep.place if shared else sweep.input} {text}" for text in sweep.texts]
