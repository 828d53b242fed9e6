"""A real PostgreSQL of Debian's package, on a free port of loopback, as another user than root."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg

from tests.cluster import packages
from tests.cluster.machine import this_machine
from tests.cluster.process import run
from tests.serving.process import free_ports, wait_until

PROGRAMS = "/usr/lib/postgresql"
USER = "nobody"  # PostgreSQL refuses to be root


class Postgres:
    """The server; it may be stopped, killed and started again, and keeps what was committed."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_ports()[0]
        self._as_user = {"user": USER, "group": pwd.getpwnam(USER).pw_gid} if os.geteuid() == 0 else {}
        self._names = count()
        self._process: subprocess.Popen[bytes] | None = None
        initdb = ("initdb", "-D", str(folder), "-U", "ledger", "-A", "trust", "--no-sync")
        subprocess.run([_program(initdb[0]), *initdb[1:]], check=True, capture_output=True, **self._as_user)  # type: ignore[call-overload]

    def start(self) -> None:
        """Return when it answers."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "shared_buffers": "128MB",
        }
        options = [f"--{name}={value}" for name, value in settings.items()]
        self._process = subprocess.Popen(
            [_program("postgres"), "-D", str(self.folder), *options], stderr=subprocess.DEVNULL, **self._as_user
        )  # type: ignore[call-overload]
        wait_until(self._answers)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT breaks connections off and ends in order; SIGQUIT ends at once, as a crash."""
        assert self._process is not None
        self._process.send_signal(how)
        self._process.wait(60)

    def database(self) -> str:
        """The URL of a new, empty database."""
        name = f"ledger{next(self._names)}"
        with psycopg.connect(self._dsn("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return f"postgresql+psycopg://ledger@127.0.0.1:{self.port}/{name}"

    def _answers(self) -> bool:
        try:
            psycopg.connect(self._dsn("postgres"), connect_timeout=1).close()
        except psycopg.OperationalError:
            return False
        return True

    def _dsn(self, database: str) -> str:
        return f"host=127.0.0.1 port={self.port} user=ledger dbname={database}"


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A server with nothing in it, and after that none."""
    with tempfile.TemporaryDirectory(prefix="contender-postgres-") as folder:
        data = Path(folder) / "data"
        data.mkdir()
        if os.geteuid() == 0:
            Path(folder).chmod(0o755)
            shutil.chown(data, USER)
        server = Postgres(data)
        server.start()
        try:
            yield server
        finally:
            server.stop()


def _program(name: str) -> str:
    """Debian keeps a version's programs in a folder of its own, off the PATH."""
    if not (found := sorted(Path(PROGRAMS).glob(f"*/bin/{name}"))):
        packages.install(["postgresql"], this_machine(), run)
        found = sorted(Path(PROGRAMS).glob(f"*/bin/{name}"))
    return str(found[-1])
