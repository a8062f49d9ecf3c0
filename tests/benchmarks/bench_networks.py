"""The networks against diffusers and transformers on the same weights: the largest absolute difference in float32."""

from nodes.diffusion.text_encoder import TextConfig
from nodes.diffusion.unet import UNetConfig
from nodes.diffusion.vae import VaeConfig
from tests.diffusion.test_networks import (
    TOLERANCE,
    TOWERS,
    UNETS,
    VAES,
    Case,
    tower_differences,
    unet_difference,
    vae_differences,
)

from .figure import Figure


def figures() -> list[Figure]:
    """Tiny networks of many shapes, and those of SD1.5 at full size."""
    measured = {
        f"U-Net, {len(UNETS)} tiny shapes": max(unet_difference(case) for case in UNETS),
        f"VAE, {len(VAES)} tiny shapes": max(max(vae_differences(config, 24, 40)) for config in VAES),
        f"text tower, {len(TOWERS)} tiny shapes, each layer": max(max(tower_differences(config)) for config in TOWERS),
        "U-Net of SD1.5": unet_difference(Case("SD1.5", UNetConfig(), (16, 16), 77)),
        "VAE of SD1.5": max(vae_differences(VaeConfig(), 128, 72)),
        "text tower of SD1.5": max(tower_differences(TextConfig())),
    }
    return [
        Figure(f"{what}: largest difference", f"{off:.1e}", f"≤ {TOLERANCE:.0e}", off <= TOLERANCE)
        for what, off in measured.items()
    ]
