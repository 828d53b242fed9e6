"""How each server is started with a model, and how it is asked. Each is set up as its own documents have it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from benchmarks.serving import bodies
from benchmarks.serving.bodies import Asked, Case
from benchmarks.serving.environments import ours, python
from benchmarks.serving.models import NAME, Model
from benchmarks.serving.processes import HOST, Process, free_port, running

ROOT = Path(__file__).parents[2]
LOGS = ROOT / "benchmarks/out/logs"
ONE_THREAD = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}


@dataclass(frozen=True, slots=True)
class Launch:
    """What starts a server."""

    command: list[str]
    environment: Mapping[str, str]
    ready_path: str


@dataclass(frozen=True, slots=True)
class Ports:
    """Where a server is to listen."""

    http: int
    grpc: int
    metrics: int  # MLServer has a port of its own for them


@dataclass(frozen=True, slots=True)
class Server:
    """A server with a model in it."""

    name: str
    process: Process
    ports: Ports

    def url(self, path: str, case: Case | None = None) -> str:
        """Where to ask for a path."""
        port = self.ports.grpc if case and case.encoding == "grpc" else self.ports.http
        return f"http://{HOST}:{port}{path}"


CONTENDER, UNCONVERTED = "Contender", "Contender, not converted"
UNCOUNTED = "Contender, uncounted"  # its counting taken out, to see what that costs
MLSERVER, BATCHING = "MLServer", "MLServer, batching"
KSERVE, FASTAPI, BARE = "KServe", "FastAPI", "bare loop"
PEERS = {MLSERVER: "mlserver", BATCHING: "mlserver", KSERVE: "kserve", FASTAPI: "fastapi", BARE: "bare"}
UVICORN = ("uvicorn", "benchmarks.peers.fastapi_app:app", "--no-access-log")
ENCODINGS = {
    CONTENDER: {"json", "binary", "grpc"},
    UNCONVERTED: {"json", "binary", "grpc"},
    MLSERVER: {"json", "grpc"},  # it has no binary tensors over HTTP
    BATCHING: {"json", "grpc"},
    UNCOUNTED: {"json"},
    KSERVE: {"json", "binary", "grpc"},
    FASTAPI: {"json"},
    BARE: {"json"},
}


def names(model: Model) -> list[str]:
    """The servers that serve a model."""
    ours = [CONTENDER, UNCONVERTED] if model.recipe.also_alone else [CONTENDER]
    return [*ours, *(peer for peer in PEERS if peer != BARE)]


def bounds(model: Model) -> list[str]:
    """What nobody would use, but shows what is possible; it is much the same for all models."""
    return [UNCOUNTED, BARE] if model.name == "lr" else []


def asked(server: str, model: Model, case: Case) -> Asked:
    """A case, in the words of a server."""
    rows = model.rows[: case.rows]
    if server == FASTAPI:
        return bodies.instances(rows)
    write = {"json": bodies.v2_json, "binary": bodies.v2_binary, "grpc": bodies.grpc}[case.encoding]
    return write(rows, NAME)


@contextmanager
def serving(name: str, model: Model) -> Iterator[Server]:
    """A server with a model, until the block ends."""
    ports = Ports(free_port(), free_port(), free_port())
    folder = LOGS / f"{model.name}-{name}".replace(" ", "-").replace(",", "")
    with _started(name, _launch(name, model, ports, folder), ports, folder) as server:
        yield server


@contextmanager
def contender(bundles: Path, log: str, **settings: str) -> Iterator[Server]:
    """Our server with any bundle, the one that the folder has as `bundle`, and environment variables of its own."""
    ports = Ports(free_port(), free_port(), free_port())
    launch = _contender(bundles, ports)
    launch = replace(launch, environment={**launch.environment, **settings})
    with _started(CONTENDER, launch, ports, LOGS / log) as server:
        yield server


@contextmanager
def _started(name: str, launch: Launch, ports: Ports, log: Path) -> Iterator[Server]:
    ready = f"http://{HOST}:{ports.http}{launch.ready_path}"
    environment = {**ONE_THREAD, **launch.environment}
    with running(launch.command, environment, ready, log.with_suffix(".log")) as process:
        yield Server(name, process, ports)


def _launch(name: str, model: Model, ports: Ports, folder: Path) -> Launch:
    if name in (CONTENDER, UNCONVERTED, UNCOUNTED):
        program = "benchmarks.serving.uncounted" if name == UNCOUNTED else "contender_serving"
        return _contender(model.bundles(alone=name == UNCONVERTED), ports, program)
    interpreter = python(PEERS[name])
    if name in (MLSERVER, BATCHING):
        _mlserver_settings(folder, model, ports, batching=name == BATCHING)
        command = [str(interpreter.with_name("mlserver")), "start", str(folder)]
        return Launch(command, {}, "/v2/health/ready")
    environment = {
        "BENCH_MODEL": str(model.peers_file),
        "BENCH_PORT": str(ports.http),
        "BENCH_GRPC_PORT": str(ports.grpc),
    }
    of_uvicorn = [*UVICORN, "--host", HOST, "--port", str(ports.http)]
    arguments = {KSERVE: ["benchmarks.peers.kserve_app"], FASTAPI: of_uvicorn, BARE: ["benchmarks.peers.bare"]}
    ready = {KSERVE: f"/v2/models/{NAME}/ready", FASTAPI: "/health", BARE: "/"}
    return Launch([str(interpreter), "-m", *arguments[name]], environment, ready[name])


def _contender(bundles: Path, ports: Ports, program: str = "contender_serving") -> Launch:
    environment = {
        "CONTENDER_MODEL_DIR": str(bundles),
        "CONTENDER_MODEL_NAME": NAME,
        "CONTENDER_HOST": HOST,
        "CONTENDER_PORT": str(ports.http),
        "CONTENDER_GRPC_PORT": str(ports.grpc),
        "CONTENDER_TERMINATION_LOG": "/dev/stderr",
    }
    return Launch([str(ours()), "-m", program, "serve"], environment, "/v2/health/ready")


def _mlserver_settings(folder: Path, model: Model, ports: Ports, *, batching: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    settings = {
        "debug": False,  # else a log line for each request
        "host": HOST,
        "http_port": ports.http,
        "grpc_port": ports.grpc,
        "metrics_port": ports.metrics,
        "parallel_workers": 0,  # on one core its worker process only costs
    }
    onnx = model.peers_file.suffix == ".onnx"
    of_model: dict[str, object] = {
        "name": NAME,
        "implementation": "benchmarks.peers.mlserver_onnx.OnnxModel" if onnx else "mlserver_sklearn.SKLearnModel",
        "parameters": {"uri": str(model.peers_file)},
    }
    if batching:
        of_model |= {"max_batch_size": 64, "max_batch_time": 0.002}
    folder.joinpath("settings.json").write_bytes(msgspec.json.encode(settings))
    folder.joinpath("model-settings.json").write_bytes(msgspec.json.encode(of_model))
