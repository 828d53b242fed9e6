"""Why a fetch or a start ended: one stable reason and one sentence with the mend, written where Kubernetes shows it."""

import json
import sys
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

TERMINATION_MESSAGE_BYTES = 4096  # Kubernetes keeps no more of it


class Reason(StrEnum):
    """The reasons of docs/serving-contract.md; the operator shows them as they are, so they never change."""

    MODEL_NOT_FOUND = "ModelNotFound"
    MODEL_UNREADABLE = "ModelUnreadable"
    SECRET_UNUSABLE = "SecretUnusable"  # noqa: S105 (a reason)
    DIGEST_MISMATCH = "DigestMismatch"
    FILE_CORRUPT = "FileCorrupt"
    INVALID_BUNDLE = "InvalidBundle"
    UNSUPPORTED_FORMAT = "UnsupportedFormat"
    FORMAT_MISMATCH = "FormatMismatch"
    MODEL_TOO_LARGE = "ModelTooLarge"
    VOLUME_UNWRITABLE = "VolumeUnwritable"
    UNTRUSTED_TYPES = "UntrustedTypes"
    PICKLE_REFUSED = "PickleRefused"
    VERSION_MISMATCH = "VersionMismatch"
    LOAD_FAILED = "LoadFailed"
    GOLDEN_MISMATCH = "GoldenMismatch"
    INVALID_SETTINGS = "InvalidSettings"


class Failure(Exception):
    """What a user must know when a model cannot be served: a reason, and a message that says how to mend it."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


def report(failure: Failure, termination_log: Path) -> None:
    """Write the failure as one JSON line to stderr and to the container's termination log, if it has one."""
    line = json.dumps({"reason": failure.reason, "message": failure.message[: TERMINATION_MESSAGE_BYTES // 4]})
    print(line, file=sys.stderr, flush=True)
    with suppress(OSError):  # outside a container there is none, and stderr has the line
        termination_log.write_text(line)
