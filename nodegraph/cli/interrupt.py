"""Ctrl-C and SIGTERM: the first asks the run to stop after this step, the second stops it at once."""

import signal
from types import FrameType, TracebackType
from typing import Self

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupt:
    """While entered, `requested` says whether somebody asked to stop."""

    def __init__(self) -> None:
        self.requested = False
        self._previous = {number: signal.getsignal(number) for number in SIGNALS}

    def __enter__(self) -> Self:
        for number in SIGNALS:
            signal.signal(number, self._ask)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True


def stop_at_once(number: int, frame: FrameType | None) -> None:
    """Outside a run SIGTERM ends the command as Ctrl-C does, so that clean-up runs."""
    raise KeyboardInterrupt
