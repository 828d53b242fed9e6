"""What the commands answer, as tables and sentences."""

from collections.abc import Iterable, Iterator

from rich.table import Table
from rich.text import Text

from contender.api import Json, Trial, TrialRules
from contender.cli import key_ring
from contender.rollout.evidence import Evidence
from contender.rollout.findings import sentence
from contender.rollout.forecast import Catch, Forecast, better_sentence
from contender.rollout.look import rates
from contender.rollout.prospects import CHANCE
from contender.rollout.replay import Check
from contender.rollout.wording import duration, number

Part = Table | Text


def forecast(known: Forecast, rules: TrialRules) -> Iterator[Part]:
    """Each step, then each measure, then the whole and what to change."""
    yield Text(f"With {known.requests_per_second:g} requests/s, and of the champion: {', '.join(known.usual)}")
    yield _steps(known)
    yield _proofs(known)
    for better in known.betters:
        yield Text(better_sentence(better))
    for name in known.unforeseen:
        yield Text(
            f"{name}: not foretold, since the champion's times, or how its labels come, are not known: "
            "ask for a deployment that has traffic"
        )
    yield Text(
        f"The whole trial: {duration(known.seconds)}, {number(known.requests)} requests, "
        f"if the challenger is as good as the champion ({CHANCE:.0%} of such trials are no longer)."
    )
    if known.advice:
        yield Text(f"That does not fit timeout: {rules.timeout}. {known.advice[0].upper()}{known.advice[1:]}.")


def checks(found: Iterable[Check]) -> Table:
    table = _table("what", "told", "judged again", "")
    for check in found:
        table.add_row(check.what, check.told, check.found, "agrees" if check.agrees else "DISAGREES")
    return table


def keys(known: key_ring.Keys, now: float) -> Table:
    table = _table("key", "in force from", "state")
    for since in sorted(known):
        table.add_row(str(since), key_ring.when(since), key_ring.state(known, since, now))
    return table


def story(trial: Trial) -> Iterator[Part]:
    """Who, what was seen, what was no evidence, and what was decided."""
    who = f"{_named(trial.challenger.variant, trial.challenger.version)} against "
    yield Text(f"{trial.name}: {who}{_named(trial.champion.variant, trial.champion.version)}; {trial.phase}")
    evidence = Evidence.of(trial)
    for measure, rate in zip(evidence.measures, rates(trial, evidence), strict=True):
        yield Text(f"  {measure.name}: {sentence(measure, trial.rules.confidence, rate)}")
    split, dropped = evidence.split, ", ".join(f"{why} {times}" for why, times in evidence.dropped.items())
    yield Text(f"  split: {split.problem or f'as wanted, e-value for broken {split.evalue:.2g}'}")
    yield Text(f"  no evidence: {dropped or 'nothing'}")
    if trial.eta:
        left = "" if trial.ended else f"left: {duration(trial.eta.get('seconds'))}; "
        yield Text(f"  {left}foretold: {trial.eta['foretold']['message']}")
    yield _decisions(trial.decisions)


def _steps(known: Forecast) -> Table:
    table = _table("step", "time", "requests", *(f"catches {catch.measure}" for catch in known.steps[0].catches))
    for step in known.steps:
        least = (_caught(catch) for catch in step.catches)
        table.add_row(step.name, duration(step.seconds), number(step.requests), *least)
    return table


def _caught(catch: Catch) -> str:
    """`from 1.2 % on (3x)`."""
    if catch.least is None:
        return "never"
    times = f" ({catch.least / catch.champion:.2g}x)" if catch.champion else ""
    return f"from {catch.told(catch.least)} on{times}"


def _proofs(known: Forecast) -> Table:
    table = _table("proof at the last share", "the challenger's requests", "time")
    for proof in known.proofs:
        table.add_row(proof.measure, number(proof.requests) if proof.requests else "never", duration(proof.seconds))
    return table


def _decisions(decisions: tuple[Json, ...]) -> Table:
    table = _table("at", "share", "decision", "rule", "message")
    for line in decisions:
        share = f"{line.get('share', 0)} %"
        table.add_row(line["at"], share, line["decision"], line["rule"], line.get("message", ""))
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _named(variant: str, version: str | None) -> str:
    return f"{version} ({variant})" if version else variant
