"""Small trainings, for the lessons: a handful of pictures, learnt in memory in a minute, and judged."""

from typing import Annotated, Literal, NamedTuple

import torch
from torch import Tensor

from nodegraph import BadInput, Multiline, Output, Profile, Range, Seed, Steps, node

from .diffusion.models import Model
from .diffusion.network import Network
from .diffusion.training import gan as adversarial
from .diffusion.training.denoising import new_unet
from .diffusion.training.gan import Gan
from .diffusion.training.loop import built
from .diffusion.training.sample_judge import SampleJudge, train_judge
from .diffusion.training.samples import NAMES, PACKS, sample_pictures
from .diffusion.training.scores import Score, plot_counts, plot_duel, scored, table
from .diffusion.training.small import Cost, SmallDenoising, small_unet, train_denoiser
from .loaders import placed
from .plots import labels
from .steps import reported
from .training import Losses, Rate, TrainingSteps
from .types import Image, Latent, TextEncoder

Captions = Annotated[str, Multiline(), "one a line, for each picture"]
SmallBatch = Annotated[int, Range(2, 1024)]
Width = Annotated[int, Range(8, 1024, 8), "channels of a layer; the weights grow with its square"]
Title = Annotated[str, "what the table calls it"]
Judge = Annotated[SampleJudge, Output("judge")]


class Samples(NamedTuple):
    """Pictures, and what each shows."""

    images: Image
    captions: str


class SmallModel(NamedTuple):
    """A model that learnt some latents, its samples on the way, its losses, and what that took."""

    model: Model
    samples: Latent
    losses: Losses
    cost: Cost


class SmallGan(NamedTuple):
    """A generator that learnt some latents, its samples on the way, both losses, and what that took."""

    gan: Gan
    samples: Latent
    generator_losses: Losses
    discriminator_losses: Losses
    cost: Cost


class Verdict(NamedTuple):
    """How good some pictures are, and how many of them show each class."""

    score: Score
    plot: Image


@node("SamplePictures", category="training")
def sample_set(
    names: Annotated[str, Multiline(), f"some of: {', '.join(NAMES)}"] = ", ".join(NAMES),
    style: Literal["all", "noto", "flat", "fluent"] = "all",
) -> Samples:
    """Emoji that come with the package, on white: of each name one in the styles of Noto, Twemoji and Fluent each.

    [names · styles, 3, 64, 64], those of a name after each other.
    """
    chosen = labels(names)
    unknown = [name for name in chosen if name not in NAMES]
    if unknown or not chosen or len(set(chosen)) < len(chosen):
        reason = f"there is no {unknown[0]!r}" if unknown else "each has to be named once, and one at least"
        raise BadInput(reason, hint=f"there are {', '.join(NAMES)}")
    pictures = sample_pictures(tuple(chosen), tuple(PACKS) if style == "all" else (style,))
    captions = [name for name in chosen for _ in range(pictures.shape[1])]
    return Samples(Image(pictures.flatten(0, 1)), "\n".join(captions))


@node("TrainSmallUNet", category="training")
def train_small_unet(
    latents: Latent,
    clip: TextEncoder,
    captions: Annotated[Captions, "none, and it learns without words"] = "",
    dropped: Annotated[float, Range(0, 1, 0.01), "how many of the captions are left out, as guidance needs it"] = 0.0,
    steps: TrainingSteps = 400,
    rate: Rate = 2e-3,
    batch: SmallBatch = 32,
    width: Width = 32,
    seed: Annotated[int, Seed()] = 0,
    *,
    profile: Profile,
) -> Steps[SmallModel]:
    """Train a small U-Net to predict the noise in a few latents at random steps; the text encoder stays as it is.

    `samples` are six from the same noise after 0, 10, 25, 50 and 100 % of the steps.
    """
    clean, words = latents.samples.float().cpu(), _lines(captions, len(latents.samples))
    contexts = {word: clip.encode(word).context for word in {*words, ""}}
    long = next((word for word in words if contexts[word].shape != contexts[""].shape), None)
    if long is not None:
        raise BadInput(f"the caption {long!r} takes more than one sequence of the text encoder", hint="make it shorter")
    unet = built(lambda: new_unet(small_unet(clean.shape[1], width, contexts[""].shape[-1])), seed)
    each = torch.cat([contexts[word] for word in words])
    task = SmallDenoising(unet, clean, each, contexts[""], dropped, batch, seed)
    learnt = yield from reported(train_denoiser(task, steps, rate))
    model = Model(Network(learnt.unet, placed(profile)), task.parameterization, latents.scale or Model.scale)
    return SmallModel(
        model, _like(latents, learnt.samples), Losses(tuple(learnt.losses), "Squared error of the noise"), learnt.cost
    )


@node("TrainGAN", category="training")
def train_gan(
    latents: Latent,
    minibatch_deviation: Annotated[bool, "the discriminator sees how much a batch varies (Karras et al. 2018)"] = False,
    gradient_penalty: Annotated[float, Range(0, 100, 0.1), "γ of R₁, on real latents (Mescheder et al. 2018)"] = 0.0,
    memoryless: Annotated[bool, "Adam without momentum (Karras et al. 2018)"] = False,
    steps: TrainingSteps = 1000,
    rate: Rate = 1e-3,
    batch: SmallBatch = 64,
    width: Width = 256,
    seed: Annotated[int, Seed()] = 0,
) -> Steps[SmallGan]:
    """Train a generator to make latents that a discriminator, which learns along, takes for real ones.

    The GAN of Goodfellow et al. (2014), non-saturating, three hidden layers each; the tricks against collapse are off.
    `samples` are six from the same random numbers after 0, 10, 25, 50 and 100 % of the steps.
    """
    clean = latents.samples.float().cpu()
    tricks = adversarial.Tricks(minibatch_deviation, gradient_penalty, memoryless)
    duel = adversarial.Duel(clean, width, tricks, batch=batch, seed=seed)
    learnt = yield from reported(adversarial.train_gan(duel, steps, rate, seed))
    generator = Losses(tuple(learnt.generator_losses), "generator")
    discriminator = Losses(tuple(learnt.discriminator_losses), "discriminator")
    return SmallGan(learnt.gan, _like(latents, learnt.samples), generator, discriminator, learnt.cost)


@node("GANSample", category="training")
def gan_sample(gan: Gan, batch_size: Annotated[int, Range(1, 4096)] = 1, seed: Annotated[int, Seed()] = 0) -> Latent:
    """Make latents by a GAN: each in one go, from random numbers."""
    return Latent(gan.sample(batch_size, seed))


@node("PlotGANLosses", category="training")
def plot_gan_losses(generator_losses: Losses, discriminator_losses: Losses, title: str = "Both losses") -> Image:
    """The losses of a generator and of its discriminator, with the value at which neither wins: 2 · log 2 for it."""
    return Image(plot_duel(generator_losses.values, discriminator_losses.values, title)[None])


@node("TrainSampleJudge", category="training")
def train_sample_judge(
    images: Image,
    captions: Captions,
    steps: TrainingSteps = 150,
    seed: Annotated[int, Seed()] = 0,
) -> Judge:
    """Train a small classifier on a few pictures: each caption is a class, and blends of pictures are none of them."""
    return train_judge(images.pixels, _lines(captions, len(images.pixels)), steps, seed)


@node("JudgeSamples", category="training")
def judge_samples(
    judge: SampleJudge,
    images: Image,
    asked: Annotated[str, Multiline(), "what each picture was to show, one a line; none if nothing was asked"] = "",
    title: Title = "samples",
    cost: Cost | None = None,
) -> Verdict:
    """Let a judge name what pictures show: how many classes are covered, how far they are from the real pictures.

    A class is covered if it has a quarter of its fair share of the pictures. With `asked`, how many show just that.
    """
    words = _lines(asked, len(images.pixels)) if asked else []
    unknown = next((word for word in words if word not in judge.names), None)
    if unknown is not None:
        raise BadInput(f"the judge knows no {unknown!r}", hint=f"it knows {', '.join(judge.names)}")
    score = scored(judge, images.pixels, title, words, cost)
    return Verdict(score, Image(plot_counts(judge, images.pixels, score)[None]))


@node("ScoreTable", category="training")
def score_table(
    first: Score,
    second: Score | None = None,
    third: Score | None = None,
    fourth: Score | None = None,
    title: str = "",
) -> Image:
    """Scores side by side in a table, as a picture."""
    return Image(table([each for each in (first, second, third, fourth) if each is not None], title)[None])


def _lines(captions: str, count: int) -> list[str]:
    """One caption for each picture; empty ones where there are none at all."""
    words = captions.strip().split("\n") if captions.strip() else [""] * count
    if len(words) != count:
        raise BadInput(f"there are {len(words)} captions for {count} pictures", hint="write one a line for each")
    return [word.strip() for word in words]


def _like(latents: Latent, samples: Tensor) -> Latent:
    return Latent(samples, colors=latents.colors, scale=latents.scale)
