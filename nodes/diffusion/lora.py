"""LoRA: changes of networks' weights, small enough for a file of their own (Hu et al. 2021), and its relatives.

A file is checked whole when it is loaded, by its header and its few single numbers. Nothing is computed then: a changed
network is the given one with the changes written beside it, and its weights are made where it is used. What each kind
does to a weight stands in `lora_kinds`.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from .layouts import UnknownLayout, family_of
from .lora_family import lora_family
from .lora_kinds import (
    BIAS_PARTS,
    BIASES,
    MODIFIERS,
    WHOLE,
    Added,
    Decomposed,
    Kind,
    Shape,
    Unfit,
    axis_of,
    fits,
    kind_of,
)
from .lora_names import LONGEST, OF_LAYERS, OF_TEXT, Names, part_of, plain, text_names, unet_names
from .models import Model, TextEncoder
from .network import Change, Network
from .progress import Done, Work
from .safetensors_file import BadCheckpoint, Weights, parsed_note, shortened
from .unet import UNet
from .weights_file import open_weights

Keys = Mapping[str, str]  # a part of a layer's change → the tensor's key
Settings = Mapping[str, object]  # peft's configuration of an adapter
# How the keys of other kinds end. To leave them aside would make a picture that nobody meant.
OTHER_KINDS: Mapping[str, str] = {
    r"\.b?oft_\w+(\.\w+){0,2}": "an OFT",
    r"\.[ab][12]\.weight": "a GLoRA",
    r"\.on_input": "an (IA)³",
    r"\.lora_embedding_[AB](\.\w+)?": "a LoRA of an embedding",
    r"\.set_weight": "a file with whole weights",
    r"(^|\.)lora_controlnet": "a control-LoRA",
}
OTHER_KIND = {re.compile(f"({ending})$"): kind for ending, kind in OTHER_KINDS.items()}
SETTINGS = "lora_adapter_metadata"  # where diffusers writes them
OF_SETTINGS = re.compile(r"unet\.|text_encoder(_2)?\.|")
PATTERN = re.compile(r"\^?([\w.]+)\$?")


class Target(NamedTuple):
    """A network to change, what files call its layers, and how strongly to change it."""

    network: Network[Any]
    names: Names
    strength: float


@dataclass(frozen=True)
class Entry:
    """What a file has for one layer: the keys of its tensors by part, the file's name of it and ours."""

    file: Weights
    keys: Keys
    name: str
    layer: str

    def of(self, kind: Kind) -> "Entry":
        """The parts that are of a kind, and none beside them."""
        return replace(self, keys={part: key for part, key in self.keys.items() if part in kind.parts})

    @property
    def shapes(self) -> dict[str, Shape]:
        """The shapes of the tensors."""
        return {part: self.file.header.shapes[key] for part, key in self.keys.items()}

    def floats(self, part: str) -> bool:
        """Whether a tensor has floating-point numbers."""
        return "F" in self.file.header.dtypes[self.keys[part]]

    def tensors(self) -> dict[str, Tensor]:
        """The tensors, not read yet."""
        return {part: self.file.tensor(key) for part, key in self.keys.items()}

    def number(self, part: str) -> float:
        """The one number of a tensor; Unfit where it is none."""
        key = self.keys[part]
        if math.prod(self.shapes[part]) != 1:
            raise Unfit(f"tensor {shortened(key)} is not one number")
        number = float(self.file.tensor(key).item())
        if not math.isfinite(number):
            raise Unfit(f"tensor {shortened(key)} is {number}")
        return number

    def __str__(self) -> str:
        return shortened(next(iter(self.keys.values())))


def with_lora_steps(
    path: Path, model: Model, clip: TextEncoder, strength_model: float, strength_clip: float
) -> Work[tuple[Model, TextEncoder]]:
    """A model and its text encoder as a LoRA changes them; what it does not change is returned itself.

    What has a strength of 0 is not looked at. BadCheckpoint where the file is damaged, of a kind that is not supported,
    made for other networks, or has changes for layers that these networks do not have.
    """
    networks = [tower.network for tower in clip.towers]
    names = text_names([network.module for network in networks])
    texts = [Target(network, known, strength_clip) for network, known in zip(networks, names, strict=True)]
    unet, *changed = yield from _changed(path, _target(model, strength_model), texts)
    towers = tuple(
        tower if network is tower.network else replace(tower, network=network)
        for tower, network in zip(clip.towers, changed, strict=True)
    )
    return _with_unet(model, unet), clip if towers == clip.towers else replace(clip, towers=towers)


def model_with_lora_steps(path: Path, model: Model, strength: float) -> Work[Model]:
    """The same for a model alone: what the file has for a text encoder is left aside."""
    (unet,) = yield from _changed(path, _target(model, strength), [])
    return _with_unet(model, unet)


def _target(model: Model, strength: float) -> Target:
    return Target(model.unet, unet_names(model.unet.module), strength)


def _with_unet(model: Model, unet: Network[UNet]) -> Model:
    return model if unet is model.unet else replace(model, unet=unet)


def _changed(path: Path, unet: Target, texts: Sequence[Target]) -> Work[list[Network[Any]]]:
    """The networks with the file's changes, in the same order."""
    targets, networks = (unet, *texts), list[Network[Any]]()
    if not any(target.strength for target in targets):
        return [target.network for target in targets]
    file = open_weights(path)
    try:
        layers = _layers(file, unet, texts)
        settings = _settings(file.header.metadata)
        for done, target in enumerate(targets, 1):
            entries = _entries(file, layers, target)
            changes = [change for entry in entries for change in _changes(entry, target, settings)]
            networks.append(target.network.changed(dict(changes)))
            yield Done(done, len(targets))
    except Unfit as error:
        made, family = lora_family(file.header), _family(unet.network)
        known = f"made for {made}, and the model is of {family}: " if made and family and made != family else ""
        raise BadCheckpoint(f"{path.name}: {known}{error}") from error
    return networks


def _family(unet: Network[UNet]) -> str | None:
    try:
        return family_of(unet.module.config).name
    except UnknownLayout:
        return None


def _layers(file: Weights, unet: Target, texts: Sequence[Target]) -> dict[str, dict[str, str]]:
    """The keys that are for the targets with a strength, by layer and part; Unfit for a layer that they do not have."""
    known = {name for target in (unet, *texts) if target.strength for name in target.names}
    text_strength = any(target.strength for target in texts)
    layers: dict[str, dict[str, str]] = {}
    _refuse_other_kinds(file.header.shapes)
    for key in file.header.shapes:
        if not (text_strength if OF_TEXT.match(plain(key[:LONGEST])) else unet.strength):
            continue
        named = part_of(key)
        if named is None:
            _refuse_layers(key, known)
            continue
        keys = layers.setdefault(named[0], {})
        if named[1] in keys:
            raise Unfit(f"{shortened(key)} and {shortened(keys[named[1]])} are the same")
        keys[named[1]] = key
    absent = [key for name, keys in layers.items() if name not in known for key in keys.values()]
    if len(absent) == sum(len(keys) for keys in layers.values()):
        examples = ", ".join(shortened(key) for key in list(file.header.shapes)[:3]) or "none at all"
        raise Unfit(f"none of its tensors ({examples}, …) is for a layer that is to be changed")
    if absent:
        raise Unfit(f"{len(absent)} of its tensors are for layers that the model does not have: {shortened(absent[0])}")
    return layers


def _refuse_other_kinds(keys: Iterable[str]) -> None:
    for key in keys:
        for ending, kind in OTHER_KIND.items():
            if ending.search(key[-LONGEST:]):
                raise Unfit(f"this is {kind} ({shortened(key)}), which is not supported yet")


def _refuse_layers(key: str, known: set[str]) -> None:
    # Some files hold more than changes of layers, such as the embeddings that OneTrainer packs into them.
    name = plain(key[:LONGEST])
    if OF_LAYERS.match(name) or any(name[: dot.start()] in known for dot in re.finditer(r"\.", name)):
        raise Unfit(f"tensor {shortened(key)} is of a kind that is not supported yet")


def _entries(file: Weights, layers: Mapping[str, Keys], target: Target) -> list[Entry]:
    """What is for a network, by its layers; Unfit where one has two names."""
    entries: dict[str, Entry] = {}
    for name in layers:
        layer = target.names.get(name)
        if layer is None:
            continue
        if layer in entries:
            raise Unfit(f"{name!r} and {entries[layer].name!r} are the same layer")
        entries[layer] = Entry(file, layers[name], name, layer)
    return list(entries.values())


def _changes(entry: Entry, target: Target, settings: Settings) -> Iterator[tuple[str, Change]]:
    """The changes of a layer's weight and bias, by their names in the network."""
    biases = [kind for kind in BIASES if kind.parts & entry.keys.keys()]
    rest = replace(entry, keys={part: key for part, key in entry.keys.items() if part not in BIAS_PARTS})
    if len(biases) > 1:
        raise Unfit(f"{entry} and a tensor beside it change the same bias")
    for kind in biases:
        name, own = f"{entry.layer}.bias", entry.of(kind)
        _check(own, kind, _shape(own, target, name))
        yield name, Added(kind, own.tensors(), target.strength)
    if rest.keys:
        name = f"{entry.layer}.weight"
        yield name, _of_weight(rest, _shape(rest, target, name), target.strength, settings)


def _of_weight(entry: Entry, weight: Shape, strength: float, settings: Settings) -> Change:
    kind = kind_of(entry.keys)
    if len(weight) < 2 and kind not in WHOLE:
        raise Unfit(f"tensor {entry}: that layer's weight {list(weight)} is no matrix")
    _check(entry, kind, weight)
    own = entry.of(kind)
    scale = _scale(entry, kind, settings) if kind not in WHOLE else 1.0
    lengths = next((part for part in ("dora_scale", "magnitude") if part in entry.keys), None)
    if lengths is None:
        return Added(kind, own.tensors(), strength * scale)
    axis = axis_of(entry.shapes[lengths], weight, peft=lengths == "magnitude")
    if axis is None or not entry.floats(lengths):
        key = shortened(entry.keys[lengths])
        raise Unfit(f"tensor {key} is not one length for each row or column of {list(weight)}")
    return Decomposed(Added(kind, own.tensors(), scale), entry.tensors()[lengths], axis, strength)


def _shape(entry: Entry, target: Target, name: str) -> Shape:
    if name not in target.network.stored:
        raise Unfit(f"tensor {entry}: that layer has no {name.rpartition('.')[2]}")
    return tuple(target.network.stored[name].shape)


def _check(entry: Entry, kind: Kind, weight: Shape) -> None:
    """Unfit where the tensors of a layer make no change of a weight of this shape."""
    shapes = entry.shapes
    expected = kind.expected(shapes, weight)
    if absent := expected.keys() - entry.keys.keys():
        raise Unfit(f"beside {entry} the tensor {' and '.join(sorted(absent))} is missing")
    usable = expected.keys() | ({"alpha"} if kind in WHOLE else MODIFIERS)
    if more := entry.keys.keys() - usable:
        raise Unfit(f"beside {entry} there is no use for the tensor {' and '.join(sorted(more))}")
    for part, shape in expected.items():
        if not fits(shapes[part], shape) or not entry.floats(part):
            key = entry.keys[part]
            got = f"{entry.file.header.dtypes[key]} {list(shapes[part])}"
            raise Unfit(f"tensor {shortened(key)}: expected float {list(shape)}, got {got}")


def _scale(entry: Entry, kind: Kind, settings: Settings) -> float:
    scalar = entry.number("scalar") if "scalar" in entry.keys else 1.0
    alpha = entry.number("alpha") if "alpha" in entry.keys else None
    rank = kind.rank(entry.shapes)
    if rank is None:
        return scalar
    return scalar * (_scale_by_settings(entry.name, rank, settings) if alpha is None else alpha / rank)


def _settings(metadata: Mapping[str, str]) -> Settings:
    """What diffusers wrote of peft's configuration into a file; Unfit where it cannot be read."""
    try:
        found = parsed_note(metadata.get(SETTINGS, "{}"))
    except ValueError as error:
        raise Unfit(f"its {SETTINGS} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise Unfit(f"its {SETTINGS} is no table")
    return found


def _scale_by_settings(name: str, rank: int, settings: Settings) -> float:
    """alpha / rank, or alpha / √rank (Kalajdzievski 2023), with the alpha of the layer or else of all; 1 if none."""
    prefix = match[0] if (match := OF_SETTINGS.match(name)) else ""
    path, alpha = name.removeprefix(prefix), settings.get(f"{prefix}lora_alpha")
    patterns = settings.get(f"{prefix}alpha_pattern")
    for pattern, value in patterns.items() if isinstance(patterns, dict) else ():
        plainly = PATTERN.fullmatch(pattern)
        if plainly is None:
            raise Unfit(f"its {SETTINGS} has an alpha for {shortened(pattern)}, which is no plain name")
        if path == plainly[1] or (pattern[0] != "^" and path.endswith(f".{plainly[1]}")):
            alpha = value
            break
    if alpha is None:
        return 1.0
    if not isinstance(alpha, int | float) or not abs(alpha) < 1e30:
        raise Unfit(f"its {SETTINGS} has {shortened(str(alpha)[:200])} for alpha")
    return float(alpha) / (math.sqrt(rank) if settings.get(f"{prefix}use_rslora") else rank)
