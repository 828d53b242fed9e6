"""`python -m tests.cluster up|down|build|images|status|clean-all`."""

import sys
from collections.abc import Callable

from rich.markup import escape

from tests.cluster import lifecycle
from tests.cluster.process import Unusable
from tests.cluster.steps import console


def _up() -> None:
    lifecycle.up()
    _status()


def _images() -> None:
    for role, image in lifecycle.rebuild().items():
        print(f"{role}: {image}")


def _status() -> None:
    cluster = lifecycle.found()
    print(f"cluster {cluster.name} is up")
    print(f"  export KUBECONFIG={cluster.kubeconfig} PATH={cluster.bin}:$PATH")
    for inner, outer in cluster.ports:
        print(f"  NodePort {inner} is 127.0.0.1:{outer}")
    for role, image in cluster.images.items():
        print(f"  {role} image {image}")


COMMANDS: dict[str, Callable[[], object]] = {
    "up": _up,
    "down": lifecycle.down,
    "build": lifecycle.build,
    "images": _images,
    "status": _status,
    "clean-all": lifecycle.clean_all,
}


def main(arguments: list[str]) -> int:
    """Run one command; what it cannot do is told in a sentence, and the exit code is 1."""
    if len(arguments) != 1 or arguments[0] not in COMMANDS:
        print(f"usage: python -m tests.cluster {'|'.join(COMMANDS)}", file=sys.stderr)
        return 2
    try:
        COMMANDS[arguments[0]]()
    except Unusable as unusable:
        console.print(f"[red]✗[/red] {escape(str(unusable))}", soft_wrap=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
