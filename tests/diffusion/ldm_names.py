"""State dicts of diffusers and transformers under the names of the CompVis checkpoints, for networks of any size."""

import re

from torch import Tensor

State = dict[str, Tensor]
Rules = list[tuple[str, str]]  # a regular expression and what takes its place

RESNET: Rules = [
    (r"\.norm1\.", ".in_layers.0."),
    (r"\.conv1\.", ".in_layers.2."),
    (r"\.time_emb_proj\.", ".emb_layers.1."),
    (r"\.norm2\.", ".out_layers.0."),
    (r"\.conv2\.", ".out_layers.3."),
    (r"\.conv_shortcut\.", ".skip_connection."),
]
UNET_ENDS: Rules = [
    (r"^conv_in\.", "input_blocks.0.0."),
    (r"^time_embedding\.linear_1\.", "time_embed.0."),
    (r"^time_embedding\.linear_2\.", "time_embed.2."),
    (r"^class_embedding\.linear_1\.", "label_emb.0.0."),
    (r"^class_embedding\.linear_2\.", "label_emb.0.2."),
    (r"^conv_norm_out\.", "out.0."),
    (r"^conv_out\.", "out.2."),
]
VAE: Rules = [
    (r"conv_norm_out", "norm_out"),
    (r"conv_shortcut", "nin_shortcut"),
    (r"down_blocks\.(\d+)\.resnets\.", r"down.\1.block."),
    (r"down_blocks\.(\d+)\.downsamplers\.0\.", r"down.\1.downsample."),
    (r"mid_block\.resnets\.0\.", "mid.block_1."),
    (r"mid_block\.resnets\.1\.", "mid.block_2."),
    (r"mid_block\.attentions\.0\.group_norm\.", "mid.attn_1.norm."),
    (r"mid_block\.attentions\.0\.to_([qkv])\.", r"mid.attn_1.\1."),
    (r"mid_block\.attentions\.0\.to_out\.0\.", "mid.attn_1.proj_out."),
]


def ldm_unet(state: State) -> State:
    """The weights of a UNet2DConditionModel."""
    blocks = 1 + max(int(name.split(".")[3]) for name in state if name.startswith("down_blocks.0.resnets."))
    attended = {".".join(name.split(".")[:2]) for name in state if ".attentions." in name}
    return {_unet_name(name, blocks, attended): tensor for name, tensor in state.items()}


def ldm_vae(state: State) -> State:
    """The weights of an AutoencoderKL; its attention is 1×1 convolutions there."""
    last = max(int(name.split(".")[2]) for name in state if name.startswith("decoder.up_blocks."))
    renamed: State = {}
    for name, tensor in state.items():
        new = _replaced(name, VAE)
        new = re.sub(r"up_blocks\.(\d+)\.resnets\.", lambda found: f"up.{last - int(found[1])}.block.", new)
        new = re.sub(r"up_blocks\.(\d+)\.upsamplers\.0\.", lambda found: f"up.{last - int(found[1])}.upsample.", new)
        convolution = ".attn_1." in new and tensor.ndim == 2
        renamed[new] = tensor[:, :, None, None] if convolution else tensor
    return renamed


def ldm_text(state: State) -> State:
    """The weights of a CLIPTextModel, with the level that transformers 5 left out."""
    return {name if name.startswith("text_model.") else f"text_model.{name}": tensor for name, tensor in state.items()}


def _unet_name(name: str, blocks: int, attended: set[str]) -> str:
    part, _, rest = name.partition(".")
    if part in ("down_blocks", "up_blocks"):
        level, kind, index, rest = rest.split(".", 3)
        return _block(part, int(level), kind, int(index), blocks, f"{part}.{level}" in attended) + _inner(kind, rest)
    if part == "mid_block":
        kind, index, rest = rest.split(".", 2)
        last = 2 if "mid_block.attentions" in attended else 1
        place = 1 if kind == "attentions" else int(index) * last
        return f"middle_block.{place}" + _inner(kind, rest)
    return _replaced(name, UNET_ENDS)


def _block(part: str, level: int, kind: str, index: int, blocks: int, attention: bool) -> str:
    place = level * (blocks + 1) + index
    if kind == "downsamplers":
        return f"input_blocks.{(level + 1) * (blocks + 1)}.0.op"
    if kind == "upsamplers":
        return f"output_blocks.{level * (blocks + 1) + blocks}.{2 if attention else 1}.conv"
    slot = 1 if kind == "attentions" else 0
    return f"input_blocks.{place + 1}.{slot}" if part == "down_blocks" else f"output_blocks.{place}.{slot}"


def _inner(kind: str, rest: str) -> str:
    if kind == "resnets":
        return _replaced(f".{rest}", RESNET)
    return f".{rest}" if kind == "attentions" else f".{rest.removeprefix('conv.')}"


def _replaced(name: str, rules: Rules) -> str:
    for pattern, place in rules:
        name = re.sub(pattern, place, name)
    return name
