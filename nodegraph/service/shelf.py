"""Small files that a front end keeps with the server, as rows: their names are never paths."""

from __future__ import annotations

from typing import NamedTuple

from ..errors import Rejected, TooLarge
from .ledger import Ledger
from .store import Store, reading, writing

LONGEST_NAME = 300
LARGEST = 4 << 20
MOST = 5000


class Kept(NamedTuple):
    """A file's name, its size in bytes and when it was kept (seconds since 1970)."""

    name: str
    size: int
    at: float


class Shelf:
    """Files by name. A name may have any characters but control ones."""

    def __init__(self, store: Store) -> None:
        self.store = store

    @reading
    def names(self, ledger: Ledger, start: str = "") -> list[Kept]:
        """The files whose names begin so, in order."""
        found = ledger.rows(
            "SELECT name, LENGTH(content), at FROM shelf WHERE SUBSTR(name, 1, ?) = ? ORDER BY name", len(start), start
        )
        return [Kept(*row) for row in found]

    @reading
    def get(self, ledger: Ledger, name: str) -> bytes | None:
        return ledger.value("SELECT content FROM shelf WHERE name = ?", name)

    @writing
    def put(self, ledger: Ledger, name: str, content: bytes) -> Kept:
        """Keep a file, in the place of one that had the name; TooLarge, or Rejected for a name that is none."""
        if not name or len(name) > LONGEST_NAME or not name.isprintable():
            raise Rejected(f"a name of at most {LONGEST_NAME} printable characters", "another")
        if len(content) > LARGEST:
            raise TooLarge(f"a file of {len(content)} bytes; at most {LARGEST} are kept")
        if ledger.value("SELECT COUNT(*) FROM shelf") >= MOST:
            raise TooLarge(f"{MOST} files are kept already")
        ledger.rows("INSERT OR REPLACE INTO shelf VALUES (?, ?, ?)", name, content, ledger.at)
        return Kept(name, len(content), ledger.at)

    @writing
    def remove(self, ledger: Ledger, name: str) -> bool:
        """Forget a file; gives whether it was there."""
        return bool(ledger.rows("DELETE FROM shelf WHERE name = ? RETURNING 1", name))

    @writing
    def rename(self, ledger: Ledger, name: str, other: str) -> bool:
        """Give a file another name, in the place of one that had it; gives whether it was there."""
        if not other or len(other) > LONGEST_NAME or not other.isprintable():
            raise Rejected(f"a name of at most {LONGEST_NAME} printable characters", "another")
        if not ledger.rows("SELECT 1 FROM shelf WHERE name = ?", name):
            return False
        if name != other:
            ledger.rows("DELETE FROM shelf WHERE name = ?", other)
            ledger.rows("UPDATE shelf SET name = ? WHERE name = ?", other, name)
        return True
