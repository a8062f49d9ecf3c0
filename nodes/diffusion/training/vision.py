"""A small image tower for CLIP: patches, a class token, the layers of the text tower without the causal mask."""

import torch
from torch import Tensor, nn

from ..text_encoder import Layer, TextConfig


class ImageTower(nn.Module):
    """Pictures [batch, 3, size, size] in −1…1 → one embedding [batch, channels] (Dosovitskiy et al. 2021)."""

    def __init__(self, channels: int = 128, layers: int = 4, heads: int = 4, size: int = 64, patch: int = 8) -> None:
        super().__init__()
        config = TextConfig(channels=channels, layers=layers, heads=heads, width=4 * channels)
        self.patch_embedding = nn.Conv2d(3, channels, patch, stride=patch)
        self.class_embedding = nn.Parameter(torch.randn(channels) * 0.02)
        self.position_embedding = nn.Parameter(torch.randn((size // patch) ** 2 + 1, channels) * 0.02)
        self.layers = nn.ModuleList(Layer(config, causal=False) for _ in range(layers))
        self.norm = nn.LayerNorm(channels)

    def forward(self, pictures: Tensor) -> Tensor:
        patches = self.patch_embedding(pictures).flatten(2).transpose(1, 2)
        first = self.class_embedding.expand(len(patches), 1, -1)
        x = torch.cat([first, patches], dim=1) + self.position_embedding
        for layer in self.layers:
            x = layer(x)
        return self.norm(x[:, 0])
