"""From nothing to a cluster that is up with all that runs in it, and back."""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from tests.cluster import cache, contents, engine, existing, images, kind, node, programs, registry
from tests.cluster.cluster import Cluster, folder, reserved
from tests.cluster.engine import Engine
from tests.cluster.kind import Ports
from tests.cluster.machine import this_machine
from tests.cluster.process import Unusable
from tests.cluster.programs import Programs
from tests.cluster.steps import console, step

MODULES = Path("/lib/modules")  # podman mounts it into the node, and does not start one where it is missing


def name() -> str:
    """The cluster's name: two checkouts do not share one."""
    return f"contender-{hashlib.sha256(str(images.REPOSITORY).encode()).hexdigest()[:6]}"


def up() -> Cluster:
    """The cluster, healthy and with all that belongs in it; made when there is none, anew when dead or outdated."""
    if context := os.environ.get("CONTENDER_KUBECONTEXT"):
        return existing.cluster(context)
    with cache.lock(f"cluster-{name()}"):
        chosen = engine.choose(this_machine())
        made, node_image = _parts(chosen)
        cluster = _running(chosen, _made_of(node_image)) or _created(chosen, made, node_image)
        cluster = replace(cluster, images=images.every(chosen, made))
        for image in cluster.images.values():
            cluster.load(image)
        contents.install(cluster, made)
        _remember(cluster, _made_of(node_image))
    return cluster


def found() -> Cluster:
    """The cluster that is up, as `up` left it; Unusable when there is none."""
    if context := os.environ.get("CONTENDER_KUBECONTEXT"):
        return existing.cluster(context)
    cluster = _running(engine.choose(this_machine()))
    if cluster is None:
        raise Unusable("no cluster is up: `make cluster` brings one up")
    return cluster


def build() -> None:
    """Build or fetch all that `up` needs, and start nothing."""
    chosen = engine.choose(this_machine())
    made, _ = _parts(chosen)
    images.every(chosen, made)


def rebuild() -> Mapping[str, str]:
    """Build the operator's and the serving image as the code is now and load them into the cluster; role -> name."""
    cluster = found()
    if cluster.engine is None:
        return cluster.images
    with cache.lock(f"cluster-{name()}"):
        built = images.ours(cluster.engine)
        for image in built.values():
            cluster.load(image)
        made_of = json.loads(_state().read_text())["made_of"]
        _remember(replace(cluster, images={**cluster.images, **built}), made_of)
    return built


def down() -> None:
    """Delete the cluster, alive or dead; one that we did not make is left alone."""
    if context := os.environ.get("CONTENDER_KUBECONTEXT"):
        console.print(f"{context} is not our cluster: it stays as it is")
    elif _state().exists():
        with cache.lock(f"cluster-{name()}"), reserved(name()):
            _delete(engine.choose(this_machine()), Path(json.loads(_state().read_text())["bin"]))
            shutil.rmtree(folder(name()))


def clean_all() -> None:
    """Delete the cluster and take away all that was installed for it; the cache stays."""
    down()
    engine.retire(this_machine())
    if _made_modules().exists():
        MODULES.rmdir()
        _made_modules().unlink()


def _parts(chosen: Engine) -> tuple[Programs, str]:
    """The programs we need on this machine, and the name of the node image."""
    # Published nodes have a systemd that does not start on version 1 of cgroups.
    if this_machine().cgroups == 2 and (pulled := registry.pulled("kindest", node.PUBLISHED, chosen)):
        return programs.clients(), pulled
    made = programs.everything()
    return made, node.image(chosen, made)


def _made_of(node_image: str) -> str:
    return cache.key(json.dumps(kind.configuration(node_image, this_machine(), ())), kind.AUDIT_POLICY)


def _made_modules() -> Path:
    return cache.root() / "made-lib-modules"


def _state() -> Path:
    return folder(name()) / "cluster.json"


def _remember(cluster: Cluster, made_of: str) -> None:
    """What `found` must know, and what the cluster is made of."""
    state = {"made_of": made_of, "bin": str(cluster.bin), "ports": cluster.ports, "images": dict(cluster.images)}
    _state().write_text(json.dumps(state, indent=2))


def _handle(chosen: Engine, programs_folder: Path, ports: Ports, loaded: Mapping[str, str]) -> Cluster:
    kubeconfig = folder(name()) / "kubeconfig"
    return Cluster(name(), kubeconfig, f"kind-{name()}", programs_folder, ports, loaded, chosen)


def _running(chosen: Engine, wanted: str | None = None) -> Cluster | None:
    """The cluster as remembered, if it is alive and, when `wanted` is given, made of that."""
    if not _state().exists():
        return None
    state = json.loads(_state().read_text())
    if wanted not in (None, state["made_of"]):
        console.print(f"cluster {name()} is of another make: making it anew")
        return None
    ports = tuple((inner, outer) for inner, outer in state["ports"])
    cluster = _handle(chosen, Path(state["bin"]), ports, state["images"])
    if not kind.is_alive(name(), cluster.kubeconfig, cluster.bin, chosen):
        console.print(f"cluster {name()} is dead")
        return None
    return cluster


def _created(chosen: Engine, made: Programs, node_image: str) -> Cluster:
    """A new cluster, once what is left of an old one is gone; never one that a suite has to itself."""
    cluster = _handle(chosen, made.bin, kind.free_ports(), {})
    with reserved(name()), step(f"create the cluster {name()}", "30 s"):
        _delete(chosen, made.bin)
        if chosen.is_own_podman and not MODULES.exists():
            _made_modules().touch()
            MODULES.mkdir()
        configuration = kind.configuration(node_image, this_machine(), cluster.ports)
        kind.create(name(), cluster.kubeconfig, configuration, made.bin, chosen)
    _remember(cluster, _made_of(node_image))
    return cluster


def _delete(chosen: Engine, programs_folder: Path) -> None:
    kind.delete(name(), folder(name()) / "kubeconfig", programs_folder, chosen)
