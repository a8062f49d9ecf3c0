"""Sampling: whole ways from noise to a latent, their parts, and masks."""

import pytest
import torch
from torch import Tensor

from nodegraph import BadInput
from nodes.denoise import add_noise_back, estimate_original, predict_noise
from nodes.diffusion.checkpoint import Checkpoint
from nodes.diffusion.samplers import SAMPLERS
from nodes.diffusion.schedules import SCHEDULES, SKIP_PENULTIMATE
from nodes.latent import set_latent_noise_mask
from nodes.noise import add_noise, make_schedule, split_sigmas
from nodes.sampling import ksampler, ksampler_advanced, sample
from nodes.types import Conditioning, Denoiser, Latent, Mask
from tests.nodes.values import denoiser_of, levels, listed, noise, result_of

METHODS = sorted(SAMPLERS)
PLAIN_METHODS = sorted(SAMPLERS.keys() - SKIP_PENULTIMATE)


class Prompts:
    """A model and its prompts, to sample with by few words."""

    def __init__(self, checkpoint: Checkpoint, prompt: Conditioning, negative: Conditioning) -> None:
        self.model, self.prompt, self.negative = checkpoint.model, prompt, negative
        self.denoiser = denoiser_of(checkpoint, prompt, negative, 3.0)

    def ksampler(self, latent: Latent, *, steps: int = 3, method: str = "euler", denoise: float = 1.0) -> Tensor:
        return result_of(
            ksampler(self.model, self.prompt, self.negative, latent, 5, steps, 3.0, method, "normal", denoise)
        ).samples

    def advanced(self, latent: Latent, start: int, end: int, *, noise: bool, leftover: bool) -> Latent:
        switches = ["enable" if on else "disable" for on in (noise, leftover)]
        return result_of(
            ksampler_advanced(
                self.model, self.prompt, self.negative, latent,
                switches[0], 5, 4, 3.0, "euler", "normal", start, end, switches[1],  # pyright: ignore[reportArgumentType] -- both are one of the choices
            )
        )  # fmt: skip

    def decomposed(self, latent: Latent, *, steps: int = 3, method: str = "euler", denoise: float = 1.0) -> Tensor:
        sigmas = make_schedule(self.model, "normal", steps, denoise)
        noisy = add_noise(latent, sigmas, "gaussian", 5)
        return result_of(sample(self.denoiser, noisy, sigmas, method, 5)).samples


@pytest.fixture(scope="session")
def prompts(checkpoint: Checkpoint, prompt: Conditioning, negative: Conditioning) -> Prompts:
    return Prompts(checkpoint, prompt, negative)


@pytest.mark.parametrize("method", PLAIN_METHODS)
def test_a_ksampler_is_its_parts_bit_for_bit(prompts: Prompts, latent: Latent, method: str):
    whole = prompts.ksampler(latent, method=method, denoise=0.7)
    assert torch.equal(whole, prompts.decomposed(latent, method=method, denoise=0.7))


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_gives_the_same_bits_twice(prompts: Prompts, latent: Latent, method: str):
    assert torch.equal(prompts.ksampler(latent, method=method), prompts.ksampler(latent, method=method))


@pytest.mark.parametrize("scheduler", sorted(SCHEDULES))
def test_every_schedule_can_be_sampled_with_one_step_and_with_several(prompts: Prompts, latent: Latent, scheduler: str):
    for steps in (1, 3):
        steps_taken = ksampler(
            prompts.model, prompts.prompt, prompts.negative, latent, 1, steps, 1.0, "dpmpp_2m", scheduler
        )
        assert torch.isfinite(result_of(steps_taken).samples).all()


def test_the_steps_of_ddim_taken_one_by_one_are_the_sampler_bit_for_bit(denoiser: Denoiser, checkpoint: Checkpoint):
    sigmas = make_schedule(checkpoint.model, "normal", 3)
    noisy = x = add_noise(Latent(torch.zeros(1, 4, 8, 8)), sigmas, seed=2)
    for step in range(3):
        predicted = predict_noise(denoiser, x, sigmas, step)
        original = estimate_original(x, predicted, sigmas, step)
        x = add_noise_back(original, predicted, sigmas, step)
    assert torch.equal(x.samples, result_of(sample(denoiser, noisy, sigmas, "ddim")).samples)


def test_a_denoise_of_0_gives_the_latent_back(prompts: Prompts, latent: Latent):
    assert torch.equal(prompts.ksampler(latent, denoise=0.0), latent.samples)
    assert torch.equal(prompts.decomposed(latent, denoise=0.0), latent.samples)


def test_progress_counts_the_steps_and_ends_with_the_last(denoiser: Denoiser, latent: Latent):
    for method in METHODS:
        progress = list(sample(denoiser, latent, levels(3.0, 1.0, 0.0), method))
        assert [(each.done, each.total) for each in progress] == [(0, 2), (1, 2), (2, 2)]


def test_two_samplers_one_after_the_other_are_one(denoiser: Denoiser, latent: Latent):
    whole = levels(3.0, 2.0, 1.0, 0.0)
    high, low = split_sigmas(whole, 2)
    halfway = result_of(sample(denoiser, latent, high))
    assert torch.equal(
        result_of(sample(denoiser, halfway, low)).samples, result_of(sample(denoiser, latent, whole)).samples
    )


def test_all_steps_of_an_advanced_ksampler_are_a_ksampler(prompts: Prompts, latent: Latent):
    advanced = prompts.advanced(latent, 0, 10000, noise=True, leftover=False)
    assert torch.equal(advanced.samples, prompts.ksampler(latent, steps=4))


def test_two_parts_of_an_advanced_ksampler_are_the_whole(prompts: Prompts, latent: Latent):
    halfway = prompts.advanced(latent, 0, 2, noise=True, leftover=True)
    end = prompts.advanced(halfway, 2, 10000, noise=False, leftover=False)
    assert torch.equal(end.samples, prompts.ksampler(latent, steps=4))


def test_an_advanced_ksampler_that_stops_early_leaves_noise_only_if_asked(prompts: Prompts, latent: Latent):
    sigmas = make_schedule(prompts.model, "normal", 4)
    noisy = add_noise(latent, sigmas, seed=5)
    first, second, third = listed(sigmas.values[:3])
    for leftover, last in ((True, third), (False, 0.0)):
        stopped = prompts.advanced(latent, 0, 2, noise=True, leftover=leftover)
        expected = result_of(sample(prompts.denoiser, noisy, levels(first, second, last), "euler"))
        assert torch.equal(stopped.samples, expected.samples)


@pytest.mark.parametrize(("start", "end"), [(4, 10000), (3, 2), (0, 0)])
def test_an_advanced_ksampler_without_steps_gives_the_latent_back(
    prompts: Prompts, latent: Latent, start: int, end: int
):
    assert torch.equal(prompts.advanced(latent, start, end, noise=True, leftover=False).samples, latent.samples)


@pytest.mark.parametrize("method", METHODS)
def test_what_a_mask_leaves_out_is_kept_exactly(prompts: Prompts, latent: Latent, method: str):
    half = torch.zeros(1, 64, 64)
    half[..., :32] = 1
    painted = prompts.ksampler(set_latent_noise_mask(latent, Mask(half)), method=method)
    assert torch.equal(painted[..., 4:], latent.samples[..., 4:])
    assert not torch.equal(painted[..., :4], latent.samples[..., :4])


def test_a_full_mask_changes_nothing(prompts: Prompts, latent: Latent):
    masked = set_latent_noise_mask(latent, Mask(torch.ones(1, 64, 64)))
    torch.testing.assert_close(prompts.ksampler(masked), prompts.ksampler(latent), rtol=1e-5, atol=1e-5)


def test_each_latent_of_a_batch_has_its_own_mask_and_masks_are_repeated(prompts: Prompts):
    latent = Latent(noise(3, 4, 8, 8))
    masks = torch.stack([torch.zeros(64, 64), torch.ones(64, 64)])
    painted = prompts.ksampler(set_latent_noise_mask(latent, Mask(masks)))
    same = [torch.equal(a, b) for a, b in zip(painted, latent.samples, strict=True)]
    assert same == [True, False, True]


@pytest.mark.parametrize("shape", [(1, 9, 11), (2, 8, 5), (1, 1, 1)])
def test_latents_of_any_size_and_number_can_be_sampled(prompts: Prompts, shape: tuple[int, int, int]):
    batch, height, width = shape
    assert prompts.ksampler(Latent(torch.zeros(batch, 4, height, width))).shape == (batch, 4, height, width)


def test_a_batch_gives_what_its_latents_give_alone(denoiser: Denoiser):
    batch = noise(2, 4, 8, 8) * 3
    together = result_of(sample(denoiser, Latent(batch), levels(3.0, 1.0, 0.0))).samples
    alone = [result_of(sample(denoiser, Latent(each[None]), levels(3.0, 1.0, 0.0))).samples for each in batch]
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-3, atol=1e-4)


def test_a_sampler_refuses_a_latent_with_other_channels_than_the_models(denoiser: Denoiser):
    with pytest.raises(BadInput, match="the latent has 16"):
        result_of(sample(denoiser, Latent(noise(1, 16, 8, 8)), levels(3.0, 0.0)))
