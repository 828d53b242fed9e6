"""`python -m contender_serving serve | fetch | verify <folder>`."""

import argparse
import os
import sys
from pathlib import Path

from contender_serving.failures import Failure, report
from contender_serving.settings import fetch_settings, serve_settings, termination_log


def main() -> int:
    """Run one command; a failure ends the process with 1, its reason in the termination log and on stderr."""
    arguments = _arguments()
    try:
        arguments.run(arguments)
    except Failure as failure:
        report(failure, termination_log(os.environ))
        return 1
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="contender-serving", description=__doc__)
    commands = parser.add_subparsers(required=True)
    commands.add_parser("serve", help="serve the bundle of the model volume").set_defaults(run=_serve)
    commands.add_parser("fetch", help="bring a bundle into the model volume").set_defaults(run=_fetch)
    verifying = commands.add_parser("verify", help="check a bundle's files and print its digest")
    verifying.add_argument("folder", type=Path)
    verifying.set_defaults(run=_verify)
    return parser.parse_args()


# Each command imports what it needs: the init container has no use for an engine, nor `verify` for a server.


def _serve(_: argparse.Namespace) -> None:
    from contender_serving.server import serve

    serve(serve_settings(os.environ))


def _fetch(_: argparse.Namespace) -> None:
    from contender_serving.fetch import fetch

    folder = fetch(fetch_settings(os.environ))
    print(f"the bundle is in {folder}", file=sys.stderr)


def _verify(arguments: argparse.Namespace) -> None:
    from contender_serving.bundle import read, verify

    bundle = read(arguments.folder)
    verify(bundle)
    print(bundle.digest)


if __name__ == "__main__":
    sys.exit(main())
