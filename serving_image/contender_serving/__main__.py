"""`contender-serving serve [folder] | fetch | verify <folder>`; `contender-serve <folder>` is the first."""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from contender_serving.failures import Failure, report
from contender_serving.settings import fetch_settings, serve_settings, termination_log


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; a failure ends the process with 1, its reason in the termination log and on stderr."""
    return _run(_arguments(arguments))


def serve_folder() -> int:
    """`contender-serve`: a bundle that lies anywhere, on this machine."""
    return main(["serve", *sys.argv[1:]])


def _run(arguments: argparse.Namespace) -> int:
    try:
        arguments.run(arguments)
    except Failure as failure:
        report(failure, termination_log(os.environ))
        return 1
    return 0


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="contender-serving", description=__doc__)
    commands = parser.add_subparsers(required=True)
    serving = commands.add_parser("serve", help="verify and serve a bundle: the model volume's, or a folder's")
    serving.add_argument("folder", type=Path, nargs="?", help="a bundle; without it, environment variables say all")
    serving.add_argument("--host", default="127.0.0.1", help="where to listen (default: this machine alone)")
    serving.add_argument("--port", default="8080", help="for HTTP (default: 8080)")
    serving.add_argument("--grpc-port", default="0", help="for gRPC (default: none)")
    serving.add_argument("--digest", default="", help="serve only the bundle with this digest")
    serving.add_argument("--version-policy", default="", help="Strict (the default), SameMinor or Warn")
    serving.add_argument("--allow-pickle", action="store_true", help="run what is in a pickle; needs --digest")
    serving.set_defaults(run=_serve)
    commands.add_parser("fetch", help="bring a bundle into the model volume").set_defaults(run=_fetch)
    verifying = commands.add_parser("verify", help="check a bundle's files and print its digest")
    verifying.add_argument("folder", type=Path)
    verifying.set_defaults(run=_verify)
    return parser.parse_args(given)


# Each command imports what it needs: the init container has no use for an engine, nor `verify` for a server.


def _serve(arguments: argparse.Namespace) -> None:
    # One core a pod: what would compute on more threads, each with buffers of its own, only waits for them.
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    from contender_serving.server import serve

    if arguments.folder is None:
        serve(serve_settings(os.environ))
        return
    given = {
        "CONTENDER_HOST": arguments.host,
        "CONTENDER_PORT": arguments.port,
        "CONTENDER_GRPC_PORT": arguments.grpc_port,
        "CONTENDER_MODEL_DIGEST": arguments.digest,
        "CONTENDER_VERSION_POLICY": arguments.version_policy,
        "CONTENDER_ALLOW_PICKLE": "true" if arguments.allow_pickle else "",
        "CONTENDER_DRAIN_DELAY": "0",  # no router is to be waited for
    }
    serve(replace(serve_settings(os.environ | given), bundle=arguments.folder))


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
