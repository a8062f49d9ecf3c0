"""The text towers of CLIP (Radford et al. 2021) and OpenCLIP: token ids → one embedding a token.

Our own small module, since importing transformers costs seconds; names follow the keys of the published files
(`text_model.encoder.layers.0.self_attn.q_proj.weight`). Every width is read from keys and shapes.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from .attention import attend
from .naming import numbered

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class TextConfig:
    """The dimensions of a CLIP text tower."""

    vocabulary: int = 49408
    length: int = 77
    channels: int = 768
    layers: int = 12
    heads: int = 12
    width: int = 3072
    projection: int | None = None
    exact: bool = False

    @classmethod
    def from_shapes(
        cls, shapes: Shapes, *, heads: int | None = None, exact: bool = False, pooled: bool = False
    ) -> "TextConfig":
        """Read the dimensions from keys and shapes; heads are 64 channels wide, as CLIP's are, unless given.

        No key tells whether GELU is exact, as in OpenCLIP's towers, or CLIP's approximation. KeyError names what is
        missing; where the embedding of the whole text is wanted, `pooled`, that may be its projection.
        """
        vocabulary, channels = shapes["text_model.embeddings.token_embedding.weight"]
        return cls(
            vocabulary=vocabulary,
            length=shapes["text_model.embeddings.position_embedding.weight"][0],
            channels=channels,
            layers=numbered(shapes, "text_model.encoder.layers."),
            heads=heads or max(1, channels // 64),
            width=shapes["text_model.encoder.layers.0.mlp.fc1.weight"][0],
            projection=shapes["text_projection.weight"][0] if pooled or "text_projection.weight" in shapes else None,
            exact=exact,
        )


class Embeddings(nn.Module):
    """Token and position embeddings, added."""

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(config.vocabulary, config.channels)
        self.position_embedding = nn.Embedding(config.length, config.channels)

    def forward(self, ids: Tensor) -> Tensor:
        return self.token_embedding(ids) + self.position_embedding.weight[: ids.shape[1]]


class SelfAttention(nn.Module):
    """Self-attention; where it is causal, as in a text tower, a word sees only the words before it."""

    def __init__(self, channels: int, heads: int, *, causal: bool) -> None:
        super().__init__()
        if channels % heads:
            raise ValueError(f"{channels} channels cannot be shared by {heads} attention heads")
        self.heads = heads
        self.causal = causal
        self.q_proj = nn.Linear(channels, channels)
        self.k_proj = nn.Linear(channels, channels)
        self.v_proj = nn.Linear(channels, channels)
        self.out_proj = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (
            layer(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for layer in (self.q_proj, self.k_proj, self.v_proj)
        )
        attended = attend(query, key, value, causal=self.causal)
        return self.out_proj(attended.transpose(1, 2).flatten(-2))


class FeedForward(nn.Module):
    """Two linear layers around GELU: `exact`, or the sigmoid approximation that CLIP was trained with."""

    def __init__(self, channels: int, width: int, *, exact: bool = False) -> None:
        super().__init__()
        self.exact = exact
        self.fc1 = nn.Linear(channels, width)
        self.fc2 = nn.Linear(width, channels)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.fc1(x)
        return self.fc2(functional.gelu(hidden) if self.exact else hidden * torch.sigmoid(1.702 * hidden))


class Layer(nn.Module):
    """A pre-normalized transformer layer."""

    def __init__(self, config: TextConfig, *, causal: bool = True) -> None:
        super().__init__()
        self.layer_norm1 = nn.LayerNorm(config.channels)
        self.self_attn = SelfAttention(config.channels, config.heads, causal=causal)
        self.layer_norm2 = nn.LayerNorm(config.channels)
        self.mlp = FeedForward(config.channels, config.width, exact=config.exact)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.self_attn(self.layer_norm1(x))
        return x + self.mlp(self.layer_norm2(x))


class Encoder(nn.Module):
    """The stack of layers."""

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))


class TextModel(nn.Module):
    """What lies below `text_model.` in the published files."""

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.embeddings = Embeddings(config)
        self.encoder = Encoder(config)
        self.final_layer_norm = nn.LayerNorm(config.channels)


class TextTower(nn.Module):
    """A text tower of CLIP or OpenCLIP; one with a projection can embed a whole text into the space of pictures."""

    UNITS = (Layer,)

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.config = config
        self.text_model = TextModel(config)
        if config.projection is not None:
            self.text_projection = nn.Linear(config.channels, config.projection, bias=False)

    def forward(self, ids: Tensor, skip: int = 0, *, normed: bool = True) -> Tensor:
        """Embed token ids [batch, length] → [batch, length, channels].

        The hidden state before the last `skip` layers is taken ("CLIP skip" 2 is skip 1 here), then normalized, unless
        `normed` is false.
        """
        x = self.hidden(self.text_model.embeddings(ids), skip)
        return self.text_model.final_layer_norm(x) if normed else x

    def hidden(self, x: Tensor, skip: int = 0) -> Tensor:
        """What comes out of the layers, without the last `skip`, for embedded tokens [batch, length, channels]."""
        layers = self.text_model.encoder.layers
        for layer in layers[: len(layers) - skip]:
            x = layer(x)
        return x

    def with_pooled(self, x: Tensor, ids: Tensor, end: int, skip: int, *, normed: bool) -> tuple[Tensor, Tensor | None]:
        """For embedded tokens x of these ids: the hidden state as `forward` gives it, and the embedding of the text.

        The second is the projection of the last layer's output at the first end token, [batch, projection]; None where
        there is no projection.
        """
        layers, norm = self.text_model.encoder.layers, self.text_model.final_layer_norm
        before = self.hidden(x, skip)
        state = norm(before) if normed else before
        if self.config.projection is None:
            return state, None
        last = before
        for layer in layers[len(layers) - skip :]:
            last = layer(last)
        return state, self.text_projection(pooled(norm(last), ids, end))


def pooled(embeddings: Tensor, ids: Tensor, end: int) -> Tensor:
    """The embedding at the first end token of each row: [batch, length, channels] → [batch, channels]."""
    first_end = (ids == end).int().argmax(dim=1)
    return embeddings[torch.arange(len(ids)), first_end]


def normalized(x: Tensor) -> Tensor:
    """Scaled to unit length along the last dimension."""
    return functional.normalize(x, dim=-1)
