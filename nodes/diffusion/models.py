"""The three parts of a checkpoint as values that nodes pass on: model, text encoder, VAE."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from .conditioning import Conditioning
from .devices import Placement
from .looks import Look, network_facts
from .parameterization import Parameterization
from .preview import LatentColors
from .progress import Done, Work, finish
from .prompt import chunks, weighted
from .text_encoder import TextTower
from .tokenizer import Tokenizer
from .unet import UNet
from .vae import Autoencoder, Layer


def size_of(module: nn.Module) -> int:
    """Bytes of a module's weights."""
    return sum(tensor.nbytes for tensor in module.state_dict().values())


@dataclass(frozen=True, eq=False)
class Model:
    """A U-Net, with what its output means and where it is computed.

    `preview` says which colours its latents have, where its VAE is known.
    """

    unet: UNet
    parameterization: Parameterization
    placement: Placement
    preview: LatentColors | None = None

    @torch.no_grad()
    def predict(self, x: Tensor, t: Tensor, context: Tensor, **extra: Tensor) -> Tensor:
        """The raw output for a batch, as float32 on x's device; see `DiffusionModel.predict`."""
        device, dtype = self.placement.device, self.placement.dtype
        inputs = {name: tensor.to(device, dtype) for name, tensor in extra.items()}
        output = self.unet(x.to(device, dtype), t.to(device), context.to(device, dtype), **inputs)
        return output.to(x)

    @property
    def nbytes(self) -> int:
        """The size of the weights, for caches."""
        return size_of(self.unet)

    def peek(self) -> Look:
        """What the network is, what its output means, and the noise levels that it knows."""
        levels = self.parameterization
        config = self.unet.config
        return Look(
            (
                *network_facts(self.unet, self.placement),
                ("predicts", {"eps": "the noise", "v": "the velocity", "x0": "the original"}[levels.prediction]),
                ("noise levels", f"{levels.sigma_min:.4g} … {levels.sigma_max:.4g}"),
                ("channels", f"{config.in_channels} in, {config.out_channels} out, {config.context_channels} of text"),
            )
        )


@dataclass(frozen=True, eq=False)
class TextEncoder:
    """A text tower with its tokenizer. `skip` layers are left out at the end ("CLIP skip" 2 is skip 1)."""

    tower: TextTower
    tokenizer: Tokenizer
    placement: Placement
    skip: int = 0

    def skipping(self, layers: int) -> "TextEncoder":
        """The same encoder, stopping so many layers before the last."""
        return replace(self, skip=min(layers, self.tower.config.layers - 1))

    def encode(self, prompt: str) -> Conditioning:
        """Embed a prompt with its weights: context [1, n · length, channels] for one of n sequences, on the CPU."""
        parts = chunks(self.tokenizer, prompt)
        embeddings = self._embed([list(part.ids) for part in parts])
        weights = torch.tensor([part.weights for part in parts], device=embeddings.device)
        if (weights != 1).any():
            empty = self._embed([self.tokenizer.encode("")])
            embeddings = weighted(embeddings, empty, weights)
        return Conditioning(embeddings.reshape(1, -1, embeddings.shape[-1]))

    @torch.no_grad()
    def _embed(self, ids: list[list[int]]) -> Tensor:
        return self.tower(torch.tensor(ids, device=self.placement.device), self.skip).float().cpu()

    @property
    def nbytes(self) -> int:
        """The size of the weights, for caches."""
        return size_of(self.tower)

    def peek(self) -> Look:
        """What the network is, and how much text it reads at once."""
        config = self.tower.config
        used = f"{config.layers - self.skip} of {config.layers}" if self.skip else f"{config.layers}"
        size = ("layers", used), ("reads at once", f"{config.length} tokens"), ("channels", f"{config.channels}")
        return Look(network_facts(self.tower, self.placement) + size)


@dataclass(frozen=True, eq=False)
class Vae:
    """An autoencoder; latents are given in the U-Net's scale, of deviation about 1.

    `preview` says which colours its latents have, where that was measured.
    """

    autoencoder: Autoencoder
    scale: float
    placement: Placement
    preview: LatentColors | None = None

    @property
    def factor(self) -> int:
        """How many pixels one latent pixel covers, each way."""
        return self.autoencoder.config.factor

    def encode(self, pictures: Tensor) -> Tensor:
        """The mean latents of pictures in 0…1: [batch, 3, 8h, 8w] → [batch, 4, h, w]; odd edges are cropped evenly."""
        return finish(self.encode_steps(pictures))

    def encode_steps(self, pictures: Tensor) -> Work[Tensor]:
        """The same, layer by layer."""
        height, width = (side // self.factor * self.factor for side in pictures.shape[-2:])
        top, left = (pictures.shape[-2] - height) // 2, (pictures.shape[-1] - width) // 2
        cropped = pictures[..., top : top + height, left : left + width]
        inputs = (cropped * 2 - 1).to(self.placement.device, self.placement.dtype)
        moments = yield from _layer_by_layer(self.autoencoder.encoding, inputs)
        mean, _ = moments.chunk(2, dim=1)
        return mean.to(pictures) * self.scale

    def decode(self, latents: Tensor) -> Tensor:
        """Pictures in 0…1 of latents: [batch, 4, h, w] → [batch, 3, 8h, 8w]."""
        return finish(self.decode_steps(latents))

    def decode_steps(self, latents: Tensor) -> Work[Tensor]:
        """The same, layer by layer."""
        inputs = (latents / self.scale).to(self.placement.device, self.placement.dtype)
        decoded = yield from _layer_by_layer(self.autoencoder.decoding, inputs)
        return ((decoded.to(latents) + 1) / 2).clamp(0, 1)

    @property
    def nbytes(self) -> int:
        """The size of the weights, for caches."""
        return size_of(self.autoencoder)

    def peek(self) -> Look:
        """What the network is, and the size of its latents."""
        size = f"{self.autoencoder.config.latent_channels} channels, a pixel for {self.factor} × {self.factor}"
        scale = ("latents", size), ("scale", f"{self.scale:.5g}")
        return Look(network_facts(self.autoencoder, self.placement) + scale)


def _layer_by_layer(layers: Sequence[Layer], x: Tensor) -> Work[Tensor]:
    for done, layer in enumerate(layers, 1):
        with torch.no_grad():  # within, and never across, a yield: it would hold for whoever drives the generator
            x = layer(x)
        yield Done(done, len(layers))
    return x
