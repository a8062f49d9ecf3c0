"""Loading ControlNets: files of their own, whole checkpoints with one in it, in CompVis' naming and in diffusers'."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from torch import Tensor

from .checkpoint import built, extras_of, open_file
from .controlnet import ControlEncoder, ControlNet, hint_channels
from .devices import Placement
from .layouts import Extras
from .naming import Rules, Shapes, Source, Sources, compvis_unet, replaced
from .network import Change, Network
from .safetensors_file import BadCheckpoint, Weights, shortened
from .unet import UNet, UNetConfig

PLACES = ("control_model.", "")
STARTS = ("input_hint_block.0.weight", "controlnet_cond_embedding.conv_in.weight")
DIFFERENCE = "difference"  # a key of files whose weights are to be added to those of the model
NAMES: Rules = (
    (r"^controlnet_cond_embedding\.conv_in\.", "input_hint_block.0."),
    (r"^controlnet_down_blocks\.(\d+)\.", r"zero_convs.\1.0."),
    (r"^controlnet_mid_block\.", "middle_block_out.0."),
)
HINT_BLOCK = re.compile(r"^controlnet_cond_embedding\.blocks\.(\d+)\.")
# What some key begins with or holds → what the file then is, and cannot be loaded.
OTHERS: tuple[tuple[str, str], ...] = (
    (r"^lora_controlnet$", "a control-LoRA"),
    (r"^(adapter\.)?body\.\d+\.", "a T2I-Adapter"),
    (r"^lllite_", "a ControlNet-LLLite"),
    (r"^(task_embedding|control_add_embedding)", "a ControlNet for several kinds of hints (union)"),
    (
        r"^(controlnet_x_embedder|double_blocks|joint_blocks|pos_embed|transformer_blocks)\.",
        "a ControlNet of Flux or SD3",
    ),
    (r"\.lora_(down|A)\.", "a LoRA"),
)


@dataclass(frozen=True, eq=False)
class Added:
    """A change of a weight: what a file has of it is the difference to the same weight of a U-Net."""

    base: Network[UNet]
    name: str

    def __call__(self, weight: Tensor) -> Tensor:
        return weight + self.base.weight(self.name).to(weight)

    @property
    def nbytes(self) -> int:
        """Nothing: the weight is the U-Net's."""
        return 0


def load_controlnet(path: Path, placement: Placement, base: Network[UNet] | None = None) -> ControlNet:
    """Load a ControlNet of SD1, SD2 or SDXL; BadCheckpoint names the file, the key and the reason.

    `base` is the U-Net that a file of differences is added to.
    """
    weights = open_file(path)
    sources = control_sources(weights)
    module = built(weights, sources, partial(control_encoder, extras=extras_of(weights)), "ControlNet")
    _check_nothing_left(weights, sources, module.state_dict())
    network = Network(module, placement, origin=weights.name)
    if DIFFERENCE not in weights.header.shapes:
        return ControlNet(network)
    if base is None:
        what = "this file has the differences of a ControlNet to a model: load it with DiffControlNetLoader"
        raise BadCheckpoint(f"{weights.name}: {what}")
    return ControlNet(network.changed(_differences(weights, network, base)))


def control_encoder(shapes: Shapes, extras: Extras) -> ControlEncoder:
    """A ControlNet of the dimensions that a file has, by our names; its weights are still to be filled in."""
    config = UNetConfig.from_shapes(shapes, heads=extras.unet_heads, groups=extras.unet_groups)
    short = not any(name.startswith(("middle_block.1.", "middle_block.2.")) for name in shapes)
    return ControlEncoder(config, hint_channels(shapes), 1 if short else None)


def control_sources(weights: Weights) -> Sources:
    """Where the weights of a ControlNet are in a file; BadCheckpoint where there is none, or one of another kind."""
    shapes = weights.header.shapes
    place = next((place for place in PLACES if any(place + start in shapes for start in STARTS)), None)
    names = [key.removeprefix(place or "") for key in shapes if key.startswith(place or "")]
    other = next((what for pattern, what in OTHERS if any(re.search(pattern, name) for name in names)), None)
    if other is not None:
        raise BadCheckpoint(f"{weights.name}: this is {other}, which cannot be loaded here")
    if place is None:
        raise BadCheckpoint(f"{weights.name}: there is no ControlNet in it: no tensor {' or '.join(map(repr, STARTS))}")
    return {new: Source(place + name) for name, new in zip(names, _our_names(names), strict=True)}


def _our_names(names: Sequence[str]) -> list[str]:
    """CompVis' names of a ControlNet's weights, given diffusers'; those that are CompVis' already stay."""
    blocks = [int(found[1]) for name in names if (found := HINT_BLOCK.match(name))]
    last = (r"^controlnet_cond_embedding\.conv_out\.", f"input_hint_block.{2 * max(blocks, default=-1) + 4}.")
    renamed = (HINT_BLOCK.sub(lambda found: f"input_hint_block.{2 * int(found[1]) + 2}.", name) for name in names)
    return compvis_unet([replaced(name, (*NAMES, last)) for name in renamed])


def _check_nothing_left(weights: Weights, sources: Sources, own: Iterable[str]) -> None:
    """BadCheckpoint where there are tensors that the network has no place for: it would not do what it was made for."""
    shapes, known = weights.header.shapes, set(own)
    left = [each.key for name, each in sources.items() if name not in known and math.prod(shapes[each.key]) > 1]
    if left:
        more = f" and {len(left) - 3} more" if len(left) > 3 else ""
        named = ", ".join(map(shortened, left[:3]))
        raise BadCheckpoint(f"{weights.name}: a ControlNet of a kind that is not known, with {named}{more}")


def _differences(weights: Weights, network: Network[ControlEncoder], base: Network[UNet]) -> dict[str, Change]:
    """What makes whole weights of differences: those that a U-Net has too."""
    shared = {name: tensor for name, tensor in network.stored.items() if name in base.stored}
    for name, tensor in shared.items():
        if tensor.shape != base.stored[name].shape:
            sizes = f"{list(tensor.shape)}, and {list(base.stored[name].shape)} in the model"
            raise BadCheckpoint(f"{weights.name}: its differences are to another model: {name!r} is {sizes}")
    return {name: Added(base, name) for name in shared}
