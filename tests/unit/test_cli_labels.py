"""Labels and keys by the command line, against an API server that leads to a ledger."""

import json
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import digest
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from contender import names
from contender.cli import key_ring, ledger
from contender.cli.app import app

ROOT = 32 * b"r"
TOKEN = digest(ROOT, b"labels/churn", sha256).hex()
SECRETS = "/api/v1/namespaces/team/secrets"
PROXY = "/api/v1/namespaces/team/services/contender-ledger:80/proxy/labels/churn"
DAY = 86_400


def contender(*arguments: str, text: str | None = None) -> Result:
    return CliRunner().invoke(app, list(arguments), input=text, env={"COLUMNS": "250"})


def secret(name: str, **data: bytes) -> dict[str, Any]:
    held = {key: b64encode(value).decode() for key, value in data.items()}
    meta = {"name": name, "namespace": "team", "resourceVersion": "7"}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": held}


@dataclass
class Server:
    """An API server, and behind its proxy a ledger that takes what it is not told to refuse."""

    objects: dict[str, Any] = field(default_factory=dict)
    busy: list[tuple[int, dict[str, str]]] = field(default_factory=list)  # what it answers first
    batches: list[list[Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    tokens: set[str | None] = field(default_factory=set)

    def posted(self, path: str, token: str | None, labels: list[Any]) -> tuple[int, dict[str, str], Any]:
        self.paths.append(path)
        self.tokens.add(token)
        if self.busy:
            status, headers = self.busy.pop(0)
            return status, headers, {"error": f"mended by {status}"}
        self.batches.append(labels)
        refused = [
            {"index": place, "reason": "Forged", "message": "no key opens it"}
            for place, each in enumerate(labels)
            if each["receipt"] == "forged"
        ]
        taken = len(labels) - len(refused)
        return 200, {}, {"taken": taken, "replaced": 0, "repeated": 0, "refused": refused, "refusedTotal": len(refused)}


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    known = Server({f"{SECRETS}/{names.LEDGER}": secret(names.LEDGER, root=ROOT)})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = known.objects.get(self.path)
            self._answers(200 if found else 404, {}, found or {"message": "not found"})

        def do_PUT(self) -> None:
            known.objects[self.path.partition("?")[0]] = self._body()
            self._answers(200, {}, {})

        def do_POST(self) -> None:
            self._answers(*known.posted(self.path, self.headers.get("x-contender-token"), self._body()))

        def _body(self) -> Any:
            return json.loads(self.rfile.read(int(self.headers["content-length"])))

        def _answers(self, status: int, headers: dict[str, str], answer: Any) -> None:
            body = json.dumps(answer).encode()
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    listening = HTTPServer(("127.0.0.1", 0), Handler)
    config = {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u", "namespace": "team"}}],
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{listening.server_address[1]}"}}],
        "users": [{"name": "u", "user": {}}],
    }
    (tmp_path / "kubeconfig").write_text(json.dumps(config))
    monkeypatch.setattr("kubernetes.aio.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "kubeconfig"))
    monkeypatch.setattr(ledger, "PAUSE", 0.01)
    thread = Thread(target=listening.serve_forever)
    thread.start()
    yield known
    listening.shutdown()
    thread.join()
    listening.server_close()


CSV = "receipt,label\n" + "".join(f"r{number},{number % 10}\n" for number in range(5))


def written(folder: Path, text: str) -> str:
    (folder / "labels").write_text(text)
    return str(folder / "labels")


def test_the_token_is_the_one_that_the_ledger_derives(server: Server) -> None:
    assert contender("labels", "token", "churn").stdout.strip() == TOKEN


WAYS = {
    "CSV": "receipt,label,row\na,7,0\nb,cat,3\n",
    "CSV with other columns": "\nwhen,label,row,receipt\nx,7,,a\ny,cat,3,b\n",
    "lines": '{"receipt": "a", "label": "7", "row": 0}\n\n{"receipt": "b", "label": "cat", "row": 3, "when": 1}\n',
    "array": '[{"receipt": "a", "label": "7", "row": 0},\n {"receipt": "b", "label": "cat", "row": 3}]',
}


@pytest.mark.parametrize("way", WAYS)
def test_labels_are_sent_however_they_are_written(server: Server, tmp_path: Path, way: str) -> None:
    told = contender("labels", "push", "churn", written(tmp_path, WAYS[way]))

    assert told.exit_code == 0, told.output
    assert server.batches == [
        [{"receipt": "a", "label": "7", "row": 0}, {"receipt": "b", "label": "cat", "row": 3}],
    ]
    assert "2 labels taken, 0 replaced others, 0 were known, 0 refused" in told.stdout


def test_labels_come_by_a_pipe_too(server: Server) -> None:
    assert contender("labels", "push", "churn", "-", text=CSV).exit_code == 0
    assert len(server.batches[0]) == 5


def test_the_token_goes_through_the_api_server_in_a_header_of_its_own(server: Server, tmp_path: Path) -> None:
    contender("labels", "push", "churn", written(tmp_path, CSV))

    assert set(server.paths) == {PROXY}
    assert server.tokens == {TOKEN}


def test_with_an_address_and_a_token_no_cluster_is_asked(server: Server, tmp_path: Path) -> None:
    config = json.loads((tmp_path / "kubeconfig").read_text())
    url = config["clusters"][0]["cluster"]["server"]
    (tmp_path / "kubeconfig").unlink()
    told = contender("labels", "push", "churn", written(tmp_path, CSV), "--url", f"{url}/", "--token", "given")

    assert told.exit_code == 0, told.output
    assert (server.paths, server.tokens) == (["/labels/churn"], {"given"})


def test_batches_are_small_and_a_push_goes_on_at_a_row(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "BATCH", 2)
    contender("labels", "push", "churn", written(tmp_path, CSV), "--from-row", "2")

    assert [[each["receipt"] for each in batch] for batch in server.batches] == [["r1", "r2"], ["r3", "r4"]]


def test_a_refused_label_is_told_by_its_row_the_others_are_taken_and_the_end_is_1(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "BATCH", 2)
    told = contender("labels", "push", "churn", written(tmp_path, CSV.replace("r3,", "forged,")))

    assert told.exit_code == 1
    assert "row 4: Forged: no key opens it" in told.stderr
    assert "4 labels taken" in told.stdout
    assert "1 refused" in told.stdout


@pytest.mark.parametrize("status", [429, 503])
def test_a_ledger_that_is_busy_or_away_is_waited_for(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    slept = list[float]()

    async def sleeps(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr("contender.cli.ledger.asyncio.sleep", sleeps)
    server.busy = [(status, {"Retry-After": "3"}), (status, {})]
    told = contender("labels", "push", "churn", written(tmp_path, CSV))

    assert told.exit_code == 0, told.output
    assert {3.0, ledger.PAUSE} <= set(slept)
    assert [len(batch) for batch in server.batches] == [5]


def test_what_stops_a_push_is_told_with_the_command_that_goes_on(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "BATCH", 2)
    monkeypatch.setattr(ledger, "PATIENCE", 0.0)
    file = written(tmp_path, CSV)
    answers = iter([200, 401])
    real = server.posted

    def posted(path: str, token: str | None, labels: list[Any]) -> tuple[int, dict[str, str], Any]:
        status = next(answers)
        server.busy = [] if status == 200 else [(status, {})]
        return real(path, token, labels)

    monkeypatch.setattr(server, "posted", posted)
    told = contender("labels", "push", "churn", file, "-n", "team")

    assert told.exit_code == 2
    assert "the ledger answered 401: mended by 401" in told.stderr
    assert f"go on with: contender labels push churn {file} --from-row 3 --namespace team" in told.stderr
    assert TOKEN not in told.output


@pytest.mark.parametrize(
    ("text", "mend"),
    [
        ('{"receipt": "a", "label": 1}\nnonsense\n', "holds what is no label"),
        ("id,label\n1,2\n", "the first line of CSV names the columns `receipt`, `label`"),
        ("[1]", "no object with receipt and label"),
    ],
)
def test_what_holds_no_labels_is_not_sent(server: Server, tmp_path: Path, text: str, mend: str) -> None:
    told = contender("labels", "push", "churn", written(tmp_path, text))

    assert told.exit_code == 2
    assert mend in told.stderr
    assert server.batches == []


@pytest.mark.parametrize(
    ("arguments", "mend"),
    [
        (["labels", "token", "churn", "-n", "else"], "once a ModelDeployment's trial names a label measure"),
        (["keys", "list"], "with the first ModelDeployment of its own serving image"),
        (["labels", "push", "churn", "nowhere.csv"], "give the path of a file that is there"),
    ],
)
def test_what_is_missing_is_said(server: Server, arguments: list[str], mend: str) -> None:
    told = contender(*arguments)

    assert told.exit_code == 2
    assert mend in told.stderr


def holds_keys(server: Server, *times: int) -> None:
    server.objects[f"{SECRETS}/{names.RECEIPT_KEYS}"] = secret(
        names.RECEIPT_KEYS, **{str(since): 32 * b"k" for since in times}
    )


def kept(server: Server) -> list[int]:
    return sorted(int(name) for name in server.objects[f"{SECRETS}/{names.RECEIPT_KEYS}"]["data"])


def test_a_new_key_is_in_force_in_five_minutes_and_the_others_stay(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    holds_keys(server, 1000, 2000)
    monkeypatch.setattr("contender.cli.key_ring.time.time", lambda: 5000.9)
    told = contender("keys", "rotate")

    assert told.exit_code == 0, told.output
    assert kept(server) == [1000, 2000, 5300]
    assert server.objects[f"{SECRETS}/{names.RECEIPT_KEYS}"]["metadata"]["resourceVersion"] == "7"
    assert "added: a key in force from 1970-01-01 01:28:20 UTC" in told.stdout


def test_a_key_goes_when_no_receipt_of_it_can_come_back(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    holds_keys(server, *(day * DAY for day in (0, 10, 20, 100, 110, 120)))
    monkeypatch.setattr("contender.cli.key_ring.time.time", lambda: 150.0 * DAY)
    told = contender("keys", "rotate")

    assert kept(server) == [*(day * DAY for day in (20, 100, 110, 120)), 150 * DAY + 300]
    assert told.stdout.count("dropped") == 2


@pytest.mark.parametrize(
    ("times", "now", "retention", "gone"),
    [
        pytest.param((0, 10, 20, 30, 40, 50), 1000, 90, (0,), id="five stay, however old"),
        pytest.param((0, 10, 20, 30, 40, 50), 101, 90, (), id="the next one is not old enough"),
        pytest.param((0, 10, 20, 30, 40, 50), 102, 90, (0,), id="the next one is, with a day to spare"),
        pytest.param((0, 10, 20, 30, 40, 50), 102, 180, (), id="a ledger that takes labels for longer"),
    ],
)
def test_keys_are_kept_while_a_receipt_may_come(
    times: tuple[int, ...], now: int, retention: int, gone: tuple[int, ...]
) -> None:
    known = {day * DAY: b"" for day in times}

    assert key_ring.outdated(known, now * DAY, retention * DAY) == tuple(day * DAY for day in gone)


def test_the_keys_are_listed_with_what_each_is_for(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    holds_keys(server, 1000, 2000, 9000)
    monkeypatch.setattr("contender.cli.key_ring.time.time", lambda: 5000.0)
    told = contender("keys", "list").stdout

    assert [line.split(" UTC")[1].strip() for line in told.splitlines()[1:]] == [
        "opens older receipts",
        "in force",
        "waits",
    ]
