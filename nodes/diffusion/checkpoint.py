"""Reading and writing whole checkpoints: one safetensors file with U-Net, VAE and text tower.

Modules are built on the meta device and take the file's memory-mapped tensors, so nothing is initialized and nothing is
copied unless the type changes. Tiny and full-size files differ in numbers only.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from .devices import Placement
from .layouts import SD1, Extras, Layout, UnknownLayout, below, identify
from .models import Model, TextEncoder, Vae
from .parameterization import Parameterization
from .preview import FACTOR, LatentColors
from .progress import Done, Work, finish, stops
from .safetensors_file import BadCheckpoint, Header, read_header, write_safetensors
from .text_encoder import TextConfig, TextTower
from .tokenizer import Tokenizer
from .unet import UNet, UNetConfig
from .vae import Autoencoder, VaeConfig

FILLS = frozenset({"kaiming_uniform_", "uniform_", "normal_", "fill_", "zero_", "ones_", "zeros_"})
# What building a model from dishonest shapes raises.
BUILD_ERRORS = (KeyError, ValueError, TypeError, RuntimeError, ArithmeticError, IndexError)
SHORTEST = 3  # tokens in a text: start, one word, end


class Checkpoint(NamedTuple):
    """The parts of a checkpoint."""

    model: Model
    clip: TextEncoder
    vae: Vae


class Part(NamedTuple):
    """A module to be filled with the tensors of a file whose names begin with `prefix`."""

    module: nn.Module
    prefix: str
    placement: Placement


def load_checkpoint(path: Path, placement: Placement) -> Checkpoint:
    """Load a checkpoint of any family in `layouts`; BadCheckpoint names the file, the key and the reason.

    The VAE and the text tower are computed in float32 where the placement is a CPU's bfloat16 or a GPU's float16: they
    run once a picture, and float16 overflows in the VAE.
    """
    return finish(load_checkpoint_steps(path, placement))


def load_checkpoint_steps(path: Path, placement: Placement) -> Work[Checkpoint]:
    """The same, some tensors at a time."""
    header = read_header(path)
    try:
        layout, extras = identify(header.shapes), Extras.from_metadata(header.metadata)
        unet, vae, tower = _build(layout, extras, header)
        tokenizer = _tokenizer(extras, tower.config)
    except UnknownLayout as error:
        raise BadCheckpoint(f"{path.name}: {error}") from error
    except BUILD_ERRORS as error:
        raise BadCheckpoint(f"{path.name}: its keys and shapes make no model: {error}") from error
    exact = placement.exact()
    parts = Part(unet, layout.unet, placement), Part(vae, layout.vae, exact), Part(tower, layout.text, exact)
    yield from _fill(parts, path)
    colors = _colors(unet, Vae(vae, layout.scale, exact))
    return Checkpoint(
        Model(unet, Parameterization.stable_diffusion(), placement, colors),
        TextEncoder(tower, tokenizer, exact),
        Vae(vae, layout.scale, exact, colors),
    )


def load_vae(path: Path, placement: Placement) -> Vae:
    """Load the VAE of a file that has one alone, or of a checkpoint; BadCheckpoint where there is none.

    Its latents are taken to have SD1's scale.
    """
    return finish(load_vae_steps(path, placement))


def load_vae_steps(path: Path, placement: Placement) -> Work[Vae]:
    """The same, some tensors at a time."""
    header = read_header(path)
    prefix = next((each for each in ("", SD1.vae) if f"{each}decoder.conv_in.weight" in header.shapes), None)
    if prefix is None:
        raise BadCheckpoint(f"{path.name}: there is no VAE in it: no tensor 'decoder.conv_in.weight'")
    shapes = below(header.shapes, prefix)
    try:
        groups = Extras.from_metadata(header.metadata).vae_groups
        with torch.device("meta"), Unfilled(most=2 * len(shapes) + 1000):
            vae = Autoencoder(VaeConfig.from_shapes(shapes, groups=groups))
    except BUILD_ERRORS as error:
        raise BadCheckpoint(f"{path.name}: its keys and shapes make no VAE: {error}") from error
    exact = placement.exact()
    yield from _fill([Part(vae, prefix, exact)], path)
    return Vae(vae, SD1.scale, exact)


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


def _build(layout: Layout, extras: Extras, header: Header) -> tuple[UNet, Autoencoder, TextTower]:
    unet, vae, text = (below(header.shapes, prefix) for prefix in (layout.unet, layout.vae, layout.text))
    with torch.device("meta"), Unfilled(most=2 * len(header.shapes) + 1000):
        parts = (
            UNet(UNetConfig.from_shapes(unet, heads=extras.unet_heads, groups=extras.unet_groups)),
            Autoencoder(VaeConfig.from_shapes(vae, groups=extras.vae_groups)),
            TextTower(TextConfig.from_shapes(text, heads=extras.text_heads)),
        )
    widths = parts[0].config.context_channels, parts[2].config.channels
    if widths[0] not in (0, widths[1]):
        raise ValueError(f"the U-Net reads texts {widths[0]} wide, the text encoder writes {widths[1]}")
    return parts


def _tokenizer(extras: Extras, config: TextConfig) -> Tokenizer:
    if config.length < SHORTEST:
        raise ValueError(f"the text encoder reads {config.length} tokens, fewer than {SHORTEST}")
    tokenizer = Tokenizer.clip() if extras.merges is None else Tokenizer.from_merges(extras.merges, config.length)
    if tokenizer.length > config.length or tokenizer.vocabulary_size > config.vocabulary:
        raise ValueError(
            f"the text encoder knows {config.vocabulary} tokens, {config.length} at once;"
            f" its vocabulary has {tokenizer.vocabulary_size}, {tokenizer.length} at once"
        )
    return tokenizer


def _colors(unet: UNet, vae: Vae) -> LatentColors | None:
    fitting = vae.factor == FACTOR and vae.autoencoder.config.latent_channels == unet.config.out_channels
    return LatentColors.measured(vae.encode) if fitting else None


def _fill(parts: Sequence[Part], path: Path) -> Work[None]:
    wanted = [(part, name, like) for part in parts for name, like in part.module.state_dict().items()]
    pauses = stops([like.numel() * part.placement.dtype.itemsize for part, _, like in wanted])
    tensors: dict[str, Tensor] = {}
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            _check_all_there([part.prefix + name for part, name, _ in wanted], set(file.keys()), path)
            for done, (part, name, like) in enumerate(wanted, 1):
                tensor = _fitting(file.get_tensor(part.prefix + name), like, part.prefix + name, path)
                tensors[part.prefix + name] = tensor.to(part.placement.device, part.placement.dtype)
                if done in pauses:
                    yield Done(done, len(wanted))
    except (SafetensorError, OSError) as error:
        raise BadCheckpoint(f"{path.name}: {error}") from error
    for module, prefix, _ in parts:
        own = {name: tensors[prefix + name] for name in module.state_dict()}
        module.load_state_dict(own, assign=True)
        module.requires_grad_(False).eval()


def _check_all_there(names: Sequence[str], present: set[str], path: Path) -> None:
    missing = [name for name in names if name not in present]
    if missing:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise BadCheckpoint(f"{path.name}: tensors are missing: {', '.join(missing[:3])}{more}")


def _fitting(tensor: Tensor, like: Tensor, name: str, path: Path) -> Tensor:
    # The VAE's attention is 1×1 convolutions in the original files, and linear in some that were saved again.
    if [size for size in tensor.shape if size != 1] == [size for size in like.shape if size != 1]:
        tensor = tensor.reshape(like.shape)
    if tensor.shape != like.shape or not tensor.is_floating_point() or tensor.numel() == 0:
        expected, got = list(like.shape), f"{tensor.dtype} {list(tensor.shape)}".removeprefix("torch.")
        raise BadCheckpoint(f"{path.name}: tensor {name!r}: expected float {expected}, got {got}")
    return tensor


def save_checkpoint(path: Path, model: Model, clip: TextEncoder, vae: Vae, dtype: torch.dtype) -> None:
    """Write a checkpoint in the SD1 layout: whole or not at all."""
    unet, text, autoencoder = model.unet.config, clip.tower.config, vae.autoencoder.config
    extras = Extras(
        unet_heads=unet.heads,
        unet_groups=unet.groups,
        vae_groups=autoencoder.groups,
        text_heads=text.heads,
        merges=clip.tokenizer.merges,
    )
    parts = {SD1.unet: model.unet, SD1.vae: vae.autoencoder, SD1.text: clip.tower}
    tensors = {
        prefix + name: tensor.detach().to("cpu", dtype).contiguous().clone()
        for prefix, module in parts.items()
        for name, tensor in module.state_dict().items()
    }
    write_safetensors(tensors, path, extras.to_metadata())
