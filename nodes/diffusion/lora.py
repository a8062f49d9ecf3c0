"""LoRA: changes of a network's weights, small enough for a file of their own (Hu et al. 2021).

For a weight W [out, in, …] the file has up [out, rank], down [rank, in, …] and mostly alpha, and W becomes
W + strength · alpha / rank · up · down. Of a convolution's, down has the kernel (LoCon), or a tensor mid between the
two has it (Tucker). The network is left as it was: the changed one shares every other weight with it.
"""

import copy
import math
import re
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from .lora_names import Names, text_names, unet_names
from .models import Model, TextEncoder
from .progress import Done, Work, stops
from .safetensors_file import BadCheckpoint, Header, read_header, shortened

M = TypeVar("M", bound=nn.Module)
Keys = Mapping[str, str]  # a part of a change (up, down, mid, alpha) → the tensor's key
Shape = tuple[int, ...]

# How a key ends → what it is.
ENDINGS: Mapping[str, str] = {
    ".lora_up.weight": "up",
    ".lora_down.weight": "down",
    ".lora_mid.weight": "mid",
    ".lora_B.weight": "up",
    ".lora_A.weight": "down",
    ".lora_B.default.weight": "up",
    ".lora_A.default.weight": "down",
    ".lora.up.weight": "up",
    ".lora.down.weight": "down",
    ".lora_linear_layer.up.weight": "up",
    ".lora_linear_layer.down.weight": "down",
    ".alpha": "alpha",
}
# How the keys of other kinds end. To leave them aside would make a picture that nobody meant.
OTHER_KINDS: Mapping[str, str] = {
    r"\.dora_scale|\.lora_magnitude_vector(\.\w+)*": "a DoRA",
    r"\.hada_\w+": "a LoHa",
    r"\.lokr_\w+": "a LoKr",
    r"\.oft_\w+(\.\w+)*": "an OFT",
    r"\.[ab][12]\.weight": "a GLoRA",
    r"\.on_input": "an (IA)³",
    r"\.diff|\.diff_b|\.set_weight": "a file with whole differences of weights",
    r"\.[wb]_norm": "a LoRA with changes of normalizations",
}
WRAPPER = "base_model.model."  # peft's
OLDER = re.compile(r"\.processor\.(to_[qkv]|to_out)_lora\.")  # diffusers', before it used peft


class Target(NamedTuple):
    """A network to change, what files call its layers, and how strongly to change it."""

    module: nn.Module
    names: Names
    strength: float


class Patch(NamedTuple):
    """A change of one layer's weight, of the target with this number."""

    target: int
    layer: str
    weight: Tensor
    keys: Keys


def with_lora_steps(
    path: Path, model: Model, clip: TextEncoder, strength_model: float, strength_clip: float
) -> Work[tuple[Model, TextEncoder]]:
    """A model and its text encoder as a LoRA changes them; what it does not change is returned itself.

    BadCheckpoint where the file is damaged, of a kind that is not supported, or made for other networks.
    """
    targets = (
        Target(model.unet, unet_names(model.unet), strength_model),
        Target(clip.tower, text_names(clip.tower), strength_clip),
    )
    unet, tower = yield from _new_weights(path, targets)
    return (
        replace(model, unet=_with_weights(model.unet, unet)) if unet else model,
        replace(clip, tower=_with_weights(clip.tower, tower)) if tower else clip,
    )


def model_with_lora_steps(path: Path, model: Model, strength: float) -> Work[Model]:
    """The same for a model alone: what the file has for a text encoder is left aside."""
    (unet,) = yield from _new_weights(path, [Target(model.unet, unet_names(model.unet), strength)])
    return replace(model, unet=_with_weights(model.unet, unet)) if unet else model


def _with_weights(module: M, weights: Mapping[str, Tensor]) -> M:
    shared = {id(tensor): tensor for tensor in (*module.parameters(), *module.buffers())}
    changed = copy.deepcopy(module, shared)
    for layer, weight in weights.items():
        changed.get_submodule(layer).weight = nn.Parameter(weight, requires_grad=False)
    return changed


def _new_weights(path: Path, targets: Sequence[Target]) -> Work[list[dict[str, Tensor]]]:
    """The changed weights of each target, by layer."""
    found: list[dict[str, Tensor]] = [{} for _ in targets]
    if not any(target.strength for target in targets):
        return found
    patches = _patches(path, targets)
    pauses = stops([patch.weight.nbytes for patch in patches])
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            for done, patch in enumerate(patches, 1):
                strength = targets[patch.target].strength
                found[patch.target][patch.layer] = _changed(patch, strength, file.get_tensor)
                if done in pauses:
                    yield Done(done, len(patches))
    except (SafetensorError, OSError) as error:
        raise BadCheckpoint(f"{path.name}: {error}") from error
    return found


def _changed(patch: Patch, strength: float, read: Callable[[str], Tensor]) -> Tensor:
    weight = patch.weight
    # Copied, since where in a mapped file a tensor begins decides on a CPU how it multiplies, and so the last bits.
    parts = {part: read(key).to(weight.device, torch.float32, copy=True) for part, key in patch.keys.items()}
    up, down = parts["up"].flatten(1), parts["down"].flatten(1)
    rank = len(down)
    scale = strength * (parts["alpha"].item() / rank if "alpha" in parts else 1.0)
    product = torch.einsum("oa,ab...,bi->oi...", up, parts["mid"], down) if "mid" in parts else up @ down
    # In place, in what was just made: a third of the time, which is all memory's.
    return product.reshape(weight.shape).mul_(scale).add_(weight.float()).to(weight.dtype)


def _patches(path: Path, targets: Sequence[Target]) -> list[Patch]:
    """Every change that a file has for the targets with a strength, checked without reading the tensors."""
    header = read_header(path)
    known = {name for target in targets for name in target.names}
    layers = _layers(path, header, known)
    if not layers.keys() & known:
        examples = ", ".join(shortened(key) for key in list(header.shapes)[:3]) or "none at all"
        raise BadCheckpoint(f"{path.name}: none of its tensors ({examples}, …) is for a layer that is to be changed")
    patches: list[Patch] = []
    for number, (module, names, strength) in enumerate(targets):
        named: dict[str, str] = {}
        for name in layers.keys() & names.keys() if strength else ():
            if names[name] in named:
                raise BadCheckpoint(f"{path.name}: {name!r} and {named[names[name]]!r} are the same layer")
            named[names[name]] = name
        for layer, name in sorted(named.items()):
            weight = module.get_parameter(f"{layer}.weight")
            _check(path, header, layers[name], tuple(weight.shape))
            patches.append(Patch(number, layer, weight, layers[name]))
    return patches


def _layers(path: Path, header: Header, known: AbstractSet[str]) -> dict[str, dict[str, str]]:
    """The keys of a file, by what it calls the layer and by what they are; those of no `known` layer may be others."""
    layers: dict[str, dict[str, str]] = {}
    for key in header.shapes:
        for ending, kind in OTHER_KINDS.items():
            if re.search(f"({ending})$", key):
                raise BadCheckpoint(f"{path.name}: this is {kind} ({shortened(key)}), which is not supported yet")
        plain = OLDER.sub(r".\1.lora.", key.removeprefix(WRAPPER)).replace(".to_out.lora.", ".to_out.0.lora.")
        ending = next((ending for ending in ENDINGS if plain.endswith(ending)), None)
        if ending is None:
            if any(plain[: dot.start()] in known for dot in re.finditer(r"\.", plain)):
                raise BadCheckpoint(f"{path.name}: tensor {shortened(key)} is of a kind that is not supported yet")
            continue
        part = layers.setdefault(plain.removesuffix(ending), {})
        if ENDINGS[ending] in part:
            raise BadCheckpoint(f"{path.name}: {shortened(key)} and {shortened(part[ENDINGS[ending]])} are the same")
        part[ENDINGS[ending]] = key
    return layers


def _check(path: Path, header: Header, keys: Keys, weight: Shape) -> None:
    """BadCheckpoint where the tensors of a layer make no change of a weight of this shape."""
    if absent := {"up", "down"} - keys.keys():
        beside = shortened(next(iter(keys.values())))
        raise BadCheckpoint(f"{path.name}: beside {beside} the tensor {' and '.join(sorted(absent))} is missing")
    shapes = {part: header.shapes[key] for part, key in keys.items()}
    out, channels, *kernel = weight
    rank = max((1, *shapes["down"][:1]))
    if "mid" in shapes:
        wider = max((1, *shapes["up"][1:2]))
        expected = {"up": (out, wider), "mid": (wider, rank, *kernel), "down": (rank, channels)}
    else:
        expected = {"up": (out, rank), "down": (rank, channels, *kernel)}
    for part, shape in expected.items():
        dtype = header.dtypes[keys[part]]
        if _padded(shapes[part]) != _padded(shape) or "F" not in dtype:
            got = f"{dtype} {list(shapes[part])}"
            raise BadCheckpoint(f"{path.name}: tensor {shortened(keys[part])}: expected float {list(shape)}, got {got}")
    if math.prod(shapes.get("alpha", ())) != 1:
        raise BadCheckpoint(f"{path.name}: tensor {shortened(keys['alpha'])} is not one number")


def _padded(shape: Shape) -> Shape:
    """A linear layer's weight may be written as that of a 1 × 1 convolution, and the other way round."""
    return shape + (1,) * (4 - len(shape))
