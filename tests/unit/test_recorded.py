"""Trials that earlier versions of the operator wrote: the present one goes on where they stopped."""

import math
from pathlib import Path
from typing import Any

import pytest
import yaml

from contender.api import Trial
from contender.rollout.counting import Count
from contender.rollout.evalues import LARGER
from contender.rollout.evidence import Evidence
from contender.rollout.watch import Watch
from tools import crds
from tools.crds import Schema

RECORDED = sorted((Path(__file__).parent / "recorded").glob("*.yaml"))


def as_served(value: Any, schema: Schema) -> Any:
    """What the API server answers: with the defaults that the schema has got since the object was stored."""
    if isinstance(value, list):
        return [as_served(part, schema["items"]) for part in value]
    if not isinstance(value, dict) or "properties" not in schema:
        return value
    parts = schema["properties"]
    defaults = {name: part["default"] for name, part in parts.items() if "default" in part}
    return {name: as_served(part, parts.get(name, {})) for name, part in {**defaults, **value}.items()}


def read(path: Path) -> Trial:
    return Trial.parse(as_served(yaml.safe_load(path.read_text()), crds.schema(crds.load()["Trial"])))


def evidence(trial: Trial) -> Evidence:
    return Evidence.parse(trial.evidence, trial.rules.guardrails, trial.rules.objectives)


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_what_was_won_so_far_is_kept(path: Path) -> None:
    trial = read(path)
    for measure, told in zip(evidence(trial).measures, trial.evidence["measures"], strict=True):
        ratio_alone = math.exp(min(measure.ratios.log_breach(), math.log(1e12)))

        assert measure.trial.dump() == {name: told[name] for name in ("champion", "challenger")}
        assert measure.step.dump() == told["step"]
        assert ratio_alone >= told["breach"] * 0.999  # which is the lesser of this and the one against `below`


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_it_is_written_anew_in_today_s_way_and_then_stays_so(path: Path) -> None:
    trial = read(path)
    dumped = evidence(trial).dump(trial.rules.confidence)
    again = Evidence.parse(dumped, trial.rules.guardrails, trial.rules.objectives)

    assert again == evidence(trial)
    assert again.dump(trial.rules.confidence) == dumped


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_more_errors_of_the_challenger_lead_to_a_breach(path: Path) -> None:
    measure = evidence(read(path)).measures[0].absorb(Count(0, 5000), Count(500, 5000))

    assert measure.breach() >= 20


def test_a_watch_goes_on_with_its_sums() -> None:
    trial = read(next(path for path in RECORDED if "standby" in path.stem))
    measure = evidence(trial).measures[0]
    told = trial.watches[0]
    watch = Watch.parse(told, measure)

    assert len(watch.sums) == len(LARGER.factors)
    assert sum(map(math.exp, watch.sums)) / len(watch.sums) == pytest.approx(
        sum(map(math.exp, told["sums"])) / len(told["sums"]), rel=1e-4
    )
    assert watch.absorb(Count(500, 1000)).breach(600) >= 20
