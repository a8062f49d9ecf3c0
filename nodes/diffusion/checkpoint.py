"""Loading checkpoints: whole ones, and files with one part of a model.

Modules are built on the meta device and take the file's memory-mapped tensors in the type in which they are stored:
loading reads nothing but the header. Tiny and full-size files differ in numbers only.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from .devices import Placement
from .folder import FolderFile
from .layouts import (
    CLIP_L,
    CLIP_L_OF_XL,
    FAMILIES,
    OPEN_CLIP_BIG_G,
    OPEN_CLIP_H,
    SD1,
    SDXL,
    VAE_PLACES,
    Extras,
    Found,
    TowerKind,
    UnknownLayout,
    explained,
    identify,
    is_vae,
    shapes_of,
)
from .models import Model, TextEncoder, Tower, Vae
from .naming import Sources, key_of, tower_sources, vae_sources
from .network import Network
from .parameterization import Kind, Parameterization, zero_terminal_snr
from .safetensors_file import BadCheckpoint, Header, Weights
from .taesd import is_tiny, tiny_autoencoder
from .text_encoder import TextConfig, TextTower
from .tokenizer import Tokenizer
from .unet import UNet
from .vae import Autoencoder, VaeConfig
from .weights_file import open_weights

M = TypeVar("M", bound=nn.Module)
FILLS = frozenset({"kaiming_uniform_", "uniform_", "normal_", "fill_", "zero_", "ones_", "zeros_"})
# What building a model from dishonest shapes raises.
BUILD_ERRORS = (KeyError, ValueError, TypeError, RuntimeError, ArithmeticError, IndexError)
SHORTEST = 3  # tokens in a text: start, one word, end
# The biases that tell SD2's two kinds of output apart are spread more than this in the published v models.
V_SPREAD = 0.09
# By the width of a text encoder's embeddings, where its file has nothing else.
LARGEST_CLIP_L, LARGEST_OPEN_CLIP_H = 768, 1024


class Checkpoint(NamedTuple):
    """The parts of a checkpoint."""

    model: Model
    clip: TextEncoder
    vae: Vae


def open_file(path: Path) -> Weights:
    """The tensors of a file, or of the folder of a `model_index.json` as diffusers saves it."""
    return FolderFile(path) if path.name == "model_index.json" else open_weights(path)


def load_checkpoint(path: Path, placement: Placement) -> Checkpoint:
    """Load a checkpoint of any family in `layouts`; BadCheckpoint names the file, the key and the reason."""
    weights = open_file(path)
    extras, found = identified(weights)
    if found.missing:
        raise BadCheckpoint(
            f"{path.name}: an {found.family.name} checkpoint without its {' and '.join(found.missing)}:"
            " no key begins with theirs; it may be loaded as a U-Net alone"
        )
    model = _model(weights, found, placement)
    vae = _vae(weights, found.vae, extras, placement, found.family.scale)
    clip = text_encoder(weights, found.family.towers, found.towers, extras, placement)
    width = sum(tower.network.config.channels for tower in clip.towers)
    if model.unet.config.context_channels not in (0, width):
        raise BadCheckpoint(
            f"{path.name}: the U-Net reads texts {model.unet.config.context_channels} wide,"
            f" the text encoder writes {width}"
        )
    return Checkpoint(replace(model, vae=vae), clip, vae)


def load_unet(path: Path, placement: Placement) -> Model:
    """Load the U-Net of a file that has one alone, in CompVis' naming or diffusers', or of a checkpoint."""
    weights = open_file(path)
    _, found = identified(weights)
    return _model(weights, found, placement)


def load_vae(path: Path, placement: Placement) -> Vae:
    """Load the VAE of a file that has one alone, or of a checkpoint; BadCheckpoint where there is none.

    Where it is alone, its latents are taken to have SD1's scale; a tiny one's are in the model's.
    """
    weights = open_file(path)
    shapes = weights.header.shapes
    places = (*VAE_PLACES, "model.vae.")
    sources = next((vae_sources(shapes, place) for place in places if is_vae(shapes, place)), None)
    if sources is None and is_tiny(shapes):
        return Vae(tiny_autoencoder(weights, placement.for_vae()), None)
    if sources is None:
        raise BadCheckpoint(f"{path.name}: there is no VAE in it: no tensor 'decoder.conv_in.weight'")
    try:
        scale = identify(shapes).family.scale
    except (UnknownLayout, *BUILD_ERRORS):
        scale = SD1.scale
    return _vae(weights, sources, extras_of(weights), placement, scale)


def load_text_encoder(paths: Sequence[Path], placement: Placement, family: str | None = None) -> TextEncoder:
    """Load a text encoder from a file for each of its towers; two are SDXL's, in any order.

    `family` is "SD1", "SD2", "SDXL" or "SDXL refiner", and decides where a file's width does not.
    """
    files = sorted((_tower_of(open_file(path)) for path in paths), key=lambda file: file[2])
    kinds = SDXL.towers if len(files) == len(SDXL.towers) else [tower_kind(width, family) for _, _, width in files]
    towers = [
        text_encoder(weights, (kind,), (sources,), extras_of(weights), placement).towers
        for (weights, sources, _), kind in zip(files, kinds, strict=True)
    ]
    return TextEncoder(tuple(chain(*towers)))


def _tower_of(weights: Weights) -> tuple[Weights, Sources, int]:
    """A file, where its text tower is, and how wide that is."""
    shapes = weights.header.shapes
    places = ("", *(place for family in FAMILIES for places in family.places for place in places))
    sources = next((each for place in places if is_tower(each := tower_sources(shapes, place))), None)
    if sources is None:
        raise BadCheckpoint(f"{weights.name}: there is no text encoder in it: {explained(shapes)}")
    return weights, sources, shapes_of(sources, shapes)["text_model.embeddings.token_embedding.weight"][-1]


def tower_kind(width: int, family: str | None) -> TowerKind:
    """What kind of text tower is so many channels wide, in a file of its own; the family where that says more."""
    if width > LARGEST_OPEN_CLIP_H or family == "SDXL refiner":
        return OPEN_CLIP_BIG_G
    if width > LARGEST_CLIP_L or family == "SD2":
        return OPEN_CLIP_H
    return CLIP_L_OF_XL if family == "SDXL" else CLIP_L


def is_tower(sources: Sources) -> bool:
    """Whether they are those of a text tower."""
    return "text_model.embeddings.token_embedding.weight" in sources


def identified(weights: Weights) -> tuple[Extras, Found]:
    """What a file's metadata adds, and its family and parts; BadCheckpoint where it has no U-Net."""
    try:
        extras = extras_of(weights)
        return extras, identify(weights.header.shapes, extras)
    except UnknownLayout as error:
        raise BadCheckpoint(f"{weights.name}: {error}") from error
    except BUILD_ERRORS as error:
        raise BadCheckpoint(f"{weights.name}: its keys and shapes make no model: {error}") from error


def extras_of(weights: Weights) -> Extras:
    """What a file's metadata adds to its keys; BadCheckpoint where it cannot be read."""
    try:
        return Extras.from_metadata(weights.header.metadata)
    except ValueError as error:
        raise BadCheckpoint(f"{weights.name}: {error}") from error


def _model(weights: Weights, found: Found, placement: Placement) -> Model:
    unet = built(weights, found.unet, lambda _: UNet(found.config), "U-Net")
    return Model(Network(unet, placement, origin=weights.name), _levels(weights, found), scale=found.family.scale)


def _vae(weights: Weights, sources: Sources, extras: Extras, placement: Placement, scale: float) -> Vae:
    module = built(
        weights, sources, lambda shapes: Autoencoder(VaeConfig.from_shapes(shapes, groups=extras.vae_groups)), "VAE"
    )
    return Vae(Network(module, placement.for_vae(), origin=weights.name), scale)


def text_encoder(
    weights: Weights,
    kinds: Sequence[TowerKind],
    places: Sequence[Sources],
    extras: Extras,
    placement: Placement,
) -> TextEncoder:
    """The towers of a file, in float32: they run once a prompt."""
    towers: list[Tower] = []
    for kind, sources in zip(kinds, places, strict=True):
        heads = extras.text_heads
        tower = built(
            weights,
            sources,
            lambda shapes, heads=heads, kind=kind: TextTower(
                TextConfig.from_shapes(shapes, heads=heads, exact=kind.exact, pooled=kind.pooled)
            ),
            "text encoder",
        )
        network = Network(tower, placement.exact(), origin=weights.name)
        # diffusers' files of SD2 have no last layer, which is never used.
        skip = 0 if kind is OPEN_CLIP_H and tower.config.layers == 23 else kind.skip
        towers.append(
            Tower(
                network,
                _tokenizer(weights, extras, tower.config, kind),
                min(skip, tower.config.layers - 1),
                kind.normed,
            )
        )
    return TextEncoder(tuple(towers))


def _levels(weights: Weights, found: Found) -> Parameterization:
    levels = Parameterization.stable_diffusion(_prediction(weights, found))
    if is_zero_terminal(weights.header):
        return Parameterization(zero_terminal_snr(levels.alphas_cumprod), levels.prediction)
    return levels


def told_prediction(header: Header, found: Found) -> tuple[Kind, str] | None:
    """What the output means, and what says so: a key, metadata, or the family; None for SD2 without the first two."""
    said = header.metadata.get("modelspec.prediction_type", "")
    if "v_pred" in header.shapes:
        return "v", "its key 'v_pred'"
    if said:
        return "v" if said.startswith("v") else "eps", "its metadata"
    if found.family.name == "SD2" and found.config.in_channels == 4:
        return None
    return "eps", f"its family, {found.family.name}"


def is_zero_terminal(header: Header) -> bool:
    """Whether the last noise level is pure noise, as a key or the metadata says."""
    return "ztsnr" in header.shapes or header.metadata.get("modelspec.ztsnr") == "true"


def _prediction(weights: Weights, found: Found) -> Kind:
    """What the output means: as the header says it, and for SD2, where it does not, by how some biases spread."""
    told = told_prediction(weights.header, found)
    if told is not None:
        return told[0]
    # In the published files.
    biases = [name for name in found.unet if name.endswith(".1.transformer_blocks.0.norm1.bias")]
    ends = [name for name in biases if name.startswith("output_blocks.")]
    if not ends:
        return "eps"
    last = max(ends, key=lambda name: int(name.split(".")[1]))
    return "v" if found.unet[last].read(weights).float().std() > V_SPREAD else "eps"


class Unfilled(TorchFunctionMode):
    """Within it modules leave their parameters as they were allocated, and may have `most` of them; ValueError beyond.

    On the meta device filling is not free: the first `normal_` imports PyTorch's compiler, which takes a second. And a
    dishonest file can name more blocks in a few keys than fit into memory even without their weights.
    """

    def __init__(self, most: int) -> None:
        super().__init__()
        self.left = most

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func is torch.empty:
            self.left -= 1
            if self.left < 0:
                raise ValueError("they name more blocks than there are tensors for")
        if getattr(func, "__name__", "") in FILLS:
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)


def built(weights: Weights, sources: Sources, build: Callable[[Mapping[str, tuple[int, ...]]], M], what: str) -> M:
    """A module with the weights of a file, not yet read."""
    try:
        with torch.device("meta"), Unfilled(most=2 * len(sources) + 1000):
            module = build(shapes_of(sources, weights.header.shapes))
    except KeyError as error:
        raise _missing(weights, sources, [str(error.args[0])]) from error
    except BUILD_ERRORS as error:
        raise BadCheckpoint(f"{weights.name}: its keys and shapes make no {what}: {error}") from error
    wanted = module.state_dict()
    missing = [name for name in wanted if name not in sources]
    if missing:
        raise _missing(weights, sources, missing)
    own = {name: _fitting(weights, sources, name, like) for name, like in wanted.items()}
    module.load_state_dict(own, assign=True)
    return module.requires_grad_(False).eval()


def _missing(weights: Weights, sources: Sources, names: Sequence[str]) -> BadCheckpoint:
    keys = list(dict.fromkeys(key_of(name, sources) for name in names))
    more = f" and {len(keys) - 3} more" if len(keys) > 3 else ""
    return BadCheckpoint(f"{weights.name}: tensors are missing: {', '.join(keys[:3])}{more}")


def _fitting(weights: Weights, sources: Sources, name: str, like: Tensor) -> Tensor:
    source = sources[name]
    shape = source.shape(weights.header.shapes)
    # The VAE's attention is 1×1 convolutions in the original files, and linear in some that were saved again.
    fits = [size for size in shape if size != 1] == [size for size in like.shape if size != 1]
    dtype = weights.header.dtypes[source.key]
    if not fits or "F" not in dtype or 0 in shape:
        got = f"{dtype} {list(shape)}"
        raise BadCheckpoint(f"{weights.name}: tensor {source.key!r}: expected float {list(like.shape)}, got {got}")
    return source.read(weights).reshape(like.shape)


def _tokenizer(weights: Weights, extras: Extras, config: TextConfig, kind: TowerKind) -> Tokenizer:
    try:
        if config.length < SHORTEST:
            raise ValueError(f"the text encoder reads {config.length} tokens, fewer than {SHORTEST}")
        merges = extras.merges
        tokenizer = (
            Tokenizer.clip(kind.pad) if merges is None else Tokenizer.from_merges(merges, config.length, kind.pad)
        )
        if tokenizer.length > config.length or tokenizer.vocabulary_size > config.vocabulary:
            raise ValueError(
                f"the text encoder knows {config.vocabulary} tokens, {config.length} at once;"
                f" its vocabulary has {tokenizer.vocabulary_size}, {tokenizer.length} at once"
            )
    except ValueError as error:
        raise BadCheckpoint(f"{weights.name}: its keys and shapes make no model: {error}") from error
    return tokenizer
