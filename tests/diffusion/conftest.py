"""What several tests of the diffusion library share."""

from pathlib import Path

import pytest

from tests.diffusion.checkpoints import Contents, read, write_tiny


@pytest.fixture(scope="session")
def tiny_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny checkpoint in the SD1 layout; not to be changed."""
    return write_tiny(tmp_path_factory.mktemp("checkpoints") / "tiny.safetensors")


@pytest.fixture
def contents(tiny_file: Path) -> Contents:
    """What is in it, to be changed and written to another file."""
    return read(tiny_file)
