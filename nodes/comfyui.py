"""Nodes that ComfyUI's workflows name and this pack calls otherwise. Where the names are the same, so are the nodes."""

from pathlib import Path
from typing import Annotated

from nodegraph import BadInput, File, Profile, Range, Steps, node

from .diffusion.checkpoint import Checkpoint, load_vae_steps
from .diffusion.safetensors_file import BadCheckpoint
from .latent import Pixels, empty_latent
from .loaders import load, placed
from .steps import reported
from .types import Latent, Vae


@node("CheckpointLoaderSimple", category="comfyui")
def checkpoint_loader_simple(ckpt_name: Annotated[Path, File("checkpoints")], *, profile: Profile) -> Steps[Checkpoint]:
    """LoadCheckpoint under ComfyUI's name."""
    return (yield from load(ckpt_name, profile=profile))


@node("VAELoader", category="comfyui")
def vae_loader(vae_name: Annotated[Path, File("vae")], *, profile: Profile) -> Steps[Vae]:
    """Load a VAE from a file of its own, to use in place of a checkpoint's.

    It is taken to be one of SD1 or SD2: no tensor tells the scale of its latents.
    """
    try:
        return (yield from reported(load_vae_steps(vae_name, placed(profile))))
    except BadCheckpoint as error:
        raise BadInput(str(error)) from error


@node("EmptyLatentImage", category="comfyui")
def empty_latent_image(
    width: Pixels = 512, height: Pixels = 512, batch_size: Annotated[int, Range(1, 4096)] = 1
) -> Latent:
    """EmptyLatent under ComfyUI's name."""
    return empty_latent(width, height, batch_size)
