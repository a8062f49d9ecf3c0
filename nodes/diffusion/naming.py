"""What files call the weights of our networks: CompVis', diffusers', Hugging Face's and OpenCLIP's names.

Our U-Nets and autoencoders have CompVis' names, our text towers Hugging Face's. Each function here finds, for a part of
a file, where every one of our weights is; what the part has beside them is left aside.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from torch import Tensor

from .safetensors_file import Weights

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]
Rules = tuple[tuple[str, str], ...]  # a regular expression and what takes its place

RESNET: Rules = (
    (r"\.norm1\.", ".in_layers.0."),
    (r"\.conv1\.", ".in_layers.2."),
    (r"\.time_emb_proj\.", ".emb_layers.1."),
    (r"\.norm2\.", ".out_layers.0."),
    (r"\.conv2\.", ".out_layers.3."),
    (r"\.conv_shortcut\.", ".skip_connection."),
)
UNET_ENDS: Rules = (
    (r"^conv_in\.", "input_blocks.0.0."),
    (r"^time_embedding\.linear_1\.", "time_embed.0."),
    (r"^time_embedding\.linear_2\.", "time_embed.2."),
    (r"^(class|add)_embedding\.linear_1\.", "label_emb.0.0."),
    (r"^(class|add)_embedding\.linear_2\.", "label_emb.0.2."),
    (r"^conv_norm_out\.", "out.0."),
    (r"^conv_out\.", "out.2."),
)
VAE: Rules = (
    (r"conv_norm_out", "norm_out"),
    (r"conv_shortcut", "nin_shortcut"),
    (r"down_blocks\.(\d+)\.resnets\.", r"down.\1.block."),
    (r"down_blocks\.(\d+)\.downsamplers\.0\.", r"down.\1.downsample."),
    (r"mid_block\.resnets\.0\.", "mid.block_1."),
    (r"mid_block\.resnets\.1\.", "mid.block_2."),
    (r"mid_block\.attentions\.0\.group_norm\.", "mid.attn_1.norm."),
    (r"mid_block\.attentions\.0\.(?:to_q|query)\.", "mid.attn_1.q."),
    (r"mid_block\.attentions\.0\.(?:to_k|key)\.", "mid.attn_1.k."),
    (r"mid_block\.attentions\.0\.(?:to_v|value)\.", "mid.attn_1.v."),
    (r"mid_block\.attentions\.0\.(?:to_out\.0|proj_attn)\.", "mid.attn_1.proj_out."),
)
OPEN_CLIP: Rules = (
    (r"^positional_embedding$", "text_model.embeddings.position_embedding.weight"),
    (r"^token_embedding\.", "text_model.embeddings.token_embedding."),
    (r"^ln_final\.", "text_model.final_layer_norm."),
    (r"^text_projection(\.weight)?$", "text_projection.weight"),
    (r"^transformer\.resblocks\.", "text_model.encoder.layers."),
    (r"\.ln_([12])\.", r".layer_norm\1."),
    (r"\.attn\.out_proj\.", ".self_attn.out_proj."),
    (r"\.mlp\.c_fc\.", ".mlp.fc1."),
    (r"\.mlp\.c_proj\.", ".mlp.fc2."),
)
# Hugging Face's names of a text tower in OpenCLIP's, the other way round than when loading.
TO_OPEN_CLIP: Rules = (
    (r"\.self_attn\.[qkv]_proj\.", ".attn.in_proj_"),
    (r"^text_model\.embeddings\.position_embedding\.weight$", "positional_embedding"),
    (r"^text_model\.embeddings\.", ""),
    (r"^text_model\.final_layer_norm\.", "ln_final."),
    (r"^text_projection\.weight$", "text_projection"),
    (r"^text_model\.encoder\.layers\.", "transformer.resblocks."),
    (r"\.layer_norm([12])\.", r".ln_\1."),
    (r"\.self_attn\.out_proj\.", ".attn.out_proj."),
    (r"\.mlp\.fc1\.", ".mlp.c_fc."),
    (r"\.mlp\.fc2\.", ".mlp.c_proj."),
)
JOINT = re.compile(r"^transformer\.resblocks\.(\d+)\.attn\.in_proj_(weight|bias)$")
THIRDS = ("q_proj", "k_proj", "v_proj")


class Source(NamedTuple):
    """Where a weight is in a file: a tensor, or one third of it (of queries, keys and values that are one matrix)."""

    key: str
    third: int | None = None
    transposed: bool = False

    def shape(self, shapes: Shapes) -> Shape:
        """The weight's shape."""
        shape = shapes[self.key]
        if self.third is not None:
            return (shape[0] // 3, *shape[1:]) if shape and shape[0] % 3 == 0 else shape
        return shape[::-1] if self.transposed else shape

    def read(self, weights: Weights) -> Tensor:
        """The weight, without a copy of the tensor that it is in."""
        tensor = weights.tensor(self.key)
        if self.third is not None:
            return tensor.chunk(3)[self.third]
        return tensor.mT if self.transposed else tensor


Sources = dict[str, Source]


def unet_sources(shapes: Iterable[str], prefix: str) -> Sources:
    """Where the weights of a U-Net are, in CompVis' or diffusers' naming."""
    names = [key.removeprefix(prefix) for key in shapes if key.startswith(prefix)]
    return {new: Source(prefix + name) for name, new in zip(names, compvis_unet(names), strict=True)}


def compvis_unet(names: list[str]) -> list[str]:
    """CompVis' names of a U-Net's weights, given diffusers'; those that are CompVis' already stay."""
    numbers = [int(found[1]) for name in names if (found := re.match(r"down_blocks\.0\.resnets\.(\d+)\.", name))]
    if not numbers:
        return names
    attended = {".".join(name.split(".")[:2]) for name in names if ".attentions." in name}
    attended |= {"mid_block"} if any(name.startswith("mid_block.attentions.") for name in names) else set()
    return [_unet_name(name, 1 + max(numbers), attended) for name in names]


def _unet_name(name: str, blocks: int, attended: set[str]) -> str:
    if found := re.match(r"(down_blocks|up_blocks)\.(\d+)\.(\w+)\.(\d+)\.(.+)", name):
        part, level, kind, index, rest = found.groups()
        place = _block(part, int(level), kind, int(index), blocks, f"{part}.{level}" in attended)
        return place + _inner(kind, rest)
    if found := re.match(r"mid_block\.(\w+)\.(\d+)\.(.+)", name):
        kind, index, rest = found.groups()
        last = 2 if "mid_block" in attended else 1
        return f"middle_block.{1 if kind == 'attentions' else int(index) * last}" + _inner(kind, rest)
    return replaced(name, UNET_ENDS)


def _block(part: str, level: int, kind: str, index: int, blocks: int, attention: bool) -> str:
    # We count blocks through; a level has one more than `blocks`: that which halves, or a further one on the way up.
    place = level * (blocks + 1) + index
    if kind == "downsamplers":
        return f"input_blocks.{(level + 1) * (blocks + 1)}.0.op"
    if kind == "upsamplers":
        return f"output_blocks.{level * (blocks + 1) + blocks}.{2 if attention else 1}.conv"
    slot = 1 if kind == "attentions" else 0
    return f"input_blocks.{place + 1}.{slot}" if part == "down_blocks" else f"output_blocks.{place}.{slot}"


def _inner(kind: str, rest: str) -> str:
    if kind == "resnets":
        return replaced(f".{rest}", RESNET)
    return f".{rest}" if kind == "attentions" else f".{rest.removeprefix('conv.')}"


def vae_sources(shapes: Iterable[str], prefix: str) -> Sources:
    """Where the weights of an autoencoder are, in CompVis' naming or in diffusers', old or new."""
    names = [key.removeprefix(prefix) for key in shapes if key.startswith(prefix)]
    levels = [int(found[1]) for name in names if (found := re.match(r"decoder\.up_blocks\.(\d+)\.", name))]
    last = max(levels, default=0)

    def renamed(name: str) -> str:
        name = replaced(name, VAE)
        name = re.sub(r"up_blocks\.(\d+)\.resnets\.", lambda found: f"up.{last - int(found[1])}.block.", name)
        return re.sub(r"up_blocks\.(\d+)\.upsamplers\.0\.", lambda found: f"up.{last - int(found[1])}.upsample.", name)

    change: Callable[[str], str] = renamed if levels else str
    return {change(name): Source(prefix + name) for name in names}


def tower_sources(shapes: Shapes, prefix: str) -> Sources:
    """Where the weights of a text tower are, in Hugging Face's naming or in OpenCLIP's."""
    names = [key.removeprefix(prefix) for key in shapes if key.startswith(prefix)]
    if any(name.startswith("transformer.resblocks.") for name in names):
        return _open_clip(names, prefix)
    # transformers 5 leaves the level out that all published files have.
    flat = any(name.startswith("embeddings.token_embedding.") for name in names)
    lifted = ("embeddings.", "encoder.", "final_layer_norm.")
    return {f"text_model.{name}" if flat and name.startswith(lifted) else name: Source(prefix + name) for name in names}


def _open_clip(names: list[str], prefix: str) -> Sources:
    found: Sources = {}
    for name in names:
        if joint := JOINT.match(name):
            layer, kind = joint.groups()
            place = f"text_model.encoder.layers.{layer}.self_attn"
            found |= {f"{place}.{part}.{kind}": Source(prefix + name, third) for third, part in enumerate(THIRDS)}
        else:
            # A bare parameter is used from the right; a linear layer's weight is its transpose.
            found[replaced(name, OPEN_CLIP)] = Source(prefix + name, transposed=name == "text_projection")
    return found


def key_of(name: str, sources: Sources) -> str:
    """What a file would call a weight that it does not have, by what it calls the others of its part.

    Where its names are diffusers', it is called by ours.
    """
    mark = "transformer.resblocks."
    places = [source.key.partition(mark)[0] for source in sources.values() if mark in source.key]
    if places:
        return places[0] + replaced(name, TO_OPEN_CLIP)
    found = (source.key.removesuffix(own) for own, source in sources.items() if source.key.endswith(own))
    return next(found, "") + name


def numbered(names: Iterable[str], prefix: str) -> int:
    """How many parts there are whose names are `prefix` and a number from 0 on; gaps in a damaged file count too."""
    numbers = (name[len(prefix) :].partition(".")[0] for name in names if name.startswith(prefix))
    return 1 + max(map(int, numbers), default=-1)


def replaced(name: str, rules: Rules) -> str:
    """A name after all rules."""
    for pattern, place in rules:
        name = re.sub(pattern, place, name)
    return name
