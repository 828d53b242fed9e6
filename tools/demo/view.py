"""What can be seen at one moment: what Kubernetes tells of the ModelDeployment, and what clients get."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from tests.cluster import Cluster
from tests.load import Recording

Json = Mapping[str, Any]
WINDOW = 5.0  # seconds over which rates are told


@dataclass(frozen=True, slots=True)
class Told:
    """What the API server tells."""

    generation: int
    status: Json
    trials: tuple[Json, ...]  # oldest first
    versions: Mapping[str, str]  # variant -> version

    @classmethod
    def nothing(cls) -> Self:
        return cls(0, {}, (), {})

    @property
    def is_current(self) -> bool:
        """The operator has acted on the newest generation of `spec`."""
        return bool(self.status.get("observedGeneration") == self.generation)

    @property
    def newest(self) -> Json:
        """The newest Trial's status."""
        return self.trials[-1].get("status", {}) if self.trials else {}

    @property
    def trial(self) -> Json:
        """`status.trial`: empty when none runs."""
        trial: Json = self.status.get("trial", {})
        return trial

    @property
    def verdict(self) -> Json:
        verdict: Json = self.newest.get("verdict", {})
        return verdict


@dataclass(frozen=True, slots=True)
class Served:
    """One variant's answers over the last seconds."""

    version: str
    share: float  # percent of all requests
    rate: float  # requests per second
    errors: float  # percent of its own requests
    p99: float  # seconds


def told(cluster: Cluster, namespace: str, name: str) -> Told:
    raw = json.loads(cluster.kubectl("-n", namespace, "get", "modeldeployments,trials", "-o", "json"))["items"]
    trials = sorted(
        (item for item in raw if item["kind"] == "Trial"), key=lambda item: item["metadata"]["creationTimestamp"]
    )
    (deployment,) = (item for item in raw if item["metadata"]["name"] == name)
    status = deployment.get("status", {})
    parties = [trial["spec"][role] for trial in trials for role in ("champion", "challenger")]
    versions = {party["variant"]: party["version"] for party in (*parties, status.get("champion")) if party}
    return Told(deployment["metadata"]["generation"], status, tuple(trials), versions)


def _number(trial: Json) -> int:
    return int(trial["metadata"]["name"].rpartition("-")[2])


def served(recording: Recording, versions: Mapping[str, str], now: float) -> list[Served]:
    """Who answered in the last seconds, by version."""
    recent = recording.between(now - WINDOW)
    each = (_served(recent, variant, versions.get(variant, variant)) for variant in recent.variants())
    return sorted(each, key=lambda one: one.version)


def _served(recent: Recording, variant: str, version: str) -> Served:
    answers = recent.of(variant)
    return Served(
        version,
        share=recent.share(variant),
        rate=len(answers) / WINDOW,
        errors=100 * len(answers.failed()) / len(answers),
        p99=answers.p99(),
    )
