"""The programs that are compared. Each stores a dump in a repository of its own and gives it back."""

import os
import re
import shlex
from abc import ABC, abstractmethod
from pathlib import Path

from measure import measure, pipeline, run

PASSPHRASE = "a passphrase for the benchmark"


class Tool(ABC):
    """A program with a repository below a folder."""

    name: str

    def __init__(self, program, folder, environment):
        self.program = str(program)
        self.folder = Path(folder)
        self.repository = self.folder / "repository"
        home = self.folder / "home"
        home.mkdir(parents=True)
        self.environment = environment | {
            "HOME": str(home), "COFFER_PASSPHRASE": PASSPHRASE, "BORG_PASSPHRASE": PASSPHRASE,
            "BORG_BASE_DIR": str(home), "RESTIC_PASSWORD": PASSPHRASE,
            "RESTIC_CACHE_DIR": str(home / "cache"), "RESTIC_REPOSITORY": str(self.repository),
        }

    @abstractmethod
    def initialise(self):
        """Makes the repository."""

    @abstractmethod
    def back_up(self, dump):
        """Stores a dump and returns what that took."""

    @abstractmethod
    def restore(self, dump, target):
        """Writes the dump that was stored last to a file and returns what that took."""

    @abstractmethod
    def version(self):
        """Returns the program's version."""

    def stored(self):
        """Returns the size of the repository in bytes."""
        paths = (Path(folder, name) for folder, _, names in os.walk(self.repository) for name in names)
        return sum(path.lstat().st_size for path in paths)

    def _ask_version(self, argument):
        return re.search(r"\d+(\.\d+)+", run([self.program, argument], self.environment)).group()


class Coffer(Tool):
    """Coffer, which starts a dump program by itself: one that prints a dump that is made already."""

    name = "Coffer"
    unlock_timeout = 0
    """Seconds for which a key that was opened may stay open for the runs that follow."""

    def __init__(self, program, folder, environment):
        super().__init__(program, folder, environment)
        self.configuration = self.folder / "config.yaml"
        self.stand_in = self.folder / "dump-program"

    def initialise(self):
        self.configure(f"{{repositories: [{{path: {self.repository}}}]}}\n")
        run([*self.command("repo-create"), "--encryption", "repokey"], self.environment)

    def back_up(self, dump):
        # Asked for its version, a dump program says just that.
        self.stand_in.write_text(
            f'#!/bin/sh\ncase "$*" in\n  *--version*) echo "stand-in 1.0" ;;\n'
            f"  *) exec cat {shlex.quote(str(dump.path))} ;;\nesac\n")
        self.stand_in.chmod(0o755)
        self.configure(self._entry(dump))
        return self.create()

    def create(self):
        return measure(self.command("create"), self.environment)

    def restore(self, dump, target, archive="latest"):
        folder = target.parent / "extracted"
        result = measure(self.extract(archive, dump, folder), self.environment)
        (folder / dump.database).rename(target)
        folder.rmdir()
        return result

    def extract(self, archive, dump, folder):
        """Returns the command that puts a dump of an archive into a folder, which is made."""
        folder.mkdir(exist_ok=True)
        return [*self.command("extract"), "--archive", archive, "--path", f"coffer/{dump.system}_databases",
                "--strip-components", "all", "--destination", str(folder)]

    def list_archives(self):
        run(self.command("repo-list"), self.environment)

    def version(self):
        return self._ask_version("--version")

    def command(self, action):
        return [self.program, action, "--config", str(self.configuration)]

    def configure(self, text):
        self.configuration.touch(mode=0o600)
        self.configuration.write_text(text)

    def repository_section(self):
        return f"repositories:\n  - path: {self.repository}\nunlock_timeout: {self.unlock_timeout}\n"

    def _entry(self, dump):
        dump_command, client_command, more = {
            "postgresql": ("pg_dump_command", "psql_command", "    globals: false\n"),
            "mariadb": ("mariadb_dump_command", "mariadb_command", ""),
        }[dump.system]
        # There is no server to be asked about the dump.
        return (
            f"{self.repository_section()}{dump.system}_databases:\n  - name: {dump.database}\n"
            f"    {dump_command}: {self.stand_in}\n    {client_command}: 'false'\n{more}")


class CofferKeyOpen(Coffer):
    """Coffer as it comes: it finds the key open if the run before was less than a quarter of an hour ago."""

    name = "Coffer, key open"
    unlock_timeout = 900


class Borg(Tool):
    """Borg, as borgmatic has it read a dump: from a command's standard output."""

    name = "Borg"

    def initialise(self):
        run([self.program, "init", "--encryption", "repokey-blake2", str(self.repository)], self.environment)

    def back_up(self, dump):
        return measure(
            [self.program, "create", "--compression", "zstd,3", "--stdin-name", dump.database,
             "--content-from-command", f"{self.repository}::{dump.day}", "--", "cat", str(dump.path)],
            self.environment)

    def restore(self, dump, target):
        return measure(
            [self.program, "extract", "--stdout", f"{self.repository}::{dump.day}"], self.environment, output=target)

    def version(self):
        return self._ask_version("--version")


class Restic(Tool):
    """restic; that of Debian 12 cannot start a dump program and reads standard input instead."""

    name = "restic"

    def initialise(self):
        run([self.program, "init"], self.environment)

    def back_up(self, dump):
        return measure(
            pipeline('cat "$1" | "$2" backup --quiet --stdin --stdin-filename "$3"',
                     dump.path, self.program, dump.database),
            self.environment)

    def restore(self, dump, target):
        return measure([self.program, "dump", "latest", f"/{dump.database}"], self.environment, output=target)

    def version(self):
        return self._ask_version("version")
