"""Loading and saving models."""

from pathlib import Path
from typing import Annotated, Literal

from nodegraph import Artifact, BadInput, File, Profile, SaveName, node

from .diffusion.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from .diffusion.devices import DTYPES, Placement, placement
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
    """Load a checkpoint: U-Net, text encoder and VAE in one safetensors file.

    Its family and dimensions are read from the names and shapes of its tensors.
    """
    try:
        return load_checkpoint(name, placed(profile))
    except BadCheckpoint as error:
        raise BadInput(str(error)) from error


@node("SaveCheckpoint", category="loaders", effect=True)
def save(
    model: Model,
    clip: TextEncoder,
    vae: Vae,
    filename_prefix: Annotated[Path, SaveName("output"), "the name without .safetensors"] = Path("checkpoint"),
    dtype: Annotated[
        Literal["float16", "bfloat16", "float32"], "float32 is exact and takes twice the space"
    ] = "float16",
) -> tuple[Artifact, ...]:
    """Save a model, its text encoder and its VAE as one file in the SD1 layout.

    A file of that name in the output folder is replaced, once the new one is whole.
    """
    path = filename_prefix.with_name(f"{filename_prefix.name}.safetensors")
    try:
        save_checkpoint(path, model, clip, vae, DTYPES[dtype])
    except OSError as error:
        raise BadInput(f"{path} cannot be written: {error.strerror or error}") from error
    return (Artifact(path, "model", "application/octet-stream"),)
