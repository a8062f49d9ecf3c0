"""Looking into prompts, and guidance of several scales at once."""

import pytest
import torch

from nodegraph import BadInput
from nodes.denoise import cfg_combine, unet_predict
from nodes.diffusion.checkpoint import Checkpoint
from nodes.diffusion.heat_maps import heat_map
from nodes.diffusion.token_table import token_cells
from nodes.guidance import cfg_scales
from nodes.prompts import compare_prompts, prompt_similarity, sequences_of, show_tokens
from nodes.types import Conditioning, Latent

SIGMA = torch.tensor(5.0)


def test_each_picture_has_its_own_scale(
    checkpoint: Checkpoint, prompt: Conditioning, negative: Conditioning, latent: Latent
):
    positive, away = (unet_predict(checkpoint.model, each) for each in (prompt, negative))
    x = latent.samples[:1].expand(3, -1, -1, -1)
    together = cfg_scales(positive, away, "0, 1, 4.5")(x, SIGMA)
    for row, scale in zip(together, (0.0, 1.0, 4.5), strict=True):
        torch.testing.assert_close(row, cfg_combine(positive, away, scale)(x[:1], SIGMA)[0], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("scales", ["", "one", "1, nan", "1, inf"])
def test_scales_that_are_no_numbers_are_refused(checkpoint: Checkpoint, prompt: Conditioning, scales: str):
    denoiser = unet_predict(checkpoint.model, prompt)
    with pytest.raises(BadInput, match="numbers"):
        cfg_scales(denoiser, denoiser, scales)


def test_a_long_prompt_shows_the_tokens_of_all_its_sequences(checkpoint: Checkpoint):
    sequences = sequences_of(checkpoint.clip, "a red heart " * 20)
    cells = token_cells(checkpoint.clip.towers[-1].tokenizer, sequences)
    assert len(sequences) > 1
    assert [cell.text for cell in cells].count("start") == len(sequences)


@pytest.mark.parametrize("text", ["", "$a$ (cat:1.3) \\", "ÄÖ"])
def test_every_text_can_be_looked_at(checkpoint: Checkpoint, text: str):
    for image in (
        show_tokens(text, checkpoint.clip),
        prompt_similarity(f"a cat\n{text}", checkpoint.clip),
        compare_prompts(f"a cat\n{text}", checkpoint.clip),
    ):
        assert image.pixels.shape[:2] == (1, 3)


def test_one_prompt_alone_is_compared_with_nothing(checkpoint: Checkpoint):
    with pytest.raises(BadInput, match="nothing to compare"):
        compare_prompts("a cat", checkpoint.clip)


def test_a_heat_map_is_darker_where_the_number_is_larger():
    picture = heat_map(torch.tensor([[0.0, 0.5, 1.0] * 3]), ["a"], list("abcdefghi"))
    middle = picture[:, -40].mean(0)
    assert middle[90] > middle[90 + 84] > middle[90 + 2 * 84]
