"""U-Net, VAE and text tower against diffusers and transformers: the same weights, the same numbers."""

from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from torch import nn

from nodes.diffusion.text_encoder import TextConfig, TextTower, pooled
from nodes.diffusion.unet import UNet, UNetConfig
from nodes.diffusion.vae import Autoencoder, VaeConfig
from tests.diffusion.ldm_names import State, ldm_text, ldm_unet, ldm_vae
from tests.diffusion.references import TOLERANCE, largest_difference, noise, randomize, tower_of, unet_of, vae_of

TINY = UNetConfig(
    model_channels=32, channel_mult=(1, 2), res_blocks=1, depth=(1, 1), context_channels=24, heads=4, groups=8
)


@dataclass(frozen=True)
class Case:
    """A U-Net and the latent it is tried on."""

    name: str
    config: UNetConfig
    size: tuple[int, int] = (8, 8)
    words: int = 7


UNETS = (
    Case("tiny", TINY),
    Case("large enough for attention by blocks", TINY, (32, 32)),
    Case("levels of SD1", replace(TINY, channel_mult=(1, 2, 4, 4), res_blocks=2, depth=(1, 1, 1, 0)), (16, 16)),
    Case("no attention above", replace(TINY, depth=(0, 1))),
    Case("no attention below", replace(TINY, channel_mult=(1, 2, 3), depth=(1, 0, 0))),
    Case("odd size", replace(TINY, channel_mult=(1, 2, 2), depth=(1, 1, 1)), (7, 9)),
    Case("odd size, two blocks", replace(TINY, channel_mult=(1, 1, 2), res_blocks=2, depth=(0, 1, 1)), (5, 11)),
    Case("one level", replace(TINY, channel_mult=(1,), depth=(1,))),
    Case("linear projections", replace(TINY, linear=True)),
    Case("deep, as SDXL", replace(TINY, channel_mult=(1, 2, 2), depth=(0, 2, 3), middle_depth=3, linear=True)),
    Case("deep in the middle", replace(TINY, depth=(2, 0), middle_depth=3, linear=True)),
    Case("context of SD1", replace(TINY, context_channels=768, heads=8), words=77),
    Case("9 channels in", replace(TINY, in_channels=9)),
    Case("heads of 64 channels", replace(TINY, model_channels=64, heads=None, head_channels=64, linear=True)),
    Case("labels", replace(TINY, label_channels=12)),
)


def shapes(state: State) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in state.items()}


def diffusers_unet(config: UNetConfig) -> Any:
    unet = unet_of(config, class_embed_type="projection" if config.label_channels else None)
    randomize(unet)
    return unet.eval()


def built(module: nn.Module, state: State) -> nn.Module:
    module.load_state_dict(state, strict=True)
    return module.requires_grad_(False).eval()


def unet_difference(case: Case) -> float:
    config = case.config
    reference = diffusers_unet(config)
    unet = built(UNet(config), ldm_unet(reference.state_dict()))
    x, context = noise(2, config.in_channels, *case.size), noise(2, case.words, config.context_channels, seed=2)
    timesteps = torch.tensor([3.0, 801.0])
    labels = noise(2, config.label_channels, seed=3) if config.label_channels else None
    with torch.no_grad():
        theirs = reference(x, timesteps, context, class_labels=labels).sample
        return largest_difference(unet(x, timesteps, context, labels), theirs)


@pytest.mark.parametrize("case", UNETS, ids=lambda case: case.name)
def test_a_unet_gives_the_numbers_of_diffusers(case: Case) -> None:
    assert unet_difference(case) <= TOLERANCE


@pytest.mark.parametrize("case", UNETS, ids=lambda case: case.name)
def test_the_dimensions_of_a_unet_are_read_from_its_shapes(case: Case) -> None:
    config = case.config
    with torch.device("meta"):
        state = UNet(config).state_dict()
    heads = config.heads if config.context_channels != 768 else None
    assert UNetConfig.from_shapes(shapes(state), heads=heads, groups=config.groups) == config


def test_a_unet_without_any_attention_is_read_too() -> None:
    config = replace(TINY, depth=(0, 0), middle_depth=0, context_channels=0)
    with torch.device("meta"):
        state = UNet(config).state_dict()
    assert UNetConfig.from_shapes(shapes(state), heads=4, groups=8) == config


def epsilons(module: nn.Module) -> State:
    """What each norm adds to the variance, under the names of its weights."""
    modules = dict(module.named_modules())  # pyright: ignore[reportUnknownArgumentType] -- its memo is untyped
    norms = {name: part for name, part in modules.items() if isinstance(part, nn.GroupNorm | nn.LayerNorm)}
    return {f"{name}.weight": torch.tensor(norm.eps) for name, norm in norms.items()}


def test_the_norms_of_all_networks_have_the_epsilons_of_the_reference() -> None:
    unet, vae, text = UNETS[0].config, VAES[0], TOWERS[0]
    assert epsilons(UNet(unet)) == ldm_unet(epsilons(diffusers_unet(unet)))
    assert epsilons(Autoencoder(vae)) == ldm_vae(epsilons(diffusers_vae(vae)))
    assert epsilons(TextTower(text)) == ldm_text(epsilons(transformers_tower(text)))


@pytest.mark.slow
@pytest.mark.parametrize("size", [(16, 16), (24, 17)])
def test_the_unet_of_sd15_gives_the_numbers_of_diffusers(size: tuple[int, int]) -> None:
    assert unet_difference(Case("SD1.5", UNetConfig(), size, 77)) <= TOLERANCE


VAES = (
    VaeConfig((16, 32), 1, 4, 8),
    VaeConfig((16, 32, 48, 48), 2, 4, 8),
    VaeConfig((32, 16, 64), 2, 3, 16),
    VaeConfig((24,), 1, 4, 8),
)


def diffusers_vae(config: VaeConfig) -> Any:
    vae = vae_of(config)
    randomize(vae)
    return vae.eval()


def vae_differences(config: VaeConfig, height: int, width: int) -> list[float]:
    """Of the encoder's mean, its log variance, and the decoder."""
    reference = diffusers_vae(config)
    vae = built(Autoencoder(config), ldm_vae(reference.state_dict()))
    assert isinstance(vae, Autoencoder)
    pictures = noise(2, 3, height, width).clamp(-1, 1)
    latents = noise(2, config.latent_channels, height // config.factor, width // config.factor)
    with torch.no_grad():
        theirs = reference.encode(pictures).latent_dist
        mean, log_variance = vae.moments(pictures)
        return [
            largest_difference(mean, theirs.mean),
            largest_difference(log_variance, theirs.logvar),
            largest_difference(vae.decode(latents), reference.decode(latents).sample),
        ]


@pytest.mark.parametrize("config", VAES, ids=str)
def test_a_vae_gives_the_numbers_of_diffusers(config: VaeConfig) -> None:
    assert max(vae_differences(config, 24, 40)) <= TOLERANCE


@pytest.mark.parametrize("config", VAES, ids=str)
def test_the_dimensions_of_a_vae_are_read_from_its_shapes(config: VaeConfig) -> None:
    with torch.device("meta"):
        state = Autoencoder(config).state_dict()
    assert VaeConfig.from_shapes(shapes(state), groups=config.groups) == config


@pytest.mark.slow
def test_the_vae_of_sd15_gives_the_numbers_of_diffusers() -> None:
    assert max(vae_differences(VaeConfig(), 128, 72)) <= TOLERANCE


TOWERS = (
    TextConfig(vocabulary=60, length=16, channels=32, layers=3, heads=4, width=64),
    TextConfig(vocabulary=600, length=77, channels=64, layers=2, heads=1, width=100),
)


def transformers_tower(config: TextConfig) -> Any:
    tower = tower_of(config)
    randomize(tower)
    return tower.eval()


def tower_differences(config: TextConfig) -> list[float]:
    """Of the last hidden state and of each one before it, normalized as CLIP skip takes it."""
    reference = transformers_tower(config)
    state = reference.state_dict()
    tower = built(TextTower(config), ldm_text(state))
    ids = torch.randint(0, config.vocabulary, (3, config.length), generator=torch.Generator().manual_seed(4))
    norm = nn.LayerNorm(config.channels)
    norm.load_state_dict({name: ldm_text(state)[f"text_model.final_layer_norm.{name}"] for name in ("weight", "bias")})
    with torch.no_grad():
        theirs = reference(ids, output_hidden_states=True)
        found = [largest_difference(tower(ids), theirs.last_hidden_state)]
        for skip in range(config.layers):
            hidden = norm(theirs.hidden_states[config.layers - skip])
            found.append(largest_difference(tower(ids, skip), hidden))
    return found


@pytest.mark.parametrize("config", TOWERS, ids=str)
def test_a_text_tower_gives_the_numbers_of_transformers(config: TextConfig) -> None:
    assert max(tower_differences(config)) <= TOLERANCE


@pytest.mark.parametrize("config", TOWERS, ids=str)
def test_the_dimensions_of_a_text_tower_are_read_from_its_shapes(config: TextConfig) -> None:
    with torch.device("meta"):
        state = TextTower(config).state_dict()
    assert TextConfig.from_shapes(shapes(state), heads=config.heads) == config


def test_the_pooled_embedding_is_that_of_the_first_end_token() -> None:
    config = TOWERS[0]
    reference = transformers_tower(config)
    tower = built(TextTower(config), ldm_text(reference.state_dict()))
    end = config.vocabulary - 1
    ids = torch.tensor([[0, 5, end, *[end] * 13], [0, 5, 6, 7, 8, end, *[end] * 10]])
    with torch.no_grad():
        assert largest_difference(pooled(tower(ids), ids, end), reference(ids).pooler_output) <= TOLERANCE


@pytest.mark.slow
def test_the_text_tower_of_sd15_gives_the_numbers_of_transformers() -> None:
    assert max(tower_differences(TextConfig())) <= TOLERANCE
