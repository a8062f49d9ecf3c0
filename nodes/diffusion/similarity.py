"""How near prompts are to each other as a text encoder reads them."""

from collections.abc import Sequence

import torch
from torch import Tensor

from .models import Tower
from .prompt import Chunk
from .text_encoder import normalized, pooled


def read_at_end(tower: Tower, sequences: Sequence[Chunk]) -> Tensor:
    """What a text tower knows when it has read each sequence to its end token: [sequences, channels].

    That is where CLIP takes the embedding of a whole text from (Radford et al. 2021), here before it is projected to
    the space of pictures: no word before it has seen all the others.
    """
    ids = torch.tensor([list(sequence.ids) for sequence in sequences])
    return pooled(tower.embed(sequences)[0], ids, tower.tokenizer.end)


def similarities(vectors: Tensor) -> Tensor:
    """The cosine of the angle between every two of some vectors [count, channels]: [count, count], -1…1."""
    unit = normalized(vectors)
    return unit @ unit.T


def similarities_by_place(first: Tensor, second: Tensor) -> Tensor:
    """The cosine of the angle between two texts' embeddings [tokens, channels] at each place: [fewer tokens]."""
    count = min(len(first), len(second))
    return (normalized(first[:count]) * normalized(second[:count])).sum(dim=-1)
