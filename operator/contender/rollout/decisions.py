"""The list of decisions in a Trial: each change of verdict, with what the rules knew, in bounded room."""

from collections.abc import Sequence

from contender.api import Json
from contender.rollout.series import size

DECISIONS = 50  # kept in the Trial, the newest last
COMMA = 1  # byte, after each but the last; and two brackets are around all
LEAST = 3  # so many are kept however little room there is
SHORT = 120  # characters that are left of a message when there is little room

Decisions = tuple[Json, ...]


def fitted(decisions: Decisions, room: int) -> Decisions:
    """At most `DECISIONS`, and no more than fit into so many bytes.

    The messages are cut first, but the newest's; then what the tests stood at is forgotten, of what only waited before
    what moved traffic, oldest first; then what only waited, so that the story of the share stays whole; then what is
    oldest.
    """
    if len(decisions) <= DECISIONS and size(decisions) <= room:
        return decisions
    kept = [*map(_shortened, decisions[:-1]), *decisions[-1:]]
    sizes = [size(each) + COMMA for each in kept]
    for at in sorted(range(len(kept)), key=lambda at: (not _waits(kept[at]), at)):
        if COMMA + sum(sizes) > room:
            kept[at] = _stateless(kept[at])
            sizes[at] = size(kept[at]) + COMMA
    while len(kept) > LEAST and (len(kept) > DECISIONS or COMMA + sum(sizes) > room):
        at = _least_missed(kept)
        del kept[at], sizes[at]
    return tuple(kept)


def _waits(decision: Json) -> bool:
    return bool(decision["decision"] == "Hold")


def _shortened(decision: Json) -> Json:
    message = decision.get("message", "")
    return decision if len(message) <= SHORT else {**decision, "message": f"{message[: SHORT - 1]}…"}


def _stateless(decision: Json) -> Json:
    return {name: value for name, value in decision.items() if name != "state"}


def _least_missed(decisions: Sequence[Json]) -> int:
    """The place of the oldest that only waited, else of the oldest."""
    return next((at for at, decision in enumerate(decisions[:-1]) if _waits(decision)), 0)
