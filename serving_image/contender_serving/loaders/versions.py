"""The version of the library that wrote a model against the one that is installed here."""

import logging
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed

from contender_serving.bundle.manifest import Framework
from contender_serving.failures import Failure, Reason
from contender_serving.trust import VersionPolicy

logger = logging.getLogger(__name__)


def check(framework: Framework, policy: VersionPolicy) -> None:
    """Raise `Failure` (VersionMismatch, UnsupportedFormat) unless the policy allows the model's version here.

    Between minor versions an estimator may load and silently predict something else; patches have done so too.
    """
    try:
        here, trained = _public(installed(framework.name)), _public(framework.version)
    except PackageNotFoundError:
        raise Failure(
            Reason.UNSUPPORTED_FORMAT, f"this image has no {framework.name}; run an image that has it"
        ) from None
    if _near(trained, here, policy):
        return
    mismatch = f"the model was written with {framework.name} {trained}, this image has {here}"
    if policy is VersionPolicy.WARN:
        logger.warning(mismatch)
        return
    raise Failure(
        Reason.VERSION_MISMATCH,
        f"{mismatch}; write it with {framework.name} {here}, run an image that has {trained}, or set "
        f"spec.model.versionPolicy to {_softer(trained, here)}",
    )


def _public(version: str) -> str:
    return version.partition("+")[0]  # 2.15.0+cpu is 2.15.0, built elsewhere


def _near(trained: str, here: str, policy: VersionPolicy) -> bool:
    return trained == here if policy is VersionPolicy.STRICT else _minor(trained) == _minor(here)


def _softer(trained: str, here: str) -> VersionPolicy:
    return VersionPolicy.SAME_MINOR if _minor(trained) == _minor(here) else VersionPolicy.WARN


def _minor(version: str) -> list[str]:
    return version.split(".")[:2]
