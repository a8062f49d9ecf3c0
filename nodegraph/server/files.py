"""Files that clients may have: looked up by id or by name, and never joined from what a client said."""

from __future__ import annotations

import asyncio
import hashlib
import re
import unicodedata
from pathlib import Path, PurePosixPath

from aiohttp import web

from ..errors import MissingFile, Rejected
from ..files import find_file, write_new, write_whole
from ..service.records import Asset
from ..service.uploads import Upload
from .answers import Refused, read_body
from .pictures import BadPicture, cleaned, thumbnail
from .state import State

SAFE_NAME = re.compile(r"[^\w .()-]+")
LARGEST_SHRUNK = 256 << 20
POLICY = "sandbox; default-src 'none'"
SHOWN = frozenset({"image/png", "image/jpeg", "image/webp", "text/plain"})
PICTURES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp"}


async def output_path(state: State, asset: Asset) -> Path:
    """Where the file of an output is; MissingFile if somebody has removed it."""
    root = state.staging.roots[asset.output.folder]
    path = root / asset.output.name  # the name is one that we gave the file

    def regular() -> bool:
        real = path.resolve()
        return real.is_relative_to(root) and real.is_file()

    if not await asyncio.to_thread(regular):
        raise MissingFile("the file of this output is gone")
    return path


async def input_path(state: State, name: str) -> Path:
    """Where a picture of the input folder is: one that was uploaded, or that somebody has put there."""

    uploaded = await state.uploads.named(name) is not None

    def find() -> Path:
        if not uploaded and any(part.startswith(".") for part in name.split("/")):  # as in what is listed
            raise MissingFile("there is no such file")
        try:
            return find_file(name, "input", state.folders)
        except Rejected as error:
            raise MissingFile("there is no such file") from error

    return await asyncio.to_thread(find)


async def input_type(state: State, name: str) -> str:
    """The media type of a file of the input folder: as an upload's is known, or else by its ending."""
    known = await state.uploads.named(name)
    return known.media_type if known else PICTURES.get(PurePosixPath(name).suffix.lower(), "application/octet-stream")


def file_answer(path: Path, media_type: str, name: str) -> web.FileResponse:
    """A file as it is; pictures to be shown, all else to be saved."""
    kind = media_type if media_type in SHOWN else "application/octet-stream"
    disposition = "inline" if kind in SHOWN else "attachment"
    headers = {
        "Content-Type": kind,
        "Content-Disposition": f'{disposition}; filename="{safe_name(name)}"',
        "Content-Security-Policy": POLICY,
        "Cache-Control": "private, max-age=3600",
    }
    return web.FileResponse(path, headers=headers)


def safe_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9 _.()-]+", "_", name.rpartition("/")[2])[:100] or "file"


async def small_picture(path: Path, size: int) -> web.Response:
    if (await asyncio.to_thread(path.stat)).st_size > LARGEST_SHRUNK:
        raise Refused(404, "not_a_picture", "there are no small pictures of files as large as this")
    content = await asyncio.to_thread(path.read_bytes)
    try:
        body = await thumbnail(content, size)
    except BadPicture as error:
        raise Refused(404, "not_a_picture", str(error)) from error
    headers = {"Content-Security-Policy": POLICY, "Cache-Control": "private, max-age=3600"}
    return web.Response(body=body, content_type="image/jpeg", headers=headers)


async def read_upload(request: web.Request, state: State) -> bytes:
    return await read_body(request, state.settings.bounds.upload)


async def keep_upload(
    state: State, content: bytes, wanted: str, subfolder: str = "", overwrite: bool = False
) -> Upload:
    """Store a picture that a client sent, made safe, in the input folder, under a name like the one it wished.

    The same picture under the same name is kept once; another one gets a number, or with `overwrite` the name.
    """
    try:
        png = await cleaned(content, state.settings.bounds.upload_pixels)
    except BadPicture as error:
        raise Refused(422, "bad_picture", str(error)) from error
    digest = hashlib.sha256(png).hexdigest()
    stem, ending = input_name(wanted, subfolder)
    for number in range(10_000):
        name = f"{stem} ({number}){ending}" if number else f"{stem}{ending}"
        known = await state.uploads.named(name)
        path = state.folders["input"][0] / name
        if known and known.sha256 == digest and not overwrite and await asyncio.to_thread(path.is_file):
            return known
        replace = overwrite and known is not None
        if await asyncio.to_thread(_write, path, png, replace, state.folders["input"][0]):
            return await state.uploads.add(name, "image/png", len(png), digest)
    raise Refused(409, "conflict", "there are too many files of this name")


def input_name(wanted: str, subfolder: str) -> tuple[str, str]:
    """A plain relative name made from what a client wished (letters, digits, spaces and _.-()), and its ending.

    The ending stays as it was, whatever the picture is stored as: clients go on to use the name that they sent.
    """
    name = PurePosixPath(wanted.replace("\\", "/"))
    parts = [*subfolder.replace("\\", "/").split("/"), name.stem]
    plain = [SAFE_NAME.sub("_", unicodedata.normalize("NFC", part))[:60].strip(" .") for part in parts]
    stem = "/".join([*[part for part in plain[:-1] if part][:3], plain[-1] or "picture"])
    return stem, name.suffix if name.suffix.lower() in PICTURES else ".png"


def _write(path: Path, content: bytes, replace: bool, root: Path) -> bool:
    """Write a file below a root, wholly or not at all; False if another has the name."""
    try:
        inside = path.parent.resolve().is_relative_to(root.resolve())
    except RuntimeError:  # links that go round in a circle
        inside = False
    if not inside:
        raise Refused(422, "outside_folder", "a link leads out of the folder")
    try:
        if replace:
            write_whole(path, content)
            return True
        return write_new(path, content)
    except (FileExistsError, NotADirectoryError) as error:
        raise Refused(409, "conflict", "a file has the name of the folder") from error
