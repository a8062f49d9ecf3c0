"""`make bench`: every figure, measured here and now, beside what it should reach."""

import sys
from collections.abc import Callable, Iterable

from . import bench_engine, bench_models, bench_networks, bench_pictures, bench_samplers, bench_server, canvas
from .figure import QUICK, Figure, show

PARTS: dict[str, Callable[[], Iterable[Figure]]] = {
    "Engine": bench_engine.figures,
    "Samplers on Gaussian data": bench_samplers.figures,
    "Networks against diffusers and transformers": bench_networks.figures,
    "SD1.5 at full size against diffusers": bench_models.figures,
    "From a prompt to a picture": bench_pictures.figures,
    "Server": lambda: bench_server.figures(QUICK),
    canvas.TITLE: canvas.figures,
}


if __name__ == "__main__":
    sys.exit(min(show(PARTS), 1))
