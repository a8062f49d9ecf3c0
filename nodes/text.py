"""Prompts."""

from typing import Annotated

from nodegraph import Multiline, Range, node

from .types import Conditioning, TextEncoder


@node("CLIPTextEncode", category="conditioning", title="Prompt")
def encode(text: Annotated[str, Multiline()], clip: TextEncoder) -> Conditioning:
    """Embed a prompt. `(word:1.3)` weighs a word, long prompts are cut into several sequences."""
    return clip.encode(text)


@node("CLIPSetLastLayer", category="conditioning", title="CLIP skip")
def set_last_layer(clip: TextEncoder, stop_at_clip_layer: Annotated[int, Range(-24, -1)] = -1) -> TextEncoder:
    """Take the text encoder's output some layers before the last (-1 is the last)."""
    return clip.skipping(-1 - stop_at_clip_layer)
