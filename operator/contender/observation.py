"""What one reconcile saw, all of it, before anything was decided. Frozen values without behaviour."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from contender.api import ModelDeployment, Trial
from contender.intent import Intent


@dataclass(frozen=True, slots=True)
class Problem:
    """Why something cannot go on, for a person: a CamelCase reason, and a message that names the mend."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Unscaled:
    """What an HPA says of why it does not scale, and since when."""

    since: datetime
    message: str


@dataclass(frozen=True, slots=True)
class Variant:
    """The objects of one variant, as the API server has them."""

    intent: Intent
    replicas: int  # wanted now by whoever owns the count
    ready: int  # pods
    problem: Problem | None = None  # what its pods say when they do not become ready
    unscaled: Unscaled | None = None


@dataclass(frozen=True, slots=True)
class Counters:
    """One router pod's counters for one variant's live or shadow traffic, since that Envoy process began."""

    completed: int = 0
    retries: int = 0
    errors: int = 0  # 5xx, timeouts among them
    rejected: int = 0  # 4xx but 401, 403 and 429
    timeouts: int = 0
    timed: int = 0  # answers in the latency histogram
    faster: Mapping[float, int] = field(default_factory=dict)  # bucket edge in seconds -> answers at or under it
    begun: int = 0  # sent there: completed or under way; may fall by a few, since Envoy counts on while it is read
    shed: int = 0  # copies that the router let go, since too many were under way: errors and completed, and nobody's


@dataclass(frozen=True, slots=True)
class Answer:
    """How one request was answered, as the server that did it remembers."""

    number: int  # rises by one within a process
    request: str  # a hash of its id, which a copy of it shares
    age: float  # seconds
    status: int
    seconds: float  # from the request's arrival


@dataclass(frozen=True, slots=True)
class Recording:
    """The latest answers of one server process."""

    process: str
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class Labelled:
    """What labels say of the answers that one variant gave in one window."""

    answers: int = 0  # with a label
    counts: tuple[tuple[int, int], ...] = ()  # events and exposures, one for each measure that was asked for
    delay: float | None = None  # the median, in seconds; None without labels, or when it was not asked for


@dataclass(frozen=True, slots=True)
class Labels:
    """What the ledger tells: variant -> Labelled, of each window by its beginning in milliseconds of the epoch."""

    windows: Mapping[int, Mapping[str, Labelled]]


@dataclass(frozen=True, slots=True)
class Route:
    """How one ModelDeployment's traffic is split. `share` is the challenger's, in percent.

    `mirror` percent of all live requests are copied to the challenger, whose answers to the copies nobody gets.
    """

    champion: str
    challenger: str | None = None
    share: int = 0
    mirror: int = 0


@dataclass(frozen=True, slots=True)
class Block:
    """One ModelDeployment's part of its namespace's router configuration."""

    port: int
    route: Route
    clusters: tuple[str, ...]  # variants that the router knows, in or out of the route; sorted
    timeout: float  # seconds
    backend_ports: Mapping[str, int]  # variant -> port of its Service
    sticky: Mapping[str, str] | None = None  # {header: name} or {cookie: name}: what keeps a user on one variant
    shadows: tuple[str, ...] = ()  # those of `clusters` that requests may be copied to; sorted


@dataclass(frozen=True, slots=True)
class RouterPod:
    """What one router pod says of one ModelDeployment."""

    name: str
    uid: str
    uptime: float  # seconds since this Envoy process began
    listening: bool
    route: Route | None  # the one that is live in it
    clusters: frozenset[str]  # variants whose clusters are live in it
    active: Mapping[str, int]  # variant -> requests under way, whatever their purpose
    counters: Mapping[str, Counters]  # variant -> live traffic
    shadows: Mapping[str, Counters] = field(default_factory=dict)  # variant that requests can be copied to -> copies
    edges: frozenset[float] | None = None  # of its latency histogram, in seconds; None when they are not known


@dataclass(frozen=True, slots=True)
class Router:
    """What splits the traffic of one ModelDeployment: its namespace's router, or a Gateway's proxies."""

    block: Block | None  # as written in the ConfigMap, or the HTTPRoute
    pods: tuple[RouterPod, ...]  # every ready pod that answered
    silent: tuple[str, ...]  # ready pods that did not answer
    taken_ports: frozenset[int]  # by the namespace's other ModelDeployments
    unseen: bool = False  # a pod that is not ready, or on its way out, may still send requests by an old route
    problem: Problem | None = None  # why a Gateway does not do what it is told
    taken_slots: frozenset[int] = frozenset()  # of a Gateway's HTTPRoute: those that a proxy knows


@dataclass(frozen=True, slots=True)
class Entry:
    """Through which clients come: the Service `<name>`, or the HTTPRoute that a Gateway took."""

    champion: str | None
    port: int | None  # the Service's target port
    url: str | None = None  # the HTTPRoute's


@dataclass(frozen=True, slots=True)
class Observation:
    now: datetime
    deployment: ModelDeployment
    wanted: Intent  # of `spec` as it is now
    variants: Mapping[str, Variant]  # by hash
    entry: Entry | None
    trials: tuple[Trial, ...]  # oldest first
    router: Router
    recordings: Mapping[str, Sequence[Recording]] = field(default_factory=dict)  # in a trial's shadow: variant -> pods'
    labels: Labels | None = None  # None when the ledger was not asked, or told nothing
    ledger_silence: str | None = None  # why it told nothing when it was asked
    quality: Labels | None = None  # of the champion; None when the ledger was not asked, or told nothing
    quality_silence: str | None = None  # why it told nothing when it was asked
