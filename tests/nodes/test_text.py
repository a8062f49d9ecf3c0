"""Prompts, alone and several at once."""

import pytest
import torch
from torch import Tensor

from nodegraph import BadInput
from nodes.denoise import unet_predict
from nodes.diffusion.checkpoint import Checkpoint
from nodes.text import (
    average,
    combine,
    concatenate,
    encode,
    encode_each,
    set_last_layer,
    set_mask,
    set_timestep_range,
    walk,
    zero_out,
)
from nodes.types import Conditioning, Latent, Mask, Prompt

HIGH, LOW = 14.0, 0.1


def predicted(checkpoint: Checkpoint, conditioning: Conditioning, latent: Latent, sigma: float = HIGH) -> Tensor:
    return unet_predict(checkpoint.model, conditioning)(latent.samples, torch.tensor(sigma))


def context(conditioning: Conditioning) -> Tensor:
    return conditioning.prompts[0].context


def test_a_prompt_becomes_one_sequence_of_embeddings(checkpoint: Checkpoint, prompt: Conditioning):
    assert len(prompt.prompts) == 1
    assert context(prompt).shape[::2] == (1, checkpoint.model.unet.config.context_channels)


def test_a_long_prompt_becomes_several_sequences_one_after_the_other(checkpoint: Checkpoint, prompt: Conditioning):
    tokens = context(encode("a red heart " * 60, checkpoint.clip)).shape[1]
    assert tokens > context(prompt).shape[1]
    assert tokens % context(prompt).shape[1] == 0


def test_a_weight_changes_the_embedding_and_a_weight_of_1_does_not(checkpoint: Checkpoint, prompt: Conditioning):
    heavy = encode("a (red:1.5) heart on a white background", checkpoint.clip)
    plain = encode("a (red:1.0) heart on a white background", checkpoint.clip)
    assert not torch.equal(context(heavy), context(prompt))
    assert torch.equal(context(plain), context(prompt))


def test_stopping_at_the_last_layer_changes_nothing_and_before_it_something(checkpoint: Checkpoint):
    last, earlier = (encode("a red heart", set_last_layer(checkpoint.clip, layer)) for layer in (-1, -2))
    assert torch.equal(context(last), context(encode("a red heart", checkpoint.clip)))
    assert not torch.equal(context(earlier), context(last))


def test_a_prompt_combined_with_itself_predicts_the_same(checkpoint: Checkpoint, prompt: Conditioning, latent: Latent):
    both = predicted(checkpoint, combine(prompt, prompt), latent)
    torch.testing.assert_close(both, predicted(checkpoint, prompt, latent), rtol=1e-4, atol=1e-4)


def test_each_prompt_counts_where_its_mask_is_whatever_the_size_of_the_mask(
    checkpoint: Checkpoint, prompt: Conditioning, negative: Conditioning, latent: Latent
):
    left = torch.zeros(1, 64, 64)
    left[..., :32] = 1
    regions = combine(set_mask(prompt, Mask(left)), set_mask(negative, Mask(1 - left)))
    found = predicted(checkpoint, regions, latent)
    expected = [predicted(checkpoint, each, latent) for each in (prompt, negative)]
    torch.testing.assert_close(found[..., :4], expected[0][..., :4], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found[..., 4:], expected[1][..., 4:], rtol=1e-4, atol=1e-4)


def test_each_prompt_counts_for_its_part_of_the_way(
    checkpoint: Checkpoint, prompt: Conditioning, negative: Conditioning, latent: Latent
):
    early, late = set_timestep_range(prompt, 0.0, 0.5), set_timestep_range(negative, 0.5, 1.0)
    for sigma, expected in ((HIGH, prompt), (LOW, negative)):
        found = predicted(checkpoint, combine(early, late), latent, sigma)
        torch.testing.assert_close(found, predicted(checkpoint, expected, latent, sigma), rtol=1e-4, atol=1e-4)


def test_an_average_goes_from_one_prompt_to_the_other(prompt: Conditioning, negative: Conditioning):
    assert torch.equal(context(average(prompt, negative, 1.0)), context(prompt))
    assert torch.equal(context(average(prompt, negative, 0.0)), context(negative))
    middle = (context(prompt) + context(negative)) / 2
    torch.testing.assert_close(context(average(prompt, negative, 0.5)), middle)


def test_an_average_with_a_shorter_prompt_takes_zeros_for_what_it_lacks(checkpoint: Checkpoint, prompt: Conditioning):
    long = encode("a red heart " * 60, checkpoint.clip)
    tokens = context(prompt).shape[1]
    assert torch.equal(context(average(long, prompt, 0.0))[:, tokens:], torch.zeros_like(context(long)[:, tokens:]))
    assert context(average(prompt, long, 0.5)).shape == context(prompt).shape


def test_a_walk_is_of_averages_in_even_steps(prompt: Conditioning, negative: Conditioning):
    steps = context(walk(prompt, negative, 5))
    for row, share in zip(steps, (0.0, 0.25, 0.5, 0.75, 1.0), strict=True):
        torch.testing.assert_close(row, context(average(negative, prompt, share))[0])


def test_a_walk_between_batches_of_prompts_is_refused(checkpoint: Checkpoint, prompt: Conditioning):
    with pytest.raises(BadInput, match="single prompt"):
        walk(prompt, encode_each("a red heart\na cat", checkpoint.clip), 3)


def test_concatenating_puts_the_tokens_of_one_prompt_after_the_other(prompt: Conditioning, negative: Conditioning):
    assert torch.equal(context(concatenate(prompt, negative)), torch.cat([context(prompt), context(negative)], dim=1))


def test_a_prompt_zeroed_out_is_of_zeros(prompt: Conditioning):
    assert not context(zero_out(prompt)).any()


def test_prompts_of_different_text_encoders_cannot_be_joined(prompt: Conditioning):
    other = Conditioning((Prompt(torch.zeros(1, 4, 5)),))
    for join in (concatenate, average):
        with pytest.raises(BadInput, match="different text encoders"):
            join(prompt, other)


def test_a_model_refuses_a_prompt_of_another_family(checkpoint: Checkpoint):
    with pytest.raises(BadInput, match="another family"):
        unet_predict(checkpoint.model, Conditioning((Prompt(torch.zeros(1, 4, 5)),)))
