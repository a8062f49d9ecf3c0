"""CLIP (Radford et al. 2021): a text tower and an image tower trained so that a caption is nearest to its picture."""

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..image_encoder import ImageConfig, ImageTower, prepared
from ..text_encoder import TextConfig, TextTower, pooled
from ..tokenizer import Tokenizer
from .loop import mixed_precision
from .pictures import PictureSet, draw_scenes

SIDE = 64  # pixels of the picture set


class Towers(nn.Module):
    """Both towers; the image tower holds the projections into the shared space and the logit scale."""

    def __init__(self, text: TextTower, image: ImageTower, end: int) -> None:
        super().__init__()
        self.end = end
        self.text = text
        self.image = image

    def embed_text(self, ids: Tensor) -> Tensor:
        """Unit vectors of captions: [batch, length] → [batch, projection]."""
        return self.image.project_texts(pooled(self.text(ids), ids, self.end))

    def embed_images(self, pictures: Tensor) -> Tensor:
        """Unit vectors of pictures in −1…1: [batch, 3, h, w] → [batch, projection]."""
        return self.image(prepared((pictures + 1) / 2, self.image.config.size))


def new_towers(tokenizer: Tokenizer) -> Towers:
    """Untrained towers of 128 channels and four layers for the tokenizer's vocabulary and length."""
    config = TextConfig(tokenizer.vocabulary_size, tokenizer.length, channels=128, layers=4, heads=4, width=512)
    return Towers(TextTower(config), new_image_tower(config.channels), tokenizer.end)


def new_image_tower(text_channels: int) -> ImageTower:
    """An untrained image tower of 128 channels and four layers for pictures of the set."""
    sizes = ImageConfig(channels=128, layers=4, heads=2, width=512, size=SIDE, patch=8, projection=128, scaled=True)
    return ImageTower(replace(sizes, text_channels=text_channels))


class ContrastiveTask:
    """The symmetric cross entropy of picture–caption similarities within a batch.

    `model` is what is trained: the towers, or the image tower alone against a text tower that stays as it is, the
    mirror image of locked-image tuning (Zhai et al. 2022, LiT).
    Pictures that the same caption would fit are not told apart: captions that occur twice share their weight.
    """

    def __init__(
        self,
        towers: Towers,
        model: Towers | ImageTower,
        tokenizer: Tokenizer,
        pictures: PictureSet,
        batch: int = 96,
        seed: int = 1,
    ) -> None:
        self.towers, self.model, self.tokenizer, self.pictures = towers, model, tokenizer, pictures
        self.batch, self.seed = batch, seed

    def loss(self, step: int) -> Tensor:
        """The contrastive loss of one batch."""
        scenes = draw_scenes(self.batch, self.seed * 1_000_003 + step)
        ids = torch.tensor([self.tokenizer.encode(scene.caption) for scene in scenes])
        with mixed_precision():
            texts, images = self.towers.embed_text(ids), self.towers.embed_images(self.pictures.compose(scenes))
        logits = self.towers.image.logit_scale.exp().clamp(max=100) * texts @ images.T
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
