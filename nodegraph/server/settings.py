"""What the server is told: by the command line, by a TOML file with the same names, or by nobody."""

from __future__ import annotations

import ipaddress
import os
import secrets
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, cast

from platformdirs import user_config_path, user_data_path

from ..errors import MissingFile, UsageError, did_you_mean
from ..folders import model_folders, packs, shipped_inputs
from ..service.handle import WorkerSettings
from ..service.records import Limits
from ..service.supervisor import Patience

SHORTEST_TOKEN = 32
DEFAULT_PORT = 8188  # ComfyUI's, since its clients look there


@dataclass(frozen=True)
class Bounds:
    """How much one request, and one graph, may ask for."""

    body: int = 1 << 20  # bytes of a workflow
    upload: int = 32 << 20  # bytes of a picture file
    upload_pixels: int = 32_000_000
    nodes: int = 2000
    links: int = 10_000
    text: int = 64 << 10  # characters of one literal
    pixels: int = 16_777_216  # width × height × batch
    side: int = 8192
    steps: int = 1000
    batch: int = 64
    sockets: int = 256
    sockets_per_peer: int = 64
    submits_per_second: float = 100.0
    submits_at_once: int = 1000
    disk_reserve: int = 64 << 20  # bytes that must be free for the server to be ready


@dataclass(frozen=True)
class Settings:
    """Every setting, by the name that it has on the command line and in the file."""

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    device: tuple[str, ...] = ("auto",)
    dtype: str = "auto"
    memory: float = 0.0  # GiB of weights on a device; 0 is as many as fit
    models: Path | None = None
    output: Path | None = None
    data: Path = field(default_factory=lambda: user_data_path("nodegraph", appauthor=False))
    token_file: Path | None = None
    web_root: Path | None = None
    allow_host: tuple[str, ...] = ()
    allow_origin: tuple[str, ...] = ()
    allow_pickle: bool = False
    pack: tuple[str, ...] = ("diffusion",)
    path: tuple[str, ...] = ()
    cache_gb: float = 4.0
    log: str = "text"
    limits: Limits = field(default_factory=Limits)
    bounds: Bounds = field(default_factory=Bounds)
    patience: Patience = field(default_factory=Patience)

    @property
    def output_folder(self) -> Path:
        return self.output or self.data / "output"

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def folders(self) -> Mapping[str, tuple[Path, ...]]:
        """Every folder by name; unlike the command line's, without the current folder, which nobody meant to share."""
        roots = (*((self.models,) if self.models else ()), self.data / "models", *packs())
        return {
            **model_folders(roots),
            "input": (self.data / "input", *shipped_inputs()),
            "data": (self.data / "data",),
            "output": (self.output_folder,),
            "temp": (self.data / "temp",),
        }

    def worker(self, device: str) -> WorkerSettings:
        """What the worker of a device is told."""
        return WorkerSettings(
            device=device,
            dtype=self.dtype,
            memory=self.memory,
            packs=self.pack,
            folders={name: tuple(map(str, roots)) for name, roots in self.folders().items()},
            staged={"output": str(self.output_folder), "temp": str(self.data / "temp")},
            hashes=str(self.data / f"hashes-{device.replace(':', '-')}.json"),
            cache_bytes=int(self.cache_gb * 2**30),
            path=self.path,
        )

    def token(self) -> str | None:
        """The token that clients must know; UsageError if one is needed and there is none, or it is no secret."""
        if self.token_file is None:
            if self.loopback:
                return None
            raise UsageError(
                f"{self.host} can be reached by other machines, so a token is needed",
                hint="--token-file FILE; a file that is not there yet is made",
            )
        return _read_token(self.token_file)


def _read_token(path: Path) -> str:
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(descriptor, "w") as file:  # noqa: PTH123 -- of a descriptor, so that it is never readable by others
                file.write(secrets.token_urlsafe(SHORTEST_TOKEN) + "\n")
        if os.name == "posix" and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise UsageError(f"others can read the token in {path}", hint=f"chmod 600 {path}")
        token = path.read_text().strip()
    except OSError as error:
        raise MissingFile(f"the token in {path} cannot be read: {error.strerror}") from error
    if len(token) < SHORTEST_TOKEN or not token.isascii() or not token.isprintable():
        raise UsageError(f"the token in {path} is too short: at least {SHORTEST_TOKEN} plain characters")
    return token


def load_settings(file: Path | None, given: Mapping[str, Any]) -> Settings:
    """The settings of a TOML file (by default the user's own, if there is one), overruled by those `given`."""
    default = user_config_path("nodegraph", appauthor=False) / "server.toml"
    path = file or default
    written: dict[str, Any] = {}
    if file is not None or path.is_file():
        try:
            written = tomllib.loads(path.read_text("utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise MissingFile(f"the settings in {path} cannot be read: {error}") from error
        except tomllib.TOMLDecodeError as error:
            raise UsageError(f"{path} is not TOML: {error}") from error
    settings = _with(Settings(), written, str(path))
    return replace(settings, **{name: value for name, value in given.items() if value is not None})


def _with(current: Any, written: Mapping[str, Any], where: str) -> Any:
    """A record of settings with those that a table of the file names, of the same types."""
    known = {each.name: getattr(current, each.name) for each in fields(current)}
    changes: dict[str, Any] = {}
    for key, value in written.items():
        name = key.replace("-", "_")
        if name not in known:
            raise UsageError(f"{where}: there is no setting {key!r}", hint=did_you_mean(name, known))
        changes[name] = _fitting(known[name], value, f"{where}: {key}")
    return replace(current, **changes)


def _fitting(current: Any, value: Any, where: str) -> Any:
    if isinstance(value, dict):
        if not isinstance(current, Limits | Bounds | Patience):
            raise UsageError(f"{where} is not a table")
        return _with(current, value, where)  # pyright: ignore[reportUnknownArgumentType] -- TOML is untyped
    if isinstance(current, tuple):
        words = cast("list[Any]", value if isinstance(value, list) else [value])
        if not all(isinstance(word, str) for word in words):
            raise UsageError(f"{where} must be text, or a list of texts")
        return tuple(words)
    if isinstance(value, str) and (current is None or isinstance(current, Path)):
        return Path(value).expanduser()
    if type(current) is float and type(value) is int:
        return float(value)
    if type(current) is not type(value):
        raise UsageError(f"{where} must be {type(current).__name__}, not {type(value).__name__}")
    return value
