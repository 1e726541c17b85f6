"""Database servers of the benchmark's own, on loopback, with their data below its folder."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from pathlib import Path

from measure import CommandFailed, run

ADDRESS = "127.0.0.1"


class Server(ABC):
    """A server that runs within a `with` block."""

    system: str
    title: str
    stop_signal: signal.Signals
    database = "shop"

    def __init__(self, folder, environment):
        self.folder = Path(folder)
        self.data = self.folder / "data"
        self.port = _free_port()
        self.password = secrets.token_hex(16)
        self.environment = environment
        # Database servers refuse to run as root.
        self.identity = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}
        self.data.mkdir(parents=True, mode=0o700)
        self._give_away(self.data)
        self.process = None

    def __enter__(self):
        try:
            self._prepare()
            with open(self.folder / "log", "wb") as log:
                self.process = subprocess.Popen(
                    self._command(), env=self.environment, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log,
                    stderr=log, start_new_session=True, **self.identity)
            self._wait()
            self._create()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.process.send_signal(self.stop_signal)
            self.process.wait()

    def _give_away(self, path):
        """Makes a file or folder the server's own."""
        if self.identity:
            shutil.chown(path, self.identity["user"], self.identity["group"])

    def _write(self, name, text):
        """Writes a file that nobody else may read."""
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(text)
        return path

    def _wait(self):
        for _ in range(300):
            if self.process.poll() is not None:
                break
            try:
                self._query("SELECT 1")
                return
            except CommandFailed:
                time.sleep(0.1)
        raise CommandFailed(f"{self.system} did not start: {(self.folder / 'log').read_text()[-2000:]}")

    @abstractmethod
    def load(self, script, variables):
        """Runs a script with values for its variables."""

    @abstractmethod
    def dump(self, target):
        """Writes a dump of the database to a file."""

    @abstractmethod
    def version(self):
        """Returns the server's version."""


class PostgreSQLServer(Server):
    system = "postgresql"
    title = "PostgreSQL"
    # Does not wait for clients to leave.
    stop_signal = signal.SIGINT

    init_options = ()

    def __init__(self, folder, environment):
        super().__init__(folder, environment)
        self.programs = max(
            Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), default=None)
        self.environment = environment | {
            "PGHOST": ADDRESS, "PGPORT": str(self.port), "PGUSER": "postgres", "PGPASSWORD": self.password}

    def dump_arguments(self):
        return ["--format", "custom", "--compress", "0", self.database]

    def entry(self, name, *more):
        """Returns the lines of a configuration's entry for databases of this server, with more options, a line each."""
        lines = [f"hostname: {self.environment['PGHOST']}", f"port: {self.port}", "username: postgres",
                 f"password: {self.password}", *more]
        return f"  - name: {name}\n" + "".join(f"    {line}\n" for line in lines)

    def load(self, script, variables):
        settings = [f"--set={name}={value}" for name, value in variables.items()]
        run(["psql", "--no-psqlrc", "--quiet", "--dbname", self.database, *settings, "--file", str(script)],
            self.environment)

    def dump(self, target):
        run(["pg_dump", *self.dump_arguments(), "--file", str(target)], self.environment)

    def version(self):
        return self._query("SHOW server_version").split()[0]

    def _prepare(self):
        password = self._write("password", self.password)
        self._give_away(password)
        run([str(self.programs / "initdb"), "-D", str(self.data), "-U", "postgres", "-A", "scram-sha-256",
             f"--pwfile={password}", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", *self.init_options],
            self.environment, cwd=self.folder, **self.identity)

    # Nothing but the benchmark is to use the machine, so vacuuming happens where a script says so.
    settings = {"fsync": "off", "autovacuum": "off", "shared_buffers": "256MB", "max_wal_size": "4GB"}

    def _command(self):
        places = {"listen_addresses": ADDRESS, "port": self.port, "unix_socket_directories": self.data}
        words = [f"--{name}={value}" for name, value in (places | self.settings).items()]
        return [str(self.programs / "postgres"), "-D", str(self.data), *words]

    def _create(self):
        self._query(f"CREATE DATABASE {self.database}")

    def _query(self, text, database="postgres"):
        return run(["psql", "--no-psqlrc", "--dbname", database, "-Atqc", text], self.environment)


class MariaDBServer(Server):
    system = "mariadb"
    title = "MariaDB"
    stop_signal = signal.SIGTERM

    def load(self, script, variables):
        settings = "".join(f"SET @{name} = {value};\n" for name, value in variables.items())
        self._query(settings + script.read_text(), self.database)

    def dump(self, target):
        run([*self._client("mariadb-dump"), "--single-transaction", f"--result-file={target}", "--databases",
             self.database], self.environment)

    def version(self):
        return self._query("SELECT VERSION()").strip().split("-")[0]

    def _prepare(self):
        run(["mariadb-install-db", "--no-defaults", f"--datadir={self.data}", f"--tmpdir={self.data}",
             "--skip-test-db", "--auth-root-authentication-method=normal"],
            self.environment, cwd=self.folder, **self.identity)
        account = f"root@'{ADDRESS}'"
        first = self._write("first.sql", (
            f"ALTER USER root@localhost IDENTIFIED BY '{self.password}';\n"
            f"DROP USER IF EXISTS {account}, root@'::1';\n"
            f"CREATE USER {account} IDENTIFIED BY '{self.password}';\n"
            f"GRANT ALL ON *.* TO {account};\n"))
        self._give_away(first)
        self._write("client.cnf", (
            "[client]\ndefault-character-set=utf8mb4\nprotocol=tcp\n"
            f"host={ADDRESS}\nport={self.port}\nuser=root\npassword={self.password}\n"))

    def _command(self):
        return [
            "mariadbd", "--no-defaults", f"--datadir={self.data}", f"--tmpdir={self.data}",
            f"--bind-address={ADDRESS}", f"--port={self.port}", f"--socket={self.data}/socket",
            f"--pid-file={self.data}/pid", f"--init-file={self.folder}/first.sql",
            "--skip-name-resolve", "--skip-log-bin", "--character-set-server=utf8mb4", "--innodb-buffer-pool-size=1G",
            "--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0", "--innodb-log-file-size=1G"]

    def _create(self):
        self._query(f"CREATE DATABASE {self.database}")

    def _client(self, program):
        return [program, f"--defaults-file={self.folder}/client.cnf"]

    def _query(self, text, database=None):
        return run(
            [*self._client("mariadb"), "--batch", "--skip-column-names", *([database] if database else [])],
            self.environment, input=text)


def _free_port():
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        return probe.getsockname()[1]
