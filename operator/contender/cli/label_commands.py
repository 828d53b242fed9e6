"""The commands about labels, and about the keys that their receipts are sealed with."""

import shlex
import time
from collections.abc import Sequence
from itertools import islice
from typing import Annotated

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from contender.cli import key_ring, ledger, secrets, tables
from contender.cli.answering import NAMESPACE, err, mended, out
from contender.cli.label_files import opened
from contender.cli.ledger import Refusal, Stopped, Taken
from contender.cli.unusable import Unusable

REFUSED = 1

DEPLOYMENT = typer.Argument(help="The ModelDeployment whose predictions are labelled.")

labels = typer.Typer(help="Send labels to the ledger.", no_args_is_help=True)
keys = typer.Typer(help="The keys that receipts are sealed with.", no_args_is_help=True)


@labels.command()
def token(deployment: Annotated[str, DEPLOYMENT], namespace: Annotated[str | None, NAMESPACE] = None) -> None:
    """The token of whoever labels a ModelDeployment's predictions."""
    out.print(mended(lambda: secrets.token(deployment, namespace)), markup=False)


@labels.command()
def push(
    deployment: Annotated[str, DEPLOYMENT],
    file: Annotated[str, typer.Argument(help="CSV, lines of JSON or a JSON array; - for standard input.")],
    from_row: Annotated[int, typer.Option(min=1, help="The first label to send: where an earlier push stopped.")] = 1,
    url: Annotated[str | None, typer.Option(help="The ledger's address, if not by way of the API server.")] = None,
    token: Annotated[
        str | None, typer.Option(envvar="CONTENDER_TOKEN", help="As `labels token` tells; else the Secret is read.")
    ] = None,
    namespace: Annotated[str | None, NAMESPACE] = None,
) -> None:
    """Sends labels, waits for a ledger that is busy, and says which were refused and why."""

    def work() -> Taken:
        shown = token or secrets.token(deployment, namespace)
        try:
            return _push(deployment, file, from_row, url, shown, namespace)
        except Stopped as stopped:
            again = _again(deployment, file, stopped.known.next_row, url, namespace)
            raise Unusable(f"{stopped}; what was sent is safe, go on with: {again}") from stopped

    taken = mended(work)
    out.print(
        f"{taken.taken:,} labels taken, {taken.replaced:,} replaced others, {taken.repeated:,} were known, "
        f"{taken.refused:,} refused"
    )
    if taken.refused:
        raise typer.Exit(REFUSED)


@keys.command("list")
def list_keys(namespace: Annotated[str | None, NAMESPACE] = None) -> None:
    """The keys, and which of them is in force."""
    out.print(tables.keys(mended(lambda: key_ring.held(namespace)), time.time()))


@keys.command()
def rotate(namespace: Annotated[str | None, NAMESPACE] = None) -> None:
    """Adds a key, in force in five minutes, and drops those whose receipts have all expired."""
    rotation = mended(lambda: key_ring.rotate(namespace))
    out.print(f"added: a key in force from {key_ring.when(rotation.added)}")
    for since in rotation.dropped:
        out.print(f"dropped: the key in force from {key_ring.when(since)}, of which no receipt can come back")


def _push(deployment: str, file: str, first: int, url: str | None, token: str, namespace: str | None) -> Taken:
    columns = (SpinnerColumn(), TextColumn("{task.completed:,.0f} labels sent"), TimeElapsedColumn())
    with opened(file) as rows, Progress(*columns, console=err, transient=True) as progress:
        bar = progress.add_task("labels", total=None)
        later = islice(rows, first - 1, None)

        def told(known: Taken, refused: Sequence[Refusal], more: int) -> None:
            progress.update(bar, completed=known.next_row - first)
            for each in refused:
                err.print(f"row {each.row}: {each.reason}: {each.message}", markup=False)
            if more:
                err.print(f"and {more:,} more before row {known.next_row}", markup=False)

        def sending(one: ledger.Ledger) -> ledger.Sent:
            return ledger.push(one, later, first, told)

        if url is not None:
            return ledger.straight(url, deployment, token, sending)
        return ledger.through_the_api_server(deployment, namespace, token, sending)


def _again(deployment: str, file: str, row: int, url: str | None, namespace: str | None) -> str:
    """The command that goes on. No token is in it: that would be kept in a shell's history."""
    options = {"--from-row": str(row), "--url": url, "--namespace": namespace}
    given = [word for name, value in options.items() if value is not None for word in (name, value)]
    return shlex.join(["contender", "labels", "push", deployment, file, *given])
