"""ControlNets against diffusers: the same weights, in both namings, the same numbers."""

import re
import warnings
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from nodes.diffusion.conditioning import Conditioning
from nodes.diffusion.controlnet import Control, ControlEncoder, ControlNet
from nodes.diffusion.controlnet_file import load_controlnet
from nodes.diffusion.denoiser import Prediction, evaluate, groups, inputs_of
from nodes.diffusion.devices import placement
from nodes.diffusion.guidance import Guided
from nodes.diffusion.layouts import Extras
from nodes.diffusion.models import Model
from nodes.diffusion.network import Network
from nodes.diffusion.parameterization import Parameterization
from nodes.diffusion.safetensors_file import write_safetensors
from nodes.diffusion.unet import UNet, UNetConfig
from tests.diffusion.ldm_names import State, ldm_unet
from tests.diffusion.test_networks import TINY, TOLERANCE, built, diffusers_unet, largest_difference, noise, randomize

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # theirs, about what they import
    diffusers: Any = import_module("diffusers")

CPU = placement("cpu", "float32")
HINT_WIDTHS = (4, 6, 8, 12)
POOLED, NUMBERS, WIDTH = 10, 6, 8  # of SDXL's: the embedding of the text, and so many numbers, each so wide
SD1 = replace(TINY, channel_mult=(1, 2, 2), depth=(1, 1, 0))
SD2 = replace(TINY, model_channels=64, heads=None, head_channels=64, linear=True)
SDXL = replace(
    TINY,
    channel_mult=(1, 2, 2),
    depth=(0, 2, 3),
    middle_depth=3,
    linear=True,
    label_channels=POOLED + NUMBERS * WIDTH,
)
SMALL = replace(SDXL, depth=(0, 0, 0), middle_depth=0)
FAMILIES = {"SD1": SD1, "SD2": SD2, "SDXL": SDXL}


def diffusers_controlnet(config: UNetConfig, seed: int = 0, *, small: bool = False) -> Any:
    """A ControlNetModel of these dimensions, with the sizes of SDXL where it has labels."""
    depths = [depth or 1 for depth in config.depth]
    controlnet = diffusers.ControlNetModel(
        in_channels=config.in_channels,
        down_block_types=tuple("CrossAttnDownBlock2D" if depth else "DownBlock2D" for depth in config.depth),
        mid_block_type="UNetMidBlock2D" if small else "UNetMidBlock2DCrossAttn",
        block_out_channels=tuple(mult * config.model_channels for mult in config.channel_mult),
        layers_per_block=config.res_blocks,
        transformer_layers_per_block=(*depths[:-1], config.middle_depth or 1),
        cross_attention_dim=config.context_channels,
        attention_head_dim=tuple(config.heads_at(mult * config.model_channels) for mult in config.channel_mult),
        use_linear_projection=config.linear,
        norm_num_groups=config.groups,
        addition_embed_type="text_time" if config.label_channels else None,
        addition_time_embed_dim=WIDTH if config.label_channels else None,
        projection_class_embeddings_input_dim=config.label_channels,
        conditioning_embedding_out_channels=HINT_WIDTHS,
    )
    randomize(controlnet, seed)
    return controlnet.eval()


def compvis(state: State) -> State:
    """The weights of a ControlNetModel under the names that ControlNet's authors gave them."""
    last = 2 * (2 * len(HINT_WIDTHS) - 1)
    rules = [
        (r"^controlnet_cond_embedding\.conv_in\.", "input_hint_block.0."),
        (r"^controlnet_cond_embedding\.conv_out\.", f"input_hint_block.{last}."),
        (r"^controlnet_down_blocks\.(\d+)\.", r"zero_convs.\1.0."),
        (r"^controlnet_mid_block\.", "middle_block_out.0."),
        (r"^add_embedding\.linear_1\.", "label_emb.0.0."),
        (r"^add_embedding\.linear_2\.", "label_emb.0.2."),
    ]
    named: State = {}
    for name, tensor in ldm_unet(state).items():
        for pattern, place in rules:
            name = re.sub(pattern, place, name)
        block = re.match(r"controlnet_cond_embedding\.blocks\.(\d+)(.+)", name)
        named[f"input_hint_block.{2 + 2 * int(block[1])}{block[2]}" if block else name] = tensor
    return named


def write(path: Path, state: State, config: UNetConfig = SD1) -> Path:
    """A file of these tensors; heads and groups are not in them."""
    extras = Extras(unet_heads=config.heads, unet_groups=config.groups)
    write_safetensors({name: tensor.contiguous() for name, tensor in state.items()}, path, extras.to_metadata())
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "control.safetensors"


@dataclass(frozen=True)
class Inputs:
    """What a U-Net and a ControlNet get, as both libraries want it."""

    x: Tensor
    t: Tensor
    context: Tensor
    y: Tensor | None
    sizes: dict[str, Tensor] | None

    @classmethod
    def of(cls, config: UNetConfig, controlnet: Any, size: tuple[int, int] = (8, 8)) -> "Inputs":
        y = sizes = None
        if config.label_channels:
            sizes = {"text_embeds": noise(2, POOLED, seed=4), "time_ids": torch.arange(2.0 * NUMBERS).reshape(2, -1)}
            numbers = controlnet.add_time_proj(sizes["time_ids"].flatten()).reshape(2, -1)
            y = torch.cat([sizes["text_embeds"], numbers], dim=1)
        x, context = noise(2, 4, *size), noise(2, 7, config.context_channels, seed=2)
        return cls(x, torch.tensor([3.0, 801.0]), context, y, sizes)

    def residuals(self, controlnet: Any, hint: Tensor, strength: float) -> list[Tensor]:
        """What diffusers adds to the U-Net's blocks."""
        both = controlnet(self.x, self.t, self.context, hint, strength, None, None, None, self.sizes, return_dict=False)
        return [*both[0], both[1]]


def hint_of(seed: int, rows: int = 1, side: int = 64) -> Tensor:
    return torch.rand(rows, 3, side, side, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("naming", ["diffusers", "compvis", "stripped"])
@pytest.mark.parametrize("family", FAMILIES)
@torch.no_grad()
def test_a_controlnet_gives_the_numbers_of_diffusers(family: str, naming: str, path: Path) -> None:
    config = FAMILIES[family]
    reference = diffusers_controlnet(config)
    inputs, hint = Inputs.of(config, reference), hint_of(5)
    state = reference.state_dict()
    if naming != "diffusers":
        prefix = "control_model." if naming == "compvis" else ""
        state = {prefix + name: tensor for name, tensor in compvis(state).items()}
    found = load_controlnet(write(path, state, config), CPU).outputs(inputs.x, inputs.t, inputs.context, hint, inputs.y)
    expected = inputs.residuals(reference, hint, 1.0)
    assert len(found) == len(expected)
    assert max(largest_difference(ours, theirs) for ours, theirs in zip(found, expected, strict=True)) <= TOLERANCE


def model_of(unet: Any, config: UNetConfig) -> Model:
    module = built(UNet(config), ldm_unet(unet.state_dict()))
    assert isinstance(module, UNet)
    return Model(Network(module, CPU), Parameterization.stable_diffusion())


@pytest.mark.parametrize("family", FAMILIES)
@torch.no_grad()
def test_a_unet_under_two_controlnets_gives_the_numbers_of_diffusers(family: str, tmp_path: Path) -> None:
    config = FAMILIES[family]
    unet, references = diffusers_unet(config), [diffusers_controlnet(config, seed) for seed in (1, 2)]
    inputs, strengths, hints = Inputs.of(config, references[0]), (0.8, 1.3), (hint_of(5), hint_of(6))
    added = [inputs.residuals(*each) for each in zip(references, hints, strengths, strict=True)]
    *beside, middle = [one + other for one, other in zip(*added, strict=True)]
    theirs = unet(
        inputs.x,
        inputs.t,
        inputs.context,
        class_labels=inputs.y,
        down_block_additional_residuals=beside,
        mid_block_additional_residual=middle,
    ).sample
    nets = [
        load_controlnet(write(tmp_path / f"{number}.safetensors", each.state_dict(), config), CPU)
        for number, each in enumerate(references)
    ]
    controls = [Control(*each) for each in zip(nets, hints, strengths, strict=True)]
    extra = {} if inputs.y is None else {"y": inputs.y}
    model = model_of(unet, config)
    ours = model.predict(inputs.x, inputs.t, inputs.context, controls, **extra)
    assert largest_difference(ours, theirs) <= TOLERANCE
    assert (ours - model.predict(inputs.x, inputs.t, inputs.context, [], **extra)).abs().max() > 0.1


@torch.no_grad()
def test_a_small_controlnet_without_attention_gives_the_numbers_of_diffusers(path: Path) -> None:
    reference = diffusers_controlnet(SMALL, small=True)
    inputs, hint = Inputs.of(SMALL, reference, (7, 9)), hint_of(5)[..., :56, :].repeat(1, 1, 1, 2)[..., :72]
    net = load_controlnet(write(path, reference.state_dict(), SMALL), CPU)
    found = net.outputs(inputs.x, inputs.t, inputs.context, hint, inputs.y)
    expected = inputs.residuals(reference, hint, 1.0)
    assert max(largest_difference(ours, theirs) for ours, theirs in zip(found, expected, strict=True)) <= TOLERANCE
    assert net.misfit(SDXL) is None


def random_net(config: UNetConfig = SD1, seed: int = 0) -> ControlNet:
    module = ControlEncoder(config, (3, 4, 4, 6, 6, 8, 8, 12))
    randomize(module, seed)
    return ControlNet(Network(module.requires_grad_(False).eval(), CPU))


def random_model(config: UNetConfig = SD1) -> Model:
    unet = UNet(config)
    randomize(unet, 9)
    return Model(Network(unet.requires_grad_(False).eval(), CPU), Parameterization.stable_diffusion())


def prompt(seed: int, *controls: Control) -> Conditioning:
    return Conditioning(noise(1, 5, 24, seed=seed), controls=controls)


NET, MODEL, X = random_net(), random_model(), noise(2, 4, 8, 8)


def predicted(conditioning: Conditioning, sigma: float = 2.0, x: Tensor = X, model: Model = MODEL) -> Tensor:
    return Prediction(model, conditioning)(x, sigma)


def test_prompts_under_the_same_controls_share_a_batch_and_give_what_each_gives_alone() -> None:
    hints, x = hint_of(5, rows=2), noise(3, 4, 8, 8)
    one, other = prompt(1, Control(NET, hints, 0.7)), prompt(2, Control(NET, hints, 0.7))
    leaves = Guided(Prediction(MODEL, one), Prediction(MODEL, other), 3.0).leaves(x, 2.0)
    assert groups(leaves, inputs_of(leaves)) == [[0, 1]]
    for found, alone in zip(evaluate(leaves, 2.0), (one, other), strict=True):
        torch.testing.assert_close(found, predicted(alone, x=x), rtol=1e-4, atol=1e-4)


def test_prompts_under_other_controls_share_no_batch() -> None:
    hint = hint_of(5)
    controls = [
        Control(NET, hint),
        Control(NET, hint, 0.5),
        Control(NET, hint.clone()),
        Control(random_net(), hint),
        Control(NET, hint, start=0.1),
        Control(NET, hint, end=0.9),
    ]
    leaves = [leaf for each in controls for leaf in Prediction(MODEL, prompt(1, each)).leaves(X, 2.0)]
    leaves += Prediction(MODEL, prompt(1)).leaves(X, 2.0)
    assert groups(leaves, inputs_of(leaves)) == [[number] for number in range(7)]


def test_each_picture_of_a_batch_follows_its_own_hint_and_hints_are_taken_in_turn() -> None:
    hints, x = hint_of(5, rows=2), noise(3, 4, 8, 8)
    found = predicted(prompt(1, Control(NET, hints)), x=x)
    for row in range(3):
        alone = predicted(prompt(1, Control(NET, hints[row % 2 : row % 2 + 1])), x=x[row : row + 1])
        torch.testing.assert_close(found[row : row + 1], alone, rtol=1e-4, atol=1e-4)


def test_a_control_counts_for_its_part_of_the_way_only() -> None:
    levels = MODEL.parameterization
    control = Control(NET, hint_of(5), start=0.2, end=0.6)
    begin, end = levels.sigma_at(0.2), levels.sigma_at(0.6)
    plain, always = prompt(1), prompt(1, Control(NET, hint_of(5)))
    for sigma, expected in ((begin * 1.01, plain), (begin * 0.99, always), (end * 1.01, always), (end * 0.99, plain)):
        assert torch.equal(predicted(prompt(1, control), sigma), predicted(expected, sigma))
    assert not torch.allclose(predicted(plain), predicted(always))


def test_a_hint_of_another_size_is_cropped_to_the_pictures_proportions_and_its_pixels_are_repeated() -> None:
    hint = hint_of(5, side=32)
    wide = torch.cat([torch.zeros(1, 3, 32, 8), hint, torch.zeros(1, 3, 32, 8)], dim=3)
    enlarged = hint.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    expected = predicted(prompt(1, Control(NET, enlarged)))
    assert torch.equal(predicted(prompt(1, Control(NET, wide))), expected)


def test_a_controlnet_of_four_channels_steers_an_inpainting_model() -> None:
    model = random_model(replace(SD1, in_channels=9))
    control = Control(NET, hint_of(5))
    assert not torch.allclose(predicted(prompt(1, control), model=model), predicted(prompt(1), model=model))


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (replace(SD1, context_channels=32), "reads texts 24 wide, the model 32"),
        (replace(SD1, channel_mult=(1, 2)), r"blocks are \[32, 64, 64\] wide"),
    ],
)
def test_a_controlnet_of_another_family_says_why(config: UNetConfig, said: str) -> None:
    assert NET.misfit(SD1) is None
    assert re.search(said, NET.misfit(config) or "")


def test_a_controlnet_that_reads_sizes_does_not_fit_a_model_that_reads_none() -> None:
    assert "reads 58 numbers" in (random_net(SDXL).misfit(replace(SDXL, label_channels=None)) or "")


def test_a_conditioning_tells_of_its_controls_and_counts_their_hints() -> None:
    hint = hint_of(5)
    plain, controlled = prompt(1), prompt(1, Control(NET, hint, 0.5, end=0.4))
    assert controlled.nbytes == plain.nbytes + hint.nbytes
    assert "ControlNet at strength 0.5 from 0% to 40%" in controlled.in_words
