"""What a file of weights is, by its header alone: its kind and family, its parts, what is missing and what is left."""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from .checkpoint import (
    BUILD_ERRORS,
    built,
    extras_of,
    identified,
    is_tower,
    is_zero_terminal,
    told_prediction,
    tower_kind,
)
from .controlnet_file import DIFFERENCE, STARTS, control_encoder, control_sources
from .controlnet_file import PLACES as CONTROL_PLACES
from .devices import placement
from .folder import FolderFile, files_of
from .layouts import (
    FAMILIES,
    UNET_PLACES,
    VAE_PLACES,
    Found,
    TowerKind,
    UnknownLayout,
    explained,
    family_of,
    is_vae,
    shapes_of,
)
from .lora import OTHER_KIND
from .lora_family import WIDTHS, lora_family, lora_kinds
from .lora_names import OF_LAYERS, OF_TEXT, part_of, plain
from .naming import Sources, tower_sources, vae_sources
from .safetensors_file import TYPES, BadCheckpoint, Header, Weights, shortened
from .safetensors_file import WIDTHS as BYTES
from .taesd import is_tiny, tiny_autoencoder
from .text_encoder import TextConfig, TextTower
from .textual_inversion import MOST_TABLES, MOST_VECTORS, TOWERS
from .training_notes import training_notes
from .unet import UNet, UNetConfig
from .vae import Autoencoder, VaeConfig
from .weights_file import open_weights

ENDINGS = (".safetensors", ".sft", ".ckpt", ".pt", ".pth", ".bin")
INDEX = "model_index.json"
MOST_GROUPS = 12
PREDICTED = {"eps": "the noise (eps)", "v": "the velocity (v)", "x0": "the original"}
SAID_BY_WEIGHTS = "the noise or the velocity: told by its weights when it is loaded"
INPUTS = {4: "4 channels", 5: "5 channels (depth)", 8: "8 channels (editing)", 9: "9 channels (inpainting)"}
# What checkpoints have beside the weights that are used.
LEFTOVERS: Mapping[str, str] = {
    r"model_ema\.": "averaged weights (model_ema.…)",
    r"(betas|alphas_cumprod|sqrt_|log_one_minus|posterior_|lvlb_weights|logvar|scale_factor)": "noise schedule",
    r".*position_ids$": "position ids",
    r".*logit_scale$": "logit scale",
    r"(v_pred|ztsnr)$": "markers",
    r"depth_model\.": "depth estimation (depth_model.…)",
    r"first_stage_model\.loss\.": "discriminator (first_stage_model.loss.…)",
}
Facts = dict[str, object]
Keys = Iterable[str]


@dataclass
class Outline:
    """A file's weights without their numbers: whoever builds a network of them reads none."""

    name: str
    header: Header

    def tensor(self, key: str) -> Tensor:
        """A tensor of that shape and type, on the meta device."""
        return torch.empty(self.header.shapes[key], dtype=TYPES[self.header.dtypes[key]], device="meta")


@dataclass
class Parts:
    """The parts of a file as they are found: which keys each has, and what is wrong with them."""

    weights: Weights
    keys: dict[str, set[str]]
    missing: list[str]

    def add(self, name: str, sources: Sources, build: Callable[[Mapping[str, tuple[int, ...]]], object]) -> None:
        """A part with the weights that a module of it has; what the file lacks of them is written down."""
        used = {source.key for source in sources.values()}
        try:
            module = built(self.weights, sources, build, name)  # pyright: ignore[reportArgumentType] -- any module
            used = {sources[each].key for each in module.state_dict()}
        except BadCheckpoint as error:
            self.missing.append(str(error).removeprefix(f"{self.weights.name}: "))
        self.keys[name] = used

    def facts(self) -> Facts:
        """The table of the parts, what is missing, and what belongs to none."""
        used = set[str]().union(*self.keys.values())
        left = [key for key in self.weights.header.shapes if key not in used]
        groups = Counter(map(_group, left)).most_common()
        rest = sum(count for _, count in groups[MOST_GROUPS:])
        aside = dict(groups[:MOST_GROUPS]) | ({"others": rest} if rest else {})
        tables = {name: amounts(self.weights, keys) for name, keys in self.keys.items()}
        tables["whole file"] = amounts(self.weights, self.weights.header.shapes)
        return {"parts": tables, "missing": self.missing, "left aside": aside}


def inspect(path: Path) -> Facts | None:
    """What a file is, or a folder as diffusers writes it: plain data, to be shown or written as JSON.

    None for what is no file of weights by its name. BadCheckpoint for one that is damaged; one of a kind that cannot be
    loaded is described as far as it can be.
    """
    if not path.is_dir() and path.name != INDEX and path.suffix not in ENDINGS:
        return None
    weights = _outline(path)
    notes = training_notes(weights.header.metadata)
    found = next(facts for look in LOOKS if (facts := look(weights)) is not None)
    return {"file": weights.name, **found, **({"training": notes} if notes else {})}


def _outline(path: Path) -> Outline:
    if path.is_dir() and not (path / INDEX).is_file():
        files = files_of(path)
        if len(files) != 1:
            raise BadCheckpoint(f"{path.name}: a folder without a {INDEX}, and without one file of weights")
        path = files[0]
    index = path / INDEX if path.is_dir() else path
    weights = FolderFile(index) if index.name == INDEX else open_weights(path)
    return Outline(weights.name, weights.header)


def amounts(weights: Weights, keys: Keys) -> Facts:
    """How much there is of some tensors, and in which types."""
    header, known = weights.header, list(keys)
    sizes = {key: math.prod(header.shapes[key]) for key in known}
    types = Counter(header.dtypes[key] for key in known)
    return {
        "tensors": len(known),
        "parameters": sum(sizes.values()),
        "types": [name for name, _ in types.most_common()],
        "bytes": sum(size * BYTES[header.dtypes[key]] for key, size in sizes.items()),
    }


def _group(key: str) -> str:
    known = next((name for pattern, name in LEFTOVERS.items() if re.match(pattern, key)), None)
    first, dot, _ = key.partition(".")
    return known or (f"{first[:60]}.…" if dot else shortened(key))


def _lora(weights: Weights) -> Facts | None:
    """Facts of a LoRA; None for another file."""
    header = weights.header
    named = {key: found for key in header.shapes if (found := part_of(key))}
    other = next(
        (kind for key in header.shapes for ending, kind in OTHER_KIND.items() if ending.search(key[-512:])), None
    )
    kinds = lora_kinds(header)
    if not kinds and other is None:
        return None
    layers: dict[str, set[str]] = {}
    parts = Parts(weights, {}, [f"{other}, which is not supported yet"] if other else [])
    for key, (layer, _) in named.items():
        if OF_LAYERS.match(plain(key)):
            place = _network_of(layer)
            layers.setdefault(place, set()).add(layer)
            parts.keys.setdefault(place, set()).add(key)
    ranks = sorted({rank for key, (_, part) in named.items() if (rank := _rank(part, header.shapes[key]))})
    facts = parts.facts()
    return {
        "is": "a LoRA" if kinds else other,
        "family": lora_family(header) or "unknown",
        "kinds": kinds,
        "rank": ranks,
        "alpha": header.metadata.get("ss_network_alpha", "")[:40] or _alphas(named.values()),
        "layers": {place: len(names) for place, names in layers.items()},
        **facts,
    }


def _network_of(layer: str) -> str:
    if not OF_TEXT.match(plain(layer)):
        return "U-Net"
    second = re.match(r"lora_te2_|text_encoder_2\.|(text_encoders\.)?clip_g\.", layer)
    return "second text encoder" if second else "text encoder"


def _rank(part: str, shape: tuple[int, ...]) -> int | None:
    return shape[0] if part in ("down", "hada_w1_b", "lokr_w1_b", "lokr_w2_b") and shape else None


def _alphas(named: Iterable[tuple[str, str]]) -> str:
    count = sum(part == "alpha" for _, part in named)
    return f"{count} numbers in the file, one for each layer" if count else "none: as the rank"


def _checkpoint(weights: Weights) -> Facts | None:
    """Facts of a file with a U-Net, whole or not; None for another file."""
    try:
        extras, found = identified(weights)
    except BadCheckpoint:
        return None
    parts = Parts(weights, {}, [f"{name}: no key begins as its keys do" for name in found.missing])
    parts.add("U-Net", found.unet, lambda _: UNet(found.config))
    for kind, tower in zip(found.family.towers, found.towers, strict=True):
        if tower:
            parts.add(kind.name, tower, partial(_tower, kind=kind, heads=extras.text_heads))
    if found.vae:
        parts.add("VAE", found.vae, partial(_vae, groups=extras.vae_groups))
    if control := [key for key in weights.header.shapes if key.startswith(CONTROL_PLACES[0])]:
        parts.keys["ControlNet"] = set(control)
    whole = "a U-Net" if len(found.missing) == len(found.towers) + 1 else "a checkpoint"
    if whole == "a U-Net":
        parts.missing = [line for line in parts.missing if "no key begins" not in line]
    return {"is": whole, **_of_unet(weights, found), **parts.facts()}


def _of_unet(weights: Weights, found: Found) -> Facts:
    told = told_prediction(weights.header, found)
    predicts = SAID_BY_WEIGHTS if told is None else f"{PREDICTED[told[0]]}, by {told[1]}"
    channels = found.config.in_channels
    zero = {"noise": "up to pure noise (zero terminal SNR)"} if is_zero_terminal(weights.header) else {}
    inputs = INPUTS.get(channels, f"{channels} channels")
    return {"family": found.family.name, "predicts": predicts, **zero, "input": inputs}


def _tower(shapes: Mapping[str, tuple[int, ...]], kind: TowerKind, heads: int | None) -> TextTower:
    return TextTower(TextConfig.from_shapes(shapes, heads=heads, exact=kind.exact))


def _vae(shapes: Mapping[str, tuple[int, ...]], groups: int) -> Autoencoder:
    return Autoencoder(VaeConfig.from_shapes(shapes, groups=groups))


def _controlnet(weights: Weights) -> Facts | None:
    """Facts of a ControlNet; None for another file."""
    shapes = weights.header.shapes
    whole = any(key.startswith(UNET_PLACES[0]) for key in shapes)
    if whole or not any(place + start in shapes for place in CONTROL_PLACES for start in STARTS):
        return None
    parts = Parts(weights, {}, [])
    family = "unknown"
    try:
        sources, extras = control_sources(weights), extras_of(weights)
        parts.add("ControlNet", sources, partial(control_encoder, extras=extras))
        own = shapes_of(sources, shapes)
        family = family_of(UNetConfig.from_shapes(own, heads=extras.unet_heads, groups=extras.unet_groups)).name
    except (UnknownLayout, *BUILD_ERRORS) as error:
        parts.missing.append(str(error).removeprefix(f"{weights.name}: "))
    what = "the differences of a ControlNet to a model" if DIFFERENCE in shapes else "a ControlNet"
    return {"is": what, "family": family, **parts.facts()}


def _autoencoder(weights: Weights) -> Facts | None:
    """Facts of a file with a VAE alone, or a tiny one; None for another file."""
    shapes = weights.header.shapes
    parts = Parts(weights, {}, [])
    place = next((place for place in (*VAE_PLACES, "model.vae.") if is_vae(shapes, place)), None)
    if place is not None:
        parts.add("VAE", vae_sources(shapes, place), partial(_vae, groups=extras_of(weights).vae_groups))
        return {"is": "a VAE", "family": "SD1, SD2 or SDXL: its keys are the same for all", **parts.facts()}
    if not is_tiny(shapes):
        return None
    network = tiny_autoencoder(weights, placement("cpu", "float32"))
    halves = [name for name in ("encoder", "decoder") if getattr(network.module, name)]
    parts.keys = {"tiny autoencoder": set(shapes)}
    return {"is": "a tiny autoencoder (TAESD)", "halves": halves, **parts.facts()}


def _text_encoder(weights: Weights) -> Facts | None:
    """Facts of a file with text encoders alone; None for another file."""
    shapes = weights.header.shapes
    parts = Parts(weights, {}, [])
    for place in dict.fromkeys(("", *(place for family in FAMILIES for each in family.places for place in each))):
        sources = tower_sources(shapes, place)
        if is_tower(sources):
            width = (shapes_of(sources, shapes)["text_model.embeddings.token_embedding.weight"] or (0,))[-1]
            kind = tower_kind(width, None)
            parts.add(kind.name, sources, partial(_tower, kind=kind, heads=extras_of(weights).text_heads))
    return {"is": "a text encoder", **parts.facts()} if parts.keys else None


def _embedding(weights: Weights) -> Facts | None:
    """Facts of a textual inversion; None for another file."""
    header = weights.header
    tables = {key: shape if len(shape) == 2 else (1, *shape) for key, shape in header.shapes.items()}
    known = all(shape[-1:] and shape[-1] in WIDTHS for shape in header.shapes.values())
    if not tables or len(tables) > MOST_TABLES or not (known or set(tables) & TOWERS):
        return None
    if any(len(shape) != 2 or not 0 < shape[0] <= MOST_VECTORS for shape in tables.values()):
        return None
    widths = {shape[1] for shape in tables.values()}
    family = "SDXL" if len(widths) > 1 else WIDTHS.get(min(widths), "unknown")
    vectors = {shortened(key): f"{shape[0]} of {shape[1]} channels" for key, shape in tables.items()}
    parts = Parts(weights, {"embedding": set(tables)}, [])
    return {"is": "a textual inversion", "family": family, "vectors": vectors, **parts.facts()}


def _unknown(weights: Weights) -> Facts:
    return {"is": "unknown", "why": _reason(weights), **Parts(weights, {}, []).facts()}


def _reason(weights: Weights) -> str:
    try:
        identified(weights)
    except BadCheckpoint as error:
        return str(error).removeprefix(f"{weights.name}: ")
    return explained(weights.header.shapes)


LOOKS = (_lora, _controlnet, _checkpoint, _autoencoder, _text_encoder, _embedding, _unknown)
