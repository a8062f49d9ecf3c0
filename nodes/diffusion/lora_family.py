"""What a LoRA file is, by its header alone: which family it was made for, and which kinds of change it has."""

import re
from collections.abc import Iterator, Mapping

from .lora_names import part_of
from .safetensors_file import Header

Keys = Mapping[str, str]  # a part of a layer's change → the tensor's key
WIDTHS = {768: "SD1", 1024: "SD2", 2048: "SDXL", 1280: "SDXL refiner"}  # channels of the text → the family
READS_TEXT = re.compile(r"attn2[._]to_[kv]$")  # the layers of a U-Net that read it
OF_TWO_TOWERS = ("lora_te1_", "lora_te2_", "text_encoder_2.", "clip_g.", "text_encoders.clip_g.")
OF_ONE_TOWER = re.compile(r"(lora_te_|text_encoder\.|text_encoders\.|clip_[lh]\.|text_model\.).*self_attn[._]q_proj$")
# Names of layers that other families have.
OTHERS = re.compile(r"(?P<Flux>double_blocks|single_transformer_blocks)|(?P<SD3>joint_blocks)")
# How the base model is called by kohya's scripts (`ss_base_model_version`) and in `modelspec.architecture`.
BASES: Mapping[str, str] = {
    r"sd_v1|stable-diffusion-v1": "SD1",
    r"sd_v2|stable-diffusion-v2": "SD2",
    r"stable-diffusion-xl-v1-refiner": "SDXL refiner",
    r"sdxl|stable-diffusion-xl": "SDXL",
    r"sd3|stable-diffusion-3": "SD3",
    r"flux": "Flux",
}


def lora_family(header: Header) -> str | None:
    """The family that a LoRA file was made for (SD1, SD2, SDXL, SDXL refiner, Flux, SD3), or None where nothing tells.

    By what its layers for the text read, by its text towers, by names that only other families have, and last by what
    its metadata says.
    """
    layers = dict(_layers(header))
    widths = (width_in(keys, header) for name, keys in layers.items() if READS_TEXT.search(name))
    if found := next((WIDTHS[width] for width in widths if width in WIDTHS), None):
        return found
    if any(name.startswith(OF_TWO_TOWERS) for name in layers):
        return "SDXL"
    widths = (width_in(keys, header) for name, keys in layers.items() if OF_ONE_TOWER.match(name))
    if found := next((WIDTHS[width] for width in widths if width in WIDTHS), None):
        return found
    if other := next((match for key in header.shapes if (match := OTHERS.search(key[:200]))), None):
        return other.lastgroup
    said = (header.metadata.get(each, "")[:200] for each in ("ss_base_model_version", "modelspec.architecture"))
    return next((family for text in said for base, family in BASES.items() if re.match(base, text)), None)


def lora_kinds(header: Header) -> list[str]:
    """The kinds of change in a LoRA file: LoRA, LoCon, LoHa, LoKr, DoRA, full differences, norms; none is no LoRA."""
    layers = list(_layers(header))
    parts = {part for _, keys in layers for part in keys}
    kernels = {any(side > 1 for side in header.shapes[keys["down"]][2:]) for _, keys in layers if "down" in keys}
    present = {
        "LoRA": False in kernels and "mid" not in parts,
        "LoCon": True in kernels or "mid" in parts,
        "LoHa": "hada_w1_a" in parts,
        "LoKr": bool(parts & {"lokr_w1", "lokr_w1_a"}),
        "DoRA": bool(parts & {"dora_scale", "magnitude"}),
        "full differences": bool(parts & {"diff", "diff_b"}),
        "norms": bool(parts & {"w_norm", "b_norm"}),
    }
    return [kind for kind, there in present.items() if there]


def width_in(keys: Keys, header: Header) -> int | None:
    """How many channels a changed layer reads, by the shapes of its change."""

    def columns(*parts: str) -> int | None:
        shapes = (header.shapes[keys[part]] for part in parts if part in keys)
        return next((shape[1] for shape in shapes if len(shape) > 1), None)

    outer, inner = columns("lokr_w1", "lokr_w1_b"), columns("lokr_w2", "lokr_w2_b")
    return outer * inner if outer and inner else columns("down", "hada_w1_b", "diff")


def _layers(header: Header) -> Iterator[tuple[str, Keys]]:
    layers: dict[str, dict[str, str]] = {}
    for key in header.shapes:
        if named := part_of(key):
            layers.setdefault(named[0], {})[named[1]] = key
    return iter(layers.items())
