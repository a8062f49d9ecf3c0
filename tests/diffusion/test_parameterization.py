"""What a network's output means, and how sigma relates to t."""

import math
from typing import Any, get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nodes.diffusion.parameterization import BETAS, Kind, Parameterization, noised, zero_terminal_snr

UNTIMED = settings(deadline=None)  # the first call is slow
SD = Parameterization.stable_diffusion()
KINDS: tuple[Kind, ...] = get_args(Kind)
GENERATOR = torch.Generator().manual_seed(0)
CLEAN = torch.randn(3, 4, 5, 5, generator=GENERATOR, dtype=torch.float64)
NOISE = torch.randn(3, 4, 5, 5, generator=GENERATOR, dtype=torch.float64)
T = torch.tensor([0, 400, 999])


def sigmas_of(t: torch.Tensor) -> torch.Tensor:
    return ((1 - SD.alphas_cumprod[t]) / SD.alphas_cumprod[t]).sqrt()


def test_stable_diffusion_has_its_published_range():
    assert pytest.approx(0.02916715) == SD.sigma_min
    assert pytest.approx(14.6146418) == SD.sigma_max
    assert len(SD.sigmas) == 1000


@pytest.mark.parametrize("kind", KINDS)
def test_a_perfect_output_gives_the_clean_latent(kind: Kind):
    model = Parameterization(SD.alphas_cumprod, kind)
    sigma = sigmas_of(T)
    x = CLEAN + NOISE * sigma[:, None, None, None]
    torch.testing.assert_close(model.denoised(x, sigma, model.target(CLEAN, NOISE, T)), CLEAN)


@pytest.mark.parametrize("kind", KINDS)
def test_the_networks_input_is_the_closed_form_jump(kind: Kind):
    model = Parameterization(SD.alphas_cumprod, kind)
    sigma = sigmas_of(T)
    x = CLEAN + NOISE * sigma[:, None, None, None]
    torch.testing.assert_close(model.scale_input(x, sigma), model.diffuse(CLEAN, NOISE, T))


@pytest.mark.parametrize("kind", KINDS)
def test_output_undoes_denoised(kind: Kind):
    model = Parameterization(SD.alphas_cumprod, kind)
    x = CLEAN + 2 * NOISE
    torch.testing.assert_close(model.output(x, 2.0, model.denoised(x, 2.0, NOISE)), NOISE)


def test_v_is_the_published_mixture():
    alpha = SD.alphas_cumprod[400]
    v = Parameterization(SD.alphas_cumprod, "v").target(CLEAN, NOISE, torch.tensor([400] * 3))
    torch.testing.assert_close(v, alpha.sqrt() * NOISE - (1 - alpha).sqrt() * CLEAN)


def test_a_jump_is_the_product_of_single_steps():
    betas = BETAS["linear"](10)
    model = Parameterization.from_betas(betas)
    mean, variance = torch.tensor(1.0, dtype=torch.float64), torch.tensor(0.0, dtype=torch.float64)
    for beta in betas:
        mean, variance = mean * (1 - beta).sqrt(), variance * (1 - beta) + beta
    ones, zeros, last = torch.ones(1, 1, dtype=torch.float64), torch.zeros(1, 1, dtype=torch.float64), torch.tensor([9])
    assert float(model.diffuse(ones, zeros, last)) == pytest.approx(float(mean))
    assert float(model.diffuse(zeros, ones, last)) == pytest.approx(float(variance.sqrt()))


@UNTIMED
@given(st.integers(0, 999))
def test_a_level_of_the_table_is_its_own_step(t: int):
    assert int(SD.timestep(SD.sigmas[t])) == t
    assert float(SD.sigma(t)) == pytest.approx(float(SD.sigmas[t]), rel=1e-6)


@UNTIMED
@given(st.floats(0.0, 998.99))
def test_log_sigma_is_linear_between_steps(t: float):
    low, weight = math.floor(t), t - math.floor(t)
    expected = (1 - weight) * float(SD.log_sigmas[low]) + weight * float(SD.log_sigmas[low + 1])
    assert math.log(float(SD.sigma(t))) == pytest.approx(expected, abs=1e-4)


@UNTIMED
@given(st.floats(0.001, 100.0))
def test_the_step_of_a_sigma_is_the_nearest_by_logarithm(sigma: float):
    distances = (SD.sigmas.double().log() - math.log(sigma)).abs()
    assert float(distances[SD.timestep(sigma)]) == pytest.approx(float(distances.min()), abs=1e-6)


def test_a_sigma_of_zero_is_the_cleanest_step():
    assert int(SD.timestep(0.0)) == 0


def test_percent_goes_from_any_noise_to_none():
    assert SD.sigma_at(0.0) == math.inf
    assert SD.sigma_at(1.0) == 0
    assert SD.sigma_at(0.5) == pytest.approx(float(SD.sigma(499.5)))


def test_noise_from_the_top_level_has_the_variance_that_the_network_was_trained_on():
    zero, noise = torch.zeros_like(NOISE), NOISE
    started = noised(zero, noise, SD.sigma_max, starts_at_most=True)
    torch.testing.assert_close(SD.scale_input(started, SD.sigma_max), noise)
    torch.testing.assert_close(noised(CLEAN, noise, 2.0), CLEAN + 2 * noise)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # diffusers 0.42 with numpy 2
@pytest.mark.parametrize(
    ("name", "theirs"),
    [("linear", "linear"), ("scaled_linear", "scaled_linear"), ("cosine", "squaredcos_cap_v2"), ("sigmoid", "sigmoid")],
)
def test_betas_equal_those_of_diffusers(name: str, theirs: Any):
    from diffusers.schedulers.scheduling_ddpm import DDPMScheduler

    start, end = (0.00085, 0.012) if name == "scaled_linear" else (1e-4, 0.02)
    reference = DDPMScheduler(beta_schedule=theirs, beta_start=start, beta_end=end).betas
    torch.testing.assert_close(BETAS[name](1000), reference.double(), atol=1e-7, rtol=0)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # diffusers 0.42 with numpy 2
def test_zero_terminal_snr_equals_that_of_diffusers_and_stays_finite():
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler

    reference = DDIMScheduler(
        beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, rescale_betas_zero_snr=True
    ).alphas_cumprod
    ours = zero_terminal_snr(SD.alphas_cumprod)
    torch.testing.assert_close(ours, reference.double(), atol=1e-6, rtol=0)
    assert Parameterization(ours, "v").sigma_max == pytest.approx(4518.8, rel=1e-4)
