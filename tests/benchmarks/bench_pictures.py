"""From a prompt to a picture: time and memory of the command, and whether the picture shows what was asked."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from nodegraph.folders import packs
from nodes.diffusion.checkpoint import Checkpoint, load_checkpoint
from nodes.diffusion.devices import placement
from nodes.diffusion.lora import model_with_lora_steps
from nodes.diffusion.progress import finish
from nodes.diffusion.training.classifier import Judgement, judge, load_classifier
from nodes.diffusion.training.evaluation import USUAL, Way, compare, generate, known_scenes, painted
from nodes.diffusion.training.pictures import Scene

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
PROMPTS, COMBINATIONS = 500, 200
FEW_STEPS = Way(steps=6, scale=1.0, scheduler="sgm_uniform")


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


def seen(checkpoint: Checkpoint, scenes: list[Scene], way: Way = USUAL) -> list[Judgement]:
    """What the classifier, which was trained on real pictures, sees in a picture of each scene's caption."""
    folder = next(iter(packs())) / "checkpoints"
    walk = painted(checkpoint, scenes, way)
    while True:
        try:
            next(walk)
        except StopIteration as end:
            return judge(load_classifier(folder / "emoji-64-classifier.safetensors"), end.value)


def seconds_of(checkpoint: Checkpoint, way: Way) -> float:
    """Median wall seconds of a picture in a process that has made one before."""
    taken: list[float] = []
    for seed in range(RUNS + 1):
        began = time.monotonic()
        generate(checkpoint, ["a purple frog on a black background"], way, seed)
        taken.append(time.monotonic() - began)
    return statistics.median(taken[1:])


def pictures() -> list[Figure]:
    """How often the embedded checkpoint paints what it was asked for."""
    embedded = next(iter(packs())) / "checkpoints" / "emoji-64.safetensors"
    checkpoint = load_checkpoint(embedded, placement("cpu", "float32"))
    tokenizer = checkpoint.clip.towers[0].tokenizer
    any_ = known_scenes(tokenizer, PROMPTS, 20_000)
    never = known_scenes(tokenizer, COMBINATIONS, 20_000, unseen=True)
    found = seen(checkpoint, any_)
    known, unseen = compare(any_, found), compare(never, seen(checkpoint, never))
    lora = embedded.parent.parent / "loras" / "emoji-64-few-steps.safetensors"
    faster = checkpoint._replace(model=finish(model_with_lora_steps(lora, checkpoint.model, 1.0)))
    few = compare(any_, seen(faster, any_, FEW_STEPS))
    # A judge that says yes to everything would show here.
    shifted = compare([*any_[1:], any_[0]], found)
    return [
        _share(f"{PROMPTS} prompts: concept right", known.subject, 0.95),
        _share(f"{PROMPTS} prompts: colour word right", known.tint, 0.97),
        _share(f"{PROMPTS} prompts: background word right", known.background, 0.97),
        _share(f"{PROMPTS} prompts: style word right", known.style, None),
        _share(f"{PROMPTS} prompts: count right", known.count, 0.85),
        _share(f"{PROMPTS} prompts: two things, each in its place", known.relation, 0.75),
        _share(f"{COMBINATIONS} combinations never trained: concept right", unseen.subject, 0.9),
        _share(f"{COMBINATIONS} combinations never trained: colour word right", unseen.tint, 0.9),
        _share(f"{COMBINATIONS} combinations never trained: two things, each in its place", unseen.relation, 0.75),
        *(
            _share(f"  {name} right in {FEW_STEPS.steps} steps without guidance", fewer, usual - 0.03)
            for name, usual, fewer in zip(asdict(known), asdict(known).values(), asdict(few).values(), strict=True)
            if usual is not None
        ),
        _time("a picture, 20 guided steps, in a process that has made one", seconds_of(checkpoint, USUAL), 2.5),
        _time("  in 6 steps without guidance", seconds_of(faster, FEW_STEPS), None),
        _share("control: concept of the next prompt seen", shifted.subject, None),
    ]


def _share(what: str, measured: float | None, reach: float | None) -> Figure:
    if measured is None:
        return Figure(what, "no prompt names one", "-", None)
    if reach is None:
        return Figure(what, f"{measured:.1%}", "-", None)
    return Figure(what, f"{measured:.1%}", f"≥ {reach:.0%}", measured >= reach)


def _time(what: str, seconds: float, reach: float | None) -> Figure:
    if reach is None:
        return Figure(what, f"{seconds:.2f} s", "-", None)
    return Figure(what, f"{seconds:.2f} s", f"≤ {reach:g} s", seconds <= reach)


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
