"""The U-Net, trained to predict the noise in a picture's latent at a random time step (Ho et al. 2020)."""

import torch
from torch import Tensor, nn

from ..parameterization import Parameterization
from ..text_encoder import TextTower
from ..tokenizer import Tokenizer
from ..unet import ResBlock, SpatialTransformer, UNet, UNetConfig
from .autoencoder import BlockPrincipalComponents
from .loop import mixed_precision
from .pictures import PictureSet, draw_scenes

# Seven million weights for latents of 8 × 8.
EMBEDDED = UNetConfig(
    model_channels=64,
    channel_mult=(1, 2, 2),
    depth=(1, 1, 1),
    res_blocks=1,
    context_channels=128,
    heads=4,
    groups=16,
)
DROPPED = 0.1  # share of captions left out, so that the model also knows the picture without text (Ho & Salimans 2022)


def new_unet(config: UNetConfig) -> UNet:
    """An untrained U-Net that begins by predicting nothing: the last layer of every residual branch is zero."""
    model = UNet(config)
    last = [model.out[2]]
    last += [module.out_layers[3] for module in model.modules() if isinstance(module, ResBlock)]
    last += [module.proj_out for module in model.modules() if isinstance(module, SpatialTransformer)]
    for layer in last:
        for weights in layer.parameters():
            nn.init.zeros_(weights)
    return model


class DenoisingTask:
    """Squared error of the predicted noise, weighted by min-SNR (Hang et al. 2023, γ = 5), for U-Net and text tower."""

    def __init__(
        self,
        unet: UNet,
        text: TextTower,
        tokenizer: Tokenizer,
        latents: BlockPrincipalComponents,
        pictures: PictureSet,
        *,
        batch: int = 128,
        seed: int = 4,
    ) -> None:
        self.model = nn.ModuleDict({"unet": unet, "text": text})
        self.tokenizer, self.latents, self.pictures = tokenizer, latents, pictures
        self.batch, self.seed = batch, seed
        self.parameterization = Parameterization.stable_diffusion()

    def loss(self, step: int) -> Tensor:
        """The loss of one batch, its time steps spread evenly over the schedule."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        scenes = draw_scenes(self.batch, self.seed * 1_000_003 + step)
        latents = self.latents.encode(self.pictures.compose(scenes))
        drop = torch.rand(self.batch, generator=generator) < DROPPED
        captions = ["" if dropped else scene.caption for scene, dropped in zip(scenes, drop, strict=True)]
        ids = torch.tensor([self.tokenizer.encode(caption) for caption in captions])
        spread = (torch.arange(self.batch) + torch.rand(self.batch, generator=generator)) / self.batch
        timesteps = (spread * len(self.parameterization.sigmas)).long()
        noise = torch.randn(latents.shape, generator=generator)
        noisy = self.parameterization.diffuse(latents, noise, timesteps)
        with mixed_precision():
            context = self.model["text"](ids)
            predicted = self.model["unet"](noisy.to(memory_format=torch.channels_last), timesteps, context)
        ratio = self.parameterization.sigmas[timesteps] ** -2  # signal to noise
        weights = ratio.clamp(max=5) / ratio
        return (weights * (predicted.float() - noise).square().mean(dim=(1, 2, 3))).mean()
