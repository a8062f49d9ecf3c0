"""Which family a checkpoint belongs to, and where its parts are: tables of key prefixes and shapes.

A family is told by keys and shapes alone, never by a file's name. What no key tells (how many heads and normalization
groups, a vocabulary of its own) stands in the metadata of the files that this project writes; published files have the
values of their family.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from .safetensors_file import shortened

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Layout:
    """A family of checkpoints: prefixes of the parts, and the factor between the VAE's latents and the U-Net's."""

    name: str
    unet: str = "model.diffusion_model."
    vae: str = "first_stage_model."
    text: str = "cond_stage_model.transformer."
    scale: float = 0.18215


SD1 = Layout("SD1")

# What some key of a family begins with or holds → the family's name; the first that fits counts. Those without a layout
# are known, and refused by name. A ControlNet may be published inside a whole checkpoint, so families come first.
MARKS: tuple[tuple[str, str], ...] = (
    ("conditioner.embedders.1.model.", "SDXL"),
    ("conditioner.embedders.0.model.", "the refiner of SDXL"),
    ("cond_stage_model.model.", "SD2"),
    ("cond_stage_model.transformer.text_model.", "SD1"),
    ("double_blocks.0.img_attn.", "Flux"),
    ("joint_blocks.0.x_block.", "SD3"),
    ("control_model.", "a ControlNet"),
    ("controlnet_cond_embedding.", "a ControlNet in diffusers' layout"),
    (".lora_down.", "a LoRA"),
    (".lora.down.", "a LoRA"),
    (".lora_A.", "a LoRA"),
    (".hada_w1_", "a LoRA (LoHa)"),
    (".lokr_w1", "a LoRA (LoKr)"),
    ("emb_params", "a textual inversion"),
    ("clip_g", "a textual inversion"),
    ("model.diffusion_model.", "a U-Net without text encoder and VAE"),
    ("down_blocks.0.", "a part of a model in diffusers' layout"),
    ("decoder.conv_in.", "a VAE alone"),
    ("text_model.", "a text encoder alone"),
)
LAYOUTS: dict[str, Layout] = {"SD1": SD1}


class UnknownLayout(ValueError):
    """A file whose keys belong to no family that can be loaded."""


def identify(shapes: Shapes) -> Layout:
    """The layout of a checkpoint with these keys; UnknownLayout says what the file seems to be instead."""
    found = next((name for mark, name in MARKS if any(mark in key for key in shapes)), None)
    if found in LAYOUTS:
        layout = LAYOUTS[found]
        absent = [part for part in ("unet", "vae", "text") if not below(shapes, getattr(layout, part))]
        if not absent:
            return layout
        raise UnknownLayout(f"an {found} checkpoint without its {' and '.join(absent)}: no key begins with theirs")
    if found:
        raise UnknownLayout(f"this is {found}, which cannot be loaded here; {' and '.join(LAYOUTS)} checkpoints can")
    example = ", ".join(shortened(key) for key in list(shapes)[:3]) or "none at all"
    raise UnknownLayout(f"no known family of models has its keys ({example}, …)")


def below(shapes: Shapes, prefix: str) -> dict[str, tuple[int, ...]]:
    """The entries whose keys begin with `prefix`, without it."""
    return {key.removeprefix(prefix): shape for key, shape in shapes.items() if key.startswith(prefix)}


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
            given = json.loads(metadata.get(cls.METADATA_KEY, "{}"))
            merges = given.pop("merges", None)
            if merges is not None and not (isinstance(merges, list) and all(isinstance(item, str) for item in merges)):
                raise TypeError("its merges are not a list of texts")
            if not all(type(value) is int and value > 0 for value in given.values()):
                raise TypeError("its numbers are not positive and whole")
            return cls(**given, merges=None if merges is None else tuple(merges))
        except (TypeError, AttributeError, ValueError, RecursionError) as error:
            raise ValueError(f"the metadata {cls.METADATA_KEY!r} cannot be read: {error}") from error

    def to_metadata(self) -> dict[str, str]:
        """As metadata of a safetensors file."""
        given = {name: value for name, value in self.__dict__.items() if value is not None}
        return {self.METADATA_KEY: json.dumps(given, ensure_ascii=False)}
