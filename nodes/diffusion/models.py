"""The three parts of a checkpoint as values that nodes pass on: model, text encoder, VAE."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from types import MappingProxyType

import torch
from torch import Tensor

from .conditioning import Conditioning, sizes_embedded
from .controlnet import Control, added
from .looks import Look, network_facts
from .network import Network
from .parameterization import Parameterization
from .preview import FACTOR, LatentColors
from .progress import Done, Work, finish
from .prompt import Chunk, chunks, weighted
from .resize import resize
from .taesd import TinyAutoencoder
from .text_encoder import TextTower
from .textual_inversion import embedded, vectors_for
from .tiling import Units, in_portions, tiled
from .tokenizer import Tokenizer
from .unet import UNet
from .vae import Autoencoder, Layer

LATENT_CHANNELS = 4


@dataclass(frozen=True, eq=False)
class Model:
    """A U-Net, with what its output means.

    `scale` is the factor from its VAE's latents to its own; `vae` its VAE, where that is known, which is asked for the
    colours of its latents.
    """

    unet: Network[UNet]
    parameterization: Parameterization
    scale: float = 0.18215
    vae: "Vae | None" = None

    @torch.no_grad()
    def predict(
        self, x: Tensor, t: Tensor, context: Tensor, controls: Sequence[Control] = (), **extra: Tensor
    ) -> Tensor:
        """The raw output for a batch, as float32 on x's device; see `DiffusionModel.predict`."""
        place = self.unet.placement
        inputs = {name: tensor.to(place.device, place.dtype) for name, tensor in extra.items()}
        beside = inputs.pop("concat", None)
        latent = x.to(place.device, place.dtype)
        t, context = t.to(place.device), context.to(place.device, place.dtype)
        control = added(controls, latent, t, context, inputs.get("y"))
        latent = latent if beside is None else torch.cat([latent, beside], dim=1)
        output = self.unet.resident()(latent, t, context, control=control, **inputs)
        return output.to(x)

    def inputs(self, conditioning: Conditioning, x: Tensor) -> dict[str, Tensor]:
        """What the network reads beside the latent x and the text: `y`, SDXL's sizes, and `concat`, further channels.

        An inpainting model that is given no picture paints all of it: a mask of ones, and nothing to keep.
        """
        config, found = self.unet.config, dict(conditioning.extra)
        if config.label_channels is not None and conditioning.pooled is not None:
            height, width = x.shape[-2] * FACTOR, x.shape[-1] * FACTOR
            found["y"] = sizes_embedded(conditioning, config.label_channels, height, width)
        more = config.in_channels - x.shape[1]
        if more > 0 and "concat" not in found:
            found["concat"] = torch.zeros(1, more, *x.shape[-2:])
            found["concat"][:, : more - LATENT_CHANNELS] = 1
        if "concat" in found:
            beside = found["concat"][:, :more]
            found["concat"] = resize(beside, x.shape[-1], x.shape[-2], "bilinear") if _other_size(beside, x) else beside
        return found if more > 0 else {name: tensor for name, tensor in found.items() if name != "concat"}

    @property
    def preview(self) -> LatentColors | None:
        """Which colours its latents have; None where nobody knows."""
        fits = self.vae is not None and self.vae.latent_channels == self.unet.config.out_channels
        return self.vae.preview if self.vae is not None and fits else None

    @property
    def nbytes(self) -> int:
        """The size of the weights, for caches."""
        return self.unet.nbytes

    def peek(self) -> Look:
        """What the network is, what its output means, and the noise levels that it knows."""
        levels = self.parameterization
        config = self.unet.config
        return Look(
            (
                *network_facts(self.unet.module, self.unet.placement),
                ("predicts", {"eps": "the noise", "v": "the velocity", "x0": "the original"}[levels.prediction]),
                ("noise levels", f"{levels.sigma_min:.4g} … {levels.sigma_max:.4g}"),
                ("channels", f"{config.in_channels} in, {config.out_channels} out, {config.context_channels} of text"),
            )
        )


def _other_size(tensor: Tensor, x: Tensor) -> bool:
    return tensor.shape[-2:] != x.shape[-2:]


@dataclass(frozen=True, eq=False)
class Tower:
    """One text tower of an encoder, with its tokenizer.

    `skip` layers are left out at the end, and the final normalization follows where it is `normed`.
    """

    network: Network[TextTower]
    tokenizer: Tokenizer
    skip: int = 0
    normed: bool = True

    @torch.no_grad()
    def embed(self, parts: Sequence[Chunk]) -> tuple[Tensor, Tensor | None]:
        """The embeddings of some sequences, [sequences, length, channels] with their weights, and of the first's text.

        The second is [1, channels], or None where the tower has no projection. Both are float32 on the CPU.
        """
        tower, device = self.network.resident(), self.network.placement.device
        ids = torch.tensor([list(part.ids) for part in parts], device=device)
        tokens = embedded(tower.text_model.embeddings, parts)
        state, text = tower.with_pooled(tokens, ids, self.tokenizer.end, self.skip, normed=self.normed)
        embeddings = state.float().cpu()
        weights = torch.tensor([part.weights for part in parts])
        if (weights != 1).any():
            empty = torch.tensor([self.tokenizer.encode("")], device=device)
            embeddings = weighted(embeddings, tower(empty, self.skip, normed=self.normed).float().cpu(), weights)
        return embeddings, None if text is None else text[:1].float().cpu()


@dataclass(frozen=True, eq=False)
class TextEncoder:
    """One text tower or, in SDXL, two that read the same text, whose embeddings are put side by side."""

    towers: tuple[Tower, ...]

    def skipping(self, layers: int) -> "TextEncoder":
        """The same encoder, each tower stopping so many layers before the last ("CLIP skip" 2 is 1 here)."""
        return TextEncoder(
            tuple(replace(tower, skip=min(layers, tower.network.config.layers - 1)) for tower in self.towers)
        )

    def encode(self, *prompts: str, embeddings: Mapping[str, Path] = MappingProxyType({})) -> Conditioning:
        """Embed a prompt with its weights, or one for each tower. `embeddings` are the files that it may name.

        The context is [1, n · length, channels] for the n sequences of the longest, on the CPU; the others are filled
        up with empty ones. The embedding of the whole text is that of the last tower's first sequence.
        """
        vectors = vectors_for(prompts, embeddings, [tower.network.config.channels for tower in self.towers])
        read = zip(self._read_by(prompts), vectors, strict=True)
        parts = [chunks(tower.tokenizer, text, known) for (tower, text), known in read]
        longest = max(map(len, parts))
        found = [
            tower.embed([*own, *chunks(tower.tokenizer, "") * (longest - len(own))])
            for tower, own in zip(self.towers, parts, strict=True)
        ]
        shortest = min(states.shape[1] for states, _ in found)
        context = torch.cat([states[:, :shortest] for states, _ in found], dim=2)
        return Conditioning(context.reshape(1, -1, context.shape[-1]), found[-1][1])

    def _read_by(self, prompts: Sequence[str]) -> list[tuple[Tower, str]]:
        return [(tower, prompts[min(index, len(prompts) - 1)]) for index, tower in enumerate(self.towers)]

    @property
    def nbytes(self) -> int:
        """The size of the weights, for caches."""
        return sum(tower.network.nbytes for tower in self.towers)

    def peek(self) -> Look:
        """What the networks are, and how much text they read at once."""
        facts: tuple[tuple[str, str], ...] = ()
        for tower in self.towers:
            config = tower.network.config
            used = f"{config.layers - tower.skip} of {config.layers}" if tower.skip else f"{config.layers}"
            size = ("layers", used), ("reads at once", f"{config.length} tokens"), ("channels", f"{config.channels}")
            facts += network_facts(tower.network.module, tower.network.placement) + size
        return Look(facts)


@dataclass(frozen=True, eq=False)
class Vae:
    """An autoencoder; latents are given in the U-Net's scale, of deviation about 1.

    `scale` is the factor from its own latents to those; None for a tiny one, which has no scale of its own.
    """

    autoencoder: Network[Autoencoder] | Network[TinyAutoencoder]
    scale: float | None

    @cached_property
    def preview(self) -> LatentColors | None:
        """Which colours its latents have: measured when somebody asks. None where they cannot be."""
        return LatentColors.measured(self.encode) if self.factor == FACTOR and self.missing != "encoder" else None

    @property
    def factor(self) -> int:
        """How many pixels one latent pixel covers, each way."""
        return self.autoencoder.config.factor

    @property
    def latent_channels(self) -> int:
        """The channels of its latents."""
        return self.autoencoder.config.latent_channels

    @property
    def missing(self) -> str | None:
        """The half that its file does not have, if so: "encoder" or "decoder"."""
        module = self.autoencoder.module
        return "encoder" if not module.encoding else "decoder" if not module.decoding else None

    def encode(self, pictures: Tensor) -> Tensor:
        """The mean latents of pictures in 0…1: [batch, 3, 8h, 8w] → [batch, 4, h, w]; odd edges are cropped evenly."""
        return finish(self.encode_steps(pictures))

    def encode_steps(self, pictures: Tensor) -> Work[Tensor]:
        """The same, layer by layer, and no more of it at once than fits into memory (see `Placement.portion`)."""
        network = yield from self.autoencoder.resident_steps()
        return (yield from self._in_portions(partial(self._encoded, network), self._cropped(pictures), self._encoding))

    def encode_tiled_steps(self, pictures: Tensor, side: int, overlap: int) -> Work[Tensor]:
        """The same in tiles of so many latent pixels a side, blended where they overlap by so many."""
        network = yield from self.autoencoder.resident_steps()
        work = partial(self._in_portions, partial(self._encoded, network), units=self._encoding)
        return (yield from tiled(work, self._cropped(pictures), side, overlap, self._encoding))

    def decode(self, latents: Tensor) -> Tensor:
        """Pictures in 0…1 of latents: [batch, 4, h, w] → [batch, 3, 8h, 8w]."""
        return finish(self.decode_steps(latents))

    def decode_steps(self, latents: Tensor) -> Work[Tensor]:
        """The same, layer by layer, and no more of it at once than fits into memory (see `Placement.portion`)."""
        network = yield from self.autoencoder.resident_steps()
        return (yield from self._in_portions(partial(self._decoded, network), latents, self._decoding))

    def decode_tiled_steps(self, latents: Tensor, side: int, overlap: int) -> Work[Tensor]:
        """The same in tiles of so many latent pixels a side, blended where they overlap by so many."""
        network = yield from self.autoencoder.resident_steps()
        work = partial(self._in_portions, partial(self._decoded, network), units=self._decoding)
        return (yield from tiled(work, latents, side, overlap, self._decoding))

    @property
    def _encoding(self) -> Units:
        return Units(self.factor, 1)

    @property
    def _decoding(self) -> Units:
        return Units(1, self.factor)

    def _cropped(self, pictures: Tensor) -> Tensor:
        height, width = (side // self.factor * self.factor for side in pictures.shape[-2:])
        top, left = (pictures.shape[-2] - height) // 2, (pictures.shape[-1] - width) // 2
        return pictures[..., top : top + height, left : left + width]

    def _in_portions(self, work: Callable[[Tensor], Work[Tensor]], x: Tensor, units: Units) -> Work[Tensor]:
        rows, columns = (length // units.before for length in x.shape[-2:])
        place, held = self.autoencoder.placement, self.autoencoder.config.held
        return in_portions(work, x, place.portion(len(x), rows, columns, held), units)

    def _encoded(self, network: Autoencoder | TinyAutoencoder, pictures: Tensor) -> Work[Tensor]:
        place, black = self.autoencoder.placement, self.autoencoder.config.black
        inputs = (pictures * (1 - black) + black).to(place.device, place.dtype)
        moments = yield from _layer_by_layer(network.encoding, inputs)
        mean = moments[:, : self.latent_channels].to(pictures)
        return mean if self.scale is None else mean * self.scale

    def _decoded(self, network: Autoencoder | TinyAutoencoder, latents: Tensor) -> Work[Tensor]:
        place, black = self.autoencoder.placement, self.autoencoder.config.black
        own = latents if self.scale is None else latents / self.scale
        decoded = yield from _layer_by_layer(network.decoding, own.to(place.device, place.dtype))
        return ((decoded.to(latents) - black) / (1 - black)).clamp(0, 1)

    def scaled(self, scale: float | None) -> "Vae":
        """The same autoencoder for latents of another scale, where that is known and it has one of its own."""
        return self if scale is None or self.scale is None else replace(self, scale=scale)

    @property
    def nbytes(self) -> int:
        """The size of the weights, for caches."""
        return self.autoencoder.nbytes

    def peek(self) -> Look:
        """What the network is, and the size of its latents."""
        size = f"{self.latent_channels} channels, a pixel for {self.factor} × {self.factor}"
        scale = ("latents", size), ("scale", "the model's" if self.scale is None else f"{self.scale:.5g}")
        return Look(network_facts(self.autoencoder.module, self.autoencoder.placement) + scale)


def _layer_by_layer(layers: Sequence[Layer], x: Tensor) -> Work[Tensor]:
    for done, layer in enumerate(layers, 1):
        with torch.no_grad():  # within, and never across, a yield: it would hold for whoever drives the generator
            x = layer(x)
        yield Done(done, len(layers))
    return x
