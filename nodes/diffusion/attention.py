"""Attention as latent diffusion's U-Net has it: self- and cross-attention with a gated feed-forward, over pixels.

Module names follow the keys of the CompVis checkpoints (`attn1.to_q.weight`, `ff.net.0.proj.weight`, …).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from . import fast_cpu
from .fast_cpu import convolution, linear


def attend(query: Tensor, key: Tensor, value: Tensor, *, causal: bool = False) -> Tensor:
    """Scaled dot-product attention (Vaswani et al. 2017): [batch, heads, tokens, width] each, and back."""
    if torch.is_grad_enabled() and query.requires_grad and query.device.type == "cpu":
        return _attend_plainly(query, key, value, causal)
    if not causal and fast_cpu.attends(query, key):
        return fast_cpu.attention(query, key, value)
    return functional.scaled_dot_product_attention(query, key, value, is_causal=causal)


def _attend_plainly(query: Tensor, key: Tensor, value: Tensor, causal: bool) -> Tensor:
    # In training on a CPU, where the fused kernel's backward pass takes 3 to 10 times as long for short sequences.
    scores = (query * query.shape[-1] ** -0.5) @ key.mT
    if causal:
        scores = scores + torch.full(scores.shape[-2:], -1e4, dtype=scores.dtype).triu(1)
    return scores.softmax(dim=-1) @ value


class CrossAttention(nn.Module):
    """Scaled dot-product attention of `heads` heads (Vaswani et al. 2017); self-attention where no context is given."""

    def __init__(self, channels: int, context_channels: int, heads: int) -> None:
        super().__init__()
        if channels % heads:
            raise ValueError(f"{channels} channels cannot be shared by {heads} attention heads")
        self.heads = heads
        self.to_q = nn.Linear(channels, channels, bias=False)
        self.to_k = nn.Linear(context_channels, channels, bias=False)
        self.to_v = nn.Linear(context_channels, channels, bias=False)
        self.to_out = nn.ModuleList([nn.Linear(channels, channels)])

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """x: [batch, tokens, channels]; context: [batch, words, context_channels]."""
        context = x if context is None else context
        query, key, value = (
            projected.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for projected in (linear(self.to_q, x), linear(self.to_k, context), linear(self.to_v, context))
        )
        attended = attend(query, key, value)
        return linear(self.to_out[0], attended.transpose(1, 2).flatten(-2))


class GatedLinear(nn.Module):
    """Linear layer gated by GELU (Shazeer 2020, GEGLU)."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.proj = nn.Linear(channels, 2 * width)

    def forward(self, x: Tensor) -> Tensor:
        if fast_cpu.usable(x):
            return fast_cpu.gated(x, self.proj.weight, self.proj.bias)
        value, gate = self.proj(x).chunk(2, dim=-1)
        return value * functional.gelu(gate)


class FeedForward(nn.Module):
    """Two linear layers, four times as wide in between; slot 1 was dropout's."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.net = nn.ModuleList(
            [GatedLinear(channels, 4 * channels), nn.Identity(), nn.Linear(4 * channels, channels)]
        )

    def forward(self, x: Tensor) -> Tensor:
        return linear(self.net[2], self.net[0](x))


class TransformerBlock(nn.Module):
    """Self-attention, cross-attention to the text and a feed-forward, each added to its input."""

    def __init__(self, channels: int, context_channels: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels)
        self.attn1 = CrossAttention(channels, channels, heads)
        self.norm2 = nn.LayerNorm(channels)
        self.attn2 = CrossAttention(channels, context_channels, heads)
        self.norm3 = nn.LayerNorm(channels)
        self.ff = FeedForward(channels)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        x = x + self.attn1(self.norm1(x))
        x = x + self.attn2(self.norm2(x), context)
        return x + self.ff(self.norm3(x))


class SpatialTransformer(nn.Module):
    """Transformer blocks over the pixels of a feature map, added to it.

    `linear` says whether the projections in and out are linear layers (SD2, SDXL) or 1×1 convolutions (SD1).
    """

    def __init__(
        self, channels: int, context_channels: int, heads: int, depth: int, *, linear: bool, groups: int
    ) -> None:
        super().__init__()
        self.linear = linear
        self.norm = nn.GroupNorm(groups, channels, eps=1e-6)
        self.proj_in = nn.Linear(channels, channels) if linear else nn.Conv2d(channels, channels, 1)
        self.transformer_blocks = nn.ModuleList(
            TransformerBlock(channels, context_channels, heads) for _ in range(depth)
        )
        self.proj_out = nn.Linear(channels, channels) if linear else nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """x: [batch, channels, height, width]; context: [batch, words, context_channels]."""
        height, width = x.shape[-2:]
        tokens = self.norm(x)
        if not self.linear:
            tokens = convolution(self.proj_in, tokens)
        tokens = tokens.flatten(2).transpose(1, 2)
        if self.linear:
            tokens = linear(self.proj_in, tokens)
        for block in self.transformer_blocks:
            tokens = block(tokens, context)
        if self.linear:
            tokens = linear(self.proj_out, tokens)
        tokens = tokens.transpose(1, 2).unflatten(-1, (height, width))
        return x + (tokens if self.linear else convolution(self.proj_out, tokens))
