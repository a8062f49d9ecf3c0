"""CLIP's space, which pictures and texts share: similarities, the nearest picture, and the way up their gradient."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import torch

from nodegraph import Artifact, BadInput, File, Multiline, Profile, Progress, Range, SaveName, Steps, node

from .diffusion import shared_space
from .diffusion.clip_vision_file import load_image_encoder, save_image_encoder_steps
from .diffusion.figures import plot_lines
from .diffusion.heat_maps import heat_map
from .diffusion.image_encoder import ImageEncoder
from .diffusion.resize import fitted
from .diffusion.shared_space import Similarities, Unrelated
from .latent import decoder_of
from .loaders import placed
from .plots import Labels, labels
from .steps import refusing_bad_files, reported
from .types import Image, Latent, TextEncoder, Vae

Texts = Annotated[str, Multiline(), "one a line"]


@node("CLIPVisionLoader", category="loaders")
def load_clip_vision(clip_name: Annotated[Path, File("clip_vision")], *, profile: Profile) -> ImageEncoder:
    """Load the image tower of CLIP: a file in Hugging Face's layout, alone or with the rest of CLIP."""
    with refusing_bad_files():
        return load_image_encoder(clip_name, placed(profile))


@node("SaveCLIPVision", category="loaders", effect=True)
def save_clip_vision(
    clip_vision: ImageEncoder,
    filename_prefix: Annotated[Path, SaveName("output"), "the name without .safetensors"] = Path("clip_vision"),
) -> Steps[tuple[Artifact, ...]]:
    """Save the image tower of CLIP in Hugging Face's layout, in float16.

    A file of that name in the output folder is replaced, once the new one is whole.
    """
    path = filename_prefix.with_name(f"{filename_prefix.name}.safetensors")
    try:
        yield from reported(save_image_encoder_steps(path, clip_vision))
    except OSError as error:
        raise BadInput(f"{path} cannot be written: {error.strerror or error}") from error
    return (Artifact(path, "model", "application/octet-stream"),)


@node("CLIPSimilarity", category="clip")
def clip_similarity(clip: TextEncoder, clip_vision: ImageEncoder, images: Image, texts: Texts) -> Similarities:
    """How near each picture is to each text in CLIP's space: the cosine of the angle between their embeddings."""
    with _refusing_strangers():
        return shared_space.similarities(clip, clip_vision, images.pixels, _lines(texts))


@node("NearestImages", category="clip")
def nearest_images(similarities: Similarities, images: Image) -> Image:
    """For each text the picture that is nearest to it, in the order of the texts: retrieval."""
    _check_count(similarities, images)
    return Image(images.pixels[similarities.values.argmax(dim=0)])


@node("PlotSimilarities", category="clip")
def plot_similarities(similarities: Similarities, pictures: Labels = "", title: str = "") -> Image:
    """The similarities as a table: a row for each picture, a column for each text; without words rows are counted."""
    count = len(similarities.values)
    rows = labels(pictures) or [str(number) for number in range(1, count + 1)]
    if len(rows) != count:
        raise BadInput(f"there are {count} pictures, and words for {len(rows)}")
    return Image(
        heat_map(similarities.values, rows, [_without_article(text) for text in similarities.texts], title)[None]
    )


@node("PlotScores", category="clip")
def plot_scores(
    similarities: Similarities,
    groups: Annotated[Labels, "a number for each group of pictures: the x axis"],
    x: str = "",
) -> Image:
    """How near pictures are to their own text and to the others, on average.

    A group has one picture a text, in the order of the texts; the groups follow one another.
    """
    numbers, count = labels(groups), len(similarities.texts)
    try:
        across = [float(number) for number in numbers]
    except ValueError as error:
        raise BadInput(f"the groups have to be numbers, and are {groups!r}") from error
    if len(similarities.values) != len(across) * count or count < 2:
        raise BadInput(f"{len(across)} groups of {count} pictures are wanted, and there are {len(similarities.values)}")
    own, other = shared_space.own_and_other(similarities)
    lines = {"own text": (across, own), "other texts": (across, other)}
    return Image(plot_lines(lines, title="similarity", x=x)[None])


@node("ClimbSimilarity", category="clip")
def climb_similarity(
    latent: Latent,
    text: str,
    clip: TextEncoder,
    clip_vision: ImageEncoder,
    vae: Vae,
    steps: Annotated[int, Range(1, 1000)] = 12,
    size: Annotated[
        float, Range(0.001, 10, 0.001), "how far a step changes the numbers of a latent, on average"
    ] = 0.05,
) -> Steps[Latent]:
    """Change a latent step by step so that its picture comes nearer to a text: along the gradient of their similarity.

    The gradient goes back through the image tower and the VAE's decoder; no model of noise takes part. The first
    latent, then what it is after each step: of several, all of them at each step.
    """
    decoder, walk = decoder_of(vae, latent), [latent.samples]
    with _refusing_strangers():
        texts = shared_space.embedded_texts(clip, clip_vision, [text])
        for samples in shared_space.climbed(latent.samples, decoder, clip_vision, texts, steps, size):
            walk.append(samples)
            yield Progress(len(walk) - 1, steps)
    return Latent(torch.cat(walk), colors=latent.colors, scale=latent.scale)


@node("PlotClimb", category="clip")
def plot_climb(
    images: Image, similarities: Similarities, goal: Image, goal_similarities: Similarities, title: str = ""
) -> Image:
    """What a climb gains against what one sees: the similarity with a text over the change of the pixels.

    Both for the pictures on the way and for a real picture of that text, the `goal`; the change is the root mean square
    of the difference from the first picture.
    """
    _check_count(similarities, images)
    _check_count(goal_similarities, goal)
    changes = shared_space.changes(images.pixels, images.pixels[:1])
    goal_change = shared_space.changes(fitted(goal.pixels, images.pixels), images.pixels[:1])
    way = changes, similarities.values[:, 0].tolist()
    return Image(shared_space.plot_climb(way, (goal_change[0], float(goal_similarities.values[0, 0])), title)[None])


@contextmanager
def _refusing_strangers() -> Generator[None]:
    """Within it, two encoders that share no space are BadInput, and so is a damaged file."""
    try:
        with refusing_bad_files():
            yield
    except Unrelated as error:
        raise BadInput(str(error), hint="load an image encoder that was trained with this text encoder") from error


def _lines(texts: str) -> list[str]:
    lines = [line.strip() for line in texts.splitlines() if line.strip()]
    if not lines:
        raise BadInput("there is no text to compare the pictures with")
    return lines


def _check_count(similarities: Similarities, images: Image) -> None:
    if len(similarities.values) != len(images.pixels):
        raise BadInput(
            f"the similarities are of {len(similarities.values)} pictures, and here are {len(images.pixels)}"
        )


def _without_article(text: str) -> str:
    return text.removeprefix("a ").removeprefix("an ")
