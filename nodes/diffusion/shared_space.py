"""How near pictures and texts are in CLIP's space, and the way up the gradient of that."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from .figures import plotted
from .image_encoder import ImageEncoder
from .looks import Look
from .models import TextEncoder, Vae
from .text_encoder import pooled

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Unrelated(ValueError):
    """A text encoder and an image encoder that share no space."""


@dataclass(frozen=True, eq=False)
class Similarities:
    """The cosine of every picture's embedding with every text's: values [pictures, texts] in −1…1, and the texts."""

    values: Tensor
    texts: tuple[str, ...]

    @property
    def nbytes(self) -> int:
        """Bytes of the values."""
        return self.values.nbytes

    def peek(self) -> Look:
        """The text nearest to each of the first pictures."""
        nearest = self.values[:8].max(dim=1)
        return Look(
            tuple(
                (f"picture {number}", f"{self.texts[index]}: {value:.2f}")
                for number, (value, index) in enumerate(zip(*map(Tensor.tolist, nearest), strict=True), 1)
            )
        )


@torch.no_grad()
def embedded_texts(clip: TextEncoder, vision: ImageEncoder, texts: Sequence[str]) -> Tensor:
    """Unit vectors of texts, [texts, projection]; what is too long for the encoder is cut off, and weights are words.

    Unrelated where the image encoder was not trained with a text encoder of that width.
    """
    tower = vision.network.resident()
    if tower.config.text_channels is None:
        raise Unrelated("the file of the image encoder has no projection of texts: 'text_projection.weight'")
    reader = next((each for each in clip.towers if each.network.config.channels == tower.config.text_channels), None)
    if reader is None:
        widths = " and ".join(str(each.network.config.channels) for each in clip.towers)
        raise Unrelated(f"the text encoder is {widths} wide, and the image encoder's {tower.config.text_channels}")
    place = vision.network.placement
    ids = torch.tensor([reader.tokenizer.encode(text) for text in texts], device=reader.network.placement.device)
    last = pooled(reader.network.resident()(ids), ids, reader.tokenizer.end)
    return tower.project_texts(last.to(place.device, place.dtype))


@torch.no_grad()
def similarities(clip: TextEncoder, vision: ImageEncoder, pictures: Tensor, texts: Sequence[str]) -> Similarities:
    """The cosines of pictures [batch, 3, h, w] in 0…1 and texts, on the CPU."""
    return Similarities((vision.embed(pictures) @ embedded_texts(clip, vision, texts).T).cpu(), tuple(texts))


def climbed(
    latents: Tensor, vae: Vae, vision: ImageEncoder, texts: Tensor, steps: int, size: float
) -> Generator[Tensor, None, None]:
    """Latents [batch, channels, h, w] after each of some steps up the gradient of the cosine with their text.

    The gradient goes through the decoder and the image tower and is scaled to a root mean square of 1 for each
    latent, so that a step changes its numbers by `size` on average. `texts` are unit vectors, [1 or batch, projection].
    """
    for _ in range(steps):
        gradient = _gradient(latents, vae, vision, texts)
        rms = gradient.square().mean(dim=(1, 2, 3), keepdim=True).sqrt()
        latents = latents + size * gradient / rms.clamp(min=1e-12)
        yield latents


def _gradient(latents: Tensor, vae: Vae, vision: ImageEncoder, texts: Tensor) -> Tensor:
    with torch.enable_grad():
        leaf = latents.detach().float().requires_grad_(True)
        cosines = (vision.embed(_decoded(vae, leaf)) * texts).sum()
        (gradient,) = torch.autograd.grad(cosines, leaf)
    return gradient.to(latents)


def _decoded(vae: Vae, latents: Tensor) -> Tensor:
    """Pictures about 0…1 as `Vae.decode` gives them, with gradients, and without the clamp that would stop these."""
    place, black = vae.autoencoder.placement, vae.autoencoder.config.black
    x = (latents if vae.scale is None else latents / vae.scale).to(place.device, place.dtype)
    for layer in vae.autoencoder.resident().decoding:
        x = layer(x)
    return (x.to(latents) - black) / (1 - black)


def own_and_other(found: Similarities) -> tuple[list[float], list[float]]:
    """Groups of pictures, one a text and in the order of the texts: the mean of each with its own, and with others."""
    count = len(found.texts)
    groups = found.values.unflatten(0, (-1, count))
    own = groups.diagonal(dim1=1, dim2=2).mean(dim=1)
    other = (groups.sum(dim=(1, 2)) - own * count) / (count * (count - 1))
    return own.tolist(), other.tolist()


def changes(pictures: Tensor, first: Tensor) -> list[float]:
    """The root mean square of the difference of each picture from one: 0…1."""
    return (pictures - first).square().mean(dim=(1, 2, 3)).sqrt().tolist()


def plot_climb(way: tuple[list[float], list[float]], goal: tuple[float, float], title: str) -> Tensor:
    """Similarities over changes, as a line, and as a dot those of a real picture: [3, h, w] in 0…1."""

    def draw(axes: "Axes") -> None:
        axes.plot(*way, marker="o", markersize=9, label="climb")
        axes.plot([goal[0]], [goal[1]], linestyle="none", marker="*", markersize=28, label="real picture")
        axes.set(title=title, xlabel="change of the pixels", ylabel="similarity")
        axes.legend()

    return plotted(draw)
