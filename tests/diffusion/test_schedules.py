"""Schedules: where they start, how they fall, and their formulas written again."""

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nodes.diffusion.parameterization import Parameterization
from nodes.diffusion.schedules import SCHEDULES, SKIP_PENULTIMATE, schedule
from tests.diffusion.gaussian import numbers

UNTIMED = settings(deadline=None)  # the first call is slow
SD = Parameterization.stable_diffusion()
LOW, HIGH = SD.sigma_min, SD.sigma_max
WHOLE_STEPS = {"ddim_uniform", "beta"}  # levels are entries of the table, so their number may differ
names = st.sampled_from(sorted(SCHEDULES))


@UNTIMED
@given(names, st.integers(1, 400))
def test_a_schedule_falls_from_the_models_range_to_zero(name: str, steps: int):
    sigmas = schedule(name, SD, steps)
    assert sigmas.dtype == torch.float32
    assert float(sigmas[-1]) == 0
    assert bool((sigmas.diff() < 0).all())
    assert float(sigmas[0]) <= HIGH * (1 + 1e-6)
    assert float(sigmas[-2]) >= LOW * (1 - 1e-6)
    assert name in WHOLE_STEPS or len(sigmas) == steps + 1


@pytest.mark.parametrize("name", SCHEDULES)
def test_more_steps_than_the_table_has_are_no_error(name: str):
    sigmas = schedule(name, SD, 2500)
    assert bool(sigmas.isfinite().all())
    assert bool((sigmas.diff() <= 0).all())
    assert name not in {"simple", "ddim_uniform", "beta"} or bool((sigmas.diff() < 0).all())


@UNTIMED
@given(names, st.integers(1, 60), st.floats(0.01, 0.999))
def test_partial_denoising_is_the_tail_of_a_longer_schedule(name: str, steps: int, denoise: float):
    tail = schedule(name, SD, steps, denoise)
    assert torch.equal(tail, schedule(name, SD, int(steps / denoise))[-(steps + 1) :])


def test_a_tail_has_the_asked_number_of_steps_where_a_whole_schedule_has_more():
    assert [len(schedule("ddim_uniform", SD, 6, denoise)) for denoise in (1.0, 0.99)] == [8, 7]


@pytest.mark.parametrize("name", SCHEDULES)
def test_no_denoising_is_no_steps(name: str):
    assert len(schedule(name, SD, 20, 0.0)) == 0


@pytest.mark.parametrize("method", sorted(SKIP_PENULTIMATE))
@pytest.mark.parametrize("denoise", [1.0, 0.5])
def test_some_samplers_skip_the_last_level_before_zero(method: str, denoise: float):
    sigmas = schedule("normal", SD, 6, denoise, method)
    whole = SCHEDULES["normal"](SD, int(6 / denoise) + 1)
    assert numbers(sigmas) == [*numbers(whole[:-2]), 0.0][-7:]
    assert torch.equal(schedule("normal", SD, 6, 1.0, "euler"), schedule("normal", SD, 6))


def by_formula(name: str, i: int, steps: int) -> float:
    part = i / (steps - 1)
    sevenths = HIGH ** (1 / 7) + part * (LOW ** (1 / 7) - HIGH ** (1 / 7))
    formulas = {
        "karras": lambda: sevenths**7,
        "exponential": lambda: HIGH * (LOW / HIGH) ** part,
        "linear": lambda: HIGH + part * (LOW - HIGH),
        "kl_optimal": lambda: math.tan(part * math.atan(LOW) + (1 - part) * math.atan(HIGH)),
        "normal": lambda: float(SD.sigma(999 * (1 - part))),
        "sgm_uniform": lambda: float(SD.sigma(999 * (1 - i / steps))),
        "simple": lambda: float(SD.sigmas[999 - int(i * 1000 / steps)]),
    }
    return formulas[name]()


@pytest.mark.parametrize("name", ["karras", "exponential", "linear", "kl_optimal", "normal", "sgm_uniform", "simple"])
@pytest.mark.parametrize("steps", [2, 7, 30])
def test_a_schedule_follows_its_formula(name: str, steps: int):
    expected = [by_formula(name, i, steps) for i in range(steps)]
    assert numbers(schedule(name, SD, steps)[:-1]) == pytest.approx(expected, rel=2e-5)


def test_cosine_follows_the_squared_cosine_of_nichol_and_dhariwal():
    sigmas = schedule("cosine", SD, 9)[:-1].double()
    alphas = 1 / (1 + sigmas**2)
    start = math.cos(0.008 / 1.008 * math.pi / 2) ** 2
    times = (alphas * start).sqrt().acos() / (math.pi / 2) * 1.008 - 0.008
    torch.testing.assert_close(times.diff(), times.diff().mean().expand(8), atol=1e-5, rtol=0)
    assert numbers(sigmas[[0, -1]]) == pytest.approx([HIGH, LOW], rel=1e-4)


def test_ddim_uniform_takes_every_nth_step_from_the_first():
    assert torch.equal(schedule("ddim_uniform", SD, 20), torch.cat([SD.sigmas[1::50].flip(0), torch.zeros(1)]))
    assert len(schedule("ddim_uniform", SD, 6)) == 8


@pytest.mark.parametrize(
    ("steps", "expected"),  # rint(999 · scipy.stats.beta.ppf(1 - i / steps, 0.6, 0.6))
    [
        (1, [999]),
        (5, [999, 876, 637, 362, 123]),
        (20, [999, 986, 959, 922, 876, 823, 765, 703, 637, 569, 500, 430, 362, 296, 234, 176, 123, 77, 40, 13]),
    ],
)
def test_beta_visits_the_quantiles_of_the_beta_distribution(steps: int, expected: list[int]):
    assert [int(SD.timestep(sigma)) for sigma in schedule("beta", SD, steps)[:-1]] == expected


def test_linear_quadratic_is_straight_then_a_parabola_of_the_same_slope():
    removed = 1 - schedule("linear_quadratic", SD, 20).double() / HIGH
    falls = removed.diff()
    assert numbers(falls[:10]) == pytest.approx([0.0025] * 10, abs=1e-6)
    assert numbers(falls[10:].diff()) == pytest.approx([float(falls[10:].diff().mean())] * 9, abs=1e-6)
    assert float(falls[10]) - 0.0025 == pytest.approx(float(falls[11] - falls[10]) / 2, abs=1e-6)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # diffusers 0.42 with numpy 2
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("karras", {"use_karras_sigmas": True}),
        ("exponential", {"use_exponential_sigmas": True}),
        ("normal", {"timestep_spacing": "linspace"}),
    ],
)
def test_schedules_equal_those_of_diffusers(name: str, options: dict[str, bool | str]):
    from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler

    reference: Any = EulerDiscreteScheduler(
        beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012,
        use_karras_sigmas=bool(options.get("use_karras_sigmas")),
        use_exponential_sigmas=bool(options.get("use_exponential_sigmas")), timestep_spacing="linspace",
    )  # fmt: skip
    reference.set_timesteps(12)
    torch.testing.assert_close(schedule(name, SD, 12), reference.sigmas, atol=1e-4, rtol=0)
