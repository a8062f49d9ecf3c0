"""SD1.5's weights under the names that diffusers and transformers have for them."""

from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nodes.diffusion.layouts import SD1, UNET_PLACES, VAE_PLACES
from nodes.diffusion.naming import Sources, tower_sources, unet_sources, vae_sources
from nodes.diffusion.safetensors_file import SafetensorsFile


def theirs(file: Path) -> dict[str, dict[str, Tensor]]:
    """The tensors of the U-Net, the VAE and the text encoder, in the type of the file."""
    diffusers: Any = import_module("diffusers")
    transformers: Any = import_module("transformers")
    blocks = {"down_block_types": ["DownEncoderBlock2D"] * 4, "up_block_types": ["UpDecoderBlock2D"] * 4}
    with torch.device("meta"):
        unet = diffusers.UNet2DConditionModel(cross_attention_dim=768, attention_head_dim=8)
        vae = diffusers.AutoencoderKL(**blocks, block_out_channels=(128, 256, 512, 512), layers_per_block=2)
        text = transformers.CLIPTextModel(
            transformers.CLIPTextConfig(
                vocab_size=49408, hidden_size=768, intermediate_size=3072, num_attention_heads=12
            )
        )
    weights = SafetensorsFile(file)

    def renamed(module: Any, sources: Sources, place: str) -> dict[str, Tensor]:
        like: dict[str, Tensor] = module.state_dict()
        ours = {source.key: name for name, source in sources.items()}
        return {
            key: weights.tensor(place + ours[key]).reshape(like[key].shape) for key in like if not key.endswith("_ids")
        }

    return {
        "unet": renamed(unet, unet_sources(unet.state_dict(), ""), UNET_PLACES[0]),
        "vae": renamed(vae, vae_sources(vae.state_dict(), ""), VAE_PLACES[0]),
        "text": renamed(text, tower_sources(dict.fromkeys(text.state_dict(), ()), ""), SD1.places[0][0]),
    }
