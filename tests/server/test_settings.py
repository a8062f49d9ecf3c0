"""Settings: the command line overrules the file, the file the defaults, and mistakes are told."""

from pathlib import Path

import pytest

from nodegraph.errors import MissingFile, UsageError
from nodegraph.server.settings import Settings, load_settings
from tests.server.serving import NUMBER, serving


def written(folder: Path, text: str) -> Path:
    path = folder / "server.toml"
    path.write_text(text)
    return path


def test_the_command_line_overrules_the_file_and_the_file_the_defaults(tmp_path: Path) -> None:
    file = written(tmp_path, 'port = 1\nmodels = "/m"\ntoken-file = "~/token"\n[limits]\nqueued = 5\n')
    settings = load_settings(file, {"port": 2, "host": None})
    assert (settings.port, settings.models, settings.limits.queued) == (2, Path("/m"), 5)
    assert settings.token_file == Path("~/token").expanduser()
    assert (settings.host, settings.limits.history) == ("127.0.0.1", Settings().limits.history)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prt = 1", "there is no setting 'prt'"),
        ('port = "1"', "port must be int, not str"),
        ("port = true", "port must be int, not bool"),
        ("host = 1", "host must be str"),
        ("device = [1]", "must be text"),
        ("[limits]\nqueud = 1", "there is no setting 'queud'"),
        ("limits = 1", "must be Limits"),
        ("[host]\na = 1", "host is not a table"),
        ("port = ", "is not TOML"),
    ],
)
def test_a_mistake_in_the_file_is_told(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load_settings(written(tmp_path, text), {})


def test_a_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(MissingFile):
        load_settings(tmp_path / "nothing.toml", {})


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.8.9.1", True), ("localhost", True), ("::1", True), ("0.0.0.0", False), ("::", False),
     ("192.168.1.2", False), ("example.org", False)],
)  # fmt: skip
def test_only_loopback_addresses_need_no_token(host: str, loopback: bool) -> None:
    settings = Settings(host=host)
    assert settings.loopback is loopback
    if not loopback:
        with pytest.raises(UsageError, match="a token is needed"):
            settings.token()


def test_models_are_found_in_a_folder_that_is_laid_out_as_comfyui_does(tmp_path: Path) -> None:
    (tmp_path / "models" / "checkpoints" / "sub").mkdir(parents=True)
    (tmp_path / "models" / "checkpoints" / "sub" / "mine.safetensors").write_bytes(b"")
    with serving(tmp_path / "data", "--models", str(tmp_path / "models")) as server:
        assert "sub/mine.safetensors" in server.get("/models/checkpoints").json
        assert "checkpoints" in server.get("/models").json


def test_pictures_go_to_the_folder_that_output_names(tmp_path: Path) -> None:
    with serving(tmp_path / "data", "--output", str(tmp_path / "pictures")) as server:
        server.run(NUMBER)
    assert [path.name for path in (tmp_path / "pictures").glob("*.png")] == ["toy_00001_.png"]
    assert not (tmp_path / "data" / "output").exists()
