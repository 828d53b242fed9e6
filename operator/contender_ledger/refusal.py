"""Why one label was not taken; the others of its call are."""

from enum import StrEnum


class Reason(StrEnum):
    """In the order in which they are looked for."""

    MALFORMED = "Malformed"
    FORGED = "Forged"
    FOREIGN = "Foreign"
    EXPIRED = "Expired"
    FUTURE = "Future"
    NO_SUCH_ROW = "NoSuchRow"
    WRONG_TYPE = "WrongType"


class Refused(Exception):
    """One label, and what its sender should know."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
