"""The VAE, trained in two halves that need no encoder to begin with.

Latents are defined in closed form: the four principal components of each 8×8 block of pixels, scaled to deviation 1.
So the U-Net and the decoder can be trained side by side from the first minute. The decoder learns to undo the loss;
the convolutional encoder, which a checkpoint in the SD1 layout needs, is then regressed onto the same latents.
"""

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..vae import Autoencoder, VaeConfig
from .loop import mixed_precision
from .pictures import PictureSet, draw_scenes

SCALE = 0.18215  # what SD1 multiplies its latents by; the trained file folds it into the convolutions beside the latent


# Most weights are where the picture is coarse: there they cost little time, and they remember what things look like.
EMBEDDED = VaeConfig(widths=(24, 48, 96, 144), res_blocks=1, latent_channels=4, groups=8)


@dataclass(frozen=True)
class BlockPrincipalComponents:
    """Linear latents: mean [3·f·f] and directions [channels, 3·f·f], already divided by each component's deviation."""

    mean: Tensor
    directions: Tensor

    @classmethod
    def of(
        cls, pictures: PictureSet, factor: int = 8, channels: int = 4, count: int = 4000
    ) -> "BlockPrincipalComponents":
        """Fit to random scenes."""
        blocks = torch.cat(
            [
                _blocks(pictures.compose(draw_scenes(200, seed)), factor).transpose(1, 2).flatten(0, 1)
                for seed in range(count // 200)
            ]
        )
        mean = blocks.mean(dim=0)
        values, vectors = torch.linalg.eigh((blocks - mean).T @ (blocks - mean) / len(blocks))
        # The sign of an eigenvector is arbitrary and differs between machines.
        kept = vectors[:, -channels:].flip(1).T
        kept = kept * kept.sum(dim=1, keepdim=True).sign()
        return cls(mean, kept / values[-channels:].flip(0).sqrt()[:, None])

    def encode(self, pictures: Tensor) -> Tensor:
        """Latents of deviation 1: [batch, 3, height, width] → [batch, channels, height/f, width/f]."""
        factor = round((len(self.mean) / 3) ** 0.5)
        blocks = _blocks(pictures, factor)
        latents = self.directions @ (blocks - self.mean[:, None])
        return latents.unflatten(-1, (pictures.shape[-2] // factor, pictures.shape[-1] // factor))


def _blocks(pictures: Tensor, factor: int) -> Tensor:
    return functional.unfold(pictures, factor, stride=factor)


def new_autoencoder(config: VaeConfig) -> Autoencoder:
    """An untrained autoencoder whose latents, times SCALE, have deviation 1."""
    model = Autoencoder(config)
    with torch.no_grad():
        for layer, factor in ((model.quant_conv, 1 / SCALE), (model.post_quant_conv, SCALE)):
            channels = layer.weight.shape[0]
            layer.weight.copy_(torch.eye(channels)[:, :, None, None] * factor)
            nn.init.zeros_(cast("Tensor", layer.bias))
    return model


class DecoderTask:
    """L1 on pixels and half as much on their gradients, for latents with a little noise."""

    def __init__(
        self,
        model: Autoencoder,
        latents: BlockPrincipalComponents,
        pictures: PictureSet,
        batch: int = 16,
        seed: int = 2,
    ) -> None:
        self.model = nn.ModuleDict({"decoder": model.decoder})
        self.latents, self.pictures = latents, pictures
        self.batch, self.seed = batch, seed

    def loss(self, step: int) -> Tensor:
        """The reconstruction loss of one batch."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        pictures = self.pictures.compose(draw_scenes(self.batch, self.seed * 1_000_003 + step))
        latents = self.latents.encode(pictures)
        strength = 0.1 * torch.rand(len(latents), 1, 1, 1, generator=generator)
        noisy = latents + strength * torch.randn(latents.shape, generator=generator)
        with mixed_precision():
            decoded = self.model["decoder"](noisy.to(memory_format=torch.channels_last)).float()
        difference = decoded - pictures
        edges = difference.diff(dim=-1).abs().mean() + difference.diff(dim=-2).abs().mean()
        return difference.abs().mean() + 0.5 * edges


class EncoderTask:
    """The mean of the encoder regressed onto the linear latents; the variance is set, not learnt."""

    def __init__(
        self,
        model: Autoencoder,
        latents: BlockPrincipalComponents,
        pictures: PictureSet,
        batch: int = 16,
        seed: int = 3,
    ) -> None:
        self.model = nn.ModuleDict({"encoder": model.encoder})
        self.latents, self.pictures = latents, pictures
        self.batch, self.seed = batch, seed

    def loss(self, step: int) -> Tensor:
        """Squared error of the latents, and of the log variance from that of a small, fixed noise."""
        pictures = self.pictures.compose(draw_scenes(self.batch, self.seed * 1_000_003 + step))
        target = self.latents.encode(pictures)
        with mixed_precision():
            mean, spread = self.model["encoder"](pictures.to(memory_format=torch.channels_last)).float().chunk(2, dim=1)
        return (mean - target).square().mean() + 0.1 * (spread + 1).square().mean()


@torch.no_grad()
def decoder_psnr(model: Autoencoder, latents: BlockPrincipalComponents, pictures: PictureSet, count: int = 64) -> float:
    """Peak signal-to-noise ratio, in dB, of decoded scenes that were never trained on."""
    scenes = pictures.compose(draw_scenes(count, 77, unseen=True))
    decoded = model.decoder(latents.encode(scenes)).clamp(-1, 1)
    return float(-10 * torch.log10(((decoded - scenes) / 2).square().mean(dim=(1, 2, 3))).mean())
