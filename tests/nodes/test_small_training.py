"""Small trainings in memory, and the judge of what they make."""

from pathlib import Path

import pytest
import torch

from nodegraph import BadInput, Profile
from nodes import small_training as small
from nodes.diffusion.checkpoint import Checkpoint
from nodes.diffusion.pictures import read_picture
from nodes.diffusion.training import samples
from nodes.diffusion.training.sample_judge import covered, train_judge
from nodes.diffusion.training.small import Cost, shown_after
from nodes.types import Image, Latent
from tests.nodes.values import noise, result_of

ICONS = Path(__file__).parents[2] / "data" / "node_modules" / "@iconify-json"


def test_the_sample_pictures_come_three_a_name_in_the_order_asked_for() -> None:
    images, captions = small.sample_set("pizza, duck")
    assert images.pixels.shape == (6, 3, 64, 64)
    assert captions.split("\n") == ["pizza"] * 3 + ["duck"] * 3
    again, _ = small.sample_set("duck")
    assert torch.equal(again.pixels, images.pixels[3:])
    assert (images.pixels[:, :, 0, 0] == 1).all()
    flat, captions = small.sample_set("pizza, duck", "flat")
    assert torch.equal(flat.pixels, images.pixels[1::3])
    assert captions == "pizza\nduck"


@pytest.mark.parametrize("names", ["duck, unicorn", "", "duck, duck"])
def test_a_name_that_is_not_among_the_samples_or_twice_is_refused(names: str) -> None:
    with pytest.raises(BadInput):
        small.sample_set(names)


@pytest.mark.skipif(not ICONS.exists(), reason="needs `make data`")
def test_the_sheet_is_what_the_icon_packs_give(tmp_path: Path) -> None:
    samples.draw_sheet(ICONS, tmp_path / "sheet.png")
    drawn, kept = (read_picture(file)[0] for file in (tmp_path / "sheet.png", samples.SHEET))
    assert torch.allclose(drawn, kept, atol=0.02)


def test_the_pictures_carry_their_attribution() -> None:
    text = samples.SHEET.with_suffix(".md").read_text("utf-8")
    assert all(word in text for word in ("Apache License 2.0", "CC BY 4.0", "MIT", *samples.PACKS.values()))
    assert samples.SHEET.stat().st_size < 150_000


def test_a_training_is_the_same_each_time_and_changes_nothing_it_is_given(checkpoint: Checkpoint) -> None:
    latents = Latent(noise(4, 4, 8, 8))
    before = latents.samples.clone()

    def learn(seed: int) -> small.SmallModel:
        steps = small.train_small_unet(
            latents, checkpoint.clip, "duck\nfrog\nduck\nfrog", 0.5, 3, 1e-3, 4, 16, seed, profile=Profile()
        )
        return result_of(steps)

    first, again, other = learn(0), learn(0), learn(1)
    assert first.losses == again.losses
    assert torch.equal(first.samples.samples, again.samples.samples)
    assert first.losses != other.losses
    assert first.samples.samples.shape == (30, 4, 8, 8)
    assert first.cost.weights == sum(weights.numel() for weights in first.model.unet.stored.values())
    assert torch.equal(latents.samples, before)


def test_a_caption_too_few_is_refused(checkpoint: Checkpoint) -> None:
    steps = small.train_small_unet(Latent(noise(3, 4, 8, 8)), checkpoint.clip, "duck\nfrog", profile=Profile())
    with pytest.raises(BadInput, match="2 captions for 3 pictures"):
        result_of(steps)


def test_samples_are_shown_at_shares_of_the_steps() -> None:
    assert shown_after(400) == [0, 40, 100, 200, 400]


def test_a_class_is_covered_by_a_quarter_of_its_fair_share() -> None:
    assert covered([10, 10, 10, 10, 0]) == 4
    assert covered([38, 2, 0, 0, 0]) == 1  # fair is 10, a quarter of it 2.5
    assert covered([37, 3, 0, 0, 0]) == 2
    assert covered([0, 0, 0, 0, 40]) == 0
    assert covered([1, 0, 0, 0, 0]) == 1


def test_a_judge_knows_the_pictures_and_refuses_what_is_none() -> None:
    images, captions = small.sample_set("duck, frog, heart, pizza")
    judge = train_judge(images.pixels, captions.split("\n"), steps=100)
    assert judge.names == ("duck", "frog", "heart", "pizza")
    assert judge.counts(images.pixels) == [3, 3, 3, 3, 0]
    assert judge.distances(images.pixels).max() < 1e-6
    mixed = (images.pixels + images.pixels.roll(3, dims=0)) / 2
    assert judge.counts(mixed)[-1] >= 10
    assert judge.counts(torch.rand(20, 3, 64, 64))[-1] >= 18
    assert judge.distances(mixed).min() > 0.05


def test_scores_say_what_was_asked_and_what_it_cost() -> None:
    images, captions = small.sample_set("duck, frog")
    judge = train_judge(images.pixels, captions.split("\n"), steps=60)
    cost = Cost(432_000, 441_000, 12.5, 0.0021)
    score, plot = small.judge_samples(judge, images, captions, "real", cost)
    assert (score.covered, score.classes, score.right, score.none) == (2, 2, 1.0, 0.0)
    swapped = "\n".join(reversed(captions.split("\n")))
    assert small.judge_samples(judge, images, swapped).score.right == 0
    assert (score.facts()["weights"], score.facts()["helper"]) == ("432 k", "441 k")
    assert plot.pixels.shape[1] == 3
    assert small.score_table(score, score, title="twice").pixels.shape[1] == 3
    with pytest.raises(BadInput, match="knows no 'unicorn'"):
        small.judge_samples(judge, Image(images.pixels[:1]), "unicorn")
