"""The image tower of CLIP (Radford et al. 2021), a vision transformer: pictures → vectors beside those of texts.

Names follow the keys of the published files, Hugging Face's `CLIPVisionModelWithProjection`, `pre_layrnorm` included.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from .looks import Look, network_facts
from .naming import numbered
from .network import Network
from .text_encoder import Layer, TextConfig, normalized

Shapes = Mapping[str, tuple[int, ...]]
# Of the red, green and blue of the pictures that CLIP was trained with, in 0…1.
MEAN, DEVIATION = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
# Heads are 64 channels wide, but in OpenCLIP's ViT-H and ViT-bigG, which are the widest and have the exact GELU.
HEADS = {1280: 16, 1664: 16}
LARGEST_OF_OPENAI = 1024


@dataclass(frozen=True)
class ImageConfig:
    """The dimensions of an image tower; `size` and `patch` are sides in pixels.

    `text_channels` is the width of the text tower that it was trained with, where the file has the projection of that.
    """

    channels: int = 1024
    layers: int = 24
    heads: int = 16
    width: int = 4096
    size: int = 224
    patch: int = 14
    projection: int = 768
    text_channels: int | None = None
    scaled: bool = False
    exact: bool = False

    @classmethod
    def from_shapes(cls, shapes: Shapes) -> "ImageConfig":
        """Read the dimensions from keys and shapes; KeyError names what is missing, ValueError what cannot be."""
        channels, _, patch, _ = shapes["vision_model.embeddings.patch_embedding.weight"]
        positions = shapes["vision_model.embeddings.position_embedding.weight"][0]
        side = math.isqrt(max(0, positions - 1))
        if side == 0 or side**2 + 1 != positions:
            raise ValueError(f"{positions} positions are no square of patches and one token")
        text = shapes.get("text_projection.weight")
        return cls(
            channels=channels,
            layers=numbered(shapes, "vision_model.encoder.layers."),
            heads=HEADS.get(channels, max(1, channels // 64)),
            width=shapes["vision_model.encoder.layers.0.mlp.fc1.weight"][0],
            size=side * patch,
            patch=patch,
            projection=shapes["visual_projection.weight"][0],
            text_channels=None if text is None else text[1],
            scaled="logit_scale" in shapes,
            exact=channels > LARGEST_OF_OPENAI,
        )


class Embeddings(nn.Module):
    """Patches as tokens after one that stands for the whole picture, each with the embedding of its position."""

    def __init__(self, config: ImageConfig) -> None:
        super().__init__()
        self.class_embedding = nn.Parameter(torch.empty(config.channels))
        nn.init.normal_(self.class_embedding, std=0.02)
        self.patch_embedding = nn.Conv2d(3, config.channels, config.patch, stride=config.patch, bias=False)
        self.position_embedding = nn.Embedding((config.size // config.patch) ** 2 + 1, config.channels)
        nn.init.normal_(self.position_embedding.weight, std=0.02)

    def forward(self, pictures: Tensor) -> Tensor:
        patches = self.patch_embedding(pictures).flatten(2).transpose(1, 2)
        first = self.class_embedding.to(patches).expand(len(patches), 1, -1)
        return torch.cat([first, patches], dim=1) + self.position_embedding.weight


class Encoder(nn.Module):
    """The stack of layers: every patch sees every other."""

    def __init__(self, config: ImageConfig) -> None:
        super().__init__()
        same = TextConfig(channels=config.channels, heads=config.heads, width=config.width, exact=config.exact)
        self.layers = nn.ModuleList(Layer(same, causal=False) for _ in range(config.layers))


class VisionModel(nn.Module):
    """What lies below `vision_model.` in the published files."""

    def __init__(self, config: ImageConfig) -> None:
        super().__init__()
        self.embeddings = Embeddings(config)
        self.pre_layrnorm = nn.LayerNorm(config.channels)
        self.encoder = Encoder(config)
        self.post_layernorm = nn.LayerNorm(config.channels)

    def forward(self, pictures: Tensor) -> Tensor:
        """The token of the whole picture after all layers: [batch, channels]."""
        x = self.pre_layrnorm(self.embeddings(pictures))
        for layer in self.encoder.layers:
            x = layer(x)
        return self.post_layernorm(x[:, 0])


class ImageTower(nn.Module):
    """An image tower with both projections into the shared space; that of texts and the scale may be missing.

    `logit_scale` is the logarithm of the inverse temperature that similarities were multiplied by in training.
    """

    UNITS = (Layer,)

    def __init__(self, config: ImageConfig) -> None:
        super().__init__()
        self.config = config
        self.vision_model = VisionModel(config)
        self.visual_projection = nn.Linear(config.channels, config.projection, bias=False)
        if config.text_channels is not None:
            self.text_projection = nn.Linear(config.text_channels, config.projection, bias=False)
        if config.scaled:
            self.logit_scale = nn.Parameter(torch.empty(()))
            nn.init.constant_(self.logit_scale, math.log(10.0))

    def forward(self, pictures: Tensor) -> Tensor:
        """Prepared pictures [batch, 3, size, size] → their unit vectors [batch, projection], in float32."""
        return normalized(self.visual_projection(self.vision_model(pictures)).float())

    def project_texts(self, pooled: Tensor) -> Tensor:
        """The text tower's output at the first end token [batch, text_channels] → unit vectors [batch, projection]."""
        return normalized(self.text_projection(pooled).float())


def prepared(pictures: Tensor, size: int) -> Tensor:
    """Pictures in 0…1 as CLIP reads them: [batch, 3, h, w] → [batch, 3, size, size] of about mean 0 and deviation 1.

    The shorter side is resized to `size`, bicubically, and the middle cut out. It can be differentiated.
    """
    height, width = pictures.shape[-2:]
    if min(height, width) != size:
        factor = size / min(height, width)
        sides = (max(size, round(height * factor)), max(size, round(width * factor)))
        pictures = functional.interpolate(pictures, size=sides, mode="bicubic", antialias=True).clamp(0, 1)
    top, left = (pictures.shape[-2] - size) // 2, (pictures.shape[-1] - size) // 2
    mean, deviation = (torch.tensor(each).to(pictures)[:, None, None] for each in (MEAN, DEVIATION))
    return (pictures[..., top : top + size, left : left + size] - mean) / deviation


@dataclass(frozen=True, eq=False)
class ImageEncoder:
    """The image tower of CLIP: it tells where a picture lies in the space that it shares with texts."""

    network: Network[ImageTower]

    def embed(self, pictures: Tensor) -> Tensor:
        """Unit vectors of pictures in 0…1: [batch, 3, h, w] → [batch, projection], float32 on the network's device.

        Gradients flow back to the pictures, where these have any.
        """
        place = self.network.placement
        tower = self.network.resident()
        return tower(prepared(pictures.to(place.device, torch.float32), tower.config.size).to(place.dtype))

    @property
    def nbytes(self) -> int:
        """The size of the weights, for caches."""
        return self.network.nbytes

    def peek(self) -> Look:
        """What the network is, and what it reads."""
        config = self.network.config
        reads = f"{config.size} × {config.size} pixels, in patches of {config.patch}"
        size = ("layers", f"{config.layers}"), ("reads", reads), ("shared space", f"{config.projection} dimensions")
        return Look(network_facts(self.network.module, self.network.placement) + size)
