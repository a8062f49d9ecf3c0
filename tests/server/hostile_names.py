"""Names that try to leave a folder, built by combining what has worked elsewhere; and the canary outside."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

CANARY = b"canary-7d1f93"
NAME = "canary.txt"
ENDINGS = ("", ".png", "%00.png", "\x00.png", " [output]", "[input]", "/.", "/", "::$DATA", "?x", "#x", ";.png")


@dataclass(frozen=True)
class Trap:
    """A folder full of ways out of it, and the file outside that they lead to."""

    outside: Path

    @property
    def canary(self) -> Path:
        return self.outside / NAME

    def set(self, root: Path) -> list[str]:
        """Put links, a pipe and a socket in a folder; gives their names."""
        root.mkdir(parents=True, exist_ok=True)
        links: dict[str, Path | str] = {
            "link.png": self.canary,
            "folder": self.outside,
            "relative.png": os.path.relpath(self.canary, root),
            "chain.png": "link.png",
            "loop.png": "loop.png",
            "device.png": Path("/dev/zero"),
            "self.png": Path("/proc/self/environ"),
            "link.json": self.canary,
        }
        for name, target in links.items():
            with suppress(FileExistsError):
                (root / name).symlink_to(target)
        with suppress(FileExistsError):
            os.mkfifo(root / "pipe.png")
            os.mkfifo(root / "pipe.json")
        with suppress(OSError), socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(root / "s.png"))
        return [*links, "pipe.png", "pipe.json", "s.png", f"folder/{NAME}"]


def trap(outside: Path) -> Trap:
    """A canary in a folder of its own."""
    outside.mkdir(parents=True, exist_ok=True)
    (outside / NAME).write_bytes(CANARY)
    (outside / "canary.json").write_bytes(b'{"said": "' + CANARY + b'"}')
    return Trap(outside)


def names(found: Trap) -> list[str]:
    """At least 400 names, as a client would write them before any encoding of its own."""
    absolute = str(found.canary)
    steps = ("../", "..\\", "....//", "..;/", "%2e%2e/", "%2e%2e%2f", "..%2f", "..%5c", "%252e%252e%252f", "..%c0%af",
             "․․/", "\uff0e\uff0e/", "..\uff0f", "..\u2215", "..\u2044", "./../", "a/../../")  # fmt: skip
    climbs = [step * depth + rest for step in steps for depth in (1, 2, 3, 8) for rest in (absolute[1:], NAME)]
    wholes = [
        absolute, f"/{absolute}", f"//{absolute}", f"file://{absolute}", f"C:{absolute}", "C:\\Windows\\win.ini",
        f"\\\\?\\{absolute}", "\\\\127.0.0.1\\share\\a", "//127.0.0.1/share/a", "~/.bashrc", "~root/.bashrc",
        "$HOME/.bashrc", "/proc/self/fd/0", "/proc/self/fd/3", "/proc/self/environ", "/proc/self/root" + absolute,
        "/dev/zero", "/dev/stdin", "/etc/passwd", "/etc/passwd\x00", "CON", "NUL.png", "aux.png", "a:b", ".", "..", "",
        " ", ".nodegraph", ".history/a.json/00000001", "jobs.sqlite", "../jobs.sqlite", "server.toml", "../server.toml",
        "../catalogue.json", "a\nb", "a\r\nX: y", "\x1b[31m", "\u202egnp.exe", "x" * 255, "x" * 256, "x" * 5000,
        "é" * 200, "a/" * 500 + "b", "\ufeff../" + NAME, "-rf", "*", "?", "{}", "%s%n", "%", "%zz", "\ud7ff",
    ]  # fmt: skip
    ended = [
        f"{base}{ending}" for base in (absolute, f"../{NAME}", f"../../{NAME}", *climbs[:18]) for ending in ENDINGS
    ]
    inner = [f"{folder}/{name}" for folder in ("folder", "folder/..", "link.png") for name in (NAME, absolute, "..")]
    return list(dict.fromkeys((*climbs, *wholes, *ended, *inner)))


def spellings(name: str) -> set[str]:
    """A name in an address: with all encoded once or twice, and as it is as far as that can be sent."""
    raw = quote(name, safe="/.%;:@[]~*-_!$&'()+,=")
    return {raw, quote(name, safe=""), quote(quote(name, safe=""), safe="")}
