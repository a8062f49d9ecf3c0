"""Servers for the tests: one that many share, and fresh ones."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.serving import Server, serving


@pytest.fixture(scope="session")
def shared() -> Iterator[Server]:
    """One server for all tests that leave it as it was."""
    with serving() as server:
        yield server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server of the test's own."""
    with serving(tmp_path / "data") as server:
        yield server
