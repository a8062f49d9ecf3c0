"""What a problem's pointer names."""

from typing import Any

from nodegraph.report import pointer


def resolve(data: Any, path: str) -> Any:
    """What an RFC 6901 pointer names, in Python data of any keys; KeyError or IndexError if nothing."""
    here: Any = data
    for part in path.split("/")[1:]:
        named = isinstance(here, dict)
        here = here[{pointer(key)[1:]: key for key in here}[part]] if named else here[int(part)]  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType] -- JSON is untyped
    return here
