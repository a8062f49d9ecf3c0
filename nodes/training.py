"""Training, from pictures to a checkpoint: each part learns in a node that goes on where it was stopped."""

import copy
from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, NamedTuple

from nodegraph import BadInput, File, Profile, Progress, Range, SaveName, Seed, Steps, node

from .diffusion.figures import plot_losses
from .diffusion.image_encoder import ImageEncoder
from .diffusion.looks import Look
from .diffusion.models import Model, TextEncoder, Tower, Vae
from .diffusion.network import Network
from .diffusion.parameterization import Parameterization
from .diffusion.training import autoencoder, contrastive, denoising
from .diffusion.training.loop import OtherRecipe, Recipe, Task, built, finished, fit
from .diffusion.training.pictures import PictureSet, draw_scenes
from .diffusion.training.render import BadPack, render_sprites
from .diffusion.training.vocabulary import caption_tokenizer
from .diffusion.unet import UNet
from .loaders import placed
from .types import Image

IconPack = Annotated[Path, File("data")]
State = Annotated[Path, SaveName("output"), "where the state is kept; a training that was stopped goes on from there"]
TrainingSteps = Annotated[int, Range(1, 1_000_000)]
Rate = Annotated[float, Range(0, 1), "the peak of the learning rate"]
Batch = Annotated[int, Range(1, 4096)]


@dataclass(frozen=True)
class Losses:
    """The loss of every step of a training, in order."""

    values: tuple[float, ...]
    title: str

    def peek(self) -> Look:
        """What was trained, how long, and the losses as a curve."""
        span = (("first … last", f"{self.values[0]:.4g} … {self.values[-1]:.4g}"),) if self.values else ()
        return Look((("training", self.title), ("steps", f"{len(self.values)}"), *span), curve=self.values)


class TrainedVae(NamedTuple):
    """An autoencoder, and the losses of its decoder and of its encoder."""

    vae: Vae
    decoder_losses: Losses
    encoder_losses: Losses


class TrainedClip(NamedTuple):
    """A text encoder whose embeddings lie near those of the pictures, and the losses."""

    clip: TextEncoder
    losses: Losses


class TrainedClipVision(NamedTuple):
    """An image encoder whose embeddings lie near those of a text encoder, and the losses."""

    clip_vision: ImageEncoder
    losses: Losses


class TrainedUNet(NamedTuple):
    """A model, the text encoder that learnt along with it, and the losses."""

    model: Model
    clip: TextEncoder
    losses: Losses


@node("PictureSet", category="training")
def picture_set(noto: IconPack, twemoji: IconPack, fluent: IconPack) -> PictureSet:
    """Emoji of three icon packs (Iconify JSON) to compose captioned scenes of: 256 concepts in 3 styles, 5 shapes."""
    try:
        return PictureSet(*render_sprites({"noto": noto, "flat": twemoji, "fluent": fluent}))
    except (BadPack, ImportError) as error:
        raise BadInput(str(error), hint="make data, pip install 'nodegraph[train]'") from error


@node("DrawScenes", category="training")
def draw(pictures: PictureSet, count: Annotated[int, Range(1, 1000)] = 64, seed: Annotated[int, Seed()] = 0) -> Image:
    """Random scenes of a picture set, as training sees them."""
    return Image((pictures.compose(draw_scenes(count, seed)) + 1) / 2)


def trained(task: Task, recipe: Recipe, state: Path, title: str, begin: int = 0, end: int = 0) -> Steps[Losses]:
    """Train a task; the node it belongs to is at step `begin` of `end or recipe.steps` before it."""
    training = fit(task, recipe, state.with_name(f"{state.name}.state.safetensors"))
    try:
        losses = yield from _progress(training, begin, end or recipe.steps)
    except OtherRecipe as error:
        raise BadInput(str(error), hint="delete that file, or give another name as `state`") from error
    return Losses(tuple(losses), title)


def _progress(training: Generator[int, None, list[float]], begin: int, end: int) -> Steps[list[float]]:
    """The steps of a training as progress; closing this closes the training, which then saves its state."""
    try:
        while True:
            yield Progress(begin + next(training), end)
    except StopIteration as finish:
        return finish.value
    finally:
        training.close()


@node("TrainVAE", category="training")
def train_vae(
    pictures: PictureSet,
    steps: TrainingSteps = 8000,
    encoder_steps: TrainingSteps = 1500,
    rate: Rate = 2e-3,
    batch: Batch = 16,
    state: State = Path("training/vae"),
    *,
    profile: Profile,
) -> Steps[TrainedVae]:
    """Train a decoder to restore what linear latents lose, then an encoder that gives the same latents."""
    model = built(lambda: autoencoder.new_autoencoder(autoencoder.EMBEDDED))
    latents = autoencoder.BlockPrincipalComponents.of(pictures)
    decoder = autoencoder.DecoderTask(model, latents, pictures, batch)
    ends = ("decoder.conv_in", "decoder.conv_out", "encoder.conv_in", "encoder.conv_out")
    total, name = steps + encoder_steps, state.name
    recipe = Recipe(steps, rate, average=0.999, adam_only=ends)
    decoding = yield from trained(decoder, recipe, state.with_name(f"{name}-decoder"), "VAE decoder", 0, total)
    quality = autoencoder.decoder_psnr(model, latents, pictures)
    decoding = replace(decoding, title=f"VAE decoder: {quality:.1f} dB on combinations never trained")
    encoder = autoencoder.EncoderTask(model, latents, pictures, batch)
    recipe = Recipe(encoder_steps, rate, average=0.995, adam_only=ends)
    encoding = yield from trained(encoder, recipe, state.with_name(f"{name}-encoder"), "VAE encoder", steps, total)
    vae = Vae(Network(finished(model), placed(profile).exact()), autoencoder.SCALE)
    return TrainedVae(vae, decoding, encoding)


@node("TrainCLIP", category="training")
def train_clip(
    pictures: PictureSet,
    steps: TrainingSteps = 1000,
    rate: Rate = 1.5e-3,
    batch: Batch = 128,
    state: State = Path("training/clip"),
    *,
    profile: Profile,
) -> Steps[TrainedClip]:
    """Train a text tower and an image tower until captions and pictures find each other (CLIP)."""
    tokenizer = caption_tokenizer()
    towers = built(lambda: contrastive.new_towers(tokenizer))
    task = contrastive.ContrastiveTask(towers, towers, tokenizer, pictures, batch)
    losses = yield from trained(task, Recipe(steps, rate, average=0.995), state, "CLIP")
    found = contrastive.retrieval(towers, tokenizer, pictures)
    losses = replace(losses, title=f"CLIP: {found:.0%} of 100 captions never trained found by their picture")
    tower = Tower(Network(finished(towers.text), placed(profile).exact()), tokenizer)
    return TrainedClip(TextEncoder((tower,)), losses)


@node("TrainCLIPVision", category="training")
def train_clip_vision(
    pictures: PictureSet,
    clip: TextEncoder,
    steps: TrainingSteps = 800,
    rate: Rate = 1.5e-3,
    batch: Batch = 128,
    state: State = Path("training/clip_vision"),
    *,
    profile: Profile,
) -> Steps[TrainedClipVision]:
    """Train an image tower for a text encoder that stays as it is, until captions and pictures find each other.

    The text encoder of a checkpoint has learnt on with the U-Net, and left the image tower behind that it began with.
    """
    first = clip.towers[0]
    image = built(lambda: contrastive.new_image_tower(first.network.config.channels))
    towers = contrastive.Towers(first.network.resident(), image, first.tokenizer.end)
    task = contrastive.ContrastiveTask(towers, image, first.tokenizer, pictures, batch)
    losses = yield from trained(task, Recipe(steps, rate, average=0.995), state, "CLIP's image tower")
    found = contrastive.retrieval(towers, first.tokenizer, pictures)
    losses = replace(losses, title=f"CLIP: {found:.0%} of 100 captions never trained found by their picture")
    return TrainedClipVision(ImageEncoder(Network(finished(image), placed(profile).exact())), losses)


@node("TrainUNet", category="training")
def train_unet(
    pictures: PictureSet,
    clip: TextEncoder,
    steps: TrainingSteps = 5000,
    rate: Rate = 2e-3,
    batch: Batch = 256,
    state: State = Path("training/unet"),
    *,
    profile: Profile,
) -> Steps[TrainedUNet]:
    """Train a U-Net to predict the noise in a random picture at a random step; the text encoder learns along.

    A tenth of the captions is dropped, so that the model also knows pictures without text, as guidance needs it.
    """
    unet: UNet = built(lambda: denoising.new_unet(denoising.EMBEDDED))
    first, place = clip.towers[0], placed(profile)
    tower = copy.deepcopy(first.network.resident()).requires_grad_(True)
    latents = autoencoder.BlockPrincipalComponents.of(pictures)
    task = denoising.DenoisingTask(unet, tower, first.tokenizer, latents, pictures, batch=batch)
    recipe = Recipe(steps, rate, average=0.9995, adam_only=("unet.input_blocks.0.", "unet.output_blocks.", "unet.out."))
    losses = yield from trained(task, recipe, state, "U-Net")
    model = Model(Network(finished(unet), place), Parameterization.stable_diffusion())
    return TrainedUNet(model, TextEncoder((Tower(Network(finished(tower), place.exact()), first.tokenizer),)), losses)


@node("PlotLosses", category="training")
def plot(losses: Losses) -> Image:
    """A loss curve as a picture."""
    return Image(plot_losses(list(losses.values), losses.title)[None])
