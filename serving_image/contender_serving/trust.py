"""What a user allows a model to be loaded with."""

from dataclasses import dataclass
from enum import StrEnum


class VersionPolicy(StrEnum):
    """How near the installed library must be to the one that wrote the model."""

    STRICT = "Strict"  # the same version
    SAME_MINOR = "SameMinor"  # the same but for the patch
    WARN = "Warn"  # any; another minor version is only warned of


@dataclass(frozen=True, slots=True)
class Trust:
    """The user's word on versions, and on pickles, which run what is in them."""

    version_policy: VersionPolicy = VersionPolicy.STRICT
    allow_pickle: bool = False


CAUTIOUS = Trust()
