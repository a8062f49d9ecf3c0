"""A generator and a discriminator: their losses, the tricks against collapse, and the training."""

import math

import torch
from torch.nn import functional

from nodes.diffusion.progress import finish
from nodes.diffusion.training.gan import CODE, Discriminator, Duel, Generator, Tricks, train_gan
from nodes.diffusion.training.loop import built


def latents(count: int = 6) -> torch.Tensor:
    return torch.randn(count, 4, 8, 8, generator=torch.Generator().manual_seed(1))


def duel(tricks: Tricks, seed: int = 0) -> Duel:
    return Duel(latents(), 16, tricks, batch=4, seed=seed)


def test_shapes_are_those_of_latents() -> None:
    made = Generator((4, 8, 6), 16)(torch.randn(5, CODE))
    assert made.shape == (5, 4, 8, 6)
    assert Discriminator((4, 8, 6), 16, deviation=True)(made).shape == (5,)


def test_the_first_losses_are_those_of_chance() -> None:
    """An untrained discriminator says 0 or so: log 2 for the generator, twice that for itself."""
    generator, discriminator = duel(Tricks()).step(1e-3)
    assert abs(generator - math.log(2)) < 0.1
    assert abs(discriminator - 2 * math.log(2)) < 0.1


def test_the_deviation_of_a_batch_tells_equal_ones_from_different_ones() -> None:
    network = built(lambda: Discriminator((4, 8, 8), 16, deviation=True), 3)
    same, different = latents(1).expand(6, -1, -1, -1), latents(6)
    alone = network(same)
    beside = network(torch.cat([same[:1], different[1:]]))
    assert not torch.allclose(alone[0], beside[0], atol=1e-4)  # the same latent, in another company
    plain = built(lambda: Discriminator((4, 8, 8), 16), 3)
    assert torch.allclose(plain(same)[0], plain(torch.cat([same[:1], different[1:]]))[0], atol=1e-5)


def test_the_gradient_penalty_is_that_of_the_paper() -> None:
    """For a linear discriminator w · x it is γ/2 · |w|², wherever x is."""
    fight = duel(Tricks(gradient=3.0))
    weight = torch.randn(4, 8, 8)
    real = latents().requires_grad_(True)
    judged = (real * weight).sum(dim=(1, 2, 3))
    assert torch.allclose(torch.as_tensor(fight._penalty(judged, real)), 1.5 * weight.square().sum())  # pyright: ignore[reportPrivateUsage] -- one term of a loss
    assert duel(Tricks())._penalty(judged, real) == 0  # pyright: ignore[reportPrivateUsage]


def test_each_network_learns_from_its_own_loss_alone() -> None:
    """One step of the discriminator makes it tell better; the generator's step leaves it as it is."""
    fight = duel(Tricks())
    code = torch.randn(16, CODE, generator=torch.Generator().manual_seed(2))

    def loss() -> float:
        with torch.no_grad():
            real, made = fight.discriminator(latents()), fight.discriminator(fight.generator(code))
        return float(functional.softplus(-real).mean() + functional.softplus(made).mean())

    before = loss()
    for _ in range(10):
        fight.step(1e-3)
    assert loss() < before


def test_a_training_is_the_same_each_time_and_ends_with_a_generator_that_is_done_learning() -> None:
    tricks = Tricks(deviation=True, gradient=1.0, memoryless=True)
    first, again = (finish(train_gan(duel(tricks), 5, 1e-3, 0)) for _ in range(2))
    assert first.generator_losses == again.generator_losses
    assert len(first.discriminator_losses) == 5
    assert torch.equal(first.samples, again.samples)
    assert first.samples.shape == (30, 4, 8, 8)
    assert torch.equal(first.samples[-6:], first.gan.sample(6, 0))
    assert not any(weights.requires_grad for weights in first.gan.generator.parameters())


def test_what_samples_is_the_average_of_the_weights_on_the_way() -> None:
    fight = duel(Tricks())
    first = next(fight.generator.parameters()).detach().clone()
    for _ in range(5):
        fight.step(1e-3)
    last, averaged = (next(each.parameters()) for each in (fight.generator, fight.averaged().generator))
    assert 0 < (averaged - first).square().sum() < (last - first).square().sum()
