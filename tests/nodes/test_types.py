"""The values on the wires know their size and their faults."""

import torch

from nodes.types import Conditioning, Image, Latent, Mask, Prompt, Sigmas
from tests.nodes.values import levels


def test_a_latent_counts_the_bytes_of_all_its_tensors():
    part = torch.zeros(1, 4, 8, 8)
    assert Latent(part).nbytes == part.nbytes
    assert Latent(part, mask=part, clean=part, noise=part).nbytes == 4 * part.nbytes


def test_a_value_with_nan_or_infinity_says_so():
    bad = torch.tensor([[[[0.0, float("nan")]]]])
    endless = torch.full((1, 1, 2, 2), float("inf"))
    for value in (Latent(bad), Image(endless), Mask(bad[0]), Sigmas(endless, 1.0), Conditioning((Prompt(bad[0]),))):
        assert value.non_finite()


def test_a_sum_that_overflows_is_no_fault():
    assert Image(torch.full((1, 3, 8, 8), 3e38)).non_finite() is None


def test_a_schedule_of_no_levels_has_no_steps():
    assert len(levels()) == 0
    assert not levels().starts_at_most


def test_a_schedule_starts_at_most_if_it_begins_with_the_highest_level():
    assert levels(14.6146, 1.0, 0.0).starts_at_most
    assert not levels(14.0, 1.0, 0.0).starts_at_most


def test_changing_a_conditioning_changes_each_of_its_prompts():
    prompts = Conditioning((Prompt(torch.zeros(1, 2, 3)), Prompt(torch.ones(1, 2, 3))))
    assert [each.start for each in prompts.each(start=0.5).prompts] == [0.5, 0.5]
    assert [each.start for each in prompts.prompts] == [0.0, 0.0]
