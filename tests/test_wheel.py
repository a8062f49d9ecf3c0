"""The wheel carries what the command needs."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LIST = "from nodegraph.folders import default_folders, shipped_workflows as s; print(*s(), *default_folders()['vae'])"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built wheel, unpacked as pip would."""
    built = tmp_path_factory.mktemp("built")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(built)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    unpacked = tmp_path_factory.mktemp("site-packages")
    with zipfile.ZipFile(next(built.glob("*.whl"))) as archive:
        archive.extractall(unpacked)
    return unpacked


def test_the_wheel_carries_the_checkpoint_the_workflows_the_canvas_and_the_licence(wheel: Path) -> None:
    assert list((wheel / "nodes" / "checkpoints").glob("*.safetensors"))
    samples = (wheel / "nodes" / "diffusion" / "training").glob("samples.*")
    assert {path.suffix for path in samples} == {".py", ".png", ".md"}
    shipped = {path.relative_to(wheel / "nodes") for path in (wheel / "nodes" / "workflows").rglob("*.*")}
    assert shipped == {path.relative_to(ROOT) for path in (ROOT / "workflows").rglob("*.*")}
    assert {path.suffix for path in shipped} == {".json", ".png"}
    assert (wheel / "nodegraph" / "py.typed").is_file()
    assert (wheel / "nodegraph" / "web" / "index.html").is_file()
    assert list(wheel.glob("*.dist-info/licenses/LICENSE"))
    assert not (wheel / "tests").exists()


def test_the_workflows_of_a_wheel_are_found_by_name(wheel: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(wheel)}
    listed = subprocess.run(
        [sys.executable, "-c", LIST], cwd=tmp_path, env=environment, text=True, capture_output=True, check=True
    ).stdout.split()
    assert "text_to_image" in listed
    assert str(wheel / "nodes" / "vae") in listed
