"""Loading and saving models."""

from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from nodegraph import Artifact, BadInput, File, Profile, Range, SaveName, Steps, node

from .diffusion.checkpoint import Checkpoint, load_checkpoint, load_text_encoder, load_unet
from .diffusion.devices import DTYPES, Placement, placement
from .diffusion.lora import model_with_lora_steps, with_lora_steps
from .diffusion.saving import save_checkpoint_steps
from .steps import refusing_bad_files, reported
from .types import Model, TextEncoder, Vae

ClipFile = Annotated[Path, File("clip")]
ClipUse = Annotated[
    Literal["stable_diffusion", "sdxl"], "how the output of a CLIP-L is used; that of others their size tells"
]
LoraFile = Annotated[Path, File("loras")]
Precision = Annotated[
    Literal["auto", "float32", "bfloat16", "float16"], "what it is computed in; auto is what the run says (--dtype)"
]
Strength = Annotated[float, Range(-100, 100, 0.01), "1 as it was made, 0 not at all; below 0 it is taken away"]


class Adapted(NamedTuple):
    """A model and its text encoder, as a LoRA changes them."""

    model: Model
    clip: TextEncoder


def placed(profile: Profile, dtype: str = "auto") -> Placement:
    """The placement that a run's profile names, or another type; BadInput where this machine does not have it."""
    try:
        return placement(profile.device, profile.dtype if dtype == "auto" else dtype, profile.memory)
    except ValueError as error:
        raise BadInput(str(error)) from error


@node("LoadCheckpoint", category="loaders")
def load(
    name: Annotated[Path, File("checkpoints")] = Path("emoji-64.safetensors"),
    dtype: Precision = "auto",
    *,
    profile: Profile,
) -> Checkpoint:
    """Load a checkpoint: U-Net, text encoder and VAE in one safetensors file, or in a folder with a model_index.json.

    Its family (SD1, SD2, SDXL or SDXL's refiner) and dimensions are read from the names and shapes of its tensors.
    Nothing else is read before it is needed.
    """
    with refusing_bad_files():
        return load_checkpoint(name, placed(profile, dtype))


@node("UNETLoader", category="loaders")
def load_unet_alone(
    unet_name: Annotated[Path, File("diffusion_models")],
    weight_dtype: Annotated[
        Literal["default", "fp8_e4m3fn", "fp8_e4m3fn_fast", "fp8_e5m2", "float32", "bfloat16", "float16"],
        "what it is computed in; nothing is computed in 8 bits here: those stand for the default",
    ] = "default",
    *,
    profile: Profile,
) -> Model:
    """Load a U-Net from a file of its own, in CompVis' naming or in diffusers', or the one of a checkpoint."""
    with refusing_bad_files():
        return load_unet(unet_name, placed(profile, weight_dtype if weight_dtype in DTYPES else "auto"))


@node("CLIPLoader", category="loaders")
def load_clip(clip_name: ClipFile, type: ClipUse = "stable_diffusion", *, profile: Profile) -> TextEncoder:  # noqa: A002
    """Load the text encoder of SD1, SD2 or SDXL's refiner from a file of its own."""
    with refusing_bad_files():
        return load_text_encoder([clip_name], placed(profile), "SDXL" if type == "sdxl" else None)


@node("DualCLIPLoader", category="loaders")
def load_two_clips(
    clip_name1: ClipFile,
    clip_name2: ClipFile,
    type: Literal["sdxl"] = "sdxl",  # noqa: A002 -- ComfyUI's name
    *,
    profile: Profile,
) -> TextEncoder:
    """Load the two text encoders of SDXL from files of their own, in any order."""
    with refusing_bad_files():
        return load_text_encoder([clip_name1, clip_name2], placed(profile), "SDXL")


@node("LoraLoader", category="loaders")
def load_lora(
    model: Model,
    clip: TextEncoder,
    lora_name: LoraFile,
    strength_model: Strength = 1.0,
    strength_clip: Strength = 1.0,
) -> Steps[Adapted]:
    """Change a model and its text encoder by a LoRA: a small file that teaches them a style or a thing.

    Several may follow one another. LoRA, LoCon, LoHa, LoKr, DoRA and full differences are understood, in the names of
    kohya, diffusers, peft and ComfyUI. A file for another family of models is refused.
    """
    return Adapted(*(yield from reported(with_lora_steps(lora_name, model, clip, strength_model, strength_clip))))


@node("LoraLoaderModelOnly", category="loaders")
def load_lora_model_only(model: Model, lora_name: LoraFile, strength_model: Strength = 1.0) -> Steps[Model]:
    """Change a model by a LoRA, and leave the text encoder as it is: what the file has for that is not looked at."""
    return (yield from reported(model_with_lora_steps(lora_name, model, strength_model)))


@node("SaveCheckpoint", category="loaders", effect=True)
def save(
    model: Model,
    clip: TextEncoder,
    vae: Vae,
    filename_prefix: Annotated[Path, SaveName("output"), "the name without .safetensors"] = Path("checkpoint"),
    dtype: Annotated[
        Literal["float16", "bfloat16", "float32"], "float32 is exact and takes twice the space"
    ] = "float16",
) -> Steps[tuple[Artifact, ...]]:
    """Save a model, its text encoder and its VAE as one file in the layout of their family, LoRAs included.

    A file of that name in the output folder is replaced, once the new one is whole.
    """
    path = filename_prefix.with_name(f"{filename_prefix.name}.safetensors")
    try:
        yield from reported(save_checkpoint_steps(path, model, clip, vae, DTYPES[dtype]))
    except ValueError as error:
        raise BadInput(str(error)) from error
    except OSError as error:
        raise BadInput(f"{path} cannot be written: {error.strerror or error}") from error
    return (Artifact(path, "model", "application/octet-stream"),)
