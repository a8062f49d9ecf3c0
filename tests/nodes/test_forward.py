"""The forward process, and the tests of distributions that it is judged by."""

import math

import pytest
import torch

from nodegraph import BadInput
from nodes.diffusion.distributions import kolmogorov_smirnov, radial_spectrum
from nodes.diffusion.noise_schedules import NOISE_SCHEDULES, jump, walk
from nodes.diffusion.parameterization import Parameterization
from nodes.forward import jump_to_steps, plot_noise_schedules
from nodes.histograms import compare_distributions, plot_histograms, plot_spectra
from nodes.noise import add_noise, make_noise
from nodes.types import Image, Latent
from tests.nodes.values import levels


def drawn(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_the_scaled_linear_schedule_is_stable_diffusions():
    assert torch.equal(NOISE_SCHEDULES["scaled_linear"](1000), Parameterization.stable_diffusion().alphas_cumprod)


@pytest.mark.parametrize("name", NOISE_SCHEDULES)
@pytest.mark.parametrize("steps", [2, 10])
def test_every_walk_is_a_jump_with_its_noises_combined_and_those_are_of_deviation_1(name: str, steps: int):
    clean, kept = drawn(2, 3, 64, 64).double(), NOISE_SCHEDULES[name](steps)
    for (x, noise), share in zip(walk(clean, kept, torch.Generator().manual_seed(2)), kept, strict=True):
        assert torch.allclose(x, jump(clean, noise, float(share)), atol=1e-9)
        assert noise.std().item() == pytest.approx(1, abs=0.03)


def test_the_test_of_kolmogorov_and_smirnov_gives_the_largest_gap_and_its_asymptotic_p():
    gap, p = kolmogorov_smirnov(torch.arange(100), torch.arange(100) + 20.5)
    assert gap == pytest.approx(0.21)
    scaled = (math.sqrt(50) + 0.12 + 0.11 / math.sqrt(50)) * 0.21
    assert p == pytest.approx(2 * math.exp(-2 * scaled**2), rel=1e-3)


def test_p_is_as_often_below_a_level_as_the_level_says():
    found = [kolmogorov_smirnov(drawn(200, seed=n), drawn(300, seed=1000 + n))[1] for n in range(400)]
    assert sum(p < 0.1 for p in found) / 400 == pytest.approx(0.1, abs=0.05)
    assert kolmogorov_smirnov(drawn(50), drawn(50)) == (0.0, 1.0)


def test_a_wave_has_its_power_at_its_frequency():
    wave = (torch.arange(32) * 2 * torch.pi * 4 / 32).cos().expand(1, 32, 32)
    frequency, power = radial_spectrum(wave)
    assert frequency[power.index(max(power))] == pytest.approx(4 / 32, abs=0.02)


@pytest.mark.parametrize("times", ["", "1.5", "11", "-1"])
def test_times_that_are_no_steps_are_refused(times: str):
    with pytest.raises(BadInput, match="from 0 to 10"):
        jump_to_steps(Image(torch.zeros(1, 3, 8, 8)), times=times, steps=10)


def test_unknown_names_are_refused():
    with pytest.raises(BadInput, match="schedules"):
        plot_noise_schedules("linear, square")
    with pytest.raises(BadInput, match="kinds"):
        make_noise("gaussian, green")


def test_names_that_do_not_go_with_the_latents_are_refused():
    three = Latent(drawn(3, 1, 8, 8))
    with pytest.raises(BadInput, match="2 names for 3"):
        plot_histograms(three, "a, b")
    with pytest.raises(BadInput, match="two names"):
        compare_distributions(Image(drawn(2, 3, 8, 8)), Image(drawn(2, 3, 8, 8)), names="one")


def test_small_panels_are_of_one_size_and_as_many_as_the_latents():
    three = Latent(drawn(3, 1, 8, 8))
    assert plot_histograms(three, panels="each").pixels.shape == (3, 3, 256, 256)
    assert plot_spectra(three, "a, b, c", panels="each").pixels.shape == (3, 3, 256, 256)


def test_noise_of_several_kinds_is_one_batch_with_a_name_for_each():
    noise, kinds = make_noise("gaussian, salt and pepper", 64, 32, 3, 2, seed=5)
    assert (noise.samples.shape, kinds) == ((4, 3, 4, 8), "gaussian, salt and pepper")


def test_noise_that_is_given_is_added_in_place_of_drawn_noise():
    noise, _ = make_noise("pink, blue", 64, 64, seed=5)
    one = Latent(torch.ones(1, 4, 8, 8))
    noisy = add_noise(one, levels(2.0, 0.0), noise=noise)
    assert torch.equal(noisy.samples, 1 + 2 * noise.samples)
    assert noisy.noise is noise.samples
    with pytest.raises(BadInput, match="different sizes"):
        add_noise(Latent(torch.ones(3, 4, 8, 8)), levels(2.0, 0.0), noise=noise)
