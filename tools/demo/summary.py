"""What was seen, in the end, and what to try next."""

from datetime import datetime

from rich.console import Console
from rich.table import Table

from tests.cluster import Cluster
from tests.load import Recording
from tools.demo.stage import NAMESPACE
from tools.demo.story import NAME, Play
from tools.demo.view import Told


def tell(play: Play, console: Console) -> None:
    answers = play.recording
    table = Table(title="What was seen", show_header=False, title_justify="left")
    table.add_row("requests", f"{len(answers):,}")
    table.add_row("failed requests", failed(answers, play.told))
    table.add_row("seconds from breach to 0 %", retreat(answers, play.told))
    table.add_row("container restarts", f"{play.restarts()}")
    table.add_row("pods moved by the revert", f"{len(play.moved_by_the_revert)}")
    console.print(table)
    _verdicts(play.told, console)
    _next(play.stage.cluster, console)


def failed(answers: Recording, told: Told) -> str:
    """How many requests failed, and with whom."""
    lost = Recording(answers.failed())
    told_by = [
        f"{len(lost.of(variant))} from {told.versions.get(variant, variant)}" for variant in sorted(lost.variants())
    ]
    silent = sum(record.variant is None for record in lost)
    told_by += [f"{silent} without an answer"] if silent else []
    return ": ".join(filter(None, (f"{len(lost):,}", ", ".join(told_by))))


def retreat(answers: Recording, told: Told) -> str:
    """From the verdict until the last request was sent that the challenger got."""
    trial = told.trials[-1]
    verdict = datetime.fromisoformat(trial["status"]["verdict"]["at"]).timestamp()
    last = answers.last_seen(trial["spec"]["challenger"]["variant"])
    return "it got no request" if last is None else f"{max(0.0, last - verdict):.1f}"


def _verdicts(told: Told, console: Console) -> None:
    for trial in told.trials:
        verdict, who = trial["status"]["verdict"], trial["spec"]["challenger"].get("version")
        console.print(
            f"{who}: [bold]{verdict['decision']}[/bold] ({verdict['rule']}): {verdict['message']}", soft_wrap=True
        )


def _next(cluster: Cluster, console: Console) -> None:
    console.print(
        f"""
[bold]What to try next[/bold]
  export KUBECONFIG={cluster.kubeconfig} PATH={cluster.bin}:$PATH
  kubectl get modeldeployments,trials -n {NAMESPACE}
  kubectl describe modeldeployment {NAME} -n {NAMESPACE}
  kubectl get trials -n {NAMESPACE} -o yaml
  kubectl get md -n {NAMESPACE} -w &   [dim]# and then, with another model:[/dim]
  kubectl edit modeldeployment {NAME} -n {NAMESPACE}
  make demo-down""",
        soft_wrap=True,
        highlight=False,
    )
