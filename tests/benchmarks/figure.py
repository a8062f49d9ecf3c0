"""One line of the table that `make bench` prints."""

from typing import NamedTuple


class Figure(NamedTuple):
    """What was measured, and what it should reach; `reached` is None where there is nothing to reach."""

    what: str
    measured: str
    reach: str
    reached: bool | None
