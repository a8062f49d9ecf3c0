"""Denoiser expressions: one batch per group, and the arithmetic of guidance, regions and ranges."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nodes.diffusion.conditioning import Conditioning
from nodes.diffusion.controlnet import Control
from nodes.diffusion.denoiser import Denoiser, Prediction
from nodes.diffusion.guidance import (
    Average,
    Guided,
    Inpainting,
    Part,
    RescaledGuided,
    StepRange,
    prediction,
)
from nodes.diffusion.parameterization import Kind, Parameterization


@dataclass
class Toy:
    """A model that attends from every pixel to the context, so that it is as blind to repeated tokens as a U-Net."""

    kind: Kind = "eps"
    calls: list[tuple[int, ...]] = field(default_factory=list[tuple[int, ...]])

    @property
    def parameterization(self) -> Parameterization:
        return Parameterization.stable_diffusion(self.kind)

    def inputs(self, conditioning: Conditioning, x: Tensor) -> dict[str, Tensor]:
        return {name: tensor for name, tensor in conditioning.inputs.items() if name != "concat"}

    def predict(
        self, x: Tensor, t: Tensor, context: Tensor, controls: Sequence[Control] = (), **extra: Tensor
    ) -> Tensor:
        assert len(x) == len(t) == len(context)
        self.calls.append(tuple(context.shape))
        query = x.flatten(2).transpose(1, 2)
        context = context[..., :4].to(x)
        weights = (query @ context.transpose(1, 2)).softmax(-1)
        attended = (weights @ context).transpose(1, 2).reshape(x.shape)
        total = torch.sin(x) + attended + t[:, None, None, None] / 1000
        for tensor in extra.values():
            total = total + tensor.mean(1)[:, None, None, None]
        return total


def conditioning(seed: int, tokens: int = 6, width: int = 8) -> Conditioning:
    return Conditioning(torch.randn(1, tokens, width, generator=torch.Generator().manual_seed(seed)).double())


X = 3 * torch.randn(2, 4, 5, 6, generator=torch.Generator().manual_seed(9), dtype=torch.float64)
SOFT = torch.linspace(0, 1, 30, dtype=torch.float64).reshape(1, 1, 5, 6)
A, B, C = conditioning(1), conditioning(2), conditioning(3)


def leaf_by_leaf(expression: Denoiser, x: Tensor, sigma: float) -> Tensor:
    """The reference for batching."""
    estimates = [Prediction(leaf.model, leaf.conditioning)(leaf.x, sigma) for leaf in expression.leaves(x, sigma)]
    return expression.fold(x, sigma, iter(estimates))


def expressions(model: Toy, other: Toy) -> st.SearchStrategy[Denoiser]:
    conditionings = st.builds(conditioning, st.integers(0, 5), st.sampled_from([3, 4, 6]), st.sampled_from([8, 12]))
    leaves: st.SearchStrategy[Denoiser] = st.builds(Prediction, st.sampled_from([model, other]), conditionings)
    scales, levels = st.sampled_from([0.0, 1.0, 7.5]), st.sampled_from([0.0, 1.0, 5.0])

    def wider(inner: st.SearchStrategy[Denoiser]) -> st.SearchStrategy[Denoiser]:
        parts = st.builds(Part, inner, st.sampled_from([0.5, 2.0]), st.just(math.inf), levels)
        return st.one_of(
            st.builds(Guided, inner, inner, scales),
            st.builds(RescaledGuided, inner, inner, scales),
            st.builds(Average, st.lists(parts, min_size=1, max_size=3).map(tuple)),
            st.builds(StepRange, inner, inner, st.just(math.inf), levels),
            st.builds(Inpainting, inner, st.just(SOFT), st.just(X / 3), st.just(X / 2)),
        )

    return st.recursive(leaves, wider, max_leaves=6)


MODEL, OTHER = Toy(), Toy("v")
UNTIMED = settings(deadline=None)  # the first call of torch is slow


@UNTIMED
@given(expression=expressions(MODEL, OTHER), sigma=st.sampled_from([0.05, 2.0, 14.0]))
def test_a_batched_evaluation_equals_leaf_by_leaf(expression: Denoiser, sigma: float):
    torch.testing.assert_close(expression(X, sigma), leaf_by_leaf(expression, X, sigma), atol=1e-8, rtol=1e-8)


@UNTIMED
@given(expression=expressions(MODEL, OTHER), sigma=st.sampled_from([0.05, 2.0, 14.0]))
def test_the_model_is_called_once_per_group_of_model_and_shape(expression: Denoiser, sigma: float):
    MODEL.calls.clear()
    OTHER.calls.clear()
    expression(X, sigma)
    leaves = expression.leaves(X, sigma)
    expected = {(id(model), tuple(x.shape), c.context.shape[2]) for model, c, x in leaves}
    assert len(MODEL.calls) + len(OTHER.calls) == len(expected)


def test_guidance_is_one_call_and_the_published_formula():
    model = Toy()
    guided = Guided(Prediction(model, A), Prediction(model, B), 7.5)(X, 2.0)
    assert model.calls == [(4, 6, 8)]
    positive, negative = Prediction(model, A)(X, 2.0), Prediction(model, B)(X, 2.0)
    torch.testing.assert_close(guided, negative + 7.5 * (positive - negative))


@pytest.mark.parametrize("kind", [Guided, RescaledGuided])
def test_guidance_of_scale_one_is_the_positive_estimate_and_half_the_work(kind: type[Guided]):
    model = Toy()
    guided = kind(Prediction(model, A), Prediction(model, B), 1.0)(X, 2.0)
    assert model.calls == [(2, 6, 8)]
    assert torch.equal(guided, Prediction(model, A)(X, 2.0))


def test_contexts_of_different_length_are_repeated_to_their_common_multiple():
    model = Toy()
    Guided(Prediction(model, conditioning(1, 4)), Prediction(model, conditioning(2, 6)), 3.0)(X, 2.0)
    assert model.calls == [(4, 12, 8)]


@pytest.mark.parametrize("kind", ["eps", "v", "x0"])
def test_a_prediction_is_what_the_parameterization_says(kind: Kind):
    model = Toy(kind)
    sigma = torch.tensor(2.0)
    levels = model.parameterization
    t = levels.timestep(sigma).float().expand(2)
    output = model.predict(levels.scale_input(X, sigma), t, A.context.expand(2, -1, -1))
    torch.testing.assert_close(Prediction(model, A)(X, sigma), levels.denoised(X, sigma, output))


def test_sigma_may_differ_by_row():
    both = Prediction(Toy(), A)(X, torch.tensor([2.0, 5.0]))
    torch.testing.assert_close(both[:1], Prediction(Toy(), A)(X[:1], 2.0))
    torch.testing.assert_close(both[1:], Prediction(Toy(), A)(X[1:], 5.0))


def test_further_inputs_reach_the_model_row_by_row():
    pooled = replace(A, pooled=torch.ones(1, 3))
    plain, shifted = Prediction(Toy("x0"), A)(X, 2.0), Prediction(Toy("x0"), pooled)(X, 2.0)
    torch.testing.assert_close(shifted, plain + 1)
    model = Toy()
    Guided(Prediction(model, pooled), Prediction(model, A), 2.0)(X, 2.0)
    assert len(model.calls) == 2  # inputs of different kinds share no batch


def test_a_half_precision_model_still_gives_an_estimate_in_the_latents_precision():
    class Half(Toy):
        def predict(
            self, x: Tensor, t: Tensor, context: Tensor, controls: Sequence[Control] = (), **extra: Tensor
        ) -> Tensor:
            return super().predict(x, t, context, controls, **extra).half()

    assert Prediction(Half(), A)(X.float(), 2.0).dtype == torch.float32


def test_an_average_weighs_its_parts():
    model = Toy()
    mixed = Average((Part(Prediction(model, A), 1.0), Part(Prediction(model, B), 3.0)))(X, 2.0)
    assert len(model.calls) == 1
    torch.testing.assert_close(mixed, (Prediction(model, A)(X, 2.0) + 3 * Prediction(model, B)(X, 2.0)) / 4)


def test_masks_give_each_region_its_prompt_and_nothing_where_there_is_no_weight():
    model = Toy()
    left = torch.zeros(1, 1, 5, 6)
    left[..., :2] = 1
    right = torch.zeros(1, 1, 5, 6)
    right[..., 2:4] = 1
    mixed = Average((Part(Prediction(model, A), left), Part(Prediction(model, B), right)))(X, 2.0)
    torch.testing.assert_close(mixed[..., :2], Prediction(model, A)(X, 2.0)[..., :2])
    torch.testing.assert_close(mixed[..., 2:4], Prediction(model, B)(X, 2.0)[..., 2:4])
    assert float(mixed[..., 4:].abs().max()) == 0


def test_a_part_counts_only_within_its_levels():
    model = Toy()
    average = Average((Part(Prediction(model, A)), Part(Prediction(model, B), 1.0, 5.0, 1.0)))
    torch.testing.assert_close(average(X, 6.0), Prediction(model, A)(X, 6.0))
    assert len(average.leaves(X, 5.0)) == len(average.leaves(X, 1.0)) == 2


def test_a_step_range_switches_between_two_denoisers():
    model = Toy()
    switched = StepRange(Prediction(model, A), Prediction(model, B), 5.0, 1.0)
    assert torch.equal(switched(X, 3.0), Prediction(model, A)(X, 3.0))
    assert torch.equal(switched(X, 6.0), Prediction(model, B)(X, 6.0))
    assert torch.equal(switched(X, 0.5), Prediction(model, B)(X, 0.5))


def test_rescaled_guidance_keeps_the_spread_of_the_positive_velocity():
    model = Toy()
    guided = RescaledGuided(Prediction(model, A), Prediction(model, B), 9.0, 1.0)(X, 2.0)
    velocity = X / 5 - guided
    wanted = X / 5 - Prediction(model, A)(X, 2.0)
    torch.testing.assert_close(velocity.flatten(1).std(1), wanted.flatten(1).std(1))
    plain = RescaledGuided(Prediction(model, A), Prediction(model, B), 9.0, 0.0)(X, 2.0)
    torch.testing.assert_close(plain, Guided(Prediction(model, A), Prediction(model, B), 9.0)(X, 2.0))


def test_inpainting_keeps_what_lies_outside_the_mask():
    model = Toy()
    mask = torch.zeros(1, 1, 5, 6)
    mask[..., 3:] = 1
    latent, noise = X / 3, X.flip(0)
    painted = Inpainting(Prediction(model, A), mask, latent, noise)(X, 2.0)
    assert torch.equal(painted[..., :3], latent[..., :3])
    seen = torch.cat([(latent + 2 * noise)[..., :3], X[..., 3:]], dim=3)
    torch.testing.assert_close(painted[..., 3:], Prediction(model, A)(seen, 2.0)[..., 3:])
    everything = Inpainting(Prediction(model, A), torch.ones(1, 1, 5, 6), latent, noise)
    assert torch.equal(everything(X, 2.0), Prediction(model, A)(X, 2.0))


def test_one_plain_conditioning_is_a_plain_prediction_and_several_are_an_average():
    model = Toy()
    assert isinstance(prediction(model, [A]), Prediction)
    early = prediction(model, [A, replace(B, strength=3.0, start=0.0, end=0.5)])
    torch.testing.assert_close(early(X, 10.0), (Prediction(model, A)(X, 10.0) + 3 * Prediction(model, B)(X, 10.0)) / 4)
    torch.testing.assert_close(early(X, 0.5), Prediction(model, A)(X, 0.5))


def test_a_conditioning_knows_its_size_and_what_is_not_finite():
    assert replace(A, pooled=torch.ones(1, 3)).nbytes == A.context.nbytes + 12
    assert A.non_finite() is None
    assert replace(A, context=A.context * math.nan).non_finite() == "the text embedding"
    assert replace(A, pooled=torch.tensor([[math.inf]])).non_finite() == "the conditioning's pooled"


def test_evaluation_changes_no_argument():
    model = Toy()
    x, context = X.clone(), A.context.clone()
    Guided(Prediction(model, A), Prediction(model, C), 3.0)(X, 2.0)
    assert torch.equal(X, x)
    assert torch.equal(A.context, context)
