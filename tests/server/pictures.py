"""Pictures to send, honest and hostile."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

from PIL import Image

from tests.server.fake_nodes import chunk

SCRIPT = b"<script>alert('canary-script')</script>"
MARK = b"canary-script"
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def encoded(picture: Image.Image, kind: str = "PNG", **how: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **how)
    return file.getvalue()


def plain(color: tuple[int, int, int] = (10, 200, 30), size: tuple[int, int] = (24, 16)) -> Image.Image:
    return Image.new("RGB", size, color)


def opened(content: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(content))
    picture.load()
    return picture


def png_of(width: int, height: int, depth: int = 8, kind: int = 0, level: int = 9) -> bytes:
    """A black PNG of any size, without ever holding its pixels."""
    row = bytes(1 + (width * depth * {0: 1, 2: 3}[kind] + 7) // 8)
    packer = zlib.compressobj(level)
    body = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    return SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def with_chunk(content: bytes, kind: bytes, data: bytes) -> bytes:
    """A PNG with one more chunk, behind its header."""
    return content[:33] + chunk(kind, data) + content[33:]


def with_exif(text: str) -> bytes:
    exif = Image.Exif()
    exif[0x010E] = exif[0x9C9C] = text
    return encoded(plain(), "JPEG", exif=exif, comment=text.encode())


def oriented(orientation: int) -> bytes:
    """A JPEG that stands on its side: red left half as it lies in the file, blue right half."""
    picture = plain((255, 0, 0), (32, 16))
    picture.paste((0, 0, 255), (16, 0, 32, 16))
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(picture, "JPEG", exif=exif, quality=95)


def moving(kind: str) -> bytes:
    frames = [plain((shade, 0, 0)) for shade in (0, 100, 200)]
    return encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=100)


# Whatever carries a script, with the status that it gets; what is taken must come back as pixels alone.
CARRIERS: dict[str, tuple[bytes, int]] = {
    "html": (b"<!doctype html>" + SCRIPT, 422),
    "svg": (b'<svg xmlns="http://www.w3.org/2000/svg">' + SCRIPT + b"</svg>", 422),
    "xhtml": (b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml">' + SCRIPT + b"</html>", 422),
    "js": (b"alert('canary-script')", 422),
    "pdf": (b"%PDF-1.4 " + SCRIPT, 422),
    "xbm": (b"#define a_width 1\n#define a_height 1\nstatic char a_bits[] = { 0 };" + SCRIPT, 422),
    "ppm": (b"P6 1 1 255 abc" + SCRIPT, 422),
    "bmp": (encoded(plain(), "BMP") + SCRIPT, 422),
    "gif": (encoded(plain(), "GIF") + SCRIPT, 422),
    "tiff": (encoded(plain(), "TIFF") + SCRIPT, 422),
    "eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 1 1\n" + SCRIPT, 422),
    "png and html": (encoded(plain()) + SCRIPT, 200),
    "html before a png": (SCRIPT + encoded(plain()), 422),
    "a text chunk": (with_chunk(encoded(plain()), b"tEXt", b"Comment\0" + SCRIPT), 200),
    "a workflow that is none": (with_chunk(encoded(plain()), b"tEXt", b"workflow\0" + SCRIPT), 200),
    "an unknown chunk": (with_chunk(encoded(plain()), b"scRp", SCRIPT), 200),
    "a profile": (encoded(plain(), icc_profile=SCRIPT * 20), 200),
    "exif": (with_exif(SCRIPT.decode()), 200),
    "jpeg and zip": (encoded(plain(), "JPEG") + b"PK\x03\x04" + SCRIPT, 200),
    "webp with xmp": (encoded(plain(), "WEBP", xmp=SCRIPT), 200),
    "a gif with an archive": (encoded(plain(), "GIF") + b"PK\x03\x04" + SCRIPT, 422),
}
# Pictures that cannot be, or are too much.
UNSOUND: dict[str, bytes] = {
    "nothing but a signature": SIGNATURE,
    "a truncated png": encoded(Image.effect_noise((200, 200), 50))[:9000],
    "a truncated jpeg": encoded(Image.effect_noise((200, 200), 50), "JPEG")[:3000],
    "a truncated webp": encoded(Image.effect_noise((200, 200), 50), "WEBP")[:3000],
    "a damaged png": encoded(plain()).replace(b"IDAT", b"IDAU"),
    "169 megapixels": png_of(13_000, 13_000, 1),
    "a size that is a lie": SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", 2**31 - 1, 2**31 - 1, 8, 2, 0, 0, 0)),
    "no pixels": SIGNATURE + chunk(b"IHDR", bytes(13)) + chunk(b"IEND", b""),
    "a text that swells": with_chunk(encoded(plain()), b"zTXt", b"workflow\0\0" + zlib.compress(bytes(1 << 26), 9)),
    "a moving png": moving("PNG"),
    "a moving webp": moving("WEBP"),
    "a moving gif": moving("GIF"),
    "random bytes": bytes(range(256)) * 64,
}
