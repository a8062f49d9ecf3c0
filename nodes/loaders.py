"""Loading and saving models."""

from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from nodegraph import Artifact, BadInput, File, Profile, Range, SaveName, Steps, node

from .diffusion.checkpoint import Checkpoint, load_checkpoint_steps, save_checkpoint
from .diffusion.devices import DTYPES, Placement, placement
from .diffusion.lora import model_with_lora_steps, with_lora_steps
from .diffusion.safetensors_file import BadCheckpoint
from .steps import reported
from .types import Model, TextEncoder, Vae

LoraFile = Annotated[Path, File("loras")]
Strength = Annotated[float, Range(-100, 100, 0.01), "1 as it was made, 0 not at all; below 0 it is taken away"]


class Adapted(NamedTuple):
    """A model and its text encoder, as a LoRA changes them."""

    model: Model
    clip: TextEncoder


def placed(profile: Profile) -> Placement:
    """The placement that a run's profile names; BadInput where this machine does not have it."""
    try:
        return placement(profile.device, profile.dtype)
    except ValueError as error:
        raise BadInput(str(error)) from error


@node("LoadCheckpoint", category="loaders")
def load(
    name: Annotated[Path, File("checkpoints")] = Path("emoji-64.safetensors"), *, profile: Profile
) -> Steps[Checkpoint]:
    """Load a checkpoint: U-Net, text encoder and VAE in one safetensors file.

    Its family and dimensions are read from the names and shapes of its tensors.
    """
    try:
        return (yield from reported(load_checkpoint_steps(name, placed(profile))))
    except BadCheckpoint as error:
        raise BadInput(str(error)) from error


@node("LoraLoader", category="loaders")
def load_lora(
    model: Model,
    clip: TextEncoder,
    lora_name: LoraFile,
    strength_model: Strength = 1.0,
    strength_clip: Strength = 1.0,
) -> Steps[Adapted]:
    """Change a model and its text encoder by a LoRA: a small file that teaches them a style or a thing.

    Several may follow one another. LoCon files are understood, in the names of kohya, diffusers and peft.
    """
    try:
        work = with_lora_steps(lora_name, model, clip, strength_model, strength_clip)
        return Adapted(*(yield from reported(work)))
    except BadCheckpoint as error:
        raise BadInput(str(error)) from error


@node("LoraLoaderModelOnly", category="loaders")
def load_lora_model_only(model: Model, lora_name: LoraFile, strength_model: Strength = 1.0) -> Steps[Model]:
    """Change a model by a LoRA, and leave the text encoder as it is."""
    try:
        return (yield from reported(model_with_lora_steps(lora_name, model, strength_model)))
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
