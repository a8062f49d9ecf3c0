"""The reference networks, of diffusers and transformers, at any size; and what comparisons with them need."""

import warnings
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

from nodes.diffusion.text_encoder import TextConfig
from nodes.diffusion.unet import UNetConfig
from nodes.diffusion.vae import VaeConfig

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # theirs, about what they import
    diffusers: Any = import_module("diffusers")  # as Any: its stubs say `tuple[int]` where it takes any tuple
    transformers: Any = import_module("transformers")

TOLERANCE = 1e-4


def unet_of(config: UNetConfig, **more: object) -> Any:
    """A UNet2DConditionModel of these dimensions; `more` are further settings of it."""
    levels = [config.heads_at(mult * config.model_channels) for mult in config.channel_mult]
    down = ["CrossAttnDownBlock2D" if depth else "DownBlock2D" for depth in config.depth]
    up = ["CrossAttnUpBlock2D" if depth else "UpBlock2D" for depth in reversed(config.depth)]
    depths = [depth or 1 for depth in config.depth]
    return diffusers.UNet2DConditionModel(
        in_channels=config.in_channels,
        out_channels=config.out_channels,
        down_block_types=tuple(down),
        up_block_types=tuple(up),
        mid_block_type="UNetMidBlock2DCrossAttn" if config.middle_depth else "UNetMidBlock2D",
        block_out_channels=tuple(mult * config.model_channels for mult in config.channel_mult),
        layers_per_block=config.res_blocks,
        # The middle block takes its depth from the last level.
        transformer_layers_per_block=(*depths[:-1], config.middle_depth or 1),
        cross_attention_dim=config.context_channels,
        attention_head_dim=tuple(levels),
        use_linear_projection=config.linear,
        norm_num_groups=config.groups,
        projection_class_embeddings_input_dim=config.label_channels,
        **more,
    )


def vae_of(config: VaeConfig) -> Any:
    """An AutoencoderKL of these dimensions."""
    return diffusers.AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * len(config.widths),
        up_block_types=("UpDecoderBlock2D",) * len(config.widths),
        block_out_channels=config.widths,
        layers_per_block=config.res_blocks,
        latent_channels=config.latent_channels,
        norm_num_groups=config.groups,
    )


def tower_of(config: TextConfig) -> Any:
    """A CLIPTextModel of these dimensions, or a CLIPTextModelWithProjection where they have one."""
    settings = transformers.CLIPTextConfig(
        vocab_size=config.vocabulary,
        max_position_embeddings=config.length,
        hidden_size=config.channels,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        intermediate_size=config.width,
        projection_dim=config.projection or config.channels,
        hidden_act="gelu" if config.exact else "quick_gelu",
        eos_token_id=config.vocabulary - 1,
    )
    model = transformers.CLIPTextModelWithProjection if config.projection else transformers.CLIPTextModel
    return model(settings)


def randomize(module: nn.Module, seed: int = 0) -> None:
    """Fill with weights under which every tensor counts: norms and biases are not ones and zeros."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in module.state_dict().items():
        if tensor.is_floating_point():
            tensor.copy_(random_weight(name, tensor, generator))


def random_weight(name: str, like: Tensor, generator: torch.Generator) -> Tensor:
    """Such a weight, in float32 on the CPU."""
    noise = torch.randn(like.shape, generator=generator)
    if name.endswith("embedding.weight"):
        return noise
    if like.ndim > 1:
        return noise / like[0].numel() ** 0.5
    return noise * 0.2 + (1 if name.endswith("weight") else 0)


def noise(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def largest_difference(ours: Tensor, theirs: Tensor) -> float:
    assert ours.shape == theirs.shape
    assert 0.05 < theirs.std() < 50, "the comparison needs numbers of the size that networks give"
    return float((ours - theirs).abs().max())
