"""What the operator sees at a look at a trial of which all is well, so that only counts and labels decide."""

from collections.abc import Mapping
from datetime import datetime

from contender.intent import Intent
from contender.observation import Counters, Route, RouterPod, Variant
from contender.rollout import look
from contender.rollout.commands import Commands
from contender.rollout.labels import NOTHING_ASKED, Heard


def sight(
    now: datetime, uptime: float, share: int, counters: Mapping[str, Counters], heard: Heard = NOTHING_ASKED
) -> look.Sight:
    """One router pod, `uptime` seconds old, whose `counters` name the champion and then the challenger."""
    champion, challenger = counters
    pod = RouterPod(
        name="router",
        uid="router",
        uptime=uptime,
        listening=True,
        route=Route(champion, challenger, share),
        clusters=frozenset(counters),
        active={},
        counters=counters,
    )
    return look.Sight(
        now=now,
        challenger=Variant(Intent(challenger, {}, {}, "serving:1"), 1, 1),
        champion_ready=True,
        champion_replicas=1,
        capacity=1,
        pods=(pod,),
        silent=(),
        recordings={},
        share_is_live=True,
        commands=Commands(),
        settled=False,
        by_user=False,
        heard=heard,
    )
