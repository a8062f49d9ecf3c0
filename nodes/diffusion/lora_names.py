"""What LoRA files call the layers of our networks, and the parts of a layer's change.

Layers: kohya's names (`lora_unet_`, `lora_te_`, `lora_te1_`, … and the layer's path, a U-Net's in diffusers' or in
CompVis' naming, with `_` for `.`), diffusers' and peft's (`unet.`, `text_encoder.`, … and diffusers' path), ComfyUI's
(`diffusion_model.` and CompVis' path, `text_encoders.clip_l.transformer.`, …) and OneTrainer's (`clip_l.`, …). They are
made from the layers that a network has, so they fit one of any size. Parts: what the end of a key says.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from torch import nn

from .attention import SpatialTransformer
from .text_encoder import TextTower
from .unet import Downsample, ResBlock, UNet, Upsample

Names = Mapping[str, str]  # a name in a file → that of our layer
# The pieces of a block: what diffusers calls a list of them, and the layers in them that it calls otherwise.
PIECES: Mapping[type[nn.Module], tuple[str, Names]] = {
    ResBlock: (
        "resnets",
        {
            "in_layers.0": "norm1",
            "in_layers.2": "conv1",
            "emb_layers.1": "time_emb_proj",
            "out_layers.0": "norm2",
            "out_layers.3": "conv2",
            "skip_connection": "conv_shortcut",
        },
    ),
    SpatialTransformer: ("attentions", {}),
    Downsample: ("downsamplers", {"op": "conv"}),
    Upsample: ("upsamplers", {}),
}
ENDS: Names = {
    "input_blocks.0.0": "conv_in",
    "out.0": "conv_norm_out",
    "out.2": "conv_out",
    "time_embed.0": "time_embedding.linear_1",
    "time_embed.2": "time_embedding.linear_2",
    "label_emb.0.0": "add_embedding.linear_1",
    "label_emb.0.2": "add_embedding.linear_2",
}
TEXT_LEVEL = "text_model."  # newer files of diffusers leave it out
# How names of a text tower's layers begin, for one that is alone and for the two of SDXL: kohya's `_`, the others' `.`.
ALONE = ("lora_te_", "text_encoder.", "", *(f"text_encoders.clip_{each}.transformer." for each in "lhg"), "clip_l.")
FIRST = ("lora_te1_", "text_encoder.", "text_encoders.clip_l.transformer.", "clip_l.")
SECOND = ("lora_te2_", "text_encoder_2.", "text_encoders.clip_g.transformer.", "clip_g.")
OF_TEXT = re.compile(r"lora_te\d?_|text_encoder(_\d)?\.|text_encoders\.|clip_[lhg]\.|text_model\.|encoder\.layers\.")
OF_LAYERS = re.compile(
    rf"lora_|unet\.|diffusion_model\.|(down|up|input|output)_blocks\.|mid\w*_block\.|{OF_TEXT.pattern}"
)

WRAPPER = "base_model.model."  # peft's
# diffusers' names before it used peft, of a U-Net's attention and of a text tower's.
OLDER = re.compile(r"\.processor\.(to_[qkv]|to_out)_lora\.")
OLDER_TEXT = re.compile(r"\.self_attn\.to_(q|k|v|out)_lora\.")
LONGEST = 512  # characters; names are not longer, and what is looked for in them costs time
ENDINGS: Mapping[str, str] = {
    "up": r"lora_up\.weight|lora_B(\.\w+)?\.weight|lora(_linear_layer)?\.up\.weight",
    "down": r"lora_down\.weight|lora_A(\.\w+)?\.weight|lora(_linear_layer)?\.down\.weight",
    "mid": r"lora_mid\.weight",
    "magnitude": r"lora_magnitude_vector(\.\w+){0,2}",
} | {
    part: part
    for part in (
        *("alpha", "scalar", "dora_scale", "diff", "diff_b", "w_norm", "b_norm"),
        *("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b", "hada_t1", "hada_t2"),
        *("lokr_w1", "lokr_w1_a", "lokr_w1_b", "lokr_w2", "lokr_w2_a", "lokr_w2_b", "lokr_t2"),
    )
}
ENDING = re.compile(rf"\.(?:{'|'.join(f'(?P<{part}>{ending})' for part, ending in ENDINGS.items())})$")


def unet_names(unet: UNet) -> Names:
    """Every name under which a file may have a layer of the U-Net, and the layer's."""
    names: dict[str, str] = {}
    for layer, path in _paths(unet):
        names |= {f"lora_unet_{_flat(layer)}": layer, f"lora_unet_{_flat(path)}": layer}
        names |= {f"{prefix}{each}": layer for prefix in ("diffusion_model.", "unet.", "") for each in (layer, path)}
    return names


def text_names(towers: Sequence[TextTower]) -> list[Names]:
    """For each text tower: every name under which a file may have a layer of it, and the layer's."""
    prefixes = (ALONE,) if len(towers) == 1 else (FIRST, SECOND)
    return [_tower_names(tower, prefixes[place]) for place, tower in enumerate(towers)]


def plain(key: str) -> str:
    """A key without what a program wraps it in, in the newer naming where it is in an older one."""
    key = OLDER.sub(r".\1.lora.", key.removeprefix(WRAPPER)).replace(".to_out.lora.", ".to_out.0.lora.")
    return OLDER_TEXT.sub(r".self_attn.\1_proj.lora.", key)


def part_of(key: str) -> tuple[str, str] | None:
    """What a file calls the layer of a key, and which part of its change the key is; None for a key of another kind."""
    if len(key) > LONGEST:
        return None
    name = plain(key)
    found = ENDING.search(name)
    if found is None:
        return None
    return name[: found.start()], str(found.lastgroup)


def _tower_names(tower: TextTower, prefixes: Sequence[str]) -> Names:
    names: dict[str, str] = {}
    for layer in _layers(tower):
        for prefix in prefixes:
            if prefix.endswith("_"):
                names[prefix + _flat(layer)] = layer
            else:
                names |= {prefix + layer: layer, prefix + layer.removeprefix(TEXT_LEVEL): layer}
    return names


def _flat(path: str) -> str:
    return path.replace(".", "_")


def _layers(module: nn.Module) -> list[str]:
    return [name for name, layer in module.named_modules() if isinstance(getattr(layer, "weight", None), nn.Parameter)]


def _paths(unet: UNet) -> Iterator[tuple[str, str]]:
    """Every layer of a U-Net, and its path in diffusers."""
    present = set(_layers(unet))
    yield from ((layer, path) for layer, path in ENDS.items() if layer in present)
    for place, part in unet.named_modules():
        if type(part) in PIECES:
            kind, renamed = PIECES[type(part)]
            path = _path(place, kind, unet.config.res_blocks)
            yield from ((f"{place}.{layer}", f"{path}.{renamed.get(layer, layer)}") for layer in _layers(part))


def _path(place: str, kind: str, res_blocks: int) -> str:
    """Where diffusers has a part: `input_blocks.4.1` is `down_blocks.1.attentions.0` with two residual blocks a level.

    We count blocks through, and a level has one more than `res_blocks`: that which changes the resolution on the way
    down, a further residual one on the way up.
    """
    where, *numbers = place.split(".")
    if where == "middle_block":
        last = kind == "resnets" and numbers != ["0"]
        return f"mid_block.{kind}.{int(last)}"
    side, before = ("down_blocks", 1) if where == "input_blocks" else ("up_blocks", 0)  # block 0 is not of a level
    level, index = divmod(int(numbers[0]) - before, res_blocks + 1)
    return f"{side}.{level}.{kind}.{index if kind in ('resnets', 'attentions') else 0}"
