"""Places where a test may kill the server and its workers, to see that nothing is lost there."""

import os
import signal

VARIABLE = "NODEGRAPH_FAILPOINT"  # "name:3" kills the process group the third time that it passes there
_name, _, _times = os.environ.get(VARIABLE, "").partition(":")
_left = int(_times or 1)


def failpoint(name: str) -> None:
    """Kill the whole process group, if a test asked for it at this place."""
    global _left
    if name != _name:
        return
    _left -= 1
    if _left == 0:
        os.killpg(0, signal.SIGKILL)
