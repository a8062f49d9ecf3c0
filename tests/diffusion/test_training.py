"""Training: true captions, combinations kept back, an optimizer that orthogonalizes, and runs that resume exactly."""

import signal
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from nodes.diffusion.training.autoencoder import BlockPrincipalComponents
from nodes.diffusion.training.captions import plural
from nodes.diffusion.training.classifier import Classifier, Judgement
from nodes.diffusion.training.concepts import ARRANGEMENTS, BACKGROUNDS, COLOURS, CONCEPTS, SHAPES, STYLES, Arrangement
from nodes.diffusion.training.evaluation import compare, feature_distance
from nodes.diffusion.training.loop import OtherRecipe, Recipe, built, fit
from nodes.diffusion.training.optimizer import Average, learning_rate, orthogonalized
from nodes.diffusion.training.pictures import ALONE, NO_TINT, PictureSet, Scene, draw_scenes, kept_back, tint
from nodes.diffusion.training.vocabulary import caption_tokenizer, train_merges


@pytest.fixture(scope="module")
def pictures() -> PictureSet:
    """Sprites of noise, transparent around the middle."""
    generator = torch.Generator().manual_seed(0)
    sprites = torch.randint(0, 256, (len(CONCEPTS), len(STYLES), 4, 64, 64), generator=generator, dtype=torch.uint8)
    shapes = torch.randint(0, 256, (len(SHAPES), 4, 64, 64), generator=generator, dtype=torch.uint8)
    for each in (sprites, shapes):
        each[..., 3, :8, :] = 0
    return PictureSet(sprites, shapes)


def test_the_picture_set_has_250_concepts_and_more():
    assert len(CONCEPTS) >= 250
    assert len(STYLES) == 3
    assert not set(CONCEPTS) & set(SHAPES)


def test_a_caption_names_what_the_scene_shows():
    names = (*CONCEPTS, *SHAPES)
    for scene in draw_scenes(1000, seed=3):
        words = scene.caption.replace(",", "").split()
        counted = scene.arrangement in ("two", "three", "four")
        subject = plural(names[scene.subject]) if counted else names[scene.subject]
        assert subject in words
        before = words[words.index(subject) - 1]
        assert (scene.tint == NO_TINT) == (before not in COLOURS)
        assert counted == (words[0] in ("two", "three", "four"))
        assert (scene.second == ALONE) == (scene.arrangement not in ("beside", "stacked"))
        if scene.second != ALONE:
            assert names[scene.second] in words
        if "background" in words:
            assert list(BACKGROUNDS)[scene.background] == words[words.index("background") - 1]
        else:
            assert scene.background == 0
        if "style" in words:
            assert STYLES[scene.style] == words[words.index("style") - 1]


def test_a_caption_says_where_two_things_are():
    names = (*CONCEPTS, *SHAPES)
    forms = {"beside": (" left of ", " right of "), "stacked": (" above ", " below ")}
    told = 0
    for scene in draw_scenes(2000, seed=3, kinds={"pair": 1.0}):
        straight, turned = forms[scene.arrangement]
        first, second = names[scene.subject], names[scene.second]
        for form, (one, other) in ((straight, (first, second)), (turned, (second, first))):
            if form in scene.caption:
                before, after = scene.caption.split(form)
                assert one in before
                assert other in after
                told += 1
    assert told > 1000


def test_plurals_are_english():
    pairs = {"cat": "cats", "box": "boxes", "butterfly": "butterflies", "key": "keys", "wolf": "wolves"}
    assert {word: plural(word) for word in pairs} == pairs
    assert plural("scissors") == "scissors"


@pytest.mark.parametrize(("arrangement", "places"), ARRANGEMENTS.items())
def test_several_things_stand_in_their_places_at_half_the_size(
    pictures: PictureSet, arrangement: Arrangement, places: tuple[tuple[int, int], ...]
):
    second = 9 if arrangement in ("beside", "stacked") else ALONE
    picture = pictures.compose([Scene(5, 1, NO_TINT, 0, "", arrangement, second)])[0]
    alone, other = pictures.compose([Scene(5, 1, NO_TINT, 0, ""), Scene(9, 1, NO_TINT, 0, "")])
    if arrangement == "one":
        assert torch.equal(picture, alone)
        return
    rest = torch.ones_like(picture)
    for number, (x, y) in enumerate(places):
        cell = slice(16 * y, 16 * y + 32), slice(16 * x, 16 * x + 32)
        whole = other if number and second != ALONE else alone
        expected = whole.reshape(3, 32, 2, 32, 2).mean(dim=(2, 4))
        torch.testing.assert_close(picture[:, cell[0], cell[1]], expected, rtol=0, atol=1e-5)
        rest[:, cell[0], cell[1]] = 0
    assert torch.equal(picture * rest, rest)  # nothing but the white ground


def test_scenes_follow_from_their_seed():
    assert draw_scenes(50, seed=8) == draw_scenes(50, seed=8)
    assert draw_scenes(50, seed=8) != draw_scenes(50, seed=9)


def test_training_never_draws_a_combination_that_is_kept_back():
    assert not any(kept_back(scene) for scene in draw_scenes(3000, seed=1))
    unseen = draw_scenes(300, seed=1, unseen=True)
    assert all(kept_back(scene) for scene in unseen)
    assert {scene.arrangement for scene in unseen} == {"one", "beside", "stacked"}


def test_every_concept_and_every_colour_is_kept_back_somewhere():
    everything = [Scene(c, 0, t, 0, "") for c in range(len(CONCEPTS)) for t in range(len(COLOURS))]
    back = [scene for scene in everything if kept_back(scene)]
    assert {scene.subject for scene in back} == set(range(len(CONCEPTS)))
    assert {scene.tint for scene in back} == set(range(len(COLOURS)))


def test_the_background_fills_what_is_transparent(pictures: PictureSet):
    purple = list(BACKGROUNDS).index("purple")
    picture = pictures.compose([Scene(5, 1, NO_TINT, purple, "")])
    expected = torch.tensor(BACKGROUNDS["purple"]) / 127.5 - 1
    torch.testing.assert_close(picture[0, :, 0, 0], expected)


def test_a_tint_keeps_black_and_gives_middle_tones_the_colour():
    black, middle = torch.zeros(1, 3, 1, 1), torch.full((1, 3, 1, 1), 0.6)
    blue = torch.tensor([0.1, 0.4, 0.9])[None, :, None, None]
    torch.testing.assert_close(tint(black, blue), black)
    torch.testing.assert_close(tint(middle, blue), blue)


def test_linear_latents_have_deviation_one(pictures: PictureSet):
    latents = BlockPrincipalComponents.of(pictures, count=400)
    encoded = latents.encode(pictures.compose(draw_scenes(200, seed=1)))
    assert encoded.shape == (200, 4, 8, 8)
    torch.testing.assert_close(encoded.std(dim=(0, 2, 3)), torch.ones(4), rtol=0.1, atol=0.1)


def test_every_word_of_a_caption_is_one_token():
    tokenizer = caption_tokenizer()
    for scene in draw_scenes(200, seed=4):
        words = scene.caption.replace(",", " ,").split()
        assert len(tokenizer.ids(scene.caption)) == len(words)
        assert tokenizer.encode(scene.caption)[-1] == tokenizer.end


def test_merges_do_not_depend_on_the_order_of_the_captions():
    captions = [scene.caption for scene in draw_scenes(1000, seed=4)]
    merges = train_merges(captions)
    assert merges == train_merges(reversed(captions))
    assert len(set(merges)) == len(merges)
    assert train_merges(captions, size=600) == merges[:86]


def singular_values(matrices: Tensor) -> Tensor:
    return torch.linalg.svdvals(matrices)  # pyright: ignore[reportUnknownMemberType,reportUnknownVariableType] -- untyped


def test_orthogonalizing_brings_every_singular_value_near_one():
    matrices = torch.randn(3, 24, 60, generator=torch.Generator().manual_seed(0))
    values = singular_values(orthogonalized(matrices))
    assert 0.6 < float(values.min()) <= float(values.max()) < 1.3
    turned = singular_values(orthogonalized(matrices.mT))
    torch.testing.assert_close(values, turned, rtol=0.05, atol=0.05)


def test_the_learning_rate_rises_stays_and_falls():
    rates = [learning_rate(step, 1000, 1.0) for step in range(1000)]
    assert rates[0] < rates[50] < rates[99] == max(rates)
    assert rates[400] == rates[99]
    assert rates[-1] == pytest.approx(0.02, abs=0.001)


def test_an_average_moves_towards_the_weights():
    model = nn.Linear(2, 2)
    average = Average(model, 0.9)
    with torch.no_grad():
        model.weight.add_(1)
    for _ in range(200):
        average.update(model)
    torch.testing.assert_close(average.weights["weight"], model.weight.detach())


class Regression:
    """A small task: recover a fixed linear map from batches that follow from the step."""

    def __init__(self, width: int = 4) -> None:
        self.model = built(lambda: nn.Sequential(nn.Linear(3, width), nn.Tanh(), nn.Linear(width, 2)))

    def loss(self, step: int) -> Tensor:
        x = torch.randn(32, 3, generator=torch.Generator().manual_seed(step))
        return (self.model(x) - x[:, :2]).square().mean()


def drained(training: Generator[int, None, list[float]], stop_after: int | None = None) -> list[float]:
    try:
        while True:
            if next(training) == stop_after:
                training.close()
                return []
    except StopIteration as end:
        return end.value


def test_a_task_is_learnt(tmp_path: Path):
    losses = drained(fit(Regression(16), Recipe(300, 1e-2, average=0.9), tmp_path / "a"))
    assert losses[-1] < losses[0] / 20


def test_a_training_that_was_stopped_ends_with_the_same_bits(tmp_path: Path):
    recipe = Recipe(40, 1e-2, average=0.9)
    whole, stopped, resumed = Regression(), Regression(), Regression()
    losses = drained(fit(whole, recipe, tmp_path / "whole"))
    drained(fit(stopped, recipe, tmp_path / "parts"), stop_after=17)
    assert len(drained(fit(resumed, recipe, tmp_path / "parts"))) == len(losses)
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(tensor, resumed.model.state_dict()[name]), name


def test_a_state_of_another_model_is_refused(tmp_path: Path):
    recipe = Recipe(3, 1e-2)
    drained(fit(Regression(4), recipe, tmp_path / "state"))
    with pytest.raises(OtherRecipe, match="state is the state of another training"):
        drained(fit(Regression(5), recipe, tmp_path / "state"))
    assert len(drained(fit(Regression(4), recipe, tmp_path / "state"))) == 3


ENDLESS = """
import sys
from pathlib import Path
from nodes.diffusion.training.loop import Recipe, fit
from tests.diffusion.test_training import Regression
for step in fit(Regression(256), Recipe(10**6, 1e-3, save_every=0.0), Path(sys.argv[1])):
    print(step, flush=True)
"""


def test_a_killed_training_goes_on_from_a_whole_state(tmp_path: Path):
    state = tmp_path / "state"
    process = subprocess.Popen([sys.executable, "-c", ENDLESS, str(state)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for _ in range(20):
        process.stdout.readline()
    time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    training = fit(Regression(256), Recipe(10**6, 1e-3), state)
    assert next(training) >= 20
    training.close()


def test_accuracy_counts_only_what_a_prompt_names():
    white, red = 0, list(COLOURS).index("red")
    scenes = [
        Scene(0, 0, NO_TINT, white, "a accordion"),
        Scene(1, 2, red, white, "a red airplane, fluent style"),
        Scene(2, 0, NO_TINT, white, "two aliens", "two"),
        Scene(2, 0, NO_TINT, white, "three aliens", "three"),
        Scene(0, 0, NO_TINT, white, "an accordion above an airplane", "stacked", 1),
        Scene(0, 0, NO_TINT, white, "an accordion above an alien", "stacked", 2),
    ]
    seen = [
        Judgement("accordion", "alien", "flat", "blue", "white", "one"),
        Judgement("alien", "alien", "fluent", "red", "black", "one"),
        Judgement("alien", "alien", "flat", "blue", "white", "two"),
        Judgement("alien", "alien", "flat", "blue", "white", "four"),
        Judgement("accordion", "airplane", "flat", "blue", "white", "stacked"),
        Judgement("alien", "accordion", "flat", "blue", "white", "stacked"),
    ]
    counted = compare(scenes, seen)
    assert (counted.subject, counted.tint, counted.background) == (3 / 4, 1.0, 5 / 6)
    assert (counted.style, counted.count, counted.relation) == (1.0, 1 / 2, 1 / 2)


def test_the_feature_distance_of_two_halves_of_one_set_is_near_nought(pictures: PictureSet):
    model = built(Classifier)
    one, same = (pictures.compose(draw_scenes(60, seed)) for seed in (1, 2))
    near, far = feature_distance(model, one, same), feature_distance(model, one, same.roll(7, 2) * 0.3)
    assert abs(near) < far / 5
