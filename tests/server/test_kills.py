"""SIGKILL of the server and its workers, at any moment and at the worst: nothing accepted is lost or done twice."""

import os
import random
from pathlib import Path

import pytest

from tests.server.killing import FAILPOINTS, SETTINGS, Driver, Toll, kill_again_and_again
from tests.server.serving import Server

KILLS = int(os.environ.get("NODEGRAPH_KILLS", "20"))
JOBS_PER_KILL = 5


@pytest.fixture(scope="module")
def toll(tmp_path_factory: pytest.TempPathFactory) -> Toll:
    """What all the kills have cost."""
    seed = random.randrange(2**32)
    return kill_again_and_again(tmp_path_factory.mktemp("data"), KILLS, KILLS * JOBS_PER_KILL, seed)


def test_no_acknowledged_job_is_lost(toll: Toll) -> None:
    assert (toll.kills, toll.lost) == (KILLS, []), toll


def test_every_job_has_ended_as_done(toll: Toll) -> None:
    assert toll.unfinished == [], toll


def test_no_job_is_published_twice(toll: Toll) -> None:
    assert toll.published_twice == [], toll


def test_every_output_is_the_file_that_was_published(toll: Toll) -> None:
    assert toll.wrong_files == [], toll


def test_no_file_is_left_that_belongs_to_no_job(toll: Toll) -> None:
    assert (toll.orphans, toll.left_aside) == ([], []), toll


def test_the_database_is_sound(toll: Toll) -> None:
    assert toll.faults == [], toll


@pytest.mark.parametrize("point", FAILPOINTS)
def test_a_kill_at_each_failpoint_costs_nothing(tmp_path: Path, point: str) -> None:
    driver = Driver(Server(tmp_path, settings=SETTINGS), 3, 0)
    try:
        driver.kill_at(point, 2, 3)
        driver.finish()
    finally:
        driver.server.reap()
    driver.count()
    assert (driver.toll.at[point], driver.toll.nothing) == (1, True), driver.toll
