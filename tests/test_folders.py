"""Where files are looked for."""

from pathlib import Path

import pytest

from nodegraph.folders import default_folders, packs, shipped_inputs
from nodegraph.server.settings import Settings


def test_models_are_looked_for_in_the_given_folder_then_the_users_then_the_packs(tmp_path: Path) -> None:
    given, users, *shipped = default_folders(models=tmp_path)["checkpoints"]
    assert given == tmp_path / "checkpoints"
    assert users.parts[-2:] == ("models", "checkpoints")
    assert shipped == [pack / "checkpoints" for pack in packs()]


def test_comfyuis_folders_of_models_are_known(tmp_path: Path) -> None:
    for folders in (default_folders(models=tmp_path), Settings(models=tmp_path).folders()):
        assert folders["clip"][:2] == (tmp_path / "clip", tmp_path / "text_encoders")
        assert folders["diffusion_models"][:2] == (tmp_path / "diffusion_models", tmp_path / "unet")


def test_pictures_are_read_beside_the_workflow_then_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    beside = tmp_path / "workflows"
    assert default_folders(inputs=(beside,))["input"][:2] == (beside, tmp_path)


def test_the_pictures_that_shipped_workflows_begin_with_are_found_last() -> None:
    shipped = shipped_inputs()
    assert default_folders()["input"][-len(shipped) :] == shipped
    assert Settings().folders()["input"][1:] == shipped
    assert {path.name for folder in shipped for path in folder.iterdir()} == {"example.png", "edges.png", "scenes.png"}


def test_what_is_saved_goes_to_one_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert default_folders()["output"] == (tmp_path / "output",)
    assert default_folders(output=Path("there"))["output"] == (Path("there"),)
