"""SDXL's own prompts may name textual inversions, as any prompt may."""

from pathlib import Path

import pytest
import torch

from nodegraph import BadInput
from nodes.diffusion.checkpoint import Checkpoint
from nodes.diffusion.safetensors_file import write_safetensors
from nodes.sdxl import encode_refiner, encode_sdxl
from nodes.text import encode
from nodes.types import Embeddings


def test_the_prompts_of_sdxl_read_textual_inversions(checkpoint: Checkpoint, tmp_path: Path):
    clip, path = checkpoint.clip, tmp_path / "frog.safetensors"
    write_safetensors({"emb_params": torch.ones(2, clip.towers[0].network.config.channels)}, path)
    known, text = Embeddings({path.name: path}), "a embedding:frog"
    expected = encode(text, clip, embeddings=known).prompts[0].context
    assert not torch.equal(expected, encode("a frog", clip).prompts[0].context)
    for made in (
        encode_sdxl(clip, text, text, embeddings=known),
        encode_refiner(clip, text, embeddings=known),
    ):
        assert torch.equal(made.prompts[0].context, expected)


def test_a_textual_inversion_that_is_not_there_is_told(checkpoint: Checkpoint):
    with pytest.raises(BadInput, match="frog"):
        encode_refiner(checkpoint.clip, "embedding:frog")
