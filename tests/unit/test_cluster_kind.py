"""kind's configuration, and the archive of what a node lacks."""

import json
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from tests.cluster import kind, loading, node, programs
from tests.unit.test_cluster_engine import DEBIAN_ROOT

BUILT, PULLED = f"{node.BUILT}:abc", "localhost/contender-kindest:abc"


def configuration(image: str = BUILT) -> dict[str, Any]:
    return kind.configuration(image, DEBIAN_ROOT, ((30080, 1234),))


def test_ports_are_mapped_on_the_loopback_only() -> None:
    (only,) = configuration()["nodes"]

    assert only["extraPortMappings"] == [{"containerPort": 30080, "hostPort": 1234, "listenAddress": "127.0.0.1"}]


def test_free_ports_are_different_ones_for_each_node_port() -> None:
    ports = dict(kind.free_ports())

    assert list(ports) == list(range(30080, 30088))
    assert len(set(ports.values())) == len(ports)


def test_a_node_of_ours_brings_its_own_network_and_a_published_one_does_not() -> None:
    assert configuration(BUILT)["networking"]["disableDefaultCNI"] is True
    assert configuration(PULLED)["networking"] == {}


def test_the_kubelet_is_told_when_limits_may_not_be_raised() -> None:
    may = replace(DEBIAN_ROOT, raises_limits=True)

    assert configuration()["featureGates"] == {"KubeletInUserNamespace": True}
    assert kind.configuration(BUILT, may, ())["featureGates"] == {}


def test_the_api_server_writes_an_audit_log_where_we_read_it() -> None:
    (patch,) = configuration()["kubeadmConfigPatchesJSON6902"]
    operations = yaml.safe_load(patch["patch"])
    arguments = {each["value"]["name"]: each["value"]["value"] for each in operations if "extraArgs" in each["path"]}

    assert arguments["audit-log-path"] == kind.AUDIT_LOG
    assert arguments["audit-policy-file"] == configuration()["nodes"][0]["extraMounts"][0]["containerPath"]


def test_programs_are_told_the_version_that_go_mod_names() -> None:
    release = programs.version("k8s.io/kubernetes")

    assert release.startswith("v1.36.")
    assert f"gitVersion={release}" in programs.linker_flags()
    assert "gitMinor=36" in programs.linker_flags()


def test_an_archive_holds_only_the_layers_that_the_node_lacks(tmp_path: Path) -> None:
    blobs = tmp_path / "layers" / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    layers = [{"digest": "sha256:old"}, {"digest": "sha256:new"}]
    (blobs / "manifest").write_text(json.dumps({"config": {"digest": "sha256:config"}, "layers": layers}))
    for name in ("config", "old", "new"):
        (blobs / name).write_text(name)
    (tmp_path / "layers" / "oci-layout").write_text("{}")
    archive = tmp_path / "new.tar"
    loading.pack(archive, tmp_path / "layers", {"digest": "sha256:manifest"}, there={"sha256:old"})

    with tarfile.open(archive) as tar:
        assert {Path(name).name for name in tar.getnames()} == {"oci-layout", "index.json", "manifest", "config", "new"}
