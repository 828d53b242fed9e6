"""What a controller asked of the API server, from its audit log."""

from collections import Counter
from datetime import UTC, datetime

from tests.cluster import Cluster, kind

# Of each line: when, the verb, the resource. The log of thousands of models is too long to be read whole.
PICKED = (
    r's/.*"verb":"([a-z]+)".*"objectRef":\{"resource":"([a-z]+)".*"requestReceivedTimestamp":"([^"]+)".*/\3 \1 \2/p'
)


def now() -> datetime:
    """The time, as the audit log has it."""
    return datetime.now(UTC)  # noqa: TID251 - a benchmark lives in real time


def between(cluster: Cluster, account: str, since: datetime, until: datetime) -> dict[str, int]:
    """Requests by verb and resource, but for watches and the hold on a Lease; the most frequent first."""
    files = kind.AUDIT_LOG.replace(".log", "*.log")
    lines = cluster.node("sh", "-c", f"cat {files} | grep -F '\"{account}\"' | sed -nE '{PICKED}'").splitlines()
    found: Counter[str] = Counter()
    for line in lines:
        when, verb, resource = line.split()
        if since <= datetime.fromisoformat(when) <= until and verb != "watch" and resource != "leases":
            found[f"{verb} {resource}"] += 1
    return dict(found.most_common())
