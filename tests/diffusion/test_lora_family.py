"""Which family a LoRA is for and what kinds it is of, by its header; and what is said where it is for another."""

from pathlib import Path

import pytest
import torch

from nodes.diffusion.lora_family import lora_family, lora_kinds
from nodes.diffusion.safetensors_file import BadCheckpoint, Header
from tests.diffusion.checkpoints import tiny
from tests.diffusion.loras import changed, factors, written

Shapes = dict[str, tuple[int, ...]]
ATTENTION = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
SGM = "lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_v"
OLD = "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn2.processor.to_k_lora"
TEXT = "text_model_encoder_layers_0_self_attn_q_proj"


def header(shapes: Shapes, metadata: dict[str, str] | None = None) -> Header:
    return Header(shapes, dict.fromkeys(shapes, "F16"), metadata or {}, dict.fromkeys(shapes, 0))


FAMILIES: list[tuple[Shapes, str | None]] = [
    ({f"{ATTENTION}.lora_up.weight": (320, 8), f"{ATTENTION}.lora_down.weight": (8, 768)}, "SD1"),
    ({f"{ATTENTION}.lora_down.weight": (8, 1024)}, "SD2"),
    ({f"{SGM}.lora_down.weight": (8, 2048)}, "SDXL"),
    ({f"{SGM}.lora_down.weight": (8, 1280)}, "SDXL refiner"),
    ({f"{OLD}.down.weight": (4, 1024)}, "SD2"),
    ({"base_model.model.mid_block.attentions.0.transformer_blocks.0.attn2.to_v.lora_A.weight": (4, 768)}, "SD1"),
    ({f"{SGM}.hada_w1_b": (4, 2048)}, "SDXL"),
    ({f"{SGM}.lokr_w1": (8, 32), f"{SGM}.lokr_w2_a": (80, 4), f"{SGM}.lokr_w2_b": (4, 64)}, "SDXL"),
    ({f"{SGM}.diff": (640, 2048)}, "SDXL"),
    ({f"lora_te2_{TEXT}.lora_down.weight": (8, 1280)}, "SDXL"),
    ({f"lora_te1_{TEXT}.lora_down.weight": (8, 768)}, "SDXL"),
    ({f"lora_te_{TEXT}.lora_down.weight": (8, 768)}, "SD1"),
    ({"text_encoder.text_model.encoder.layers.0.self_attn.q_proj.lora_linear_layer.down.weight": (8, 1024)}, "SD2"),
    ({"lora_unet_double_blocks_0_img_attn_proj.lora_down.weight": (8, 3072)}, "Flux"),
    ({"transformer.single_transformer_blocks.0.attn.to_k.lora_A.weight": (8, 3072)}, "Flux"),
    ({"diffusion_model.joint_blocks.0.x_block.attn.qkv.lora_A.weight": (8, 1536)}, "SD3"),
    ({f"{ATTENTION}.lora_down.weight": (8, 24)}, None),
    ({f"{ATTENTION}.lora_down.weight": ()}, None),
    ({}, None),
]


@pytest.mark.parametrize(("shapes", "family"), FAMILIES)
def test_the_family_is_told_by_names_and_shapes(shapes: Shapes, family: str | None) -> None:
    assert lora_family(header(shapes)) == family


@pytest.mark.parametrize(
    ("metadata", "family"),
    [
        ({"ss_base_model_version": "sd_v1"}, "SD1"),
        ({"ss_base_model_version": "sd_v2_768_v"}, "SD2"),
        ({"ss_base_model_version": "sdxl_base_v1-0"}, "SDXL"),
        ({"modelspec.architecture": "stable-diffusion-xl-v1-base/lora"}, "SDXL"),
        ({"modelspec.architecture": "stable-diffusion-xl-v1-refiner/lora"}, "SDXL refiner"),
        ({"modelspec.architecture": "stable-diffusion-v1/lora"}, "SD1"),
        ({"ss_base_model_version": "something"}, None),
    ],
)
def test_where_no_shape_tells_it_the_metadata_may(metadata: dict[str, str], family: str | None) -> None:
    shapes: Shapes = {"lora_unet_conv_in.lora_down.weight": (4, 4, 3, 3)}
    assert lora_family(header(shapes, metadata)) == family
    assert lora_family(header({f"{ATTENTION}.lora_down.weight": (8, 1024)}, metadata)) == "SD2"


@pytest.mark.parametrize(
    ("shapes", "kinds"),
    [
        ({"a.lora_up.weight": (8, 2, 1, 1), "a.lora_down.weight": (2, 8, 1, 1)}, ["LoRA"]),
        ({"a.lora_down.weight": (2, 8), "b.lora_down.weight": (2, 8, 3, 3)}, ["LoRA", "LoCon"]),
        ({"a.lora_down.weight": (2, 8, 1, 1), "a.lora_mid.weight": (2, 2, 3, 3)}, ["LoCon"]),
        ({"a.hada_w1_a": (8, 2), "a.dora_scale": (8, 1)}, ["LoHa", "DoRA"]),
        ({"a.lokr_w1_a": (8, 2), "b.diff": (8, 8), "c.b_norm": (8,)}, ["LoKr", "full differences", "norms"]),
        ({"a.lora_A.weight": (2, 8), "a.lora_magnitude_vector": (8,)}, ["LoRA", "DoRA"]),
        ({"model.diffusion_model.input_blocks.0.0.weight": (320, 4, 3, 3)}, []),
    ],
)
def test_the_kinds_are_told_by_names_and_shapes(shapes: Shapes, kinds: list[str]) -> None:
    assert lora_kinds(header(shapes)) == kinds


PLACE = "transformer_blocks_0_attn2_to_k"


@pytest.mark.parametrize(
    ("name", "channels", "family", "reason"),
    [
        (f"lora_unet_down_blocks_1_attentions_0_{PLACE}", 1024, "SD2", "expected float [3, 24], got F32 [3, 1024]"),
        (f"lora_unet_input_blocks_7_1_{PLACE}", 2048, "SDXL", "none of its tensors"),
        (f"lora_te2_{TEXT}", 1280, "SDXL", "none of its tensors"),
        ("lora_unet_double_blocks_0_img_attn_proj", 3072, "Flux", "none of its tensors"),
    ],
)
def test_a_file_for_another_family_is_refused_with_the_name_of_both(
    tmp_path: Path, name: str, channels: int, family: str, reason: str
) -> None:
    path = written(factors(32, channels, name=name), tmp_path)
    with pytest.raises(BadCheckpoint) as caught:
        changed(path, tiny())
    assert str(caught.value).startswith(f"some.safetensors: made for {family}, and the model is of SD1: ")
    assert reason in str(caught.value)
    assert name in str(caught.value)


def test_a_file_for_the_same_family_is_not_said_to_be_for_another(tmp_path: Path) -> None:
    path = written({f"{ATTENTION}.lora_down.weight": torch.zeros(8, 768)}, tmp_path)
    with pytest.raises(BadCheckpoint) as caught:
        changed(path, tiny())
    assert "made for" not in str(caught.value)
