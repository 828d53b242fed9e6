"""What the operator asks of a champion, answered by a real ledger: each label is judged once, when it comes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from contender.measure.ledger import body, parse
from contender.rollout import quality
from contender.rollout.labels import Heard
from contender.rollout.quality import Quality
from tests.ledger.process import Ledger
from tests.unit.world import World

WATCHED = {"window": "1h", "quality": [{"measure": "accuracy", "below": 0.08}]}
MINUTE = timedelta(minutes=1)


class Champion:
    """A ModelDeployment as its status has it, and a clock that runs minute by minute."""

    def __init__(self, ledger: Ledger, deployment: str) -> None:
        world = World(monitoring=WATCHED)
        world.apply("1")
        self.owner, self.now = world.owner, datetime.now(UTC)
        self.ledger, self.deployment = ledger, deployment
        self.sealer = ledger.sealer(deployment)

    def gets_labels(self, right: int, wrong: int) -> None:
        """Of answers that it gave half an hour ago."""
        at = round((datetime.now(UTC) - 30 * MINUTE).timestamp() * 1000)
        labels = ["yes"] * right + ["no"] * wrong
        self.ledger.label(
            self.deployment, [{"receipt": self.sealer.seal("yes", at=at), "label": each} for each in labels]
        )

    def look(self, *, told: bool = True) -> Quality:
        """A minute later; a status that is not written is as good as none."""
        self.now += MINUTE
        question = quality.question(self.owner, "a", self.now)
        assert question is not None
        answer = self.ledger.ask(self.deployment, body(question)).json()
        found = quality.again(self.owner, "a", Heard(parse(answer, question)), (), self.now)
        assert found is not None
        if told:
            self.owner = replace(self.owner, status={"quality": found.dump()})
        return found


def test_labels_are_shown_with_their_delay_and_those_of_a_look_that_was_lost_count_at_the_next(
    ledger: Ledger, deployment: str
) -> None:
    champion = Champion(ledger, deployment)
    champion.gets_labels(97, 3)
    first = champion.look()
    champion.gets_labels(100, 100)
    lost = champion.look(told=False)
    champion.gets_labels(0, 10)
    broken = champion.look()

    assert (first.judged[0].seen.events, first.labelled, first.broken) == (3, 100, ())
    assert first.delay is not None
    assert 1400 < first.delay < 2300
    assert lost.broken
    assert broken.broken
    assert broken.judged[0].seen.events == 113


def test_answers_that_leave_the_window_are_no_labels_that_came(ledger: Ledger, deployment: str) -> None:
    champion = Champion(ledger, deployment)
    champion.gets_labels(95, 5)
    before = champion.look()
    champion.now += 40 * MINUTE
    after = champion.look()

    assert after.judged[0].seen.exposures == 0
    assert after.judged[0].bets == before.judged[0].bets
