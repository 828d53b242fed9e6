"""`python -m tools.demo` plays the demo, `python -m tools.demo down` takes all of it away."""

import sys

from rich.console import Console

from tests.cluster import Unusable, down, up
from tools.demo import stage, summary
from tools.demo.screen import Screen
from tools.demo.story import Play, Unfinished


def main(arguments: list[str], console: Console) -> int:
    """The exit code: 0 when the story came to its end."""
    try:
        if arguments == ["down"]:
            down()
        elif arguments:
            console.print("usage: python -m tools.demo [down]", markup=False)
            return 2
        else:
            play(console)
    except (Unusable, Unfinished) as error:
        console.print(f"[red]{error}[/red]", soft_wrap=True)
        return 1
    return 0


def play(console: Console) -> None:
    cluster = up()
    with cluster.reserved():
        show = Play(stage.build(cluster, console), Screen(console))
        show.run()
    summary.tell(show, console)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], Console(highlight=False)))
