"""`contender.dev/v1alpha1` as Python values. The truth is `crds/`; `tests/schema` holds the two together.

No defaults and no checks here: the API server has applied them before the operator sees an object.
Keys are the YAML's in snake case. What the operator only passes on (resources, scheduling, ...) stays a mapping.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

Json = Mapping[str, Any]

MILLISECONDS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}


def seconds(duration: str) -> float:
    """The length of a duration such as `250ms`, `2m` or `1h30m`, in seconds."""
    parts = re.findall(r"([0-9.]+)(ms|s|m|h)", duration)
    return sum(float(number) * MILLISECONDS[unit] for number, unit in parts) / 1000


class Measure(StrEnum):
    ERRORS = "errors"
    REJECTED = "rejected"
    LATENCY = "latency"
    ACCURACY = "accuracy"
    PRECISION = "precision"
    RECALL = "recall"
    DEVIATION = "deviation"


LABELLED = frozenset({Measure.ACCURACY, Measure.PRECISION, Measure.RECALL, Measure.DEVIATION})
SPARED = (401, 403, 429)  # a client without rights, or too eager: not the model's doing, so not `rejected`


class OnTimeout(StrEnum):
    HOLD = "Hold"
    REJECT = "Reject"
    PROMOTE = "Promote"


class Approval(StrEnum):
    AUTOMATIC = "Automatic"
    MANUAL = "Manual"


class Phase(StrEnum):
    """Where a trial is. The last three are ends."""

    QUALIFYING = "Qualifying"
    SHADOWING = "Shadowing"
    SHIFTING = "Shifting"
    HOLDING = "Holding"
    PROMOTING = "Promoting"
    STANDBY = "Standby"
    REJECTING = "Rejecting"
    SUPERSEDING = "Superseding"
    PROMOTED = "Promoted"
    REJECTED = "Rejected"
    SUPERSEDED = "Superseded"


ENDED = frozenset({Phase.PROMOTED, Phase.REJECTED, Phase.SUPERSEDED})


@dataclass(frozen=True, slots=True)
class Guardrail:
    """What the challenger must keep; in `objectives`, what it must be shown to keep."""

    measure: Measure
    over: str | None  # latency only: what counts as slow
    no_worse_than: float | None
    below: float | None
    quantile: float | None = None  # latency only, without `over`: which times are compared
    better: bool | None = None  # objectives only
    class_: str | None = None  # precision and recall only: of which class
    tolerance: float | None = None  # deviation only: by how much a number may be off

    @property
    def labelled(self) -> bool:
        """Whether labels tell it, which come late, and not the routers' counters."""
        return self.measure in LABELLED

    @classmethod
    def parse(cls, raw: Json) -> Self:
        return cls(
            measure=Measure(raw["measure"]),
            over=raw.get("over"),
            no_worse_than=raw.get("noWorseThan"),
            below=raw.get("below"),
            quantile=raw.get("quantile"),
            better=raw.get("better"),
            class_=raw.get("class"),
            tolerance=raw.get("tolerance"),
        )

    def with_negligible(self, shares: Mapping[str, float]) -> Self:
        """With the measure's share of `shares` for `below`, where that has a meaning and nothing else was written."""
        if self.below is not None or self.quantile is not None or self.better:
            return self
        return replace(self, below=shares.get(self.measure))


@dataclass(frozen=True, slots=True)
class QualityBound:
    """The greatest share of wrong answers that is fine in whatever serves, as one measure of labels counts them."""

    measure: Measure
    class_: str | None
    tolerance: float | None
    below: float

    @property
    def guardrail(self) -> Guardrail:
        """As a trial would have it."""
        return Guardrail(self.measure, None, None, self.below, class_=self.class_, tolerance=self.tolerance)

    @classmethod
    def parse(cls, raw: Json) -> Self:
        return cls(Measure(raw["measure"]), raw.get("class"), raw.get("tolerance"), raw["below"])


@dataclass(frozen=True, slots=True)
class Monitoring:
    """`spec.monitoring`: what is watched of the champion, whether a trial runs or not."""

    window: str
    quality: tuple[QualityBound, ...]

    @classmethod
    def parse(cls, raw: Json) -> Self:
        return cls(raw["window"], tuple(map(QualityBound.parse, raw["quality"])))


@dataclass(frozen=True, slots=True)
class Shadow:
    """How much of the live traffic is copied to the challenger before its first share, and for how long."""

    percent: int
    duration: str

    @classmethod
    def parse(cls, raw: Json) -> Self:
        return cls(raw["percent"], raw["duration"])


@dataclass(frozen=True, slots=True)
class TrialRules:
    """`spec.trial`, which a Trial copies when it begins."""

    shadow: Shadow | None
    steps: tuple[int, ...]
    soak: str
    guardrails: tuple[Guardrail, ...]
    objectives: tuple[Guardrail, ...]
    negligible: Mapping[str, float]  # measure -> `below`; in guardrails and objectives already
    confidence: float
    timeout: str
    on_timeout: OnTimeout
    approval: Approval
    standby: str

    @classmethod
    def parse(cls, raw: Json) -> Self:
        shadow = raw.get("shadow")
        return cls(
            shadow=None if shadow is None else Shadow.parse(shadow),
            steps=tuple(raw["steps"]),
            soak=raw["soak"],
            guardrails=_guardrails(raw["guardrails"], raw["negligible"]),
            objectives=_guardrails(raw["objectives"], raw["negligible"]),
            negligible=raw["negligible"],
            confidence=raw["confidence"],
            timeout=raw["timeout"],
            on_timeout=OnTimeout(raw["onTimeout"]),
            approval=Approval(raw["approval"]),
            standby=raw["standby"],
        )


def _guardrails(raw: Sequence[Json], negligible: Mapping[str, float]) -> tuple[Guardrail, ...]:
    return tuple(Guardrail.parse(guardrail).with_negligible(negligible) for guardrail in raw)


@dataclass(frozen=True, slots=True)
class ModelDeployment:
    namespace: str
    name: str
    uid: str
    generation: int
    resource_version: str
    annotations: Json  # among them the commands
    model: Json
    runtime: Json
    resources: Json
    scheduling: Json
    autoscaling: Json
    trial: Json  # as written: a Trial copies it whole
    history_limit: int
    trusted_history: int
    timeout: str  # spec.traffic.timeout
    sticky: Json | None  # spec.traffic.sticky
    gateway: Json | None  # spec.traffic.gateway; None: the embedded router
    monitoring: Monitoring | None
    status: Json

    @classmethod
    def parse(cls, raw: Json) -> Self:
        meta, spec = raw["metadata"], raw["spec"]
        return cls(
            namespace=meta["namespace"],
            name=meta["name"],
            uid=meta["uid"],
            generation=meta["generation"],
            resource_version=meta["resourceVersion"],
            annotations=meta.get("annotations") or {},
            model=spec["model"],
            runtime=spec["runtime"],
            resources=spec["resources"],
            scheduling=spec["scheduling"],
            autoscaling=spec["autoscaling"],
            trial=spec["trial"],
            history_limit=spec["trial"]["historyLimit"],
            trusted_history=spec["trial"]["trustedHistory"],
            timeout=spec["traffic"]["timeout"],
            sticky=spec["traffic"].get("sticky"),
            gateway=spec["traffic"].get("gateway"),
            monitoring=Monitoring.parse(spec["monitoring"]) if "monitoring" in spec else None,
            status=raw.get("status") or {},
        )


@dataclass(frozen=True, slots=True)
class Contestant:
    """A variant as status and Trial name it."""

    variant: str
    version: str | None
    digest: str | None

    @classmethod
    def parse(cls, raw: Json) -> Self:
        return cls(raw["variant"], raw.get("version"), raw.get("digest"))

    def dump(self) -> dict[str, str]:
        pairs = {"variant": self.variant, "version": self.version, "digest": self.digest}
        return {key: value for key, value in pairs.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Trial:
    """A Trial object: `spec` is what it began with, the rest is its status."""

    name: str
    resource_version: str
    champion: Contestant
    challenger: Contestant
    champion_replicas: int  # when the trial began, or was won if they were more then
    rules: TrialRules
    trusted: bool  # the challenger was champion not long ago
    stale: tuple[str, ...]  # commands that an earlier trial of the same challenger has heard
    phase: Phase
    step: int  # index into rules.steps; -1 before the first
    since: datetime | None  # when the present share was first seen live
    soaked_seconds: float  # time that has passed since then, as far as clocks can be believed
    looked_at: datetime | None
    traffic_at: datetime | None  # the challenger's last request at the present share
    judged_seconds: float  # time in which evidence arrived
    shadowed_seconds: float | None  # the part of it with shadow traffic; None before that began
    verdict: Json | None
    decisions: tuple[Json, ...]
    evidence: Json
    pairs: Json  # requests that both variants answered, in the shadow
    series: tuple[Json, ...]  # the course of the evidence, thinned
    sentences: tuple[str, ...]  # one for each measure, for people
    eta: Json  # what was foretold, and what is left; {} while no rate is known
    watches: tuple[Json, ...]  # one for each guardrail, after promotion
    withdrawn: bool  # the wish for this challenger went away after the trial
    renewed: tuple[str, ...]  # stale commands that were taken away since
    started_at: datetime | None
    ended_at: datetime | None

    @classmethod
    def parse(cls, raw: Json) -> Self:
        meta, spec, status = raw["metadata"], raw["spec"], raw.get("status") or {}
        return cls(
            name=meta["name"],
            resource_version=meta["resourceVersion"],
            champion=Contestant.parse(spec["champion"]),
            challenger=Contestant.parse(spec["challenger"]),
            champion_replicas=max(spec["championReplicas"], status.get("championReplicas", 0)),
            rules=TrialRules.parse(spec),
            trusted=spec["trusted"],
            stale=tuple(spec["stale"]),
            phase=Phase(status.get("phase", Phase.QUALIFYING)),
            step=status.get("step", -1),
            since=moment(status.get("since")),
            soaked_seconds=status.get("soakedSeconds", 0.0),
            looked_at=moment(status.get("lookedAt")),
            traffic_at=moment(status.get("trafficAt")),
            judged_seconds=status.get("judgedSeconds", 0.0),
            shadowed_seconds=status.get("shadowedSeconds"),
            verdict=status.get("verdict"),
            decisions=tuple(status.get("decisions", ())),
            evidence=status.get("evidence", {}),
            pairs=status.get("pairs", {}),
            series=tuple(status.get("series", ())),
            sentences=tuple(status.get("sentences", ())),
            eta=status.get("eta", {}),
            watches=tuple(status.get("watches", ())),
            withdrawn=status.get("withdrawn", False),
            renewed=tuple(status.get("renewed", ())),
            started_at=moment(status.get("startedAt")),
            ended_at=moment(status.get("endedAt")),
        )

    @property
    def ended(self) -> bool:
        return self.phase in ENDED

    @property
    def in_shadow(self) -> bool:
        """It goes on between the beginning of its shadow traffic and its first share."""
        begun = self.step < 0 and self.shadowed_seconds is not None
        return begun and self.phase in {Phase.SHADOWING, Phase.HOLDING}


def moment(text: str | None) -> datetime | None:
    """An RFC 3339 time as the API server writes it, aware."""
    return None if text is None else datetime.fromisoformat(text)


def rfc3339(when: datetime) -> str:
    """A time as the API server takes it, in UTC to the millisecond."""
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
