"""What LoRA files call our layers: published names of SD1 and SDXL, written out, and networks of any size."""

from collections import Counter
from dataclasses import replace

import pytest
import torch

from nodes.diffusion.checkpoint import Unfilled
from nodes.diffusion.lora_names import Names, part_of, text_names, unet_names
from nodes.diffusion.text_encoder import TextTower
from nodes.diffusion.unet import UNet, UNetConfig
from tests.diffusion.checkpoints import TEXT, UNET

ATTENTION = "transformer_blocks.0.attn2.to_out.0"
# diffusers' path → our layer, where the two differ in kind: a place of every sort, at both ends of a level.
SD1 = {
    "conv_in": "input_blocks.0.0",
    "time_embedding.linear_2": "time_embed.2",
    "conv_norm_out": "out.0",
    "down_blocks.0.resnets.0.norm1": "input_blocks.1.0.in_layers.0",
    "down_blocks.0.resnets.0.norm2": "input_blocks.1.0.out_layers.0",
    "down_blocks.0.attentions.0.norm": "input_blocks.1.1.norm",
    "up_blocks.1.attentions.2.transformer_blocks.0.norm3": "output_blocks.5.1.transformer_blocks.0.norm3",
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
SDXL = {  # as kohya's scripts write them → our layer
    "lora_unet_input_blocks_4_1_transformer_blocks_1_attn2_to_k": "input_blocks.4.1.transformer_blocks.1.attn2.to_k",
    "lora_unet_input_blocks_8_1_proj_in": "input_blocks.8.1.proj_in",
    "lora_unet_middle_block_1_transformer_blocks_9_ff_net_0_proj": "middle_block.1.transformer_blocks.9.ff.net.0.proj",
    "lora_unet_output_blocks_2_2_conv": "output_blocks.2.2.conv",
    "lora_unet_output_blocks_5_1_proj_out": "output_blocks.5.1.proj_out",
    "lora_unet_input_blocks_6_0_op": "input_blocks.6.0.op",
    "lora_unet_label_emb_0_2": "label_emb.0.2",
    "lora_unet_down_blocks_1_attentions_0_proj_in": "input_blocks.4.1.proj_in",
    "lora_unet_up_blocks_0_upsamplers_0_conv": "output_blocks.2.2.conv",
    "lora_unet_add_embedding_linear_1": "label_emb.0.0",
}
SDXL_UNET = UNetConfig(
    model_channels=32, channel_mult=(1, 2, 4), depth=(0, 2, 10), middle_depth=10, label_channels=8, linear=True
)
TEXT_LAYERS = [
    "text_model.encoder.layers.0.self_attn.q_proj",
    "text_model.encoder.layers.1.self_attn.out_proj",
    "text_model.encoder.layers.1.mlp.fc1",
    "text_model.encoder.layers.1.layer_norm2",
    "text_model.final_layer_norm",
    "text_model.embeddings.token_embedding",
]
ALONE = ("lora_te_", "text_encoder.", "text_encoders.clip_l.transformer.", "text_encoders.clip_h.transformer.", "")
FIRST = ("lora_te1_", "text_encoder.", "text_encoders.clip_l.transformer.", "clip_l.")
SECOND = ("lora_te2_", "text_encoder_2.", "text_encoders.clip_g.transformer.", "clip_g.")


def unbuilt(config: UNetConfig) -> UNet:
    with torch.device("meta"), Unfilled(most=10_000):
        return UNet(config)


@pytest.fixture(scope="module")
def sd1() -> Names:
    return unet_names(unbuilt(UNetConfig()))


@pytest.fixture(scope="module")
def sdxl() -> Names:
    return unet_names(unbuilt(SDXL_UNET))


@pytest.mark.parametrize("path", SD1)
def test_a_layer_of_sd1_is_found_under_every_name_it_is_published_by(sd1: Names, path: str) -> None:
    layer = SD1[path]
    kohya, original = (f"lora_unet_{name.replace('.', '_')}" for name in (path, layer))
    assert [sd1.get(name) for name in (kohya, original, f"unet.{path}", path, f"diffusion_model.{layer}")] == [
        layer
    ] * 5


def test_sd1_has_192_layers_in_its_transformers_and_86_in_the_rest_of_its_blocks(sd1: Names) -> None:
    kinds = Counter(
        "attentions" if "_attentions_" in path else "rest"
        for path in sd1
        if path.startswith(("lora_unet_down_", "lora_unet_mid_", "lora_unet_up_")) and "norm" not in path
    )
    assert kinds == {"attentions": 192, "rest": 86}


@pytest.mark.parametrize("name", SDXL)
def test_a_layer_of_sdxl_is_found_in_both_of_kohyas_namings(sdxl: Names, name: str) -> None:
    assert sdxl.get(name) == SDXL[name]


def spoken(prefix: str, layer: str) -> list[str]:
    if prefix.endswith("_"):
        return [prefix + layer.replace(".", "_")]
    return [prefix + layer, prefix + layer.removeprefix("text_model.")]


@pytest.mark.parametrize("layer", TEXT_LAYERS)
def test_a_layer_of_a_text_tower_is_found_under_every_name_it_is_published_by(layer: str) -> None:
    tower = TextTower(TEXT)
    (alone,) = text_names([tower])
    assert {alone.get(name) for prefix in ALONE for name in spoken(prefix, layer)} == {layer}


@pytest.mark.parametrize("layer", [*TEXT_LAYERS, "text_projection"])
def test_of_two_towers_each_has_names_of_its_own(layer: str) -> None:
    tower = TextTower(replace(TEXT, projection=24))
    first, second = text_names([tower, tower])
    for names, prefixes in ((first, FIRST), (second, SECOND)):
        assert {names.get(name) for prefix in prefixes for name in spoken(prefix, layer)} == {layer}
    assert not first.keys() & second.keys()
    assert f"lora_te_{layer.replace('.', '_')}" not in first.keys() | second.keys()


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
    layers = {name.removesuffix(".weight") for name in unet.state_dict() if name.endswith(".weight")}
    assert set(names.values()) == layers
    assert sum(name.startswith("lora_unet_") for name in names) == 2 * len(layers)


KEYS = {  # a key → the file's name of the layer, in its newest form, and the part
    "lora_unet_conv_in.lora_up.weight": ("lora_unet_conv_in", "up"),
    "lora_unet_conv_in.lora_mid.weight": ("lora_unet_conv_in", "mid"),
    "unet.conv_in.lora_A.weight": ("unet.conv_in", "down"),
    "base_model.model.conv_in.lora_B.frog.weight": ("conv_in", "up"),
    "unet.conv_in.lora.down.weight": ("unet.conv_in", "down"),
    "text_encoder.layer.lora_linear_layer.up.weight": ("text_encoder.layer", "up"),
    "text_encoder.self_attn.to_out_lora.up.weight": ("text_encoder.self_attn.out_proj", "up"),
    "unet.attn1.processor.to_q_lora.down.weight": ("unet.attn1.to_q", "down"),
    "unet.attn1.processor.to_out_lora.down.weight": ("unet.attn1.to_out.0", "down"),
    "unet.conv_in.lora_magnitude_vector": ("unet.conv_in", "magnitude"),
    "unet.conv_in.lora_magnitude_vector.default.weight": ("unet.conv_in", "magnitude"),
    "lora_unet_conv_in.hada_w1_a": ("lora_unet_conv_in", "hada_w1_a"),
    "lora_unet_conv_in.lokr_w2": ("lora_unet_conv_in", "lokr_w2"),
    "lora_unet_conv_in.diff_b": ("lora_unet_conv_in", "diff_b"),
}


@pytest.mark.parametrize("key", KEYS)
def test_the_end_of_a_key_says_which_part_it_is(key: str) -> None:
    assert part_of(key) == KEYS[key]


@pytest.mark.parametrize("key", ["conv_in.weight", "alpha", "a.lora_up.bias", "a.alphabet", "." * 5000 + "x.alpha"])
def test_a_key_of_another_kind_has_no_part(key: str) -> None:
    assert part_of(key) is None
