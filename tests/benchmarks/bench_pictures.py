"""From a prompt to a picture: time and memory of the command, and whether the picture shows what was asked."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from nodegraph.folders import packs
from nodes.diffusion.checkpoint import Checkpoint, load_checkpoint
from nodes.diffusion.devices import placement
from nodes.diffusion.training.classifier import Judgement, load_classifier
from nodes.diffusion.training.evaluation import compare, judged
from nodes.diffusion.training.pictures import Scene, draw_scenes

from .figure import Figure

RUNS = 3
# The command, and its peak memory in kB at the end; getrusage would tell that of the process which started it.
COMMAND = """
import atexit, re, sys
from pathlib import Path
from nodegraph.cli import main
atexit.register(lambda: sys.stderr.write(re.search("VmHWM:(.*)", Path("/proc/self/status").read_text())[1]))
main()
"""
PROMPTS = 200


def command() -> tuple[float, float]:
    """Median wall seconds of `nodegraph run text_to_image` as a new process, and its peak memory in GB."""
    taken: list[float] = []
    peaks: list[int] = []
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-c", COMMAND, "run", "text_to_image", "--out", str(Path(folder, "frog.png"))]
        for _ in range(RUNS):
            began = time.monotonic()
            done = subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            taken.append(time.monotonic() - began)
            peaks.append(int(done.stderr.split()[-2]))
    return statistics.median(taken), max(peaks) / 1e6


def seen(checkpoint: Checkpoint, scenes: list[Scene]) -> list[Judgement]:
    """What the classifier, which was trained on real pictures, sees in a picture of each scene's caption."""
    folder = next(iter(packs())) / "checkpoints"
    walk = judged(checkpoint, load_classifier(folder / "emoji-64-classifier.safetensors"), scenes)
    while True:
        try:
            next(walk)
        except StopIteration as end:
            return end.value


def pictures() -> list[Figure]:
    """How often the embedded checkpoint paints what it was asked for."""
    embedded = next(iter(packs())) / "checkpoints" / "emoji-64.safetensors"
    checkpoint = load_checkpoint(embedded, placement("cpu", "float32"))
    any_, never = draw_scenes(PROMPTS, 20_000), draw_scenes(PROMPTS, 20_000, unseen=True)
    found = seen(checkpoint, any_)
    known, unseen = compare(any_, found), compare(never, seen(checkpoint, never))
    # A judge that says yes to everything would show here.
    shifted = compare([*any_[1:], any_[0]], found)
    return [
        _share(f"{PROMPTS} prompts: concept right", known.subject, 0.95),
        _share(f"{PROMPTS} prompts: colour word right", known.tint, 0.95),
        _share(f"{PROMPTS} prompts: background word right", known.background, 0.95),
        _share(f"{PROMPTS} prompts: style word right", known.style, None),
        _share(f"{PROMPTS} combinations never trained: concept right", unseen.subject, 0.85),
        _share(f"{PROMPTS} combinations never trained: colour word right", unseen.tint, 0.85),
        _share("control: concept of the next prompt seen", shifted.subject, None),
    ]


def _share(what: str, measured: float | None, reach: float | None) -> Figure:
    if measured is None:
        return Figure(what, "no prompt names one", "-", None)
    if reach is None:
        return Figure(what, f"{measured:.1%}", "-", None)
    return Figure(what, f"{measured:.1%}", f"≥ {reach:.0%}", measured >= reach)


def figures() -> list[Figure]:
    """All lines of this benchmark."""
    seconds, gigabytes = command()
    cores = len(os.sched_getaffinity(0))
    load = os.getloadavg()[0]
    return [
        Figure("text to image, 20 guided steps, process to file", f"{seconds:.1f} s", "≤ 6 s", seconds <= 6),
        Figure("  with so many cores, and so many processes waiting for them", f"{cores}, {load:.1f}", "2, 0", None),
        Figure("its peak memory", f"{gigabytes:.2f} GB", "≤ 1 GB", gigabytes <= 1),
        *pictures(),
    ]
