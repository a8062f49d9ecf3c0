"""Numbers that pictures depend on, pinned to what they were when ComfyUI's pictures came out the same.

`test_reference_pictures` compares whole pictures and needs files of two gigabytes; these constants hold meanwhile.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor

from nodes.diffusion.conditioning import Conditioning
from nodes.diffusion.controlnet import Control
from nodes.diffusion.denoiser import Denoiser, Prediction
from nodes.diffusion.guidance import Guided, keeping_unmasked
from nodes.diffusion.noise import brownian_noise, gaussian_noise, seeded_noise
from nodes.diffusion.parameterization import Parameterization, noised
from nodes.diffusion.samplers import SAMPLERS, noise_for
from nodes.diffusion.schedules import schedule
from tests.diffusion.gaussian import finish

SD = Parameterization.stable_diffusion()
SCHEDULES = {
    "normal": [14.61464, 5.092408, 2.279731, 1.162865, 0.571189, 0.029167, 0.0],
    "karras": [14.614643, 6.082151, 2.232154, 0.692571, 0.169757, 0.029167, 0.0],
    "ddim_uniform": [14.438569, 5.906449, 2.907121, 1.612886, 0.932358, 0.494697, 0.041314, 0.0],
    "sgm_uniform": [14.61464, 5.948899, 2.918307, 1.61558, 0.932358, 0.493552, 0.0],
}


def close(found: Tensor, wanted: list[float]) -> bool:
    return torch.allclose(found.flatten()[: len(wanted)], torch.tensor(wanted), rtol=1e-4, atol=1e-5)


@dataclass(frozen=True)
class Toy:
    """A network that is a formula."""

    parameterization: Parameterization = field(default_factory=Parameterization.stable_diffusion)

    def inputs(self, conditioning: Conditioning, x: Tensor) -> dict[str, Tensor]:
        return {name: tensor for name, tensor in conditioning.inputs.items() if name != "concat"}

    def predict(
        self, x: Tensor, t: Tensor, context: Tensor, controls: Sequence[Control] = (), **extra: Tensor
    ) -> Tensor:
        """The input, bent, with the context's mean and a little of the time step."""
        return 0.8 * x + 0.2 * (3 * x).sin() + context.mean((1, 2))[:, None, None, None] + t[:, None, None, None] / 5000


def walked(
    sampler: str,
    scheduler: str,
    *,
    denoise: float = 1.0,
    cfg: float = 7.0,
    given: Tensor | None = None,
    half: bool = False,
) -> Tensor:
    """Six steps from a latent, or from an empty one; `half` keeps its right half."""
    clean = torch.zeros(1, 4, 8, 8) if given is None else given
    sigmas, noise = schedule(scheduler, SD, 6, denoise, sampler), seeded_noise(clean.shape, 100)
    x = noised(clean, noise, sigmas[0], starts_at_most=float(sigmas[0]) >= SD.sigma_max * (1 - 1e-5))
    positive, negative = (Conditioning(torch.full((1, 2, 3), value)) for value in (0.1, -0.05))
    model = Toy()
    denoiser: Denoiser = Guided(Prediction(model, positive), Prediction(model, negative), cfg)
    if half:
        denoiser = keeping_unmasked(denoiser, x, (torch.arange(8) < 4).float().expand(1, 1, 8, 8), clean, noise)
    return finish(SAMPLERS[sampler](denoiser, x, sigmas, noise_for(sampler, x, sigmas, 100)))


@pytest.mark.parametrize("name", SCHEDULES)
def test_six_steps_of_a_schedule_visit_these_levels(name: str) -> None:
    assert close(schedule(name, SD, 6), SCHEDULES[name])


def test_seeds_draw_these_numbers() -> None:
    x = torch.zeros(1, 4, 16, 16)
    first, second, third = schedule("karras", SD, 6)[:3]
    path = brownian_noise(x, schedule("karras", SD, 6), 100)
    assert close(seeded_noise(x.shape, 100), [0.1268493, 1.3563979, 0.5632231, -0.1039286])
    assert close(seeded_noise((2, 4, 16, 16), 5), [1.8423299, 0.5188872, -1.7119213, -1.7013793])
    assert close(gaussian_noise(x, 100)(second, third), [-0.6027625, -0.1208342, -0.4322636, 1.8810530])
    assert close(path(first, second), [0.6642772, -1.8280793, -1.4035932, 0.2215259])
    assert close(path(second, third), [0.9350127, 1.0333146, 0.4243441, -1.2472790])


GIVEN = seeded_noise((1, 4, 8, 8), 1)
WALKS: dict[tuple[str, str], list[float]] = {
    ("euler", "normal"): [-4.020932, -2.316683, -3.845329, -4.050314],
    ("euler_ancestral", "normal"): [-2.239037, -3.370690, -3.853695, -3.380486],
    ("ddim", "ddim_uniform"): [-3.837167, -2.260168, -3.581125, -3.912793],
    ("dpmpp_2m", "karras"): [-0.963322, -0.529515, -0.781266, -1.431207],
    ("dpmpp_sde", "karras"): [-2.651278, -2.997605, -3.274838, -3.851841],
    ("uni_pc", "normal"): [-2.997263, -1.743095, -2.353051, -3.194684],
    ("lcm", "sgm_uniform"): [-2.001288, -2.143275, -2.034167, -2.092056],
}


@pytest.mark.parametrize(("sampler", "scheduler"), WALKS)
def test_a_sampler_walks_to_these_numbers(sampler: str, scheduler: str) -> None:
    assert close(walked(sampler, scheduler), WALKS[sampler, scheduler])


def test_without_guidance_the_negative_prompt_does_not_count() -> None:
    assert close(walked("lcm", "sgm_uniform", cfg=1.0), [-0.129396, -0.387967, -0.151599, -0.355728])


def test_image_to_image_walks_to_these_numbers() -> None:
    assert close(walked("euler", "normal", denoise=0.6, given=GIVEN), [-1.704167, -0.638658, -1.009625, -1.896929])


def test_inpainting_walks_to_these_numbers_and_keeps_the_rest() -> None:
    found = walked("euler", "normal", given=GIVEN, half=True)
    assert close(found, [-4.034412, -2.355877, -3.881094, -4.070837])
    assert torch.allclose(found[..., 4:], GIVEN[..., 4:], atol=1e-5)
