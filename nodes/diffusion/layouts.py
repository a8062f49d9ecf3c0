"""Which family a file belongs to, and where its parts are: by keys and shapes alone, never by the file's name.

What no key tells (how many heads and normalization groups, a vocabulary of its own) stands in the metadata of the files
that this project writes; published files have the values of their family.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .conditioning import NUMBER_CHANNELS
from .naming import Shapes, Sources, key_of, tower_sources, unet_sources, vae_sources
from .safetensors_file import parsed_note, shortened
from .unet import UNetConfig


@dataclass(frozen=True)
class TowerKind:
    """A text tower of a family: how its output is used, and what pads a text that is too short for it.

    `skip` is how many layers are left out at the end, `normed` whether the final normalization follows, `pad` an id, or
    None where the end token pads. `exact` says which GELU it was trained with, `pooled` whether the U-Net also reads
    the embedding of the whole text.
    """

    name: str
    exact: bool
    pad: int | None
    skip: int
    normed: bool
    pooled: bool = False


@dataclass(frozen=True)
class Family:
    """A family of checkpoints: its text towers in order, where each is, and the factor of its latents.

    A tower's places are prefixes: of the published single file, and of diffusers' folders.
    """

    name: str
    towers: tuple[TowerKind, ...]
    places: tuple[tuple[str, ...], ...]
    scale: float = 0.18215


CLIP_L = TowerKind("CLIP-L", exact=False, pad=None, skip=0, normed=True)
OPEN_CLIP_H = TowerKind("OpenCLIP-H", exact=True, pad=0, skip=1, normed=True)
CLIP_L_OF_XL = TowerKind("CLIP-L", exact=False, pad=None, skip=1, normed=False)
OPEN_CLIP_BIG_G = TowerKind("OpenCLIP-bigG", exact=True, pad=0, skip=1, normed=False, pooled=True)

SD1 = Family("SD1", (CLIP_L,), (("cond_stage_model.transformer.", "text_encoder."),))
SD2 = Family("SD2", (OPEN_CLIP_H,), (("cond_stage_model.model.", "text_encoder."),))
SDXL = Family(
    "SDXL",
    (CLIP_L_OF_XL, OPEN_CLIP_BIG_G),
    (("conditioner.embedders.0.transformer.", "text_encoder."), ("conditioner.embedders.1.model.", "text_encoder_2.")),
    0.13025,
)
REFINER = Family("SDXL refiner", (OPEN_CLIP_BIG_G,), (("conditioner.embedders.0.model.", "text_encoder_2."),), 0.13025)
FAMILIES = (SD1, SD2, SDXL, REFINER)
UNET_PLACES = ("model.diffusion_model.", "unet.", "")
VAE_PLACES = ("first_stage_model.", "vae.", "")

# What some key of a file begins with or holds → what the file then is, where it is no checkpoint; the first counts.
MARKS: tuple[tuple[str, str], ...] = (
    ("double_blocks.0.img_attn.", "Flux"),
    ("joint_blocks.0.x_block.", "SD3"),
    ("edm_mean", "Playground v2.5 (EDM)"),
    ("edm_vpred.", "an SDXL model in EDM's parameterization"),
    ("lora_controlnet", "a control-LoRA"),
    ("control_model.", "a ControlNet"),
    ("input_hint_block.", "a ControlNet"),
    ("controlnet_cond_embedding.", "a ControlNet in diffusers' layout"),
    (".lora_down.", "a LoRA"),
    (".lora.down.", "a LoRA"),
    (".lora_A.", "a LoRA"),
    (".hada_w1_", "a LoRA (LoHa)"),
    (".lokr_w1", "a LoRA (LoKr)"),
    ("emb_params", "a textual inversion"),
    ("clip_g", "a textual inversion"),
    ("model.diffusion_model.", "a U-Net without text encoder and VAE"),
    ("down_blocks.0.resnets.", "a part of a model in diffusers' layout"),
    ("input_blocks.0.0.", "a U-Net without text encoder and VAE"),
    ("decoder.conv_in.", "a VAE alone"),
    ("text_model.", "a text encoder alone"),
    ("transformer.resblocks.", "a text encoder alone"),
)
NEVER = MARKS[:4]


class UnknownLayout(ValueError):
    """A file whose keys belong to no family that can be loaded."""


@dataclass(frozen=True)
class Found:
    """The parts of a file: its family, the U-Net's dimensions, and where the weights of each part are.

    A part that is not in the file has no sources.
    """

    family: Family
    config: UNetConfig
    unet: Sources
    vae: Sources
    towers: tuple[Sources, ...]

    @property
    def missing(self) -> list[str]:
        """The parts that a whole checkpoint has and this file does not."""
        absent = [kind.name for kind, tower in zip(self.family.towers, self.towers, strict=True) if not tower]
        return absent if self.vae else [*absent, "VAE"]


def identify(shapes: Shapes, extras: "Extras | None" = None) -> Found:
    """The family of a file with a U-Net, and its parts; UnknownLayout says what the file seems to be instead."""
    extras = extras or Extras()
    if any(mark in key for key in shapes for mark, _ in NEVER):
        raise UnknownLayout(explained(shapes))
    place = next((each for each in UNET_PLACES if _is_unet(shapes, each)), None)
    if place is None:
        raise UnknownLayout(explained(shapes))
    unet = unet_sources(shapes, place)
    canonical = shapes_of(unet, shapes)
    try:
        config = UNetConfig.from_shapes(canonical, heads=extras.unet_heads, groups=extras.unet_groups)
    except KeyError as error:
        raise UnknownLayout(f"tensors are missing: {key_of(error.args[0], unet)}") from error
    family = family_of(config)
    towers = tuple(_tower(shapes, places) for places in family.places)
    others = VAE_PLACES if place else VAE_PLACES[:2]
    vae = next((found for each in others if is_vae(shapes, each) and (found := vae_sources(shapes, each))), {})
    return Found(family, config, unet, vae, towers)


def family_of(config: UNetConfig) -> Family:
    """The family by a U-Net's dimensions: SDXL and its refiner read the text's size, SD2 has linear projections.

    The refiner reads five numbers, and the embedding of the text, as wide as its context; SDXL reads six.
    """
    labels = config.label_channels
    if labels is None:
        return SD2 if config.linear else SD1
    if labels == config.context_channels + 5 * NUMBER_CHANNELS:
        return REFINER
    if not 0 < labels - 6 * NUMBER_CHANNELS < config.context_channels or config.context_channels == 1024:
        raise UnknownLayout("this is a U-Net that reads something else beside the text (unCLIP?): it cannot be loaded")
    return SDXL


def explained(shapes: Iterable[str]) -> str:
    """Why a file is no checkpoint: what it is instead, by its keys."""
    keys = list(shapes)
    found = next((name for mark, name in MARKS if any(mark in key for key in keys)), None)
    if found:
        known = ", ".join(family.name for family in FAMILIES)
        return f"this is {found}, which cannot be loaded here; checkpoints of {known} can"
    example = ", ".join(shortened(key) for key in keys[:3]) or "none at all"
    return f"no known family of models has its keys ({example}, …)"


def _is_unet(shapes: Shapes, place: str) -> bool:
    # Its second half: a ControlNet is the first half of one.
    return any(key.startswith((f"{place}output_blocks.", f"{place}up_blocks.")) for key in shapes)


def is_vae(shapes: Shapes, place: str) -> bool:
    """Whether an autoencoder's keys begin with `place`."""
    return any(key.startswith((f"{place}decoder.conv_in.", f"{place}decoder.up")) for key in shapes)


def _tower(shapes: Shapes, places: Iterable[str]) -> Sources:
    return next((found for place in places if (found := tower_sources(shapes, place))), {})


def shapes_of(sources: Sources, shapes: Shapes) -> dict[str, tuple[int, ...]]:
    """The shapes of a part's weights, by our names."""
    return {name: source.shape(shapes) for name, source in sources.items()}


@dataclass(frozen=True)
class Extras:
    """What a checkpoint's metadata adds to its keys, where it was written by this project."""

    unet_heads: int | None = None
    unet_groups: int = 32
    vae_groups: int = 32
    text_heads: int | None = None
    merges: tuple[str, ...] | None = field(default=None, repr=False)

    METADATA_KEY = "nodegraph.model"

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> "Extras":
        """Read them; a file without them has the family's values. ValueError where they are not what was written."""
        try:
            given: Any = parsed_note(metadata.get(cls.METADATA_KEY, "{}"))
            merges = given.pop("merges", None)
            if merges is not None and not (isinstance(merges, list) and all(isinstance(item, str) for item in merges)):
                raise TypeError("its merges are not a list of texts")
            if not all(type(value) is int and value > 0 for value in given.values()):
                raise TypeError("its numbers are not positive and whole")
            return cls(**given, merges=None if merges is None else tuple(merges))
        except (TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"the metadata {cls.METADATA_KEY!r} cannot be read: {error}") from error

    def to_metadata(self) -> dict[str, str]:
        """As metadata of a safetensors file."""
        given = {name: value for name, value in self.__dict__.items() if value is not None}
        return {self.METADATA_KEY: json.dumps(given, ensure_ascii=False)}
