"""The diffusion pack: Stable Diffusion as nodes. The library beneath is `nodes.diffusion`."""

import os

# Threads that wait for each other sleep instead of spinning: on a busy machine spinning can cost ten times the work.
# It has to be said before PyTorch loads OpenMP.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__nodes__ = (
    "loaders",
    "text",
    "latent",
    "noise",
    "denoise",
    "sampling",
    "image",
    "mask",
    "training",
    "comfyui",
)
