"""Names in a workflow become contained paths; files become what is in them."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import stat
import time
import unicodedata
from collections.abc import Generator, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from .errors import MissingFile, Rejected, shown

Folders = Mapping[str, tuple[Path, ...]]
StatKey = tuple[int, int, int, int, int]

LONGEST_NAME = 1024
MOST_LISTED = 2000
NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # the disk is full, or what this user may have of it
SETTLED_NS = 2_000_000_000
MODEL_INDEX = "model_index.json"  # in a folder of models as diffusers saves it
MODEL_PARTS = ("*.json", "*.safetensors")
LARGE = 64 << 20  # bytes
PIECE = 32 << 20  # bytes: a tenth of a second to hash
# Windows cannot create these, so a workflow that saves under them would work on one machine only.
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
PREFIX_PART = re.compile(r"[A-Za-z0-9 _.-]{1,64}")
MOST_PREFIX_PARTS = 4
ODD = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\\:]")


def find_file(name: object, folder: str, folders: Folders) -> Path:
    """The existing regular file called `name` in one of the roots of `folder`; Rejected if there is none.

    A root may be a symbolic link; a link inside a root may only lead into a root of the same folder.
    """
    expected = f"a file name in {folder!r}"
    parts = _relative_parts(name, expected)
    roots = [_real(root) for root in folders.get(folder, ())]
    for root in roots:
        real = _real(root.joinpath(*parts))
        if not _is_regular(real):
            continue
        if not any(real.is_relative_to(other) for other in roots):
            raise Rejected(f"{expected}", f"{shown(name)}, a link that leaves the folder", "outside_folder")
        return real
    known = partial(list_files, folder, folders)
    raise Rejected(f"{expected} that exists", f"{shown(name)}, which is not there", "missing_file", words=known)


def save_path(prefix: object, folder: str, folders: Folders) -> Path:
    """Where files whose names start with `prefix` belong, inside the first root of `folder`; nothing is created."""
    expected = "a file name of letters, digits, spaces and _.- in at most 4 folders"
    parts = [unicodedata.normalize("NFC", part) for part in _relative_parts(prefix, expected)]
    ill = [part for part in parts if not PREFIX_PART.fullmatch(part) or part[0] == "." or RESERVED.fullmatch(part)]
    if ill or len(parts) > MOST_PREFIX_PARTS:
        raise Rejected(expected, shown(prefix))
    roots = folders.get(folder, ())
    if not roots:
        raise Rejected(f"a name in a folder that is set up, {folder!r}", f"{shown(prefix)}, and no such folder")
    root = _real(roots[0])
    if not _real(root.joinpath(*parts[:-1])).is_relative_to(root):
        raise Rejected(f"a name in {folder!r}", f"{shown(prefix)}, which a link leads elsewhere", "outside_folder")
    return root.joinpath(*parts)


def _relative_parts(name: object, expected: str) -> list[str]:
    if not isinstance(name, str):
        raise Rejected(expected, shown(name))
    parts = name.split("/")
    if ODD.search(name) or len(name) > LONGEST_NAME or any(part in ("", ".", "..") for part in parts):
        raise Rejected(expected, f"{shown(name)}, which is not a plain relative name", "outside_folder")
    return parts


def _real(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):  # a loop of links, or a name that is too long: no such file, then
        return path


def _is_regular(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def list_files(folder: str, folders: Folders) -> list[str]:
    """Names of the files in a folder, as a workflow writes them; the first 2,000 of very many."""
    names: list[str] = []
    for name in _walk(folders.get(folder, ())):
        names.append(name)
        if len(names) == MOST_LISTED:
            break
    return sorted(set(names))


def _walk(roots: tuple[Path, ...]) -> Iterator[str]:
    for root in roots:
        for directory, inner, names in os.walk(root):
            inner[:] = [name for name in inner if not name.startswith(".")]
            for name in names:
                if not name.startswith("."):
                    yield (Path(directory) / name).relative_to(root).as_posix()


known_contents: dict[StatKey, str] = {}
_by_place = False


def fingerprint(path: Path) -> str:
    """What stands for a file in a key: what is in it; for a `model_index.json` what is in all files of its folder."""
    if path.name != MODEL_INDEX:
        return content_hash(path)
    parts = [part for kind in MODEL_PARTS for part in path.parent.glob(f"**/{kind}")]
    told = [f"{part.relative_to(path.parent).as_posix()} {content_hash(part)}" for part in sorted(parts)[:MOST_LISTED]]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()


def tell_large_files_by_place() -> None:
    """Let a large file be told by its place, size and times instead of its content, which takes a second per gigabyte.

    For a process that keeps no result for another one: within it, a file that is visibly the same is the same.
    """
    global _by_place
    _by_place = True


def content_hash(path: Path, known: MutableMapping[StatKey, str] = known_contents) -> str:
    """The sha256 of a file's content, remembered in `known` as long as the file is visibly the same.

    A file touched within the last 2 s is not remembered: it could change again within the clock's resolution. A worker
    keeps `known_contents` on disk between its lives.
    """
    steps = hashing(path, known)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def hashing(path: Path, known: MutableMapping[StatKey, str] = known_contents) -> Generator[None, None, str]:
    """As `content_hash`, pausing after each piece of the file, so that whoever drives it can stop."""
    try:
        for _ in range(3):
            with path.open("rb") as file:
                before = _stat_key(file.fileno())
                if before in known:
                    return known[before]
                if _by_place and before[2] >= LARGE:
                    return f"at {before}"
                hasher = hashlib.sha256()
                while piece := file.read(PIECE):
                    hasher.update(piece)
                    yield
                digest = hasher.hexdigest()
                after = _stat_key(file.fileno())
            if before == after:
                if time.time_ns() - max(after[3:]) > SETTLED_NS:
                    known[after] = digest
                return digest
    except OSError as error:
        raise MissingFile(f"{path.name} cannot be read: {error.strerror}") from error
    raise MissingFile(f"{path.name} keeps changing while it is read")


def _stat_key(descriptor: int) -> StatKey:
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that is there wholly, or as it was before, whatever happens meanwhile."""
    with _aside(path, content) as written:
        written.replace(path)


def write_new(path: Path, content: bytes) -> bool:
    """Write a file wholly or not at all; False if there is one of that name, which is left alone."""
    with _aside(path, content) as written:
        try:
            path.hardlink_to(written)
        except FileExistsError:
            return False
    return True


@contextmanager
def _aside(path: Path, content: bytes) -> Generator[Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    written = path.with_name(f".{secrets.token_hex(8)}.partial")
    try:
        with written.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield written
    finally:
        written.unlink(missing_ok=True)
