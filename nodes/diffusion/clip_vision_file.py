"""Files of CLIP's image tower: Hugging Face's names, alone or in a whole CLIP model; read, and written in float16."""

from pathlib import Path

import torch

from .checkpoint import built, open_file
from .devices import Placement
from .image_encoder import ImageConfig, ImageEncoder, ImageTower
from .naming import Source
from .network import Network
from .progress import Work
from .safetensors_file import BadCheckpoint
from .saving import Stored, write_steps

FIRST = "vision_model.embeddings.patch_embedding.weight"


def load_image_encoder(path: Path, placement: Placement) -> ImageEncoder:
    """Load an image tower and, where they are in the file, the projection of texts and the logit scale.

    It computes in float32, as text towers do. BadCheckpoint names the file, the key and the reason.
    """
    weights = open_file(path)
    shapes = weights.header.shapes
    if FIRST not in shapes:
        raise BadCheckpoint(f"{weights.name}: there is no image encoder of CLIP in it: no tensor {FIRST!r}")
    sources = {key: Source(key) for key in shapes}
    tower = built(weights, sources, lambda found: ImageTower(ImageConfig.from_shapes(found)), "image encoder")
    return ImageEncoder(Network(tower, placement.exact(), origin=weights.name))


def save_image_encoder_steps(path: Path, encoder: ImageEncoder) -> Work[None]:
    """Write an image tower, whole or not at all, in Hugging Face's names; OSError where there is no room."""
    network = encoder.network
    tensors = {
        name: Stored(tuple(tensor.shape), lambda name=name: network.weight(name))
        for name, tensor in network.stored.items()
    }
    facts = {"modelspec.title": "image encoder of CLIP", "modelspec.architecture": "CLIPVisionModelWithProjection"}
    yield from write_steps(path, tensors, torch.float16, facts)
