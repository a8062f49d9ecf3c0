"""Samplers: ways to walk from noise to a picture along decreasing noise levels.

Each is a generator of `(denoise, x, sigmas, noise)`. `denoise(x, sigma)` estimates the clean latent D from
x = x₀ + sigma·ε; `sigmas`, shape [steps + 1], decreases and mostly ends in 0; `noise(sigma, sigma_next)` draws the
randomness of a step and is called by stochastic samplers only. A sampler yields a `Step` as soon as D is known for a
level and returns the latent at the last level. It never changes its arguments.

All solve the probability flow ODE dx/dσ = (x - D)/σ or an SDE with the same marginals (Karras et al. 2022). In this
frame a step of DDIM, of Euler and of first-order DPM-Solver++ are the same: go the share σ'/σ of the way from D to x.
"""

from collections.abc import Callable, Generator, Sequence
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from .noise import Noise, brownian_noise, gaussian_noise

Denoise = Callable[[Tensor, Tensor], Tensor]
Known = tuple[Tensor, Tensor]  # λ = -log σ and D of a level that was visited


class Step(NamedTuple):
    """What is known before leaving a level: the latent, its sigma (no dimensions), the estimate of the clean latent."""

    x: Tensor
    sigma: Tensor
    denoised: Tensor


Walk = Generator[Step, None, Tensor]
Sampler = Callable[[Denoise, Tensor, Tensor, Noise], Walk]
Scale = Callable[[Tensor], Tensor]


def predicted_noise(x: Tensor, denoised: Tensor, sigma: Tensor) -> Tensor:
    """The noise that the model sees in x: ε = (x - D)/σ, of about unit variance. It is also dx/dσ of the flow."""
    return (x - denoised) / sigma


def renoise(denoised: Tensor, noise: Tensor, sigma: Tensor) -> Tensor:
    """Add noise back to an estimate of the clean latent: x = D + σ·ε."""
    return denoised + noise * sigma


def euler_step(x: Tensor, denoised: Tensor, sigma: Tensor, sigma_next: Tensor) -> Tensor:
    """Follow the flow's slope at x from sigma to sigma_next."""
    return x + predicted_noise(x, denoised, sigma) * (sigma_next - sigma)


def estimated_original(x: Tensor, noise: Tensor, sigma: Tensor) -> Tensor:
    """What is left of x without the noise: D = x - σ·ε."""
    return x - noise * sigma


def ddim_step(x: Tensor, denoised: Tensor, sigma: Tensor, sigma_next: Tensor) -> Tensor:
    """Predict the noise, estimate the original, add less of the same noise back (Song et al. 2021, eq. 12 with η = 0).

    Said in the steps that the one-step nodes take, so that a graph of them gives the same bits.
    """
    noise = predicted_noise(x, denoised, sigma)
    return renoise(estimated_original(x, noise, sigma), noise, sigma_next)


def ancestral_split(sigma: Tensor, sigma_next: Tensor, eta: float = 1.0) -> tuple[Tensor, Tensor]:
    """How far down to step and how much fresh noise to add: (down, up) with down² + up² = sigma_next²."""
    variance = sigma_next**2 * (sigma**2 - sigma_next**2) / sigma**2
    up = torch.minimum(sigma_next, eta * variance.sqrt())
    return (sigma_next**2 - up**2).sqrt(), up


def euler(denoise: Denoise, x: Tensor, sigmas: Tensor, _noise: Noise) -> Walk:
    """Euler's method: one evaluation a step, first order (Karras et al. 2022, algorithm 1 without the correction)."""
    for sigma, sigma_next in pairwise(sigmas):
        denoised = denoise(x, sigma)
        yield Step(x, sigma, denoised)
        x = euler_step(x, denoised, sigma, sigma_next)
    return x


def ddim(denoise: Denoise, x: Tensor, sigmas: Tensor, _noise: Noise) -> Walk:
    """DDIM with η = 0 (Song et al. 2021). The same numbers as Euler, said as estimate and noise."""
    for sigma, sigma_next in pairwise(sigmas):
        denoised = denoise(x, sigma)
        yield Step(x, sigma, denoised)
        x = ddim_step(x, denoised, sigma, sigma_next)
    return x


def euler_ancestral(denoise: Denoise, x: Tensor, sigmas: Tensor, noise: Noise) -> Walk:
    """Euler to below the next level, then fresh noise up to it: the steps of DDPM between any two levels."""
    for sigma, sigma_next in pairwise(sigmas):
        denoised = denoise(x, sigma)
        yield Step(x, sigma, denoised)
        if sigma_next == 0:
            x = denoised
        else:
            down, up = ancestral_split(sigma, sigma_next)
            x = euler_step(x, denoised, sigma, down) + noise(sigma, sigma_next) * up
    return x


def ddpm(denoise: Denoise, x: Tensor, sigmas: Tensor, noise: Noise) -> Walk:
    """A draw from the posterior q(x' | x, x₀ = D) a step (Ho et al. 2020, equations 6 and 7)."""
    for sigma, sigma_next in pairwise(sigmas):
        denoised = denoise(x, sigma)
        yield Step(x, sigma, denoised)
        if sigma_next == 0:
            x = denoised
        else:
            share = (sigma_next / sigma) ** 2
            x = denoised + (x - denoised) * share + noise(sigma, sigma_next) * sigma_next * (1 - share).sqrt()
    return x


def heun(denoise: Denoise, x: Tensor, sigmas: Tensor, _noise: Noise) -> Walk:
    """Heun's method, the mean of the slopes at both ends: second order (Karras et al. 2022, algorithm 1)."""
    for sigma, sigma_next in pairwise(sigmas):
        denoised = denoise(x, sigma)
        yield Step(x, sigma, denoised)
        ahead = euler_step(x, denoised, sigma, sigma_next)
        if sigma_next == 0:
            x = ahead
        else:
            slope = predicted_noise(x, denoised, sigma)
            slope_next = predicted_noise(ahead, denoise(ahead, sigma_next), sigma_next)
            x = x + (slope + slope_next) / 2 * (sigma_next - sigma)
    return x


def dpm_2(denoise: Denoise, x: Tensor, sigmas: Tensor, _noise: Noise) -> Walk:
    """The slope in the middle of the step by log σ: second order (DPM-Solver-2, Lu et al. 2022a)."""
    for sigma, sigma_next in pairwise(sigmas):
        denoised = denoise(x, sigma)
        yield Step(x, sigma, denoised)
        if sigma_next == 0:
            x = euler_step(x, denoised, sigma, sigma_next)
        else:
            middle = (sigma * sigma_next).sqrt()
            halfway = euler_step(x, denoised, sigma, middle)
            slope = predicted_noise(halfway, denoise(halfway, middle), middle)
            x = x + slope * (sigma_next - sigma)
    return x


def dpmpp_2m(denoise: Denoise, x: Tensor, sigmas: Tensor, _noise: Noise) -> Walk:
    """DPM-Solver++(2M): D extrapolated to the middle of the step, in log σ, from the last two (Lu et al. 2022b)."""
    denoised_last, h_last = None, None
    for sigma, sigma_next in pairwise(sigmas):
        denoised = denoise(x, sigma)
        yield Step(x, sigma, denoised)
        if sigma_next == 0:
            return denoised
        h = (sigma / sigma_next).log()
        estimate = _extrapolated(denoised, denoised_last, h, h_last)
        x = estimate + (x - estimate) * (sigma_next / sigma)
        denoised_last, h_last = denoised, h
    return x


def dpmpp_2m_sde(denoise: Denoise, x: Tensor, sigmas: Tensor, noise: Noise, eta: float = 1.0) -> Walk:
    """SDE-DPM-Solver++(2M) (Lu et al. 2022b, algorithm 3, midpoint form); with eta = 0 it is dpmpp_2m."""
    denoised_last, h_last = None, None
    for sigma, sigma_next in pairwise(sigmas):
        denoised = denoise(x, sigma)
        yield Step(x, sigma, denoised)
        if sigma_next == 0:
            return denoised
        h = (sigma / sigma_next).log()
        estimate = _extrapolated(denoised, denoised_last, h, h_last)
        x = estimate + (x - estimate) * (-(1 + eta) * h).exp()
        if eta > 0:
            x = x + noise(sigma, sigma_next) * sigma_next * (-torch.expm1(-2 * eta * h)).sqrt()
        denoised_last, h_last = denoised, h
    return x


def dpmpp_3m_sde(denoise: Denoise, x: Tensor, sigmas: Tensor, noise: Noise, eta: float = 1.0) -> Walk:
    """SDE-DPM-Solver++(3M): D follows, in log σ, the parabola through its last three values (Crowson, k-diffusion)."""
    known: list[tuple[Tensor, Tensor]] = []  # (D, length of the step that left it), newest last
    for sigma, sigma_next in pairwise(sigmas):
        denoised = denoise(x, sigma)
        yield Step(x, sigma, denoised)
        if sigma_next == 0:
            return denoised
        h = (sigma / sigma_next).log()
        decay = (1 + eta) * h
        x = denoised + (x - denoised) * (-decay).exp() + _bent(denoised, known, h, decay)
        if eta > 0:
            x = x + noise(sigma, sigma_next) * sigma_next * (-torch.expm1(-2 * eta * h)).sqrt()
        known = [*known, (denoised, h)][-2:]
    return x


def _bent(denoised: Tensor, known: list[tuple[Tensor, Tensor]], h: Tensor, decay: Tensor) -> Tensor | float:
    """What D's slope and bend over the last steps add to a step of 3M: φ₂·slope - φ₃·bend."""
    if not known:
        return 0.0
    (last, h_last), phi_2 = known[-1], torch.expm1(-decay) / decay + 1
    slope = (denoised - last) * (h / h_last)
    if len(known) == 1:
        return phi_2 * slope
    before, h_before = known[-2]
    bend = (slope - (last - before) * (h / h_before)) * (h / (h_last + h_before))
    return phi_2 * (slope + bend * (h_last / h)) - (phi_2 / decay - 0.5) * bend


def dpmpp_sde(denoise: Denoise, x: Tensor, sigmas: Tensor, noise: Noise, eta: float = 1.0) -> Walk:
    """DPM-Solver++(2S) with ancestral steps: D in the middle of the step, by log σ, carries all of it."""
    for sigma, sigma_next in pairwise(sigmas):
        denoised = denoise(x, sigma)
        yield Step(x, sigma, denoised)
        if sigma_next == 0:
            return denoised
        middle = (sigma * sigma_next).sqrt()
        down, up = ancestral_split(sigma, middle, eta)
        halfway = denoised + (x - denoised) * (down / sigma) + noise(sigma, middle) * up
        estimate = denoise(halfway, middle)
        down, up = ancestral_split(sigma, sigma_next, eta)
        x = estimate + (x - estimate) * (down / sigma) + noise(sigma, sigma_next) * up
    return x


def lcm(denoise: Denoise, x: Tensor, sigmas: Tensor, noise: Noise) -> Walk:
    """Multistep consistency sampling: take the estimate, add fresh noise for the next level (Luo et al. 2023)."""
    for sigma, sigma_next in pairwise(sigmas):
        denoised = denoise(x, sigma)
        yield Step(x, sigma, denoised)
        x = denoised if sigma_next == 0 else renoise(denoised, noise(sigma, sigma_next), sigma_next)
    return x


def step_length(h: Tensor) -> Tensor:
    """B₁(h) = h, for uni_pc."""
    return h


def exponential_length(h: Tensor) -> Tensor:
    """B₂(h) = 1 - e^(-h), for uni_pc_bh2: the better one of the two for few steps, its authors say."""
    return -torch.expm1(-h)


def uni_pc(
    denoise: Denoise, x: Tensor, sigmas: Tensor, _noise: Noise, order: int = 3, scale: Scale = step_length
) -> Walk:
    """UniPC (Zhao et al. 2023): each evaluation corrects the last step and predicts the next; `scale` is the paper's B.

    A final level of 0, where log σ has no value, becomes 0.001. The order grows from 1 and falls back to 1 at the end.
    """
    levels = torch.cat([sigmas[:-1], sigmas[-1:].clamp(min=0.001)]) if len(sigmas) else sigmas
    steps = len(levels) - 1
    order = max(1, min(order, steps - 1))
    known: list[Known] = []
    for i, (sigma, sigma_next) in enumerate(pairwise(levels)):
        if i == 0:
            denoised = denoise(x, sigma)
            yield Step(x, sigma, denoised)
            known = [(-sigma.log(), denoised)]
        depth = min(order, i + 1, steps - i)
        ahead = -sigma_next.log()
        predicted = _unipc_step(x, known[-depth:], ahead, scale)
        if i + 1 == steps:
            return predicted
        denoised = denoise(predicted, sigma_next)
        yield Step(predicted, sigma_next, denoised)
        x = _unipc_step(x, known[-depth:], ahead, scale, denoised)
        known = [*known, (ahead, denoised)][-order:]
    return x


def _extrapolated(denoised: Tensor, last: Tensor | None, h: Tensor, h_last: Tensor | None) -> Tensor:
    if last is None or h_last is None:
        return denoised
    return denoised + (denoised - last) * (h / (2 * h_last))


def _unipc_step(
    x: Tensor, known: Sequence[Known], ahead: Tensor, scale: Scale, corrector: Tensor | None = None
) -> Tensor:
    """From the newest known level to λ = ahead; with `corrector`, D at the predicted point, the corrected step."""
    here, newest = known[-1]
    h = (ahead - here).double()
    differences = [((lam - here) / h, denoised - newest) for lam, denoised in reversed(known[:-1])]
    if corrector is not None:
        differences.append((torch.ones_like(h), corrector - newest))
    result = newest + (x - newest) * (-h).exp()
    weights = _unipc_weights([ratio for ratio, _ in differences], h, scale(h))
    for weight, (ratio, difference) in zip(weights, differences, strict=True):
        result = result + difference * (scale(h) * weight / ratio)
    return result


def _unipc_weights(ratios: list[Tensor], h: Tensor, scale: Tensor) -> list[Tensor]:
    """The solution of Σ_k ρ_k r_k^(n-1) = n!·φ_{n+1}(-h)·h/B, n = 1…; a single weight is ½ whatever h (theorem 3.1)."""
    if len(ratios) < 2:
        return [torch.full_like(h, 0.5)] * len(ratios)
    phi, factorial, right = torch.expm1(-h) / -h - 1, 1.0, []
    for n in range(1, len(ratios) + 1):
        right.append(phi * factorial / -scale)
        factorial *= n + 1
        phi = phi / -h - 1 / factorial
    r = torch.stack(ratios).double()
    return list(torch.linalg.solve(torch.stack([r**n for n in range(len(ratios))]), torch.stack(right)))


SAMPLERS: dict[str, Sampler] = {
    "euler": euler,
    "euler_ancestral": euler_ancestral,
    "heun": heun,
    "dpm_2": dpm_2,
    "dpmpp_2m": dpmpp_2m,
    "dpmpp_2m_sde": dpmpp_2m_sde,
    "dpmpp_3m_sde": dpmpp_3m_sde,
    "dpmpp_sde": dpmpp_sde,
    # ComfyUI draws the noise of these on the GPU. Here it always comes from the CPU, so that a seed is a picture.
    "dpmpp_2m_sde_gpu": dpmpp_2m_sde,
    "dpmpp_3m_sde_gpu": dpmpp_3m_sde,
    "dpmpp_sde_gpu": dpmpp_sde,
    "ddim": ddim,
    "ddpm": ddpm,
    "lcm": lcm,
    "uni_pc": uni_pc,
    "uni_pc_bh2": partial(uni_pc, scale=exponential_length),
}
BROWNIAN = frozenset(name for name in SAMPLERS if "_sde" in name)


def noise_for(method: str, x: Tensor, sigmas: Tensor, seed: int) -> Noise:
    """The noise that goes with a sampler: a Brownian path for the SDE samplers, independent draws for the others."""
    return brownian_noise(x, sigmas, seed) if method in BROWNIAN and (sigmas > 0).any() else gaussian_noise(x, seed)
