"""A cluster that we were told to use: ours to fill, never to delete.

It cannot see this machine's images, so they are pushed to a repository that it can pull from.
"""

import os
from pathlib import Path

from tests.cluster import contents, engine, images, programs
from tests.cluster.cluster import Cluster
from tests.cluster.engine import Engine
from tests.cluster.machine import this_machine
from tests.cluster.process import Unusable
from tests.cluster.steps import step


def cluster(context: str) -> Cluster:
    """The cluster of this kubeconfig context, with what demo and tests need in it."""
    repository = os.environ.get("CONTENDER_IMAGE_REPOSITORY")
    if not repository:
        raise Unusable(
            f"CONTENDER_KUBECONTEXT={context} cannot see this machine's images: set CONTENDER_IMAGE_REPOSITORY to a "
            "repository such as example.com/team that you can push to and that cluster can pull from"
        )
    chosen = engine.choose(this_machine())
    made = programs.clients()
    pushed = {role: _pushed(image, repository, chosen) for role, image in images.every(chosen, made).items()}
    kubeconfig = Path(os.environ.get("KUBECONFIG") or Path.home() / ".kube" / "config")
    found = Cluster(context, kubeconfig, context, made.bin, (), pushed, None)
    contents.install(found, made)
    return found


def _pushed(image: str, repository: str, chosen: Engine) -> str:
    remote = f"{repository.rstrip('/')}/{image.removeprefix('localhost/')}"
    with step(f"push {remote}", "20 s"):
        chosen("tag", image, remote)
        chosen("push", remote)
    return remote
