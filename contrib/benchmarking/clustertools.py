"""Programs that store a PostgreSQL server's base backups and its log, each with a repository of its own on this disk.

All run as the server's user, as they would: some read its files, and archive_command is its own.
"""

import os
import shlex
from abc import ABC, abstractmethod
from pathlib import Path

from measure import measure, processes, run
from places import S3_OPTIONS
from tools import PASSPHRASE, CofferKeyOpen

CLUSTER = "main"
PROCESSES = 2


class ClusterTool(ABC):
    """A program, and a folder of which its user is the server's."""

    name: str

    def __init__(self, server, folder, environment):
        self.server, self.folder = server, Path(folder)
        self.repository = self.folder / "repository"
        self.repository.mkdir(parents=True)
        self.environment = environment | {"HOME": str(self.folder)}

    @abstractmethod
    def initialise(self):
        """Makes the repository, and has the server archive its log where that is needed."""

    @abstractmethod
    def archive_command(self, path):
        """Returns the command by which the server stores a file of its log, whose path is given as the shell reads it."""

    @abstractmethod
    def back_up(self):
        """Stores a base backup with the log that it needs, and returns what that took."""

    @abstractmethod
    def restore(self, target):
        """Puts the newest base backup into an empty folder, and returns what that took."""

    @abstractmethod
    def version(self):
        """Returns the program's version."""

    def archiving(self):
        """Returns the command by which the server is to store its log while a backup is made."""
        return self.archive_command("%p")

    def stored(self, part=""):
        """Returns the size of the repository, or of a folder in it, in bytes. A file with two names is there once."""
        status = [(Path(folder) / name).lstat() for folder, _, names in os.walk(self.repository / part) for name in names]
        return sum({(each.st_dev, each.st_ino): each.st_size for each in status}.values())

    def push(self, path):
        """Stores a file of the log as the server would, and returns what that took."""
        return self._measure(["sh", "-c", self.archive_command(shlex.quote(str(path)))])

    def staying(self):
        """Returns the processor time, in seconds, of what stays running for the next pushes."""
        return 0

    def _measure(self, command):
        return measure(command, self.environment, identity=self.server.identity)

    def _run(self, command):
        return run(command, self.environment, cwd=self.folder, **self.server.identity)

    def _configure(self, name, text):
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(text)
        self.server.give_away_all(self.folder)
        return path


class CofferCluster(ClusterTool):
    """Coffer as it comes: its key stays open from one run to the next."""

    name, log = "Coffer", "logs"
    # Lines of the server's entry.
    lines = ()

    def __init__(self, server, program, folder, environment):
        super().__init__(server, folder, environment)
        self.program, self.place, self.options = program, self.repository, ""

    def initialise(self):
        self.configuration = self._configure("config.yaml", (
            f"repositories:\n  - path: {self.place}\n{self.options}encryption_passphrase: {PASSPHRASE}\n"
            f"unlock_timeout: {CofferKeyOpen.unlock_timeout}\npostgresql_clusters:\n"
            + self.server.entry(CLUSTER, "base_backup: true", f"data_directory: {self.server.data}", *self.lines)))
        self._run([*self.command("repo-create"), "--encryption", "repokey"])

    def archive_command(self, path):
        return f"{shlex.join(self.command('wal', 'push'))} {path}"

    def archiving(self):
        # A base backup has what it needs of the log.
        return "true"

    def back_up(self):
        return self._measure(self.command("create"))

    def restore(self, target):
        return self._measure([*self.command("restore"), "--cluster", CLUSTER, "--target-directory", str(target)])

    def version(self):
        return self._run([self.program, "--version"]).split()[-1]

    def command(self, *action):
        return [str(self.program), "--config", str(self.configuration), *action]


class CofferClusterFiles(CofferCluster):
    """Coffer reading the server's files itself, as pgBackRest does."""

    name, lines = "Coffer, read_files", ("read_files: true",)


class CofferClusterS3(CofferCluster):
    """Coffer with a repository in object storage."""

    name = "Coffer, S3"

    def __init__(self, server, program, storage, folder, environment):
        super().__init__(server, program, folder, environment | storage.keys())
        self.place, self.options = f"s3:{storage.make_bucket(folder.name.lower())}/coffer", S3_OPTIONS

    def stored(self, part=""):
        return 0

    def staying(self):
        name = f"\0{self.configuration}\0".encode()
        return sum(
            time for words, time in processes() if words.startswith(b"coffer\0--push-service\0") and name in words)


class PgBackRest(ClusterTool):
    """pgBackRest with zstd, its own default level and no encryption, which is its default, too."""

    log = "archive"

    def __init__(self, server, kind, folder, environment):
        """Takes what its later backups are: full, or incr."""
        super().__init__(server, folder, environment | {"PGPASSWORD": server.password})
        self.kind, self.name = kind, f"pgBackRest, {kind}"

    def initialise(self):
        self.configuration = self._configure("pgbackrest.conf", (
            f"[global]\nrepo1-path={self.repository}\nrepo1-retention-full=9\nlock-path={self.folder}/lock\n"
            f"spool-path={self.folder}/spool\n"
            f"log-level-console=warn\nlog-level-file=off\nprocess-max={PROCESSES}\ncompress-type=zst\nstart-fast=y\n\n"
            f"[{CLUSTER}]\npg1-path={self.server.data}\npg1-port={self.server.port}\n"
            f"pg1-socket-path={self.server.data}\npg1-user=postgres\n"))
        self._run(self._command("stanza-create"))

    def archive_command(self, path):
        return f"{shlex.join(self._command('archive-push'))} {path}"

    def back_up(self):
        # The first is a full one, whatever is asked for; it would say so.
        return self._measure([*self._command("backup"), f"--type={self.kind}", "--log-level-console=error"])

    def restore(self, target):
        return self._measure([*self._command("restore"), f"--pg1-path={target}"])

    def version(self):
        return run(["pgbackrest", "version"], self.environment).split()[-1]

    def _command(self, action):
        return ["pgbackrest", f"--config={self.configuration}", f"--stanza={CLUSTER}", action]


class Barman(ClusterTool):
    """Barman on the server's own host, with one of its methods."""

    METHODS = {
        # Compressed on this side, as Coffer does.
        "postgres": "backup_compression = zstd\nbackup_compression_location = client\n",
        "local-rsync": "reuse_backup = link\n",
    }

    def __init__(self, server, method, folder, environment):
        super().__init__(server, folder, environment)
        self.method, self.name = method, f"barman, {method}"
        self.staging = self.folder / "staging"

    def initialise(self):
        server = self.server
        user = server.identity.get("user") or self._run(["id", "-un"]).strip()
        where = f"host={server.environment['PGHOST']} port={server.port} user=postgres password={server.password}"
        self.staging.mkdir()
        self.configuration = self._configure("barman.conf", (
            f"[barman]\nbarman_user = {user}\nbarman_home = {self.repository}\nlog_file = {self.folder}/log\n"
            f"log_level = WARNING\n\n[{CLUSTER}]\ndescription = benchmark\nconninfo = {where} dbname=postgres\n"
            f"streaming_conninfo = {where}\nbackup_method = {self.method}\n{self.METHODS[self.method]}"
            f"immediate_checkpoint = true\narchiver = on\ncompression = gzip\nparallel_jobs = {PROCESSES}\n"
            f"path_prefix = {server.programs}\nrecovery_staging_path = {self.staging}\n"))
        # The first makes the folders, and complains that there were none.
        run(["sh", "-c", shlex.join(self._command("check")) + " || true"], self.environment, **server.identity)
        server.archive_by(self.archive_command("%p"))
        # It makes no backup before it has seen some of the log.
        self._run(self._command("switch-wal", "--force", "--archive"))

    def archive_command(self, path):
        # As durable as what barman's own program does at the far end of ssh.
        return f"rsync --archive --fsync {path} {self.repository}/{CLUSTER}/incoming/"

    def back_up(self):
        return self._measure(self._command("backup", "--wait"))

    def restore(self, target):
        return self._measure([*self._command("recover"), "latest", str(target)])

    def take_in(self):
        """Compresses and files what the server has handed over, and returns what that took."""
        return self._measure(self._command("archive-wal"))

    def version(self):
        return run(["barman", "--version"], self.environment).split()[0]

    def _command(self, action, *flags):
        return ["barman", "-c", str(self.configuration), action, *flags, CLUSTER]
