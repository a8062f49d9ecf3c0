"""Looking into prompts: their tokens, and how near they are to each other as the text encoder reads them."""

from typing import Annotated

from nodegraph import BadInput, Multiline, node

from .diffusion.figures import plot_lines
from .diffusion.heat_maps import heat_map
from .diffusion.prompt import Chunk, chunks
from .diffusion.similarity import read_at_end, similarities, similarities_by_place
from .diffusion.textual_inversion import UnknownEmbedding, vectors_for
from .diffusion.token_table import token_cells, token_table
from .steps import refusing_bad_files
from .text import NO_EMBEDDINGS, encode_each
from .types import Embeddings, Image, TextEncoder

Texts = Annotated[str, Multiline(), "one prompt a line; an empty line is an empty prompt"]


@node("ShowTokens", category="plots")
def show_tokens(
    text: Annotated[str, Multiline()], clip: TextEncoder, *, embeddings: Embeddings = NO_EMBEDDINGS
) -> Image:
    """Cut a prompt into the tokens that the text encoder reads, each with its id, between a start and an end token.

    What is left of the sequence is padding. Words that are not in the vocabulary are cut into pieces (byte-pair
    encoding, Sennrich et al. 2016); a weight stands beside the id. Of SDXL's two towers it is the last.
    """
    cells = token_cells(clip.towers[-1].tokenizer, sequences_of(clip, text, embeddings))
    return Image(token_table(cells)[None])


@node("PromptSimilarity", category="plots")
def prompt_similarity(texts: Texts, clip: TextEncoder, *, embeddings: Embeddings = NO_EMBEDDINGS) -> Image:
    """How near every two prompts are to each other: the cosine of their embeddings at the end token, 1 for the same.

    At its end token the text encoder has read the whole prompt. A longer prompt is judged by its first sequence.
    """
    lines = texts.split("\n")
    first = [sequences_of(clip, line, embeddings)[0] for line in lines]
    values = similarities(read_at_end(clip.towers[-1], first))
    names = [line or "(empty)" for line in lines]
    return Image(heat_map(values, names, names, "Cosine similarity")[None])


@node("ComparePrompts", category="plots")
def compare_prompts(texts: Texts, clip: TextEncoder, *, embeddings: Embeddings = NO_EMBEDDINGS) -> Image:
    """Compare the first prompt with each of the others, token by token: the cosine of the embeddings at each place."""
    lines = texts.split("\n")
    if len(lines) < 2:
        raise BadInput("there is nothing to compare the prompt with", hint="write a second prompt below it")
    first, *others = encode_each(texts, clip, embeddings=embeddings).prompts[0].context
    curves = [similarities_by_place(first, other).tolist() for other in others]
    named = zip(lines[1:], curves, strict=True)
    plotted = {line.replace("$", r"\$") or "(empty)": (list(map(float, range(len(y)))), y) for line, y in named}
    return Image(plot_lines(plotted, title=lines[0].replace("$", r"\$"), x="token", y="cosine similarity")[None])


def sequences_of(clip: TextEncoder, text: str, embeddings: Embeddings = NO_EMBEDDINGS) -> list[Chunk]:
    """A prompt as the last tower's sequences; BadInput where a textual inversion cannot be used."""
    widths = [tower.network.config.channels for tower in clip.towers]
    try:
        with refusing_bad_files():
            vectors = vectors_for([text], embeddings.files, widths)[-1]
    except UnknownEmbedding as error:
        raise BadInput(str(error)) from error
    return chunks(clip.towers[-1].tokenizer, text, vectors)
