"""The command line: what it answers, what it asks to be mended, and how it ends."""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from contender.api import Guardrail, Measure, TrialRules
from contender.cli import files, routers, schema
from contender.cli.app import app
from contender.cli.unusable import Unusable
from contender.ladder import EDGES
from contender.names import API_VERSION, COMPONENT, ROUTER_COMPONENT
from contender.observation import Counters, RouterPod
from tests.schema.examples import VALID
from tests.unit.test_forecast import P95
from tests.unit.test_guards import on_trial
from tests.unit.test_replay import raw
from tests.unit.test_rules import TRIAL
from tests.unit.world import World

ROOT = Path(__file__).parents[2]
QUICKSTART = str(ROOT / "examples" / "quickstart.yaml")


def contender(*arguments: str, text: str | None = None) -> Result:
    return CliRunner().invoke(app, list(arguments), input=text, env={"COLUMNS": "250"})


def written(path: Path, *objects: Any) -> str:
    path.write_text(yaml.safe_dump_all(objects))
    return str(path)


@pytest.fixture(scope="module")
def rejected() -> dict[str, Any]:
    """A Trial that ended in a rejection, as `kubectl get -o yaml` tells it."""
    world, challenger = on_trial(soak="30s")
    world.errors[challenger] = 0.2
    world.run(100, until="Idle")
    return {"apiVersion": API_VERSION, **raw(world)}


def test_plan_tells_each_step_the_proof_and_the_whole() -> None:
    told = contender("plan", "-f", QUICKSTART, "--rps", "200", "--error-rate", "0.004")

    assert told.exit_code == 0
    assert "With 200 requests/s, and of the champion: errors 0.4 %, rejected 0 %" in told.stdout
    for share in ("5 %", "25 %", "50 %"):
        assert f"\n{share} " in told.stdout
    assert "The whole trial: " in told.stdout


def test_plan_says_what_to_change_when_the_trial_does_not_fit_its_timeout() -> None:
    told = contender("plan", "-f", QUICKSTART, "--rps", "1", "--error-rate", "0.004")

    assert told.exit_code == 0
    assert "That does not fit timeout: 24h. Errors takes longest; write timeout: " in told.stdout


DEPLOYMENTS = [path for path in VALID if "kind: ModelDeployment" in path.read_text()]


@pytest.mark.parametrize("example", DEPLOYMENTS, ids=lambda path: path.name)
def test_plan_reads_every_file_that_the_api_server_takes(example: Path) -> None:
    assert contender("plan", "-f", str(example), "--rps", "100").exit_code == 0


def test_a_file_gets_the_defaults_of_the_schema() -> None:
    filled = schema.defaulted(files.read(QUICKSTART, "ModelDeployment"), schema.of("ModelDeployment"))
    rules = TrialRules.parse(filled["spec"]["trial"])

    assert (rules.steps, rules.soak, rules.timeout, rules.confidence) == ((5, 25, 50), "2m", "24h", 0.95)
    assert [guardrail.measure for guardrail in rules.guardrails] == ["errors", "rejected"]


def test_what_was_written_is_not_replaced_by_a_default() -> None:
    filled = schema.defaulted({"spec": {"trial": {"steps": [10]}}}, schema.of("ModelDeployment"))

    assert filled["spec"]["trial"]["steps"] == [10]
    assert filled["spec"]["trial"]["soak"] == "2m"


def test_another_measure_s_share_is_given_by_its_name() -> None:
    latency = str(ROOT / "examples" / "latency-guardrail.yaml")
    told = contender("plan", "-f", latency, "--rps", "100", "--rate", "latency over 250ms=0.02")

    assert "latency over 250ms 2 %" in told.stdout


@pytest.mark.parametrize(
    ("arguments", "mend"),
    [
        pytest.param(["plan"], "give either --file deployment.yaml or the name", id="nothing asked"),
        pytest.param(["plan", "churn", "-f", QUICKSTART], "give either", id="both"),
        pytest.param(["plan", "-f", QUICKSTART], "give --rps", id="no traffic"),
        pytest.param(["plan", "-f", QUICKSTART, "--rps", "0"], "more than 0 requests a second", id="no requests"),
        pytest.param(["plan", "-f", QUICKSTART, "--rps", "9", "--error-rate", "4"], "from 0 to under 1", id="percent"),
        pytest.param(
            ["plan", "-f", QUICKSTART, "--rps", "9", "--rate", "speed=1"], "it judges errors, rejected", id="?"
        ),
        pytest.param(
            ["plan", "-f", QUICKSTART, "--rps", "9", "--rate", "errors"], "write 'latency over", id="no share"
        ),
        pytest.param(["plan", "-f", "nowhere.yaml"], "give the path of a file that is there", id="no file"),
        pytest.param(["plan", "-f", str(ROOT / "README.md")], "is not YAML", id="no YAML"),
        pytest.param(["replay", QUICKSTART], "holds 0 objects of kind Trial: give a file with one", id="other kind"),
    ],
)
def test_what_has_to_be_mended_is_said_in_one_sentence_with_exit_code_2(arguments: list[str], mend: str) -> None:
    told = contender(*arguments)

    assert told.exit_code == 2
    assert told.stderr.startswith("contender: ")
    assert mend in told.stderr
    assert "Traceback" not in told.output


def test_a_file_that_the_schema_would_refuse_is_said_to_be_so(tmp_path: Path) -> None:
    wrong = written(tmp_path / "x.yaml", {"kind": "ModelDeployment", "spec": {"trial": {"guardrails": ["errors"]}}})
    told = contender("plan", "-f", wrong, "--rps", "1")

    assert told.exit_code == 2
    assert "kubectl apply --dry-run=server" in told.stderr


def test_replay_agrees_with_what_the_operator_decided(tmp_path: Path, rejected: dict[str, Any]) -> None:
    told = contender("replay", written(tmp_path / "trial.yaml", rejected))

    assert told.exit_code == 0
    assert "Reject GuardrailIsBreached" in told.stdout
    assert "all 12 agree" in told.stdout


def test_replay_ends_with_1_when_a_verdict_does_not_follow(tmp_path: Path, rejected: dict[str, Any]) -> None:
    meddled = json.loads(json.dumps(rejected))
    meddled["status"]["decisions"][-1]["rule"] = "EveryGuardrailIsProved"
    told = contender("replay", written(tmp_path / "trial.yaml", meddled))

    assert told.exit_code == 1
    assert "DISAGREES" in told.stdout
    assert "1 of 12 do not agree" in told.stdout


@pytest.mark.parametrize(
    "recorded", sorted((Path(__file__).parent / "recorded").glob("*.yaml")), ids=lambda path: path.stem
)
def test_a_trial_of_an_earlier_version_is_told_of_and_where_it_judged_otherwise_that_is_said(recorded: Path) -> None:
    replayed = contender("replay", str(recorded))

    assert contender("explain", str(recorded)).exit_code == 0
    assert replayed.exit_code == ("DISAGREES" in replayed.stdout)
    assert "errors, proof" in replayed.stdout


def test_a_trial_may_come_by_a_pipe_and_in_a_list(rejected: dict[str, Any]) -> None:
    assert contender("replay", "-", text=yaml.safe_dump({"kind": "List", "items": [rejected]})).exit_code == 0


def test_explain_tells_the_story_of_a_trial(tmp_path: Path, rejected: dict[str, Any]) -> None:
    told = contender("explain", written(tmp_path / "trial.yaml", rejected))

    assert told.exit_code == 0
    for piece in ("churn-1: 2 (", ") against 1 (", "errors: challenger ", "split: as wanted", "GuardrailIsBreached"):
        assert piece in told.stdout


def test_explain_draws_a_picture_of_it(tmp_path: Path, rejected: dict[str, Any]) -> None:
    picture_file = tmp_path / "out.svg"
    told = contender("explain", written(tmp_path / "trial.yaml", rejected), "--plot", str(picture_file))

    assert told.exit_code == 0
    drawn = picture_file.read_text()
    assert drawn.startswith("<?xml")
    for label in ("share, %", "errors, %", "e-value", "GuardrailIsBreached"):
        assert f"<!-- {label} -->" in drawn


@pytest.mark.parametrize(
    ("name", "series", "mend"),
    [("out.txt", 9, "name it *.svg"), ("out.svg", 1, "too few points"), ("no/such/folder/out.svg", 9, "name another")],
)
def test_a_picture_that_cannot_be_drawn_is_told_why(
    tmp_path: Path, rejected: dict[str, Any], name: str, series: int, mend: str
) -> None:
    short = {**rejected, "status": {**rejected["status"], "series": rejected["status"]["series"][:series]}}
    told = contender("explain", written(tmp_path / "trial.yaml", short), "--plot", str(tmp_path / name))

    assert told.exit_code == 2
    assert mend in told.stderr


def test_without_what_draws_it_is_said_what_to_install(
    tmp_path: Path, rejected: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    told = contender("explain", written(tmp_path / "trial.yaml", rejected), "--plot", str(tmp_path / "out.svg"))

    assert told.exit_code == 2
    assert "pip install 'contender[plot]'" in told.stderr


class Cluster:
    """An API server with one namespace, and a kubeconfig that leads to it."""

    def __init__(self, folder: Path) -> None:
        self.objects: dict[str, Any] = {}
        cluster = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                found = cluster.objects.get(self.path.partition("?")[0])
                body = json.dumps(found or {"message": "not found"}).encode()
                self.send_response(200 if found else 404)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.kubeconfig = folder / "kubeconfig"
        self.kubeconfig.write_text(json.dumps(self._kubeconfig()))

    def holds(self, plural: str, *objects: Any) -> None:
        root = f"/apis/{API_VERSION}/namespaces/team/{plural}"
        self.lists(root, *objects, version=API_VERSION)
        self.objects.update({f"{root}/{raw['metadata']['name']}": raw for raw in objects})

    def lists(self, path: str, *objects: Any, version: str = "v1") -> None:
        self.objects[path] = {"apiVersion": version, "items": list(objects), "metadata": {"resourceVersion": "1"}}

    def _kubeconfig(self) -> dict[str, Any]:
        server = f"http://127.0.0.1:{self.server.server_address[1]}"
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "here",
            "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u", "namespace": "team"}}],
            "clusters": [{"name": "c", "cluster": {"server": server}}],
            "users": [{"name": "u", "user": {}}],
        }


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    served = Cluster(tmp_path)
    monkeypatch.setattr("kubernetes.aio.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(served.kubeconfig))
    thread = Thread(target=served.server.serve_forever)
    thread.start()
    yield served
    served.server.shutdown()
    thread.join()
    served.server.server_close()


def owned(world: World) -> tuple[dict[str, Any], dict[str, Any]]:
    """The ModelDeployment of a world and its newest Trial, as the API server has them."""
    owner = {"kind": "ModelDeployment", **world.raw}
    return owner, raw(world)


def test_plan_reads_a_live_deployment_and_the_traffic_of_its_trial(cluster: Cluster) -> None:
    world, _ = on_trial(ticks=60, soak="10m")
    owner, trial = owned(world)
    cluster.holds("modeldeployments", owner)
    cluster.holds(
        "trials",
        {**trial, "metadata": {**trial["metadata"], "name": "other-1", "ownerReferences": [{"uid": "other"}]}},
        trial,
    )
    told = contender("plan", "churn")

    assert told.exit_code == 0, told.output
    assert "With 300 requests/s, and of the champion: errors 0 %" in told.stdout


def test_without_a_trial_that_runs_the_routers_are_asked_and_who_they_do_not_answer_is_told_what_to_do(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routers, "SPAN", 0.0)
    world, _ = on_trial(soak="10m")
    cluster.holds("modeldeployments", owned(world)[0])
    cluster.holds("trials")
    meta = {"name": "contender-router-1", "namespace": "team", "uid": "1", "labels": {COMPONENT: ROUTER_COMPONENT}}
    cluster.lists("/api/v1/namespaces/team/pods", {"metadata": meta})
    told = contender("plan", "churn")

    assert told.exit_code == 2
    assert "contender-router-1 answered 404" in told.stderr
    assert "give --rps, or see that you may `get pods/proxy`" in told.stderr
    assert contender("plan", "churn", "--rps", "50").exit_code == 0


def test_on_a_gateway_its_proxies_are_asked_by_the_names_of_its_route(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routers, "SPAN", 0.0)
    world, _ = on_trial(soak="10m")
    owner, _ = owned(world)
    reference = {"name": "entry", "namespace": "gateways"}
    traffic = {**owner["spec"]["traffic"], "gateway": {"parentRefs": [reference], "hostnames": ["churn.example.com"]}}
    cluster.holds("modeldeployments", {**owner, "spec": {**owner["spec"], "traffic": traffic}})
    cluster.holds("trials")
    early = contender("plan", "churn")
    cluster.objects["/apis/gateway.networking.k8s.io/v1/namespaces/team/httproutes/churn"] = {"metadata": {}}
    meta = {"name": "proxy-1", "namespace": "proxies", "uid": "1"}
    cluster.lists("/api/v1/pods", {"metadata": meta})
    told = contender("plan", "churn")

    assert early.exit_code == 2
    assert "churn has no HTTPRoute yet, and so no traffic: give --rps" in early.stderr
    assert told.exit_code == 2
    assert "proxy-1 answered 404" in told.stderr


def router_pod(uid: str, **variants: Counters) -> RouterPod:
    return RouterPod(uid, uid, 60.0, True, None, frozenset(variants), {}, variants)


def test_the_routers_tell_the_rate_between_two_readings_and_how_the_champion_answers() -> None:
    edges = {edge: 900 * (edge >= 0.1) for edge in EDGES}
    rules = replace(TRIAL, guardrails=(Guardrail(Measure.ERRORS, None, 1.25, 0.001), P95))
    before = {"1": router_pod("1", a=Counters(begun=500)), "2": router_pod("2", a=Counters(begun=100))}
    after = {
        "1": router_pod("1", a=Counters(1000, errors=8, timed=1000, faster=edges, begun=1000), b=Counters(begun=400)),
        "2": router_pod("2", a=Counters(1000, errors=0, timed=1000, faster=edges, begun=1200)),
        "3": router_pod("3", a=Counters()),
    }
    seen = routers.counted(before, after, 10.0, "a", rules)
    assert seen is not None

    assert seen.requests == 200  # 500 + 400 + 1,100 in ten seconds
    assert seen.bad == {"errors": 8 / 2000}
    assert seen.times["latency p95"].all == 2000
    assert routers.counted(after, after, 10.0, "a", rules) is None


def test_replay_reads_a_live_trial(cluster: Cluster, rejected: dict[str, Any]) -> None:
    cluster.holds("trials", rejected)

    assert contender("replay", "churn-1", "-n", "team").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "mend"),
    [
        (["replay", "churn-9"], "no Trial churn-9 in namespace team: see `kubectl get trials --namespace team`"),
        (["plan", "nobody", "-n", "else"], "no ModelDeployment nobody in namespace else"),
    ],
)
def test_what_is_not_in_the_cluster_is_said(cluster: Cluster, arguments: list[str], mend: str) -> None:
    told = contender(*arguments)

    assert told.exit_code == 2
    assert mend in told.stderr


def test_without_a_cluster_a_file_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kubernetes.aio.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "none"))
    told = contender("plan", "churn")

    assert told.exit_code == 2
    assert "set KUBECONFIG, or give a file instead of a name" in told.stderr


def test_a_package_without_its_schema_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(schema, "FOLDERS", (tmp_path,))

    with pytest.raises(Unusable, match="install the package anew"):
        schema.of("ModelDeployment")
