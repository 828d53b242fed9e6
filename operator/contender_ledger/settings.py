"""What the environment says, read once at the start."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the ledger listens, where it writes, and where its keys are mounted."""

    database: str  # an SQLAlchemy URL
    retention: int  # seconds
    receipt_keys: Path
    secret: Path
    host: str
    port: int

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> "Settings":
        """ValueError where a number is none."""
        return cls(
            database=environ.get("LEDGER_DATABASE", "sqlite:////data/ledger.db"),
            retention=int(environ.get("LEDGER_RETENTION", "7776000")),
            receipt_keys=Path(environ.get("LEDGER_RECEIPT_KEYS", "/mnt/receipts")),
            secret=Path(environ.get("LEDGER_SECRET", "/mnt/ledger")),
            host=environ.get("LEDGER_HOST", "0.0.0.0"),  # noqa: S104 -- a pod's address; who may speak is told by tokens
            port=int(environ.get("LEDGER_PORT", "8090")),
        )
