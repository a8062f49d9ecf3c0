"""Nodes that ComfyUI's workflows name and this pack calls otherwise. Where the names are the same, so are the nodes."""

from pathlib import Path
from typing import Annotated

from nodegraph import File, Profile, Range, node

from .diffusion.checkpoint import Checkpoint, load_vae
from .latent import Pixels, empty_latent
from .loaders import load, placed
from .steps import refusing_bad_files
from .types import Latent, Vae


@node("CheckpointLoaderSimple", category="comfyui")
def checkpoint_loader_simple(ckpt_name: Annotated[Path, File("checkpoints")], *, profile: Profile) -> Checkpoint:
    """LoadCheckpoint under ComfyUI's name."""
    return load(ckpt_name, profile=profile)


@node("VAELoader", category="comfyui")
def vae_loader(vae_name: Annotated[Path, File("vae")], *, profile: Profile) -> Vae:
    """Load a VAE from a file of its own, to use in place of a checkpoint's.

    No tensor tells the scale of its latents, so they are brought to a model's when they are sampled and decoded. A tiny
    one (TAESD) has its latents in its model's scale, and may be one half alone.
    """
    with refusing_bad_files():
        return load_vae(vae_name, placed(profile))


@node("EmptyLatentImage", category="comfyui")
def empty_latent_image(
    width: Pixels = 512, height: Pixels = 512, batch_size: Annotated[int, Range(1, 4096)] = 1
) -> Latent:
    """EmptyLatent under ComfyUI's name."""
    return empty_latent(width, height, batch_size)
