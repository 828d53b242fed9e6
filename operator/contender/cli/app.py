"""The commands about trials, beside those about labels and their keys."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from contender.api import Trial, TrialRules
from contender.cli import files, label_commands, live, picture, routers, schema, tables
from contender.cli.answering import NAMESPACE, err, mended, out
from contender.cli.files import Object
from contender.cli.traffic import Given, of_trial, wanted
from contender.cli.unusable import Unusable
from contender.rollout.forecast import Traffic, forecast
from contender.rollout.replay import replay as judged_again

Answer = TypeVar("Answer")

DISAGREES = 1

TRIAL = typer.Argument(help="A file with a Trial, - for standard input, or the name of one in the cluster.")

app = typer.Typer(
    help="What a trial will take, whether its verdicts follow, and how it went; labels, and the keys of receipts.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(label_commands.labels, name="labels")
app.add_typer(label_commands.keys, name="keys")


@app.command()
def plan(
    name: Annotated[str | None, typer.Argument(help="A ModelDeployment in the cluster, if no file is given.")] = None,
    file: Annotated[str | None, typer.Option("--file", "-f", help="A file with a ModelDeployment, or -.")] = None,
    rps: Annotated[float | None, typer.Option(help="Requests a second of both variants together.")] = None,
    error_rate: Annotated[float | None, typer.Option(help="The champion's share of errors: 0.004 is 0.4 %.")] = None,
    rate: Annotated[
        list[str] | None, typer.Option(help="Another measure's share, such as 'latency over 250ms=0.01'; repeatable.")
    ] = None,
    namespace: Annotated[str | None, NAMESPACE] = None,
) -> None:
    """How long each step and the whole trial will take, and the smallest regression that each share catches."""
    mended(lambda: _plan(name, file, Given(rps, error_rate, tuple(rate or ())), namespace))


@app.command()
def replay(trial: Annotated[str, TRIAL], namespace: Annotated[str | None, NAMESPACE] = None) -> None:
    """Judges every change of verdict again, from the Trial alone, and says whether it agrees."""
    checks = mended(lambda: judged_again(_trial(trial, namespace)))
    out.print(tables.checks(checks))
    wrong = sum(not check.agrees for check in checks)
    out.print(f"{wrong} of {len(checks)} do not agree" if wrong else f"all {len(checks)} agree")
    if wrong:
        raise typer.Exit(DISAGREES)


@app.command()
def explain(
    trial: Annotated[str, TRIAL],
    plot: Annotated[Path | None, typer.Option(help="A picture to write: .svg, .png or .pdf.")] = None,
    namespace: Annotated[str | None, NAMESPACE] = None,
) -> None:
    """How a trial went: its evidence, its decisions, and a picture of them."""
    known = mended(lambda: _trial(trial, namespace))
    for part in tables.story(known):
        out.print(part)
    if plot is not None:
        mended(lambda: picture.draw(known, plot))
        out.print(f"drawn: {plot}")


def _plan(name: str | None, file: str | None, given: Given, namespace: str | None) -> None:
    if (name is None) == (file is None):
        raise Unusable("give either --file deployment.yaml or the name of a ModelDeployment in the cluster")
    rules, seen = _of_file(file) if file is not None else _of_cluster(name or "", given, namespace)
    known = forecast(rules, wanted(rules, given, seen))
    for part in tables.forecast(known, rules):
        out.print(part)


def _of_file(file: str) -> tuple[TrialRules, None]:
    return _read(lambda raw: TrialRules.parse(raw["spec"]["trial"]), _from_file(file, "ModelDeployment")), None


def _of_cluster(name: str, given: Given, namespace: str | None) -> tuple[TrialRules, Traffic | None]:
    """The rules of the trial that runs, or of `spec`, and the traffic: of that trial, or as routers count it now."""
    owner, newest = live.model_deployment(name, namespace)
    trial = _read(Trial.parse, newest) if newest else None
    if trial and not trial.ended and (seen := of_trial(trial)):
        return trial.rules, seen
    rules = trial.rules if trial and not trial.ended else _read(TrialRules.parse, owner["spec"]["trial"])
    if given.requests is not None:
        return rules, of_trial(trial) if trial else None
    wait = f"the routers are read twice, {routers.SPAN:g} s apart"
    err.print(f"contender: no trial tells of the traffic, so {wait}", markup=False)
    return rules, live.traffic(owner, rules)


def _trial(name: str, namespace: str | None) -> Trial:
    return _read(Trial.parse, _from_file(name, "Trial") if files.is_file(name) else live.trial(name, namespace))


def _from_file(name: str, kind: str) -> Object:
    """With the defaults that the API server would give it, or would today."""
    return _read(lambda raw: schema.defaulted(raw, schema.of(kind)), files.read(name, kind))


def _read(parse: Callable[[Object], Answer], raw: Any) -> Answer:
    try:
        return parse(raw)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        mend = "see what `kubectl apply --dry-run=server -f` says of it"
        raise Unusable(f"it is not as the schema wants it ({error!r}): {mend}") from error
