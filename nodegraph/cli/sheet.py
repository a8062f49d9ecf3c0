"""`--sheet`: the pictures of all runs of a sweep as one, with the values on its columns and rows."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from nodegraph.catalogue import Catalogue, Description
from nodegraph.cli.assignment import table
from nodegraph.cli.sweep import Sweep, labels
from nodegraph.document import Document
from nodegraph.errors import NodegraphError, UsageError
from nodegraph.events import Artifact, Event, Finished, Planned
from nodegraph.files import write_whole
from nodegraph.graph import Graph
from nodegraph.picture import KEYWORDS
from nodegraph.sheet import GAP, PAPER, SMALLEST_CELL, contact_sheet
from nodegraph.widgets import SaveName

if TYPE_CHECKING:
    from PIL.Image import Image

LARGEST = 8192  # pixels of a side, more or less: the pictures of a sheet that would be larger are made smaller


class Sheet:
    """Collects the pictures of each run as they are saved; when all are there, the file is written whole.

    `alone` says that the pictures are saved for it only, so that nobody is told of their files.
    """

    def __init__(self, word: str, sweeps: Sequence[Sweep], *, alone: bool) -> None:
        if not sweeps:
            raise UsageError("--sheet shows the pictures of a --sweep", hint="for example --sweep sampler.seed=1..4")
        if len(sweeps) > 2:
            hint = "the first --sweep gives its columns, the second its rows"
            raise UsageError(f"--sheet has two sides, and there are {len(sweeps)} sweeps", hint=hint)
        if not word or word.endswith(("/", os.sep)) or Path(word).is_dir():
            raise UsageError(f"--sheet expects the name of a file, got {word!r}")
        self.path = Path(word if word.lower().endswith(".png") else f"{word}.png")
        self.alone = alone
        self._sweeps = sweeps
        words = [labels(each, sweeps) for each in sweeps]
        self._columns, self._rows = words[0], words[1] if len(words) > 1 else []
        self._nodes: Sequence[str] = ()
        self._cells: list[dict[str, Image]] = []

    def show(self, graph: Graph, catalogue: Catalogue) -> Sequence[str]:
        """Begin the next run, and say which nodes' pictures are shown: those that save what depends on the sweep.

        Where none saves, those that preview it. UsageError if nothing depends on it.
        """
        effects = [name for name in moved(graph, self._sweeps) if catalogue.nodes[graph.nodes[name].type].effect]
        if not effects:
            places = " or ".join(sweep.place for sweep in self._sweeps)
            raise UsageError(f"--sheet: no node that saves pictures depends on {places}")
        kept = [name for name in effects if keeps(catalogue.nodes[graph.nodes[name].type])]
        self._nodes = kept or effects
        return self._nodes

    def prepare(self) -> None:
        """Find out before anything runs whether the file can be written."""
        folder = self.path.absolute().parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
            TemporaryFile(dir=folder).close()
        except OSError as error:
            raise NodegraphError(f"--sheet: nothing can be written in {folder}: {error.strerror}") from error

    def receive(self, event: Event) -> Event:
        """Take the pictures of an event of the run."""
        if isinstance(event, Planned):
            self._cells.append({})
        if not isinstance(event, Finished):
            return event
        if event.node in self._nodes and (pictures := opened(event.artifacts)):
            picture = side_by_side(pictures)
            most = max(SMALLEST_CELL, LARGEST // max(len(self._columns), len(self._rows)))
            picture.thumbnail((most, most))
            self._cells[-1][event.node] = picture
        return replace(event, artifacts=()) if self.alone else event

    def write(self, document: Document) -> None:
        """Draw the sheet and write it, with the workflow that it carries."""
        from PIL.Image import new

        names = list(dict.fromkeys(name for cell in self._cells for name in cell))
        if not names:
            raise NodegraphError(f"--sheet: no picture was saved, so there is no {self.path}")
        sheets = [
            contact_sheet(
                [cell.get(name) or new("RGB", (1, 1), PAPER) for cell in self._cells],
                self._rows,
                self._columns,
                title_of(document, name) if len(names) > 1 else "",
            )
            for name in names
        ]
        try:
            write_whole(self.path, png(one_below_the_other(sheets), document))
        except OSError as error:
            raise NodegraphError(f"--sheet: {self.path} cannot be written: {error.strerror}") from error


def moved(graph: Graph, sweeps: Sequence[Sweep]) -> list[str]:
    """The nodes whose results depend on what is swept, in the graph's order."""
    found = {sweep.node for sweep in sweeps} & set(graph.nodes)
    while True:
        more = {node.id for node in graph.nodes.values() if any(link.node in found for link in node.links.values())}
        if more <= found:
            return [name for name in graph.nodes if name in found]
        found |= more


def keeps(description: Description) -> bool:
    """Whether a node saves where results are kept, and not where they are only looked at."""
    widgets = [socket.widget for socket in description.inputs.values()]
    return any(isinstance(widget, SaveName) and widget.folder == "output" for widget in widgets)


def opened(artifacts: Iterable[Artifact]) -> list[Image]:
    from PIL.Image import open as open_picture

    pictures: list[Image] = []
    for artifact in artifacts:
        if artifact.kind == "image":
            with open_picture(artifact.path) as file:
                pictures.append(file.convert("RGB"))
    return pictures


def side_by_side(pictures: Sequence[Image]) -> Image:
    return joined(pictures, (1, 0))


def one_below_the_other(pictures: Sequence[Image]) -> Image:
    return joined(pictures, (0, 1))


def joined(pictures: Sequence[Image], way: tuple[int, int]) -> Image:
    """Pictures as one, along one way, with a little paper in between."""
    from PIL.Image import new

    across, down = way
    widths, heights = zip(*(picture.size for picture in pictures), strict=True)
    gaps = GAP * (len(pictures) - 1)
    whole = new("RGB", (sum(widths) + gaps, max(heights)) if across else (max(widths), sum(heights) + gaps), PAPER)
    x = y = 0
    for picture in pictures:
        whole.paste(picture, (x, y))
        x, y = x + across * (picture.width + GAP), y + down * (picture.height + GAP)
    return whole


def title_of(document: Document, node: str) -> str:
    return str(table(table(document.data, "view"), node).get("title") or node)


def png(picture: Image, document: Document) -> bytes:
    """A PNG that carries its workflow, as those do that nodes save."""
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    for key, text in {KEYWORDS[0]: document.text(), **document.texts}.items():
        info.add_itxt(key, text)
    file = BytesIO()
    picture.save(file, "PNG", pnginfo=info)
    return file.getvalue()
