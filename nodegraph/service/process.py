"""What a process asks of the operating system: when to be killed, and how much memory it has."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path
from typing import Any, cast

PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38
PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
KILLED_FIRST = "800"  # of 1000: when memory runs out the kernel shall take a worker, not the server


def protect_worker() -> None:
    """Die with the server, leave no core dump, gain no rights, and be the first to go when memory runs out.

    That is Linux only; elsewhere the end of standard input tells that the server is gone. Ctrl-C and systemd send their
    signals to the worker too: what it does about them is the server's to say, which lets the running job finish.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    if sys.platform != "linux":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    _prctl(PR_SET_NO_NEW_PRIVS, 1)
    with contextlib.suppress(OSError):  # some containers do not allow it
        Path("/proc/self/oom_score_adj").write_text(KILLED_FIRST)


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def memory() -> dict[str, int]:
    """Bytes that this process holds, and those of its device if that is a GPU in use."""
    found = {"resident": resident()}
    torch = cast("Any", sys.modules.get("torch"))
    if torch is not None and getattr(torch, "cuda", None) is not None and torch.cuda.is_initialized():
        free, total = torch.cuda.mem_get_info()
        found |= {"device_free": free, "device_total": total}
    return found


def resident() -> int:
    """Bytes of memory that this process holds; 0 where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE
    except OSError:
        return 0


def total_memory() -> int:
    """Bytes of memory that this machine has; 0 where the system does not tell."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * PAGE
    except (ValueError, OSError, AttributeError):
        return 0
