"""Samplers against Gaussian data, whose probability flow and marginals are known exactly."""

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from nodes.diffusion.noise import BrownianPath, brownian_noise, gaussian_noise, seeded_noise
from nodes.diffusion.samplers import (
    BROWNIAN,
    SAMPLERS,
    Scale,
    ancestral_split,
    ddim_step,
    dpmpp_2m_sde,
    dpmpp_3m_sde,
    dpmpp_sde,
    estimated_original,
    euler_step,
    exponential_length,
    noise_for,
    predicted_noise,
    renoise,
    step_length,
    uni_pc,
)
from tests.diffusion.gaussian import (
    MEAN,
    SIGMA_MAX,
    SPREAD,
    Walk,
    denoise,
    finish,
    levels,
    moments,
    numbers,
    orders,
    still,
)

ORDERS = {"euler": 1, "ddim": 1, "heun": 2, "dpm_2": 2, "dpmpp_2m": 2}
STOCHASTIC = BROWNIAN | {"ddpm", "euler_ancestral", "lcm"}
LEVELS = torch.cat([levels(8, 0.1), torch.zeros(1, dtype=torch.float64)])


def start(count: int = 5) -> Tensor:
    return torch.linspace(-2, 2, count, dtype=torch.float64) * SIGMA_MAX


def silent(sigma: Tensor, sigma_next: Tensor) -> Tensor:
    raise AssertionError("a deterministic sampler asked for noise")


def walk(name: str, sigmas: Tensor = LEVELS) -> Tensor:
    noise = still if name in STOCHASTIC else silent
    return finish(SAMPLERS[name](denoise, start(), sigmas, noise))


@pytest.mark.parametrize(("name", "order"), ORDERS.items())
def test_a_deterministic_sampler_converges_at_its_order(name: str, order: int):
    assert orders(SAMPLERS[name])[-1] == pytest.approx(order, abs=0.05)


@pytest.mark.parametrize("sampler", [dpmpp_sde, dpmpp_2m_sde])
def test_an_sde_sampler_without_its_noise_solves_the_flow_at_order_two(sampler: Walk):
    assert orders(partial(sampler, eta=0.0))[-1] == pytest.approx(2, abs=0.05)


def test_dpmpp_3m_sde_without_its_noise_comes_near_order_two_from_below():
    measured = orders(partial(dpmpp_3m_sde, eta=0.0))
    assert measured == sorted(measured)
    assert 1.8 < measured[-1] < 2.1


@pytest.mark.parametrize("name", ["uni_pc", "uni_pc_bh2"])
def test_uni_pc_converges_at_least_at_order_two(name: str):
    assert min(orders(SAMPLERS[name])[1:]) > 2


@pytest.mark.parametrize(("solver_type", "scale"), [("bh1", step_length), ("bh2", exponential_length)])
@pytest.mark.parametrize("solver_order", [1, 2, 3])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # diffusers 0.42 with numpy 2
def test_uni_pc_takes_the_steps_of_the_reference(solver_order: int, solver_type: Any, scale: Scale):
    from diffusers.schedulers.scheduling_unipc_multistep import UniPCMultistepScheduler

    reference: Any = UniPCMultistepScheduler(
        beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, prediction_type="sample",
        solver_order=solver_order, solver_type=solver_type, use_karras_sigmas=True, final_sigmas_type="sigma_min",
    )  # fmt: skip
    reference.set_timesteps(10)
    sigmas = reference.sigmas.double()
    x = start()[:, None]
    y = x / (1 + sigmas[0] ** 2).sqrt()
    for sigma, t in zip(sigmas, reference.timesteps, strict=False):
        y = reference.step(denoise(y * (1 + sigma**2).sqrt(), sigma), t, y, return_dict=False)[0]
    end = finish(uni_pc(denoise, x, sigmas, silent, order=solver_order, scale=scale))
    torch.testing.assert_close(end, y * (1 + sigmas[-1] ** 2).sqrt(), atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("name", "order"), [("euler_ancestral", 1), ("ddpm", 1), ("dpmpp_2m_sde", 2), ("dpmpp_sde", 2)]
)
def test_the_exact_marginal_of_a_stochastic_sampler_approaches_that_of_the_data(name: str, order: int):
    target = SPREAD**2 + 0.3**2
    results = [moments(SAMPLERS[name], steps) for steps in (80, 160, 320)]
    errors = [abs(variance - target) for _, variance in results]
    assert all(mean == pytest.approx(MEAN, abs=1e-9) for mean, _ in results)
    assert errors[1] / errors[2] == pytest.approx(2**order, rel=0.05)
    assert errors[2] < (0.02 if order == 1 else 1e-4) * target


@pytest.mark.parametrize(
    ("name", "steps"),
    [("euler_ancestral", 640), ("ddpm", 640), ("dpmpp_2m_sde", 40), ("dpmpp_3m_sde", 40), ("dpmpp_sde", 40)],
)
def test_samples_have_the_mean_and_the_variance_of_the_marginal(name: str, steps: int):
    count = 20_000
    sigmas = levels(steps, 0.3)
    x = MEAN + seeded_noise([count], 1).double() * (SPREAD**2 + sigmas[0] ** 2).sqrt()
    end = finish(SAMPLERS[name](denoise, x, sigmas, noise_for(name, x, sigmas, 1)))
    variance = SPREAD**2 + 0.3**2
    assert float(end.mean()) == pytest.approx(MEAN, abs=4 * (variance / count) ** 0.5)
    assert float(end.var()) == pytest.approx(variance, rel=4 * (2 / count) ** 0.5)


def test_lcm_ends_on_the_last_estimate_after_fresh_noise_at_every_level_but_the_last():
    asked: list[tuple[float, float]] = []

    def noise(sigma: Tensor, sigma_next: Tensor) -> Tensor:
        asked.append((float(sigma), float(sigma_next)))
        return torch.full((5,), 2.0, dtype=torch.float64)

    end = finish(SAMPLERS["lcm"](denoise, start(), LEVELS, noise))
    x = denoise(denoise(start(), LEVELS[0]) + 2 * LEVELS[1], LEVELS[1])
    for sigma in LEVELS[2:-1]:
        x = denoise(x + 2 * sigma, sigma)
    torch.testing.assert_close(end, x)
    assert asked == list(pairwise(numbers(LEVELS[:-1])))


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_sampler_yields_one_step_a_level_and_changes_no_argument(name: str):
    x, sigmas = start(), LEVELS.clone()
    before = x.clone()
    noise = still if name in STOCHASTIC else silent
    steps = list(SAMPLERS[name](denoise, x, sigmas, noise))
    assert [float(step.sigma) for step in steps] == numbers(sigmas[:-1])
    assert all(torch.equal(step.denoised, denoise(step.x, step.sigma)) for step in steps)
    assert torch.equal(x, before)
    assert torch.equal(sigmas, LEVELS)


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("sigmas", [torch.empty(0), torch.tensor([3.0])])
def test_a_walk_of_no_steps_stays_where_it_is(name: str, sigmas: Tensor):
    assert torch.equal(walk(name, sigmas), start())


@pytest.mark.parametrize("name", sorted(set(SAMPLERS) - {"uni_pc", "uni_pc_bh2"}))
def test_a_single_step_to_zero_gives_the_estimate(name: str):
    sigmas = torch.tensor([3.0, 0.0], dtype=torch.float64)
    torch.testing.assert_close(walk(name, sigmas), denoise(start(), sigmas[0]))


@pytest.mark.parametrize(("name", "step"), [("euler", euler_step), ("ddim", ddim_step)])
def test_unrolled_steps_equal_the_sampler_bit_for_bit(name: str, step: Callable[..., Tensor]):
    x = start()
    for sigma, sigma_next in pairwise(LEVELS):
        x = step(x, denoise(x, sigma), sigma, sigma_next)
    assert torch.equal(walk(name), x)


def test_ddim_is_predicting_the_noise_estimating_the_original_and_adding_noise_back_bit_for_bit():
    x = start()
    for sigma, sigma_next in pairwise(LEVELS):
        noise = predicted_noise(x, denoise(x, sigma), sigma)
        x = renoise(estimated_original(x, noise, sigma), noise, sigma_next)
    assert torch.equal(walk("ddim"), x)


def test_ddim_is_eulers_method():
    torch.testing.assert_close(walk("ddim"), walk("euler"))


def test_ddim_is_the_papers_formula_in_its_own_frame():
    x = start()
    for sigma, sigma_next in pairwise(LEVELS):
        alpha, alpha_next = 1 / (1 + sigma**2), 1 / (1 + sigma_next**2)
        eps = (x - denoise(x, sigma)) / sigma
        scaled = x * alpha.sqrt()
        clean = (scaled - (1 - alpha).sqrt() * eps) / alpha.sqrt()
        x = (alpha_next.sqrt() * clean + (1 - alpha_next).sqrt() * eps) / alpha_next.sqrt()
    torch.testing.assert_close(walk("ddim"), x)


def test_ddpm_is_the_papers_posterior_in_its_own_frame_and_the_ancestral_sampler():
    x, ones = start(), torch.ones(5, dtype=torch.float64)
    for sigma, sigma_next in pairwise(LEVELS):
        alpha, alpha_next = 1 / (1 + sigma**2), 1 / (1 + sigma_next**2)
        beta = 1 - alpha / alpha_next
        mean = beta * alpha_next.sqrt() / (1 - alpha) * denoise(x, sigma)
        mean = mean + (1 - alpha_next) * (1 - beta).sqrt() / (1 - alpha) * x * alpha.sqrt()
        x = (mean + (beta * (1 - alpha_next) / (1 - alpha)).sqrt() * ones) / alpha_next.sqrt()
    for name in ("ddpm", "euler_ancestral"):
        torch.testing.assert_close(finish(SAMPLERS[name](denoise, start(), LEVELS, lambda _a, _b: ones)), x)


def test_the_first_step_of_dpmpp_2m_is_one_of_ddim():
    torch.testing.assert_close(walk("dpmpp_2m", LEVELS[:2]), walk("ddim", LEVELS[:2]))


def test_dpmpp_2m_sde_without_noise_is_dpmpp_2m():
    torch.testing.assert_close(finish(dpmpp_2m_sde(denoise, start(), LEVELS, silent, eta=0.0)), walk("dpmpp_2m"))


def test_an_ancestral_split_keeps_the_variance():
    sigma, sigma_next = torch.tensor(3.0), torch.tensor(2.0)
    down, up = ancestral_split(sigma, sigma_next)
    assert float(down**2 + up**2) == pytest.approx(4)
    assert float(down) == pytest.approx(4 / 3)
    assert [float(v) for v in ancestral_split(sigma, sigma_next, 0.0)] == [2, 0]
    assert [float(v) for v in ancestral_split(sigma, torch.tensor(0.0))] == [0, 0]


@pytest.mark.parametrize("seed", [0, 7, 2**64 - 1])
def test_noise_is_made_again_from_its_seed_and_differs_from_the_initial_noise(seed: int):
    x, sigma = torch.zeros(2, 4, 8, 8), torch.tensor(1.0)
    first, again = gaussian_noise(x, seed), gaussian_noise(x, seed)
    draws = [first(sigma, sigma), first(sigma, sigma)]
    assert torch.equal(draws[0], again(sigma, sigma))
    assert not torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], seeded_noise(x.shape, seed))


def test_a_seed_gives_the_noise_of_torch_manual_seed_and_leaves_the_global_generator_alone():
    state = torch.get_rng_state()
    drawn = seeded_noise([4], 100)  # torch.manual_seed(100); torch.randn(4)
    torch.testing.assert_close(drawn, torch.tensor([0.36074, -0.28594, -0.39383, 0.24290]), atol=1e-4, rtol=0)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_brownian_path_has_the_values_of_torchsde():
    path = BrownianPath(0.03, 14.6, (3,), 2**64 - 1)
    expected = [3.652982, 2.447597, 5.109237, 0.414273, 0.478014, -0.926619, -0.179985, 0.129381, 0.008658]
    increments = [path(b) - path(a) for a, b in ((0.03, 14.6), (0.5, 1.25), (7.0, 7.1))]
    torch.testing.assert_close(torch.cat(increments), torch.tensor(expected), atol=1e-5, rtol=0)


def test_brownian_noise_has_unit_variance_and_adds_up_over_a_finer_walk():
    x, sigmas = torch.zeros(20_000), levels(6)
    noise = brownian_noise(x, sigmas, 3)
    draws = [noise(a, b) for a, b in pairwise(sigmas)]
    assert all(float(draw.var()) == pytest.approx(1, rel=0.04) for draw in draws)
    assert abs(float((draws[0] * draws[1]).mean())) < 0.03
    parts = [draw * (a - b).sqrt() for draw, (a, b) in zip(draws, pairwise(sigmas), strict=True)]
    whole = brownian_noise(x, sigmas, 3)(sigmas[0], sigmas[-1]) * (sigmas[0] - sigmas[-1]).sqrt()
    torch.testing.assert_close(torch.stack(parts).sum(0), whole, atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", sorted(BROWNIAN))
def test_the_sde_samplers_walk_on_a_brownian_path(name: str):
    x, sigmas = torch.zeros(4), torch.tensor([10.0, 3.0, 1.0, 0.0])
    ours, path = noise_for(name, x, sigmas, 5), BrownianPath(1.0, 10.0, (4,), 5)
    torch.testing.assert_close(ours(sigmas[0], sigmas[1]), (path(3.0) - path(10.0)) / 7**0.5)
