"""Prompts, and how they count: several at once, each in its place and for a part of the way."""

from dataclasses import replace
from typing import Annotated, Literal

import torch
from torch import Tensor
from torch.nn import functional

from nodegraph import BadInput, Multiline, Range, node

from .diffusion.textual_inversion import UnknownEmbedding
from .steps import refusing_bad_files
from .types import Conditioning, Embeddings, Mask, Prompt, TextEncoder

Strength = Annotated[float, Range(0, 10, 0.01)]
Share = Annotated[float, Range(0, 1, 0.001), "0 is pure noise, 1 the picture"]
NO_EMBEDDINGS = Embeddings()


@node("CLIPTextEncode", category="conditioning", title="Prompt")
def encode(
    text: Annotated[str, Multiline(), "(word:1.3) weighs a word more, [word] less; \\( is a plain bracket"],
    clip: TextEncoder,
    *,
    embeddings: Embeddings = NO_EMBEDDINGS,
) -> Conditioning:
    """Embed a prompt: what the picture shall show, or as the negative prompt, shall not.

    A prompt longer than one sequence of the encoder is cut into several, whose embeddings are put one after the other.
    `embedding:name` stands for a textual inversion of the folder `embeddings`; `(embedding:name:1.2)` weighs it more.
    """
    return encoded(clip, text, embeddings=embeddings)


@node("CLIPTextEncodeEach", category="conditioning", title="Prompts, one a picture")
def encode_each(
    texts: Annotated[str, Multiline(), "one prompt a line; an empty line is an empty prompt"],
    clip: TextEncoder,
    *,
    embeddings: Embeddings = NO_EMBEDDINGS,
) -> Conditioning:
    """Embed several prompts, one for each picture of a batch, in order: make a latent for each of them."""
    lines = texts.split("\n")
    each = [encoded(clip, line, embeddings=embeddings).prompts[0] for line in lines]
    lengths = [prompt.context.shape[1] for prompt in each]
    if len(set(lengths)) > 1:
        raise BadInput(f"the prompt {lines[lengths.index(max(lengths))]!r} takes more sequences than others do")
    pooled = [prompt.pooled for prompt in each if prompt.pooled is not None]
    context = torch.cat([prompt.context for prompt in each])
    return Conditioning((replace(each[0], context=context, pooled=torch.cat(pooled) if pooled else None),))


@node("CLIPSetLastLayer", category="conditioning", title="CLIP skip")
def set_last_layer(
    clip: TextEncoder,
    stop_at_clip_layer: Annotated[int, Range(-24, -1), "-1 is the last layer, -2 the one before"] = -1,
) -> TextEncoder:
    """Take the text encoder's output some layers before the last."""
    return clip.skipping(-1 - stop_at_clip_layer)


@node("ConditioningCombine", category="conditioning")
def combine(conditioning_1: Conditioning, conditioning_2: Conditioning) -> Conditioning:
    """Follow several prompts at once: the model predicts under each of them, and the predictions are averaged."""
    return Conditioning(conditioning_1.prompts + conditioning_2.prompts)


@node("ConditioningConcat", category="conditioning")
def concatenate(conditioning_to: Conditioning, conditioning_from: Conditioning) -> Conditioning:
    """Put the tokens of one prompt after those of another: as one longer prompt, each part embedded by itself."""
    added = _first(conditioning_from, conditioning_to).context
    return Conditioning(
        tuple(replace(prompt, context=torch.cat([prompt.context, added], dim=1)) for prompt in conditioning_to.prompts)
    )


@node("ConditioningAverage", category="conditioning")
def average(
    conditioning_to: Conditioning,
    conditioning_from: Conditioning,
    conditioning_to_strength: Annotated[float, Range(0, 1, 0.01), "1 is the first prompt alone, 0 the second"] = 1.0,
) -> Conditioning:
    """Mix the embeddings of two prompts: a point between them, token by token."""
    other, share = _first(conditioning_from, conditioning_to), conditioning_to_strength
    return Conditioning(tuple(_between(other, prompt, share) for prompt in conditioning_to.prompts))


@node("ConditioningWalk", category="conditioning")
def walk(
    conditioning_from: Conditioning,
    conditioning_to: Conditioning,
    count: Annotated[int, Range(2, 64), "how many mixtures, the two prompts included"] = 8,
) -> Conditioning:
    """Go from one prompt to another in even steps, one for each picture of a batch: make a latent for each of them.

    Each step is what ConditioningAverage makes of the two, so the first picture follows the first prompt alone.
    """
    start, end = _first(conditioning_from, conditioning_to), conditioning_to.prompts[0]
    if len(start.context) > 1 or len(end.context) > 1:
        raise BadInput("a walk goes from a single prompt to a single prompt, and not between batches of them")
    mixed = [_between(start, end, share) for share in torch.linspace(0, 1, count).tolist()]
    pooled = [prompt.pooled for prompt in mixed if prompt.pooled is not None]
    context = torch.cat([prompt.context for prompt in mixed])
    return Conditioning((replace(end, context=context, pooled=torch.cat(pooled) if pooled else None),))


@node("ConditioningSetMask", category="conditioning")
def set_mask(
    conditioning: Conditioning,
    mask: Mask,
    strength: Annotated[float, Range(0, 10, 0.01), "how much it counts beside other prompts"] = 1.0,
    set_cond_area: Literal["default"] = "default",
) -> Conditioning:
    """Follow a prompt only where the mask is; combine it with a prompt for the rest."""
    return conditioning.each(mask=mask.values[:, None] * strength)


@node("ConditioningSetTimestepRange", category="conditioning")
def set_timestep_range(conditioning: Conditioning, start: Share = 0.0, end: Share = 1.0) -> Conditioning:
    """Follow a prompt only for a part of the way from noise to the picture; combine it with one for the rest."""
    return conditioning.each(start=start, end=end)


@node("ConditioningZeroOut", category="conditioning")
def zero_out(conditioning: Conditioning) -> Conditioning:
    """A prompt of zeros, which says less than an empty one."""
    return Conditioning(
        tuple(
            replace(prompt, context=torch.zeros_like(prompt.context), pooled=_zeros(prompt.pooled))
            for prompt in conditioning.prompts
        )
    )


def encoded(clip: TextEncoder, *texts: str, embeddings: Embeddings) -> Conditioning:
    """A prompt, or one for each tower of an encoder, embedded; BadInput where a textual inversion cannot be used."""
    try:
        with refusing_bad_files():
            return Conditioning((clip.encode(*texts, embeddings=embeddings.files),))
    except UnknownEmbedding as error:
        raise BadInput(str(error)) from error


def _zeros(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else torch.zeros_like(tensor)


def _first(conditioning: Conditioning, to: Conditioning) -> Prompt:
    """The first prompt of a conditioning, to be joined with those of another; BadInput if they do not fit together."""
    first = conditioning.prompts[0]
    width, other = first.context.shape[2], to.prompts[0].context.shape[2]
    if width != other:
        raise BadInput(f"the prompts come from different text encoders: of {other} and of {width} channels")
    return first


def _between(start: Prompt, end: Prompt, share: float) -> Prompt:
    length = end.context.shape[1]
    context = functional.pad(start.context[:, :length], (0, 0, 0, max(0, length - start.context.shape[1])))
    mixed = end.context * share + context * (1 - share)
    if end.pooled is None or start.pooled is None:
        return replace(end, context=mixed)
    return replace(end, context=mixed, pooled=end.pooled * share + start.pooled * (1 - share))
