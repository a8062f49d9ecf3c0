"""CLIP's space as nodes: what does not fit together is said, and what is chosen is what is nearest."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from nodegraph import BadInput, Profile
from nodegraph.files import find_file
from nodegraph.folders import default_folders
from nodes.clip import (
    climb_similarity,
    clip_similarity,
    load_clip_vision,
    nearest_images,
    plot_scores,
    plot_similarities,
    save_clip_vision,
)
from nodes.comparing import Psnr, compare_pictures, cut_sheet, plot_psnr
from nodes.diffusion.checkpoint import Checkpoint
from nodes.diffusion.image_encoder import ImageConfig, ImageEncoder, ImageTower
from nodes.diffusion.network import Network
from nodes.diffusion.shared_space import Similarities, own_and_other
from nodes.latent import latent_walk
from nodes.plots import sheet
from nodes.types import Image, Latent
from tests.diffusion.checkpoints import CPU
from tests.diffusion.references import randomize
from tests.nodes.values import listed, noise, result_of

CONFIG = ImageConfig(channels=64, layers=1, heads=1, width=32, size=32, patch=8, projection=16, text_channels=128)


@pytest.fixture(scope="module")
def vision() -> ImageEncoder:
    return encoder(CONFIG)


def encoder(config: ImageConfig) -> ImageEncoder:
    tower = ImageTower(config)
    randomize(tower)
    return ImageEncoder(Network(tower.requires_grad_(False).eval(), CPU))


def test_similarities_are_cosines_of_every_picture_with_every_text(checkpoint: Checkpoint, vision: ImageEncoder):
    pictures = Image(noise(3, 3, 40, 32).sigmoid())
    found = clip_similarity(checkpoint.clip, vision, pictures, "a cat\n\n a dog ")
    assert found.texts == ("a cat", "a dog")
    assert found.values.shape == (3, 2)
    assert found.values.abs().max() <= 1 + 1e-6
    one = clip_similarity(checkpoint.clip, vision, Image(pictures.pixels[1:2]), "a dog")
    torch.testing.assert_close(one.values[0, 0], found.values[1, 1], atol=1e-5, rtol=0)


def test_encoders_that_share_no_space_are_refused(checkpoint: Checkpoint, picture: Image):
    for change, said in (
        ({"text_channels": 40}, "is 128 wide, and the image encoder's 40"),
        ({"text_channels": None}, "no projection"),
    ):
        with pytest.raises(BadInput, match=said):
            clip_similarity(checkpoint.clip, encoder(replace(CONFIG, **change)), picture, "a cat")


def test_the_embedded_image_encoder_is_found_and_saved_again(tmp_path: Path):
    path = find_file("emoji-64-vision.safetensors", "clip_vision", default_folders())
    assert path.stat().st_size <= 2 << 20
    vision = load_clip_vision(path, profile=Profile())
    (artifact,) = result_of(save_clip_vision(vision, tmp_path / "again"))
    again = load_clip_vision(artifact.path, profile=Profile())
    assert all(torch.equal(tensor, vision.network.stored[name]) for name, tensor in again.network.stored.items())


def test_the_nearest_picture_is_taken_for_each_text():
    pictures = Image(noise(3, 3, 8, 8).sigmoid())
    values = torch.tensor([[0.1, 0.9], [0.8, 0.2], [0.3, 0.3]])
    found = nearest_images(Similarities(values, ("a", "b")), pictures).pixels
    assert torch.equal(found, pictures.pixels[[1, 0]])
    with pytest.raises(BadInput, match="of 3 pictures, and here are 2"):
        nearest_images(Similarities(values, ("a", "b")), Image(pictures.pixels[:2]))


def test_scores_are_means_over_the_own_text_and_over_the_others():
    values = torch.tensor([[0.5, 0.1], [0.3, 0.7], [1.0, 0.0], [0.0, 1.0]])
    own, other = own_and_other(Similarities(values, ("a", "b")))
    assert own == pytest.approx([0.6, 1.0])
    assert other == pytest.approx([0.2, 0.0])


def test_plots_say_what_does_not_fit():
    found = Similarities(torch.zeros(4, 2), ("a", "b"))
    with pytest.raises(BadInput, match="4 pictures, and words for 2"):
        plot_similarities(found, "one, two")
    with pytest.raises(BadInput, match="3 groups of 2 pictures are wanted, and there are 4"):
        plot_scores(found, "0, 1, 2")
    with pytest.raises(BadInput, match="have to be numbers"):
        plot_scores(found, "0, one")
    with pytest.raises(BadInput, match="two curves need two names"):
        plot_psnr(Psnr(torch.ones(2)), Psnr(torch.ones(3)), "1, 2")


def test_a_climb_goes_up_and_begins_with_what_it_was_given(checkpoint: Checkpoint, vision: ImageEncoder):
    latent = Latent(noise(2, 4, 4, 4))
    before = latent.samples.clone()
    walk = result_of(climb_similarity(latent, "a cat", checkpoint.clip, vision, checkpoint.vae, steps=2, size=0.02))
    assert torch.equal(latent.samples, before)
    assert torch.equal(walk.samples[:2], before)
    pictures = Image(checkpoint.vae.decode(walk.samples))
    scores = clip_similarity(checkpoint.clip, vision, pictures, "a cat").values[:, 0].reshape(3, 2)
    assert (scores.diff(dim=0) > 0).all()
    sizes = (walk.samples[2:4] - walk.samples[:2]).square().mean(dim=(1, 2, 3)).sqrt()
    torch.testing.assert_close(sizes, torch.full((2,), 0.02), atol=1e-5, rtol=0)


def test_a_spherical_walk_keeps_the_length_of_noise_and_a_linear_one_does_not():
    a, b = Latent(noise(2, 4, 8, 8)), Latent(noise(2, 4, 8, 8, seed=8))
    linear, spherical = (latent_walk(a, b, 5, path).samples.reshape(2, 5, 4, 8, 8) for path in ("linear", "spherical"))
    for walk in (linear, spherical):
        torch.testing.assert_close(walk[:, 0], a.samples)
        torch.testing.assert_close(walk[:, 4], b.samples)
    torch.testing.assert_close(linear[:, 2], (a.samples + b.samples) / 2)
    lengths = [walk.square().sum(dim=(2, 3, 4)).sqrt() for walk in (linear, spherical)]
    ends = lengths[0][:, [0, 4]].mean(dim=1)
    assert (lengths[0][:, 2] < 0.85 * ends).all()
    assert (lengths[1] / ends[:, None] - 1).abs().max() < 0.06
    steps = torch.nn.functional.cosine_similarity(spherical[:, 1:].flatten(2), spherical[:, :-1].flatten(2), dim=2)
    assert steps.std(dim=1).max() < 0.01


def test_a_spherical_walk_between_the_same_and_between_opposite_latents_is_straight():
    a = Latent(noise(1, 4, 8, 8))
    torch.testing.assert_close(latent_walk(a, a, 3).samples, a.samples.repeat(3, 1, 1, 1))
    opposite = latent_walk(a, Latent(-a.samples), 3).samples
    assert opposite.isfinite().all()
    zero = latent_walk(a, Latent(torch.zeros_like(a.samples)), 3).samples
    torch.testing.assert_close(zero[1], a.samples[0] / 2)


def test_a_sheet_is_cut_into_the_pictures_that_were_put_on_it():
    pictures = Image(noise(6, 3, 8, 16).sigmoid())
    row = [torch.cat(list(pictures.pixels[start : start + 3]), dim=2) for start in (0, 3)]
    cut = cut_sheet(Image(torch.cat(row, dim=1)[None]), 3, 2)
    assert torch.equal(cut.pixels, pictures.pixels)
    with pytest.raises(BadInput, match="cannot be cut into 5 × 1"):
        cut_sheet(sheet(pictures), 5, 1)


def test_the_signal_to_noise_ratio_follows_from_the_mean_square_error():
    reference = Image(torch.full((1, 3, 8, 8), 0.5))
    pictures = Image(torch.stack([torch.full((3, 8, 8), value) for value in (0.5, 0.6, 0.4)]))
    found = compare_pictures(pictures, reference, gain=2)
    assert listed(found.psnr.values) == pytest.approx([99, 20, 20], abs=1e-4)
    torch.testing.assert_close(found.difference.pixels[:, 0, 0, 0], torch.tensor([0.5, 0.7, 0.3]))
