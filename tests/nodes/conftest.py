"""The embedded checkpoint, loaded once, and small values of every type."""

import pytest
import torch

from nodegraph import Profile
from nodegraph.files import find_file
from nodegraph.folders import default_folders
from nodes.diffusion.checkpoint import Checkpoint
from nodes.loaders import load
from nodes.text import encode
from nodes.types import Conditioning, Denoiser, Image, Latent
from tests.nodes.values import CHECKPOINT, denoiser_of, noise


@pytest.fixture(scope="session")
def checkpoint() -> Checkpoint:
    return load(find_file(CHECKPOINT, "checkpoints", default_folders()), profile=Profile())


@pytest.fixture(scope="session")
def prompt(checkpoint: Checkpoint) -> Conditioning:
    return encode("a red heart on a white background", checkpoint.clip)


@pytest.fixture(scope="session")
def negative(checkpoint: Checkpoint) -> Conditioning:
    return encode("", checkpoint.clip)


@pytest.fixture(scope="session")
def denoiser(checkpoint: Checkpoint, prompt: Conditioning, negative: Conditioning) -> Denoiser:
    return denoiser_of(checkpoint, prompt, negative)


@pytest.fixture
def latent() -> Latent:
    return Latent(noise(1, 4, 8, 8))


@pytest.fixture
def picture() -> Image:
    return Image(torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(5)))
