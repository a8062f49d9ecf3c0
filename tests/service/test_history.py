"""Which versions of a workflow are kept: all of the newest, and fewer the older they are."""

import os
import time
from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from nodegraph.service.history import MOST_RECENT, MOST_VERSIONS, RECENT, SPACING, History, worth_keeping

NOW = 1_800_000_000.0
MONTH = 30 * 86400.0
# Ages in seconds: many of minutes, some of days, and a few of a clock that went wrong.
AGES = st.lists(st.floats(0, 900) | st.floats(0, MONTH) | st.floats(-9000, 0), min_size=1, max_size=400)


def spacing(age: float) -> float:
    return next(length for until, length in SPACING if age < until)


def times_of(ages: list[float]) -> list[float]:
    return [NOW - age for age in sorted(ages, reverse=True)]


@given(AGES)
def test_the_newest_stays_and_there_are_never_more_than_the_most(ages: list[float]) -> None:
    kept = worth_keeping(times_of(ages), NOW)
    assert kept[0] == len(ages) - 1
    assert len(kept) <= MOST_VERSIONS
    assert kept == sorted(set(kept), reverse=True)


@given(AGES)
def test_what_is_let_go_has_one_that_stays_not_long_after_it(ages: list[float]) -> None:
    times = times_of(ages)
    kept = worth_keeping(times, NOW)
    oldest = times[kept[-1]] if len(kept) == MOST_VERSIONS else 0
    for place in set(range(len(times))) - set(kept):
        later = min((times[other] for other in kept if other > place), default=None)
        assert later is not None
        assert times[place] < oldest or later - times[place] < spacing(NOW - times[place])


@given(AGES)
def test_behind_the_recent_ones_the_gaps_grow_with_the_age(ages: list[float]) -> None:
    times = times_of(ages)
    old = [times[place] for place in worth_keeping(times, NOW)[MOST_RECENT:]]
    for newer, older in zip(old, old[2:], strict=False):
        # Two in a row may lie close together, where one span ends and another begins; three may not.
        length = spacing(NOW - newer)
        assert newer - older >= length or spacing(NOW - older) > length


@given(AGES)
def test_thinning_twice_is_thinning_once(ages: list[float]) -> None:
    times = times_of(ages)
    once = [times[place] for place in reversed(worth_keeping(times, NOW))]
    assert len(worth_keeping(once, NOW)) == len(once)


def test_a_day_of_saving_every_second_leaves_seconds_minutes_and_hours() -> None:
    kept: list[float] = []
    for second in range(86400):
        kept.append(NOW + second)
        if len(kept) > MOST_VERSIONS or second == 86399:
            kept = [kept[place] for place in reversed(worth_keeping(kept, NOW + second))]
    ages = [NOW + 86399 - each for each in kept]
    assert sum(age < 60 for age in ages) >= MOST_RECENT
    assert sum(age < RECENT for age in ages) >= MOST_RECENT + 8
    assert sum(RECENT <= age < 7200 for age in ages) >= 11
    assert sum(age >= 7200 for age in ages) >= 21
    assert max(older - newer for older, newer in pairwise(ages)) <= 2 * 3600


def test_a_version_has_the_time_of_its_content_and_not_of_its_end(tmp_path: Path) -> None:
    file, history = tmp_path / "cat.json", History(tmp_path / "versions")
    for days in (3, 2):
        file.write_text(str(days))
        os.utime(file, (NOW, time.time() - days * 86400))
        history.keep(file)
    ages = [(time.time() - path.stat().st_mtime) / 86400 for path in history.versions()]
    assert [round(age) for age in ages] == [3, 2]


def test_numbers_are_not_given_twice_when_versions_go(tmp_path: Path) -> None:
    file, history = tmp_path / "cat.json", History(tmp_path / "versions")
    numbers: list[str] = []
    for number in range(3 * MOST_RECENT):
        file.write_text(str(number))
        history.keep(file)
        numbers.append(history.versions()[-1].name)
    assert len(set(numbers)) == len(numbers)
    assert MOST_RECENT <= len(history.versions()) <= MOST_VERSIONS
    assert history.versions()[-1].read_text() == str(3 * MOST_RECENT - 1)
