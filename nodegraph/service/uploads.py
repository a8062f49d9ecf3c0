"""Pictures that clients sent: files of the "input" folder that have an id."""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass
from typing import Any

from .ledger import Ledger
from .store import Store, reading, writing


@dataclass(frozen=True)
class Upload:
    """A picture in the "input" folder: `name` is what a LoadImage node takes."""

    id: str
    name: str
    media_type: str
    size: int
    sha256: str
    at: float

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "folder": "input"}


class Uploads:
    """What is known of the uploaded pictures of a store."""

    def __init__(self, store: Store) -> None:
        self.store = store

    @writing
    def add(self, ledger: Ledger, name: str, media_type: str, size: int, sha256: str) -> Upload:
        """Note a picture; one that had the name before is forgotten."""
        ledger.rows("DELETE FROM uploads WHERE name = ?", name)
        upload = Upload(secrets.token_urlsafe(16), name, media_type, size, sha256, ledger.at)
        ledger.rows("INSERT INTO uploads VALUES (?, ?, ?, ?, ?, ?)", *asdict(upload).values())
        return upload

    @reading
    def get(self, ledger: Ledger, upload: str) -> Upload | None:
        return next((Upload(*row) for row in ledger.rows("SELECT * FROM uploads WHERE id = ?", upload)), None)

    @reading
    def named(self, ledger: Ledger, name: str) -> Upload | None:
        return next((Upload(*row) for row in ledger.rows("SELECT * FROM uploads WHERE name = ?", name)), None)
