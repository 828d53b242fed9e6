"""The list of decisions in a Trial: each change of verdict, with what the rules knew, in bounded room."""

from contender.api import Json
from contender.rollout.series import size

DECISIONS = 50  # kept in the Trial, the newest last
LEAST = 3  # so many are kept however little room there is
SHORT = 120  # characters that are left of a message when there is little room

Decisions = tuple[Json, ...]


def fitted(decisions: Decisions, room: int) -> Decisions:
    """At most `DECISIONS`, and no more than fit into so many bytes.

    The messages are cut first, but the newest's; then what the tests stood at is forgotten, of what only waited before
    what moved traffic, oldest first; then what only waited, so that the story of the share stays whole; then what is
    oldest.
    """
    if size(decisions) > room:
        decisions = (*map(_shortened, decisions[:-1]), *decisions[-1:])
    for at in sorted(range(len(decisions)), key=lambda at: (not _waits(decisions[at]), at)):
        if size(decisions) > room:
            decisions = (*decisions[:at], _stateless(decisions[at]), *decisions[at + 1 :])
    while len(decisions) > LEAST and (len(decisions) > DECISIONS or size(decisions) > room):
        decisions = _fewer(decisions)
    return decisions


def _waits(decision: Json) -> bool:
    return bool(decision["decision"] == "Hold")


def _shortened(decision: Json) -> Json:
    message = decision.get("message", "")
    return decision if len(message) <= SHORT else {**decision, "message": f"{message[: SHORT - 1]}…"}


def _stateless(decision: Json) -> Json:
    return {name: value for name, value in decision.items() if name != "state"}


def _fewer(decisions: Decisions) -> Decisions:
    holds = (at for at, decision in enumerate(decisions[:-1]) if _waits(decision))
    oldest = next(holds, 0)
    return (*decisions[:oldest], *decisions[oldest + 1 :])
