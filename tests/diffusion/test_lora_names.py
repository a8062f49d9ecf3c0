"""What LoRA files call our layers: published names of SD1, written out, and networks of any size."""

from collections import Counter

import pytest
import torch

from nodes.diffusion.checkpoint import Unfilled
from nodes.diffusion.lora_names import Names, text_names, unet_names
from nodes.diffusion.text_encoder import TextConfig, TextTower
from nodes.diffusion.unet import UNet, UNetConfig
from tests.diffusion.checkpoints import TEXT, UNET

ATTENTION = "transformer_blocks.0.attn2.to_out.0"
# diffusers' path → our layer, where the two differ in kind: a place of every sort, at both ends of a level.
SD1 = {
    "conv_in": "input_blocks.0.0",
    "time_embedding.linear_2": "time_embed.2",
    "down_blocks.0.resnets.0.conv1": "input_blocks.1.0.in_layers.2",
    "down_blocks.0.resnets.1.time_emb_proj": "input_blocks.2.0.emb_layers.1",
    "down_blocks.0.attentions.0.proj_in": "input_blocks.1.1.proj_in",
    f"down_blocks.0.attentions.1.{ATTENTION}": f"input_blocks.2.1.{ATTENTION}",
    "down_blocks.0.downsamplers.0.conv": "input_blocks.3.0.op",
    "down_blocks.1.resnets.0.conv_shortcut": "input_blocks.4.0.skip_connection",
    "down_blocks.1.attentions.0.transformer_blocks.0.ff.net.0.proj": (
        "input_blocks.4.1.transformer_blocks.0.ff.net.0.proj"
    ),
    "down_blocks.2.attentions.1.transformer_blocks.0.ff.net.2": "input_blocks.8.1.transformer_blocks.0.ff.net.2",
    "down_blocks.2.downsamplers.0.conv": "input_blocks.9.0.op",
    "down_blocks.3.resnets.1.conv2": "input_blocks.11.0.out_layers.3",
    "mid_block.resnets.0.conv1": "middle_block.0.in_layers.2",
    "mid_block.attentions.0.proj_out": "middle_block.1.proj_out",
    "mid_block.resnets.1.conv2": "middle_block.2.out_layers.3",
    "up_blocks.0.resnets.2.conv_shortcut": "output_blocks.2.0.skip_connection",
    "up_blocks.0.upsamplers.0.conv": "output_blocks.2.1.conv",
    f"up_blocks.1.attentions.0.{ATTENTION}": f"output_blocks.3.1.{ATTENTION}",
    "up_blocks.1.upsamplers.0.conv": "output_blocks.5.2.conv",
    "up_blocks.2.attentions.1.transformer_blocks.0.attn1.to_q": "output_blocks.7.1.transformer_blocks.0.attn1.to_q",
    "up_blocks.3.attentions.2.proj_in": "output_blocks.11.1.proj_in",
    "conv_out": "out.2",
}
TEXT_LAYERS = [
    "text_model.encoder.layers.0.self_attn.q_proj",
    "text_model.encoder.layers.11.self_attn.out_proj",
    "text_model.encoder.layers.5.mlp.fc1",
]


def unbuilt(config: UNetConfig) -> UNet:
    with torch.device("meta"), Unfilled(most=10_000):
        return UNet(config)


@pytest.fixture(scope="module")
def sd1() -> Names:
    return unet_names(unbuilt(UNetConfig()))


@pytest.mark.parametrize("path", SD1)
def test_a_layer_of_sd1_is_found_under_every_name_it_is_published_by(sd1: Names, path: str) -> None:
    layer = SD1[path]
    kohya, original = (f"lora_unet_{name.replace('.', '_')}" for name in (path, layer))
    assert [sd1.get(name) for name in (kohya, original, f"unet.{path}", path, f"diffusion_model.{layer}")] == [
        layer
    ] * 5


def test_sd1_has_192_layers_in_its_transformers_and_86_in_the_rest_of_its_blocks(sd1: Names) -> None:
    kinds = Counter(
        "ends"
        if name.split(".")[1].startswith(("conv_", "time_"))
        else "attentions"
        if ".attentions." in name
        else "rest"
        for name in sd1
        if name.startswith("unet.")
    )
    assert kinds == {"attentions": 192, "rest": 86, "ends": 4}


@pytest.mark.parametrize("layer", TEXT_LAYERS)
def test_a_layer_of_the_text_encoder_is_found_under_every_name_it_is_published_by(layer: str) -> None:
    with torch.device("meta"), Unfilled(most=10_000):
        names = text_names(TextTower(TextConfig()))
    spoken = [f"lora_te_{layer.replace('.', '_')}", f"text_encoder.{layer}", f"text_encoder.{layer[11:]}"]
    assert [names.get(name) for name in spoken] == [layer] * 3
    assert sum(name.startswith("lora_te_") for name in names) == 72


@pytest.mark.parametrize(
    "config",
    [
        UNET,
        UNetConfig(model_channels=32, channel_mult=(1, 2, 4), res_blocks=3, depth=(0, 2, 10), middle_depth=10),
        UNetConfig(
            model_channels=32, channel_mult=(1, 1), res_blocks=1, depth=(0, 0), middle_depth=0, label_channels=8
        ),
    ],
)
def test_every_layer_of_a_unet_of_any_size_has_names_of_its_own(config: UNetConfig) -> None:
    unet = unbuilt(config)
    names = unet_names(unet)
    layers = {name.removesuffix(".weight") for name, weight in unet.state_dict().items() if weight.ndim > 1}
    assert set(names.values()) == layers
    assert sum(name.startswith("unet.") for name in names) == len(layers)


def test_every_layer_of_a_text_encoder_of_any_size_has_names_of_its_own() -> None:
    tower = TextTower(TEXT)
    names = text_names(tower)
    assert len(set(names.values())) == 6 * TEXT.layers
    assert sum(name.startswith("lora_te_") for name in names) == 6 * TEXT.layers
