"""What LoRA files call the layers of our networks.

Three ways are met: kohya's (`lora_unet_` and the layer's path, in diffusers' or in CompVis' naming, with `_` for `.`),
diffusers' and peft's (`unet.` and diffusers' path), and ComfyUI's own (`diffusion_model.` and CompVis' path). Names are
made from the layers that a network has, so they fit one of any size.
"""

from collections.abc import Iterator, Mapping

from torch import nn

from .attention import SpatialTransformer
from .text_encoder import TextTower
from .unet import Downsample, ResBlock, UNet, Upsample

Names = Mapping[str, str]  # a name in a file → that of our layer
# The parts of a block: what diffusers calls a list of them, and the layers in them that it calls otherwise.
PARTS: Mapping[type[nn.Module], tuple[str, Names]] = {
    ResBlock: (
        "resnets",
        {
            "in_layers.2": "conv1",
            "emb_layers.1": "time_emb_proj",
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
    "out.2": "conv_out",
    "time_embed.0": "time_embedding.linear_1",
    "time_embed.2": "time_embedding.linear_2",
    "label_emb.0.0": "add_embedding.linear_1",
    "label_emb.0.2": "add_embedding.linear_2",
}
TEXT_LEVEL = "text_model."  # newer files of diffusers leave it out


def unet_names(unet: UNet) -> Names:
    """Every name under which a file may have a layer of the U-Net, and the layer's."""
    names: dict[str, str] = {}
    for layer, path in _paths(unet):
        names |= {f"lora_unet_{_flat(layer)}": layer, f"lora_unet_{_flat(path)}": layer}
        names |= {f"diffusion_model.{layer}": layer, f"unet.{path}": layer, path: layer}
    return names


def text_names(tower: TextTower) -> Names:
    """Every name under which a file may have a layer of the text encoder, and the layer's."""
    names: dict[str, str] = {}
    for layer in _layers(tower):
        names |= {f"lora_te_{_flat(layer)}": layer, f"text_encoder.{layer}": layer}
        names[f"text_encoder.{layer.removeprefix(TEXT_LEVEL)}"] = layer
    return names


def _flat(path: str) -> str:
    return path.replace(".", "_")


def _layers(module: nn.Module) -> list[str]:
    return [name for name, layer in module.named_modules() if isinstance(layer, nn.Linear | nn.Conv2d)]


def _paths(unet: UNet) -> Iterator[tuple[str, str]]:
    """Every layer of a U-Net, and its path in diffusers."""
    present = set(_layers(unet))
    yield from ((layer, path) for layer, path in ENDS.items() if layer in present)
    for place, part in unet.named_modules():
        if type(part) in PARTS:
            kind, renamed = PARTS[type(part)]
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
