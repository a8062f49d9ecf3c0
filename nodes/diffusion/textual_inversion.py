"""Textual inversion (Gal et al. 2022): vectors learnt for one thing, which stand in a prompt where words would.

Files come in many forms: one table of vectors under any name (`emb_params`, `*`, the word itself) for encoders of one
tower, and a table for each tower of SDXL (`clip_l` and `clip_g`, or `text_encoders_0` and `text_encoders_1`).
"""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import torch
from torch import Tensor
from torch.nn import functional

from .prompt import Chunk, mentioned
from .safetensors_file import BadCheckpoint, Weights, shortened
from .text_encoder import Embeddings
from .weights_file import open_weights

ENDINGS = ("", ".safetensors", ".pt", ".bin")  # of the file of an embedding, in the order in which they are looked for
TOWERS = {"clip_l", "clip_g", "text_encoders_0", "text_encoders_1"}
MOST_TABLES = 8
MOST_VECTORS = 1000
MOST_LISTED = 8


class UnknownEmbedding(LookupError):
    """A prompt names an embedding that there is no file of; the message says which there are."""


@dataclass(frozen=True, eq=False)
class Embedding:
    """The vectors of a file by their width: for each text tower of so many channels, [n, channels] in float32.

    `named` says whether the file names the towers that they are for, as those do that are made for SDXL.
    """

    name: str
    vectors: Mapping[int, Tensor]
    named: bool

    @property
    def places(self) -> int:
        """How many tokens it stands for."""
        return max(len(table) for table in self.vectors.values())

    def for_towers(self, widths: Sequence[int]) -> list[Tensor]:
        """Its vectors for each tower of an encoder, [places, channels]; BadCheckpoint if it is for another encoder.

        Where the file has none for a tower, zeros keep the places, so that the words after it fall on the same places
        in every tower.
        """
        if not self.vectors.keys() & set(widths) or (len(widths) > 1 and not self.named):
            own, given = (" and ".join(map(str, each)) for each in (sorted(self.vectors), widths))
            raise BadCheckpoint(f"{self.name}: it is for text encoders of {own} channels; this one has {given}")
        tables = [self.vectors.get(width, torch.zeros(0, width)) for width in widths]
        return [functional.pad(table, (0, 0, 0, self.places - len(table))) for table in tables]


def read_embedding(path: Path) -> Embedding:
    """The embedding in a file of any form; BadCheckpoint if it is none."""
    weights = open_weights(path)
    keys = list(weights.header.shapes)
    if len(keys) > MOST_TABLES:
        raise BadCheckpoint(f"{weights.name}: it has {len(keys)} tensors; an embedding has one for each text encoder")
    vectors: dict[int, Tensor] = {}
    for key in keys:
        table = _table(weights, key)
        if table.shape[1] in vectors:
            raise BadCheckpoint(f"{weights.name}: it has two embeddings of {table.shape[1]} channels, not one")
        vectors[table.shape[1]] = table
    if not vectors:
        raise BadCheckpoint(f"{weights.name}: it has no tensors")
    return Embedding(weights.name, vectors, named=set(keys) <= TOWERS)


def _table(weights: Weights, key: str) -> Tensor:
    shape = weights.header.shapes[key]
    if len(shape) not in (1, 2) or 0 in shape or (len(shape) == 2 and shape[0] > MOST_VECTORS):
        wanted = f"an embedding has 1 to {MOST_VECTORS} vectors"
        raise BadCheckpoint(f"{weights.name}: tensor {shortened(key)} is {list(shape)}; {wanted}")
    tensor = weights.tensor(key)
    if not tensor.is_floating_point() or not torch.isfinite(tensor.float()).all():
        raise BadCheckpoint(f"{weights.name}: tensor {shortened(key)} has elements that are no finite numbers")
    return torch.atleast_2d(tensor.float()).clone()  # or it would keep the whole file mapped


def find_embedding(name: str, files: Mapping[str, Path]) -> Path:
    """The file of an embedding, named with or without its ending; UnknownEmbedding if there is none."""
    plain = name.replace("\\", "/")
    for ending in ENDINGS:
        if plain + ending in files:
            return files[plain + ending]
    known = sorted({_without_ending(each) for each in files})
    near = difflib.get_close_matches(plain[:120], known)
    listed = ", ".join(map(repr, known[:MOST_LISTED])) + (", …" if len(known) > MOST_LISTED else "")
    advice = (
        f"did you mean {' or '.join(map(repr, near))}?" if near else f"there are {listed}" if known else "none is there"
    )
    raise UnknownEmbedding(f"there is no embedding {shortened(name)}: {advice}")


def _without_ending(name: str) -> str:
    path = PurePosixPath(name)
    return path.with_suffix("").as_posix() if path.suffix in ENDINGS else name


def vectors_for(texts: Sequence[str], files: Mapping[str, Path], widths: Sequence[int]) -> list[dict[str, Tensor]]:
    """The vectors of all embeddings that some prompts name, for each tower of an encoder: [n, channels] by name.

    `files` are the embeddings that there are, `widths` the channels of the towers. An embedding has as many vectors
    for one tower as for another. UnknownEmbedding, or BadCheckpoint, for the first that cannot be used.
    """
    names = [name for text in texts for name in mentioned(text)]
    read = {name: read_embedding(find_embedding(name, files)).for_towers(widths) for name in dict.fromkeys(names)}
    return [{name: tables[tower] for name, tables in read.items()} for tower in range(len(widths))]


def embedded(embeddings: Embeddings, parts: Sequence[Chunk]) -> Tensor:
    """What a text tower's layers read of some sequences: [sequences, length, channels].

    A token's embedding or, in its place, the vector that stands in for it; both with that of the position added.
    """
    positions = embeddings.position_embedding.weight
    x = embeddings(torch.tensor([part.ids for part in parts], device=positions.device))
    for row, part in enumerate(parts):
        if part.vectors:
            places = list(part.vectors)
            x[row, places] = torch.stack(list(part.vectors.values())).to(x) + positions[places]
    return x
