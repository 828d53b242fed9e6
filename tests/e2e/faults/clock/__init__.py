"""An operator whose clock can be set: the same in an image with libfaketime."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cluster import Cluster, cache, debian
from tests.e2e.leader import operator_pods
from tests.installation import NAMESPACE, install

FILES = Path(__file__).parent
LIBRARY = debian.Base("faketime", "trixie", ("libfaketime",))  # of the release that the operator's image is of
TELL = "import time; print(time.time())"
SET = "import sys; open('/dev/shm/ahead', 'w').write(sys.argv[1])"


@contextmanager
def settable(cluster: Cluster) -> Iterator[None]:
    """The operator runs in such an image while the block does, with the right time until it is set."""
    install(cluster, {"operator": _image(cluster)})
    try:
        yield
    finally:
        install(cluster)


def put_ahead(cluster: Cluster, seconds: int) -> None:
    """Set the clock of every operator pod so far ahead of the right time; 0 sets it right."""
    for pod in operator_pods(cluster):
        cluster.kubectl("-n", NAMESPACE, "exec", pod, "--", "python", "-c", SET, f"+{seconds}")


def is_ahead(cluster: Cluster, seconds: int) -> None:
    """Raises AssertionError while an operator pod takes it for another time."""
    for pod in operator_pods(cluster):
        shown = float(cluster.kubectl("-n", NAMESPACE, "exec", pod, "--", "python", "-c", TELL))
        assert abs(shown - time.time() - seconds) < 60, f"{pod} is {shown - time.time():.0f} s ahead"


def _image(cluster: Cluster) -> str:
    engine, operator = cluster.own_engine(), cluster.images["operator"]
    library = debian.image(LIBRARY, engine)
    name = f"localhost/contender-operator-clock:{cache.key(operator, library, FILES / 'Dockerfile')}"
    if not engine.has(name):
        engine.build(
            name, FILES / "Dockerfile", FILES, f"--build-arg=BASE={operator}", f"--build-arg=LIBRARY={library}"
        )
    cluster.load(name)
    return name
