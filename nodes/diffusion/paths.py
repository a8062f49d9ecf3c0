"""Ways from one latent to another."""

import torch
from torch import Tensor

NEARLY_PARALLEL = 1e-4  # radians: below it the circle is a straight line, and above π minus it there is no one circle


def straight(a: Tensor, b: Tensor, t: float) -> Tensor:
    """Linear interpolation from a (t = 0) to b (t = 1); exact at both ends."""
    return a * (1 - t) + b * t


def great_circle(a: Tensor, b: Tensor, t: float) -> Tensor:
    """Spherical interpolation (Shoemake 1985) between batches [batch, …] of the same shape: slerp, latent by latent.

    sin((1-t)Ω)/sin Ω · a + sin(tΩ)/sin Ω · b, where Ω is the angle between a and b. Latents of the same length keep it
    all the way. Nearly parallel ones, and nearly opposite ones, which no one circle joins, are joined straight.
    """
    angles = _angles(a, b)
    bent = (angles > NEARLY_PARALLEL) & (angles < torch.pi - NEARLY_PARALLEL)
    safe = torch.where(bent, angles, 1.0)
    of_a = torch.where(bent, torch.sin((1 - t) * safe) / torch.sin(safe), 1 - t)
    of_b = torch.where(bent, torch.sin(t * safe) / torch.sin(safe), t)
    shape = (-1, *[1] * (a.ndim - 1))
    return a * of_a.to(a).reshape(shape) + b * of_b.to(b).reshape(shape)


def _angles(a: Tensor, b: Tensor) -> Tensor:
    """The angle between each of a and each of b, in radians: [batch]."""
    flat = [each.double().flatten(1) for each in (a, b)]
    lengths = flat[0].norm(dim=1) * flat[1].norm(dim=1)
    cosines = (flat[0] * flat[1]).sum(dim=1) / lengths.clamp(min=1e-30)
    return torch.where(lengths > 0, cosines.clamp(-1, 1).acos(), 0.0)
