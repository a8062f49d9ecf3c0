"""What a network's output means: noise (eps), velocity (v) or the clean latent (x0), and how sigma relates to t.

Two frames are used. Networks are trained in the variance-preserving one, x_t = √ᾱ·x₀ + √(1-ᾱ)·ε (Ho et al. 2020).
Everything else here lives in the variance-exploding one of Karras et al. (2022), x = x₀ + σ·ε with σ² = (1-ᾱ)/ᾱ, where
samplers are shortest. `scale_input` goes from the second to the first, x / √(1 + σ²).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

Scalar = float | Tensor
Kind = Literal["eps", "v", "x0"]


@dataclass(frozen=True, eq=False)
class Parameterization:
    """The noise levels a model was trained on and the kind of output it gives.

    `alphas_cumprod` is ᾱ, float64 of shape [T], decreasing within (0, 1]. A sigma below is a number, a tensor without
    dimensions, or one number per row of the batch; a t is an index into the table (0 is the cleanest) and may be
    fractional where sigmas are interpolated.
    """

    alphas_cumprod: Tensor
    prediction: Kind = "eps"

    @classmethod
    def from_betas(cls, betas: Tensor, prediction: Kind = "eps") -> "Parameterization":
        """From the variances β of the forward steps, shape [T]: ᾱ is the running product of 1-β."""
        return cls((1 - betas.double()).cumprod(0), prediction)

    @classmethod
    def stable_diffusion(cls, prediction: Kind = "eps") -> "Parameterization":
        """The schedule of SD1, SD2 and SDXL: 1000 scaled-linear betas, sigmas from 0.0291672 to 14.6146."""
        return cls.from_betas(scaled_linear_betas(), prediction)

    @cached_property
    def sigmas(self) -> Tensor:
        """σ = √((1-ᾱ)/ᾱ), float32, shape [T], increasing."""
        return ((1 - self.alphas_cumprod) / self.alphas_cumprod).sqrt().float()

    @cached_property
    def log_sigmas(self) -> Tensor:
        """log σ, float32, shape [T]."""
        return ((1 - self.alphas_cumprod) / self.alphas_cumprod).sqrt().log().float()

    @property
    def sigma_min(self) -> float:
        """The smallest sigma of the table."""
        return float(self.sigmas[0])

    @property
    def sigma_max(self) -> float:
        """The largest sigma of the table."""
        return float(self.sigmas[-1])

    def timestep(self, sigma: Scalar) -> Tensor:
        """The index t of the nearest sigma by logarithm, int64, of sigma's shape.

        Nearest, not interpolated: the networks have only ever seen whole steps.
        """
        log_sigma = torch.as_tensor(sigma, dtype=torch.float32, device="cpu").log()
        return (log_sigma[..., None] - self.log_sigmas).abs().argmin(-1)

    def sigma(self, t: Scalar) -> Tensor:
        """The sigma at t in [0, T-1], float32: log σ is linear between whole steps."""
        t = torch.as_tensor(t, dtype=torch.float32, device="cpu").clamp(0, len(self.log_sigmas) - 1)
        low, high, weight = t.floor().long(), t.ceil().long(), t.frac()
        return ((1 - weight) * self.log_sigmas[low] + weight * self.log_sigmas[high]).exp()

    def sigma_at(self, percent: float) -> float:
        """The sigma after `percent` (0 to 1) of the way from pure noise to the picture; infinite at 0, zero at 1."""
        if percent <= 0:
            return math.inf
        if percent >= 1:
            return 0.0
        return float(self.sigma((1 - percent) * (len(self.sigmas) - 1)))

    def scale_input(self, x: Tensor, sigma: Scalar) -> Tensor:
        """The network's input: x / √(1 + σ²), of unit variance for latents of unit variance."""
        sigma = rows(sigma, x)
        return x / (sigma**2 + 1) ** 0.5

    def denoised(self, x: Tensor, sigma: Scalar, output: Tensor) -> Tensor:
        """The estimate D of the clean latent from the network's output for `scale_input(x, sigma)`.

        eps: D = x - σ·output.  v: D = x/(1+σ²) - σ/√(1+σ²)·output (Salimans & Ho 2022).  x0: D = output.
        """
        sigma = rows(sigma, x)
        if self.prediction == "eps":
            return x - output * sigma
        if self.prediction == "v":
            return x / (sigma**2 + 1) - output * sigma / (sigma**2 + 1) ** 0.5
        return output

    def output(self, x: Tensor, sigma: Scalar, denoised: Tensor) -> Tensor:
        """The network output that stands for the estimate `denoised`; the inverse of `denoised` (sigma above 0)."""
        sigma = rows(sigma, x)
        if self.prediction == "eps":
            return (x - denoised) / sigma
        if self.prediction == "v":
            return (x / (sigma**2 + 1) - denoised) * (sigma**2 + 1) ** 0.5 / sigma
        return denoised

    def diffuse(self, clean: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """The closed-form jump to step t, √ᾱ·x₀ + √(1-ᾱ)·ε: the network's own frame. t: int64 [batch]."""
        signal, spread = self._mix(clean, t)
        return signal * clean + spread * noise

    def target(self, clean: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """What the network should answer for `diffuse(clean, noise, t)`: ε, v = √ᾱ·ε - √(1-ᾱ)·x₀, or x₀."""
        if self.prediction == "eps":
            return noise
        if self.prediction == "v":
            signal, spread = self._mix(clean, t)
            return signal * noise - spread * clean
        return clean

    def _mix(self, like: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        alpha = self.alphas_cumprod[t.cpu()].reshape(-1, *[1] * (like.ndim - 1))
        return alpha.sqrt().to(like), (1 - alpha).sqrt().to(like)


def noised(latent: Tensor, noise: Tensor, sigma: Scalar, *, starts_at_most: bool = False) -> Tensor:
    """A latent with unit noise added at level sigma: latent + σ·noise.

    With `starts_at_most` (sampling begins at the model's largest sigma) the noise is scaled by √(1 + σ²) instead. The
    network then sees an input of exactly unit variance, though the latent it starts from is not there: an empty
    latent has no variance of its own to make up the difference. ComfyUI's pictures depend on it.
    """
    sigma = rows(sigma, noise)
    if starts_at_most:
        return latent + noise * (1 + sigma**2) ** 0.5
    return latent + noise * sigma


def rows(value: Scalar, like: Tensor) -> Scalar:
    """`value` shaped to scale the rows of `like`: [batch] becomes [batch, 1, 1, 1]; single numbers pass through."""
    if isinstance(value, Tensor) and value.ndim > 0:
        return value.reshape(-1, *[1] * (like.ndim - 1)).to(like.device)
    return value


def linear_betas(count: int = 1000, start: float = 1e-4, end: float = 0.02) -> Tensor:
    """Betas evenly spaced (Ho et al. 2020), float64 [count]."""
    return torch.linspace(start, end, count, dtype=torch.float64)


def scaled_linear_betas(count: int = 1000, start: float = 0.00085, end: float = 0.012) -> Tensor:
    """Betas whose square roots are evenly spaced (Rombach et al. 2022), float64 [count]."""
    return torch.linspace(start**0.5, end**0.5, count, dtype=torch.float64) ** 2


def cosine_betas(count: int = 1000, offset: float = 0.008, largest: float = 0.999) -> Tensor:
    """Betas that make ᾱ a squared cosine of time (Nichol & Dhariwal 2021), float64 [count], cut off at `largest`."""
    time = torch.linspace(0, 1, count + 1, dtype=torch.float64)
    alpha = ((time + offset) / (1 + offset) * math.pi / 2).cos() ** 2
    return (1 - alpha[1:] / alpha[:-1]).clamp(max=largest)


def sigmoid_betas(count: int = 1000, start: float = 1e-4, end: float = 0.02) -> Tensor:
    """Betas along a sigmoid from -6 to 6 (as in GeoDiff, Xu et al. 2022), float64 [count]."""
    return torch.linspace(-6, 6, count, dtype=torch.float64).sigmoid() * (end - start) + start


BETAS: dict[str, Callable[[int], Tensor]] = {
    "linear": linear_betas,
    "scaled_linear": scaled_linear_betas,
    "cosine": cosine_betas,
    "sigmoid": sigmoid_betas,
}


def zero_terminal_snr(alphas_cumprod: Tensor, floor: float = 4.8973451890853435e-08) -> Tensor:
    """ᾱ stretched so that the last step is pure noise (Lin et al. 2024, algorithm 1), float64 [T].

    √ᾱ is shifted until its last value is 0 and scaled back to its first value. The last ᾱ is then set to `floor`, so
    that sigma stays finite (about 4519). Only for v and x0 models: at zero signal, the noise tells nothing of x₀.
    """
    root = alphas_cumprod.double().sqrt()
    root = (root - root[-1]) * root[0] / (root[0] - root[-1])
    return torch.cat([root[:-1] ** 2, torch.tensor([floor], dtype=torch.float64)])
