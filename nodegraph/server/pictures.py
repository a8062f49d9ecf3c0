"""Pictures that clients sent, made safe; and small ones to look at: each in a process of its own.

A decoder meets hostile bytes, so it runs where it can break nothing, with bounded memory and time. What is stored are
the pixels, encoded again: whatever else the file carried is gone, but for a workflow of ours or of ComfyUI's.

    python -m nodegraph.server.pictures clean PIXELS < upload > picture.png
    python -m nodegraph.server.pictures thumbnail SIZE < picture > thumbnail.jpg
    python -m nodegraph.server.pictures mask PIXELS < length, picture, mask > picture.png
"""

from __future__ import annotations

import asyncio
import io
import sys
import warnings
from typing import Any

from ..document import read_document
from ..errors import InvalidGraph

FORMATS = ("PNG", "JPEG", "WEBP")
SECONDS = 20.0
MEMORY = 1 << 30  # bytes of address space beyond what importing takes
MOST_AT_ONCE = 2
LONGEST_TEXT = 1 << 20
KEPT = ("nodegraph", "prompt", "workflow")
REFUSED = 3  # exit code: the file is no picture that is taken


class BadPicture(ValueError):
    """Bytes that are no picture, or too large a one."""


_turns = asyncio.Semaphore(MOST_AT_ONCE)


async def cleaned(content: bytes, pixels: int) -> bytes:
    """The picture in some bytes as a PNG of its pixels; BadPicture if there is none of at most so many pixels."""
    return await _apart("clean", pixels, content)


async def thumbnail(content: bytes, size: int) -> bytes:
    """A picture as a JPEG of at most `size` pixels each way."""
    return await _apart("thumbnail", size, content)


async def masked(content: bytes, mask: bytes, pixels: int) -> bytes:
    """A picture with the transparency of another, stretched over it."""
    return await _apart("mask", pixels, len(content).to_bytes(8) + content + mask)


async def _apart(task: str, number: int, content: bytes) -> bytes:
    async with _turns:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "nodegraph.server.pictures", task, str(number),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            async with asyncio.timeout(SECONDS):
                result, said = await process.communicate(content)
        except TimeoutError as error:
            raise BadPicture("the picture takes too long to read") from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    if process.returncode == 0:
        return result
    reason = said.decode("utf-8", "replace").strip() if process.returncode == REFUSED else "it cannot be read"
    raise BadPicture(f"this picture is not taken: {reason}")


def decoded(content: bytes, pixels: int) -> Any:
    """The one picture in some bytes, upright, in 8 bits a channel."""
    from PIL import Image, ImageFile, ImageOps, PngImagePlugin

    ImageFile.LOAD_TRUNCATED_IMAGES = False
    PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY = LONGEST_TEXT, 8 * LONGEST_TEXT
    Image.MAX_IMAGE_PIXELS = pixels
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    try:
        picture = Image.open(io.BytesIO(content), formats=FORMATS)
        width, height = picture.size
        if width * height > pixels:
            raise BadPicture(f"{width} × {height} pixels are more than {pixels:,}")
        # A telephone's JPEG may carry another view or a map of depth behind the picture, which is the first.
        if getattr(picture, "n_frames", 1) > 1 and picture.format != "MPO":
            raise BadPicture("it moves: send one picture")
        picture.load()
        texts = {key: text for key, text in getattr(picture, "text", {}).items() if key in KEPT and is_workflow(text)}
        upright = ImageOps.exif_transpose(picture)
        if upright.mode.startswith("I"):  # 16 bits of gray
            upright = upright.point(lambda value: value / 257).convert("L")
        plain = upright if upright.mode in ("RGB", "RGBA", "L") else upright.convert("RGBA")
    except BadPicture:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise BadPicture(f"it has more than {pixels:,} pixels") from error
    except (OSError, SyntaxError, ValueError, TypeError, EOFError, MemoryError) as error:
        raise BadPicture(f"it is no sound {', '.join(FORMATS[:-1])} or {FORMATS[-1]} file") from error
    plain.info = {}
    return plain, texts


def is_workflow(text: str) -> bool:
    """Whether a text is a JSON object: only that is kept, since it is to be read again."""
    try:
        return isinstance(read_document(text), dict)
    except InvalidGraph:
        return False


def clean(content: bytes, pixels: int) -> bytes:
    from PIL.PngImagePlugin import PngInfo

    picture, texts = decoded(content, pixels)
    info = PngInfo()
    for key, text in texts.items():
        info.add_itxt(key, text)
    file = io.BytesIO()
    picture.save(file, "PNG", pnginfo=info, compress_level=4)
    return file.getvalue()


def mask(content: bytes, pixels: int) -> bytes:
    size = int.from_bytes(content[:8])
    picture, _ = decoded(content[8 : 8 + size], pixels)
    over, _ = decoded(content[8 + size :], pixels)
    result = picture.convert("RGBA")
    result.putalpha(over.convert("RGBA").getchannel("A").resize(result.size))
    file = io.BytesIO()
    result.save(file, "PNG", compress_level=4)
    return file.getvalue()


def shrink(content: bytes, size: int) -> bytes:
    picture, _ = decoded(content, 1 << 28)
    picture.thumbnail((size, size))
    file = io.BytesIO()
    picture.convert("RGB").save(file, "JPEG", quality=85)
    return file.getvalue()


def bound_memory() -> None:
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (int(SECONDS), int(SECONDS)))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    task, number = sys.argv[1], int(sys.argv[2])
    bound_memory()
    content = sys.stdin.buffer.read()
    try:
        result = {"clean": clean, "thumbnail": shrink, "mask": mask}[task](content, number)
    except BadPicture as refusal:
        sys.stderr.write(str(refusal))
        sys.exit(REFUSED)
    sys.stdout.buffer.write(result)


if __name__ == "__main__":
    main()
