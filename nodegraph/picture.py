"""The workflow that a saved picture carries, read from its PNG text chunks without decoding the picture."""

import io
import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO, cast

from nodegraph.comfyui import is_comfyui
from nodegraph.document import read_document
from nodegraph.errors import InvalidGraph, Problem

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# ComfyUI writes a workflow twice: as it ran under `prompt`, and as it was drawn under `workflow`.
KEYWORDS = ("nodegraph", "prompt", "workflow")
AS_DRAWN = ("nodegraph", "workflow", "prompt")
TEXT_LIMIT = 32 * 1024 * 1024
HEADER = struct.Struct(">I4s")


class BadPicture(InvalidGraph):
    """A picture that is cut short, damaged, or carries no workflow."""

    kind = "bad_picture"

    def __init__(self, message: str) -> None:
        super().__init__([Problem(None, None, message)])


def is_picture(start: bytes) -> bool:
    return start.startswith(SIGNATURE)


def workflow_in(picture: bytes, keywords: tuple[str, ...] = KEYWORDS) -> dict[str, object]:
    """The workflow in a PNG's text chunks, native or of ComfyUI, under the first of the keywords. Raises BadPicture."""
    texts = dict(text_chunks(io.BytesIO(picture), keywords))
    for keyword in keywords:
        try:
            document: object = read_document(texts.get(keyword, "null"))
        except InvalidGraph:
            continue
        if isinstance(document, dict) and ("nodegraph" in document or is_comfyui(document)):  # pyright: ignore[reportUnknownArgumentType] -- JSON is untyped
            return cast(dict[str, object], document)
    raise BadPicture("the picture carries no workflow")


def text_chunks(file: BinaryIO, keywords: Iterable[str] | None = None) -> Iterator[tuple[str, str]]:
    """Each (keyword, text) of a PNG (W3C PNG 3rd edition, 11.3.3); other chunks are skipped unread.

    With `keywords` only the first text under each of them: a small picture could have very many large ones.
    """
    wanted = None if keywords is None else set(keywords)
    if file.read(len(SIGNATURE)) != SIGNATURE:
        raise BadPicture("not a PNG picture")
    kind = b""
    while kind != b"IEND":
        header = file.read(HEADER.size)
        if len(header) < HEADER.size:
            raise BadPicture("the picture is cut short")
        length, kind = cast(tuple[int, bytes], HEADER.unpack(header))
        if kind not in TEXT_READERS:
            file.seek(length + 4, io.SEEK_CUR)
            continue
        body = file.read(min(length, TEXT_LIMIT) + 4)
        if body[length:] != zlib.crc32(kind + body[:length]).to_bytes(4):
            raise BadPicture(f"the picture's {kind.decode()} chunk is damaged or over {TEXT_LIMIT >> 20} MiB")
        start, _, rest = body[:length].partition(b"\0")
        keyword = start.decode("latin-1")
        if wanted is None or keyword in wanted:
            yield keyword, TEXT_READERS[kind](rest)
        if wanted is not None:
            wanted.discard(keyword)


def read_plain(rest: bytes) -> str:
    return rest.decode("latin-1")


def read_compressed(rest: bytes) -> str:
    return inflate(rest[1:]).decode("latin-1")


def read_international(rest: bytes) -> str:
    compressed = rest[:1] == b"\1"
    _language, _, rest = rest[2:].partition(b"\0")
    _translated, _, text = rest.partition(b"\0")
    return (inflate(text) if compressed else text).decode("utf-8", errors="replace")


def inflate(data: bytes) -> bytes:
    """Decompress at most TEXT_LIMIT bytes, so that a small picture cannot fill the memory."""
    inflater = zlib.decompressobj()
    try:
        text = inflater.decompress(data, TEXT_LIMIT)
    except zlib.error as error:
        raise BadPicture(f"the picture's text is damaged: {error}") from error
    if inflater.unconsumed_tail:
        raise BadPicture(f"the picture's text is over {TEXT_LIMIT >> 20} MiB")
    return text


TEXT_READERS = {b"tEXt": read_plain, b"zTXt": read_compressed, b"iTXt": read_international}
