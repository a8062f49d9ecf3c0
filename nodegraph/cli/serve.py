"""`nodegraph serve`: the server."""

from __future__ import annotations

import json
import logging
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from nodegraph.cli.workspace import AllowPickle, Debug, Memory, Models, allow_pickle, module_name
from nodegraph.packs import check_packs

Words = list[str] | None
Host = Annotated[str | None, typer.Option("--host", help="Where to listen; beyond this machine it needs a token.")]
Port = Annotated[int | None, typer.Option("--port", min=0, max=65535, help="The port, 8188 unless given; 0 for any.")]
Devices = Annotated[
    Words, typer.Option("--device", metavar="DEVICE", help="cpu, cuda, cuda:1, … (repeatable: a worker for each).")
]
Dtype = Annotated[str | None, typer.Option("--dtype", help="How precisely to compute: float32, bfloat16, float16.")]
Output = Annotated[Path | None, typer.Option("--output", metavar="DIR", help="The folder that pictures are saved in.")]
Data = Annotated[
    Path | None, typer.Option("--data", metavar="DIR", help="Where the queue, uploads and workflows are kept.")
]
TokenFile = Annotated[Path | None, typer.Option("--token-file", metavar="FILE", help="A token that clients must know.")]
WebRoot = Annotated[Path | None, typer.Option("--web-root", metavar="DIR", help="Serve this front end at /.")]
Config = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="Settings in TOML, by the same names.")]
AllowHost = Annotated[Words, typer.Option("--allow-host", metavar="NAME", help="Another name of this server.")]
AllowOrigin = Annotated[Words, typer.Option("--allow-origin", metavar="ORIGIN", help="Pages that may use it too.")]
Log = Annotated[str | None, typer.Option("--log", help="text or json.")]
ServedPacks = Annotated[
    Words, typer.Option("--pack", metavar="PACK", help="Serve the nodes of this pack (repeatable).")
]


def serve(
    host: Host = None,
    port: Port = None,
    device: Devices = None,
    dtype: Dtype = None,
    memory: Memory = None,
    models: Models = None,
    output: Output = None,
    data: Data = None,
    token_file: TokenFile = None,
    web_root: WebRoot = None,
    allow_host: AllowHost = None,
    allow_origin: AllowOrigin = None,
    pack: ServedPacks = None,
    config: Config = None,
    log: Log = None,
    pickle: AllowPickle = False,
    debug: Debug = False,
) -> None:
    """Run workflows for browsers, scripts and ComfyUI's clients.

    SIGTERM or Ctrl-C lets the running job finish (30 s at most) and keeps the queue; a second one exits at once.
    """
    from nodegraph.server.app import serve as serve_app  # here, since other commands need no server
    from nodegraph.server.settings import load_settings

    known, packs = list(sys.path), tuple(module_name(each) for each in pack) if pack else None
    given = {
        "host": host, "port": port, "device": tuple(device) if device else None, "dtype": dtype, "memory": memory,
        "models": models, "output": output, "data": data, "token_file": token_file, "web_root": web_root, "pack": packs,
        "allow_host": tuple(allow_host) if allow_host else None, "log": log,
        "allow_origin": tuple(allow_origin) if allow_origin else None, "allow_pickle": pickle or None,
        "path": tuple(each for each in sys.path if each not in known) or None,
    }  # fmt: skip
    settings = load_settings(config, given)
    check_packs(settings.pack)
    if settings.allow_pickle:
        allow_pickle()
    start_log(settings.log)
    serve_app(settings, lambda address: typer.echo(f"serving at {address}"))


class Lines(logging.Formatter):
    """One line an event, without control characters: what clients and nodes say cannot write lines of its own."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def format(self, record: logging.LogRecord) -> str:
        text = record.getMessage()
        if record.exc_info:
            text += " | " + self.formatException(record.exc_info)
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03}Z"
        if self.kind == "json":
            said = {"at": at, "level": record.levelname.lower(), "from": record.name, "message": text}
            return json.dumps(said, ensure_ascii=True)
        return f"{at} {record.levelname.lower():7} {''.join(map(_plain, text))}"


def _plain(character: str) -> str:
    return character if character.isprintable() else f"\\x{ord(character):02x}"


def start_log(kind: str) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(Lines(kind))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
