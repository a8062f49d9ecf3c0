"""`make bench`: every figure, measured here and now, beside what it should reach."""

import sys
from collections.abc import Callable

from . import bench_engine, bench_networks, bench_pictures, bench_samplers
from .figure import Figure

PARTS: dict[str, Callable[[], list[Figure]]] = {
    "Engine": bench_engine.figures,
    "Samplers on Gaussian data": bench_samplers.figures,
    "Networks against diffusers and transformers": bench_networks.figures,
    "From a prompt to a picture": bench_pictures.figures,
}
MARKS = {True: "reached", False: "MISSED", None: ""}


def main() -> int:
    """Print the table; the exit code is the number of figures missed."""
    missed = 0
    for title, measure in PARTS.items():
        print(f"\n{title}\n{'-' * len(title)}")
        for figure in measure():
            print(
                f"{figure.what:<64} {figure.measured:>34}   reach {figure.reach:<12} {MARKS[figure.reached]}",
                flush=True,
            )
            missed += figure.reached is False
    return missed


sys.exit(main())
