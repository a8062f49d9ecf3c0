"""Which family a checkpoint belongs to, and where its parts are: tables of key prefixes and shapes.

A family is told by keys and shapes alone, never by a file's name. What no key tells (how many heads and normalization
groups, a vocabulary of its own) stands in the metadata of the files that this project writes; published files have the
values of their family.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

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

# A key that only this family has → its name; those without a layout are known, and refused by name.
MARKS: dict[str, str] = {
    "conditioner.embedders.1.model.ln_final.weight": "SDXL",
    "conditioner.embedders.0.model.ln_final.weight": "the SDXL refiner",
    "cond_stage_model.model.ln_final.weight": "SD2",
    "cond_stage_model.transformer.text_model.final_layer_norm.weight": "SD1",
    "double_blocks.0.img_attn.qkv.weight": "Flux",
    "model.diffusion_model.joint_blocks.0.x_block.attn.qkv.weight": "SD3",
    "lora_unet_down_blocks_0_attentions_0_proj_in.lora_down.weight": "a LoRA",
    "control_model.input_blocks.0.0.weight": "a ControlNet",
}
LAYOUTS: dict[str, Layout] = {"SD1": SD1}


class UnknownLayout(ValueError):
    """A file whose keys belong to no family that can be loaded."""


def identify(shapes: Shapes) -> Layout:
    """The layout of a checkpoint with these keys; UnknownLayout says what the file seems to be instead."""
    found = next((name for mark, name in MARKS.items() if mark in shapes), None)
    if found in LAYOUTS:
        layout = LAYOUTS[found]
        absent = [part for part in ("unet", "vae", "text") if not below(shapes, getattr(layout, part))]
        if not absent:
            return layout
        raise UnknownLayout(f"an {found} checkpoint without its {' and '.join(absent)}: no key begins with theirs")
    if found:
        raise UnknownLayout(f"this is {found}, which cannot be loaded here yet; SD1 checkpoints can")
    if "decoder.conv_in.weight" in shapes:
        raise UnknownLayout("this is a VAE alone, not a checkpoint")
    example = ", ".join(repr(key) for key in list(shapes)[:3]) or "none at all"
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
            merges = tuple(given.pop("merges")) if "merges" in given else None
            return cls(**given, merges=merges)
        except (TypeError, AttributeError, json.JSONDecodeError, RecursionError) as error:
            raise ValueError(f"the metadata {cls.METADATA_KEY!r} cannot be read: {error}") from error

    def to_metadata(self) -> dict[str, str]:
        """As metadata of a safetensors file."""
        given = {name: value for name, value in self.__dict__.items() if value is not None}
        return {self.METADATA_KEY: json.dumps(given, ensure_ascii=False)}
