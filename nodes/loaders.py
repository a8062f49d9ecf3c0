"""Loading and saving models."""

from pathlib import Path
from typing import Annotated

import torch

from nodegraph import Artifact, BadInput, File, Profile, SaveName, node

from .diffusion.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from .diffusion.devices import Placement, placement
from .diffusion.safetensors_file import BadCheckpoint
from .types import Model, TextEncoder, Vae


def placed(profile: Profile) -> Placement:
    """The placement that a run's profile names; BadInput where this machine does not have it."""
    try:
        return placement(profile.device, profile.dtype)
    except ValueError as error:
        raise BadInput(str(error)) from error


@node("LoadCheckpoint", category="loaders")
def load(name: Annotated[Path, File("checkpoints")] = Path("emoji-64.safetensors"), *, profile: Profile) -> Checkpoint:
    """Load a checkpoint: U-Net, text encoder and VAE in one safetensors file."""
    try:
        return load_checkpoint(name, placed(profile))
    except BadCheckpoint as error:
        raise BadInput(str(error)) from error


@node("SaveCheckpoint", category="loaders", effect=True)
def save(
    model: Model,
    clip: TextEncoder,
    vae: Vae,
    filename_prefix: Annotated[Path, SaveName("output")] = Path("checkpoint"),
    dtype: Annotated[str, "float16 halves the size"] = "float16",
) -> tuple[Artifact, ...]:
    """Save a model, its text encoder and its VAE as one file in the SD1 layout."""
    path = filename_prefix.with_name(filename_prefix.name + ".safetensors")
    save_checkpoint(path, model, clip, vae, getattr(torch, dtype))
    return (Artifact(path, "model", "application/octet-stream"),)
