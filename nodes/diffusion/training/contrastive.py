"""CLIP (Radford et al. 2021): a text tower and an image tower trained so that a caption is nearest to its picture."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..text_encoder import TextConfig, TextTower, normalized, pooled
from ..tokenizer import Tokenizer
from .loop import mixed_precision
from .pictures import PictureSet, draw_scenes
from .vision import ImageTower


class Towers(nn.Module):
    """Both towers, with their projections into the shared space and the logarithm of the inverse temperature."""

    def __init__(self, config: TextConfig, end: int, embedding: int = 128) -> None:
        super().__init__()
        self.end = end
        self.text = TextTower(config)
        self.image = ImageTower(config.channels)
        self.text_projection = nn.Linear(config.channels, embedding, bias=False)
        self.image_projection = nn.Linear(config.channels, embedding, bias=False)
        self.logit_scale = nn.Parameter(torch.tensor(math.log(10.0)))

    def embed_text(self, ids: Tensor) -> Tensor:
        """Unit vectors of captions: [batch, length] → [batch, embedding]."""
        return normalized(self.text_projection(pooled(self.text(ids), ids, self.end)).float())

    def embed_images(self, pictures: Tensor) -> Tensor:
        """Unit vectors of pictures: [batch, 3, size, size] → [batch, embedding]."""
        return normalized(self.image_projection(self.image(pictures)).float())


def new_towers(tokenizer: Tokenizer) -> Towers:
    """Untrained towers of 128 channels and four layers for the tokenizer's vocabulary and length."""
    config = TextConfig(tokenizer.vocabulary_size, tokenizer.length, channels=128, layers=4, heads=4, width=512)
    return Towers(config, tokenizer.end)


class ContrastiveTask:
    """The symmetric cross entropy of picture–caption similarities within a batch.

    Pictures that the same caption would fit are not told apart: captions that occur twice share their weight.
    """

    def __init__(
        self, model: Towers, tokenizer: Tokenizer, pictures: PictureSet, batch: int = 96, seed: int = 1
    ) -> None:
        self.model, self.tokenizer, self.pictures = model, tokenizer, pictures
        self.batch, self.seed = batch, seed

    def loss(self, step: int) -> Tensor:
        """The contrastive loss of one batch."""
        scenes = draw_scenes(self.batch, self.seed * 1_000_003 + step)
        ids = torch.tensor([self.tokenizer.encode(scene.caption) for scene in scenes])
        with mixed_precision():
            texts, images = self.model.embed_text(ids), self.model.embed_images(self.pictures.compose(scenes))
        logits = self.model.logit_scale.exp().clamp(max=100) * texts @ images.T
        captions = [scene.caption for scene in scenes]
        same = torch.tensor([[float(a == b) for b in captions] for a in captions])
        target = same / same.sum(dim=1, keepdim=True)
        return (functional.cross_entropy(logits, target) + functional.cross_entropy(logits.T, target)) / 2


@torch.no_grad()
def retrieval(model: Towers, tokenizer: Tokenizer, pictures: PictureSet, count: int = 100, seed: int = 99) -> float:
    """Share of `count` unseen scenes with distinct captions whose caption is the nearest of all (R@1)."""
    scenes = {scene.caption: scene for scene in draw_scenes(4 * count, seed, unseen=True)}
    chosen = list(scenes.values())[:count]
    ids = torch.tensor([tokenizer.encode(scene.caption) for scene in chosen])
    similarity = model.embed_images(pictures.compose(chosen)) @ model.embed_text(ids).T
    return float((similarity.argmax(dim=1) == torch.arange(len(chosen))).float().mean())
