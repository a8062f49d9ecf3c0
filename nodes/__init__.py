"""The diffusion pack: Stable Diffusion as nodes. The library beneath is `nodes.diffusion`."""

import os
from collections.abc import Mapping
from pathlib import Path

# Threads that wait for each other sleep instead of spinning: on a busy machine spinning can cost ten times the work.
# It has to be said before PyTorch loads OpenMP.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__nodes__ = (
    "loaders",
    "models",
    "text",
    "prompts",
    "sdxl",
    "inpainting",
    "controlnet",
    "clip",
    "latent",
    "noise",
    "forward",
    "denoise",
    "guidance",
    "sampling",
    "estimates",
    "image",
    "mask",
    "plots",
    "comparing",
    "histograms",
    "training",
    "judging",
    "small_training",
    "distilling",
    "comfyui",
)


def __inspect__(path: Path) -> Mapping[str, object] | None:  # noqa: N807 -- what `nodegraph inspect` asks packs
    """What a file of weights is, by its header alone; None for another kind of file, ValueError for a damaged one."""
    from .diffusion.inspection import inspect  # here, since it imports PyTorch

    return inspect(path)
