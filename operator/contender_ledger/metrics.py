"""What the ledger tells Prometheus."""

from prometheus_client import Counter, Gauge, Histogram

LABELS = Counter(
    "contender_ledger_labels", "Labels by what became of them; refused ones by their reason", ["deployment", "outcome"]
)
COMMIT_SECONDS = Histogram("contender_ledger_commit_seconds", "A transaction of labels, until it is on disk")
EVIDENCE_SECONDS = Histogram("contender_ledger_evidence_seconds", "An answer to the operator")
WAITING_BYTES = Gauge("contender_ledger_waiting_bytes", "Bodies of calls that are not answered yet")
