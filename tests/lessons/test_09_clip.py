"""Lesson 9: captions find their pictures, guidance raises the score, and the gradient of the score fools it."""

from tests.lessons.conftest import Lessons

NAME = "09_clip"


def test_a_picture_and_its_own_caption_are_far_nearer_than_others_are(lesson: Lessons):
    values = lesson(NAME)("compare").values
    assert values.shape == (8, 8)
    own = values.diagonal().mean()
    others = (values.sum() - values.trace()) / 56
    assert own > others + 0.3
    assert (values.diagonal() > others + 0.2).all()


def test_captions_find_their_pictures(lesson: Lessons):
    values = lesson(NAME)("compare").values
    assert sum(int(found) == place for place, found in enumerate(values.argmax(dim=0))) >= 7
    opened = lesson(NAME)
    pictures, nearest = opened("pictures").pixels, opened("nearest").pixels
    _, purple_frog, blue_heart, pizza = nearest
    assert (purple_frog == pictures[1]).all()
    assert (blue_heart == pictures[4]).all()
    assert (pizza == pictures[6]).all()


def test_guidance_raises_the_score_of_the_own_text_up_to_scale_1_and_it_stays_there(lesson: Lessons):
    scores = lesson(NAME)("judge").values.unflatten(0, (5, 3))
    own = scores.diagonal(dim1=1, dim2=2).mean(dim=1)
    others = (scores.sum(dim=(1, 2)) - 3 * own) / 6
    assert abs(own[0] - others[0]) < 0.3
    assert own[2] > own[0] + 0.2
    assert (own[2:] > others[2:] + 0.4).all()
    assert own[2:].max() - own[2:].min() < 0.15


def test_the_score_rises_far_more_than_the_picture_changes_towards_the_text(lesson: Lessons):
    opened = lesson(NAME)
    pictures, pizza = opened("decode_climb").pixels, opened("pizza").pixels
    scores, goal = opened("on_the_way").values, float(opened("at_the_goal").values[0, 0])
    change = (pictures - pictures[:1]).square().mean(dim=(1, 2, 3)).sqrt()
    needed = (pizza - pictures[:1]).square().mean().sqrt()
    assert (scores[1:4, 0] > scores[:3, 0]).all()
    assert scores[-1, 0] - scores[0, 0] > 0.6 * (goal - scores[0, 0])
    assert change[-1] < 0.5 * needed
    # The tower is fooled: it began with a cat, and says pizza.
    assert scores[0, 1] > scores[0, 0]
    assert scores[-1, 0] > scores[-1, 1]
    # In pixels the last picture is nearer to the cat than to the pizza.
    assert change[-1] < (pictures[-1] - pizza[0]).square().mean().sqrt()


def test_the_results_are_saved(lesson: Lessons):
    names = {path.name for path in lesson(NAME).saved()}
    assert {f"{each}_00001_.png" for each in ("similarities", "guided", "scores", "climb", "gain")} <= names
