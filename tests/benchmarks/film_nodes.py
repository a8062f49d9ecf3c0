"""A pack of one node that shows large previews, each with the moment at which it was made."""

import struct
import time

from nodegraph import Progress, Steps, node

EVERY = 0.16  # seconds: no worker shows more
STAMP = struct.Struct(">Q")


class Frame:
    """A preview that begins with the time (of the clock that all processes share) at which it is encoded."""

    def __init__(self, size: int) -> None:
        self.size = size

    def encode(self) -> tuple[bytes, str]:
        return STAMP.pack(time.monotonic_ns()) + bytes(self.size - STAMP.size), "image/jpeg"


@node("Film")
def film(frames: int = 100, size: int = 100_000, number: int = 0) -> Steps[int]:
    """Show so many previews of so many bytes."""
    for frame in range(frames):
        time.sleep(EVERY)
        yield Progress(frame + 1, frames, Frame(size))
    return number
