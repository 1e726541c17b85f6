"""Repositories at the far end of a long line, beside those of Borg and restic there."""

import re
import shutil
from dataclasses import dataclass
from statistics import median

from days import digest
from line import SERVER_ADDRESS, Line
from measure import CommandFailed, Measurement, measure, pipeline, run
from places import S3_OPTIONS, ObjectStorage, SSHHost, wait_for
from tools import Borg, Coffer, Restic

FIRST, LATER, SAME, RESTORE = "first backup", "a day later", "nothing new", "restore"


@dataclass(frozen=True)
class BeyondRun:
    tool: str
    what: str
    cost: Measurement
    sent: int
    """Bytes that went to the other end, with all that the network adds."""
    received: int
    requests: int | None
    """What Coffer asked of the store."""


class CofferThere(Coffer):
    """Coffer with a repository that is not a folder here."""

    def __init__(self, name, repository, options, program, folder, environment):
        super().__init__(program, folder, environment)
        self.name, self.repository, self.options = name, repository, options
        self.requests = None

    def repository_section(self):
        return f"repositories:\n  - path: {self.repository}\nunlock_timeout: {self.unlock_timeout}\n{self.options}"

    def initialise(self):
        self.configure(self.repository_section())
        run([*self.command("repo-create"), "--encryption", "repokey"], self.environment)

    def command(self, action):
        return [*super().command(action), "--timings"]

    def _measured(self, command):
        """Measures a command, and counts what it says that it asked of the store."""
        said = self.folder / "said"
        cost = measure(pipeline('said=$1; shift; exec "$@" 2>"$said"', said, *command), self.environment)
        self.requests = sum(
            int(count) for line in said.read_text().splitlines() if " sent, " in line
            for count in re.findall(r"(?<= )(?:put|get|status|list|delete|remove|makePlace|foreignEntry|unfinishedPuts) (\d+)",
                                    line))
        return cost

    def create(self):
        return self._measured(self.command("create"))

    def restore(self, dump, target, archive="latest"):
        folder = target.parent / "extracted"
        cost = self._measured(self.extract(archive, dump, folder))
        (folder / dump.database).rename(target)
        folder.rmdir()
        return cost


class BorgThere(Borg):
    """Borg over ssh, with the same Borg at the other end."""

    name = "Borg, ssh"
    requests = None

    def __init__(self, host, place, program, folder, environment):
        super().__init__(program, folder, environment)
        self.repository = f"ssh://root@{SERVER_ADDRESS}{place}"
        self.environment |= {"BORG_RSH": host.command, "BORG_REMOTE_PATH": str(program)}
        self.count = 0

    def back_up(self, dump):
        self.count += 1
        return measure(
            [self.program, "create", "--compression", "zstd,3", "--stdin-name", dump.database,
             "--content-from-command", f"{self.repository}::{self.count}", "--", "cat", str(dump.path)],
            self.environment)

    def restore(self, dump, target):
        return measure(
            [self.program, "extract", "--stdout", f"{self.repository}::{self.count}"], self.environment, output=target)


class ResticThere(Restic):
    """restic with a repository that is not a folder here."""

    requests = None

    def __init__(self, name, repository, variables, program, folder, environment, options=()):
        super().__init__(program, folder, environment)
        self.name = name
        self.environment |= {"RESTIC_REPOSITORY": repository, **variables}
        self.options = options

    def initialise(self):
        run([self.program, *self.options, "init"], self.environment)

    def back_up(self, dump):
        return measure(
            pipeline('path=$1 name=$2; shift 2; cat "$path" | "$@" backup --quiet --stdin --stdin-filename "$name"',
                     dump.path, dump.database, self.program, *self.options),
            self.environment)

    def restore(self, dump, target):
        return measure(
            [self.program, *self.options, "dump", "latest", f"/{dump.database}"], self.environment, output=target)


def run_beyond(dumps, programs, delay, rate, repeat, folder, environment, say):
    """Backs the first two dumps up to the other end of a line, and brings the second back.

    Returns what the line is and the runs. `programs` are those of Coffer, Borg, restic and SeaweedFS.
    """
    runs = []
    folder.mkdir()
    with Line(delay, rate, environment) as line, \
            SSHHost(line, folder / "ssh", environment) as host, \
            ObjectStorage(line, programs[ObjectStorage], folder / "s3", environment) as storage:
        with line.at_client():
            wait_for(host)
            wait_for(storage)
            for attempt in range(1, repeat + 1):
                for tool in make_tools(folder / f"attempt-{attempt}", host, storage, programs, environment):
                    say(f"{tool.name}, {line.describe()}: {attempt} of {repeat}")
                    runs += run_tool(tool, dumps, folder, line)
                shutil.rmtree(folder / f"attempt-{attempt}")
        return line.describe(), runs


def make_tools(folder, host, storage, programs, environment):
    """Returns the tools that can be compared; the first is Coffer with a folder at this end."""
    there = folder / "there"
    there.mkdir(parents=True)
    bucket, keys = storage.make_bucket(folder.name), storage.keys()
    ssh = f"ssh_command: {host.command}\nremote_path: {programs[Coffer]}\n"
    return [
        CofferThere("Coffer, a folder here", folder / "here", "", programs[Coffer], folder / "coffer-folder", environment),
        CofferThere("Coffer, ssh", f"ssh://root@{SERVER_ADDRESS}{there}/coffer", ssh, programs[Coffer],
                    folder / "coffer-ssh", environment),
        CofferThere("Coffer, sftp", f"sftp://root@{SERVER_ADDRESS}{there}/coffer-sftp", ssh, programs[Coffer],
                    folder / "coffer-sftp", environment),
        CofferThere("Coffer, S3", f"s3:{bucket}/coffer", S3_OPTIONS, programs[Coffer], folder / "coffer-s3",
                    environment | keys),
        BorgThere(host, there / "borg", programs[Borg], folder / "borg", environment),
        ResticThere("restic, sftp", f"sftp:root@{SERVER_ADDRESS}:{there}/restic", {}, programs[Restic],
                    folder / "restic-sftp", environment,
                    ["-o", f"sftp.command={host.command} root@{SERVER_ADDRESS} -s sftp"]),
        ResticThere("restic, S3", f"s3:{bucket}/restic", keys, programs[Restic], folder / "restic-s3", environment),
    ]


def run_tool(tool, dumps, folder, line):
    tool.initialise()
    first, later = dumps[:2]
    target = folder / "restored"
    runs = []
    for what, action in [
            (FIRST, lambda: tool.back_up(first)), (LATER, lambda: tool.back_up(later)),
            (SAME, lambda: tool.back_up(later)), (RESTORE, lambda: tool.restore(later, target))]:
        before = line.carried()
        cost = action()
        sent, received = (now - then for now, then in zip(line.carried(), before))
        runs.append(BeyondRun(tool.name, what, cost, sent, received, tool.requests))
    if digest(target) != later.digest:
        raise CommandFailed(f"{tool.name} gave back something else than it was given")
    target.unlink()
    return runs


def rows(runs):
    """Returns the medians of the runs, a row for each tool and what it did, as texts."""
    def carried(same):
        return [f"{median(run.sent for run in same) / 1e6:.1f} MB", f"{median(run.received for run in same) / 1e6:.1f} MB"]
    return table(runs, (FIRST, LATER, SAME, RESTORE), carried)


def table(runs, order, columns):
    """Returns the medians of runs, a row for each tool and what it did, as texts: times, what `columns` says of runs that did
    the same, requests, and the highest peak."""
    found = []
    for what in order:
        for tool in dict.fromkeys(run.tool for run in runs):
            same = [run for run in runs if (run.tool, run.what) == (tool, what)]
            if not same:
                continue
            requests = "" if same[0].requests is None else f"{median(run.requests for run in same):.0f}"
            found.append([
                what, tool, f"{median(run.cost.wall for run in same):.2f} s",
                f"{median(run.cost.cpu for run in same):.2f} s", *columns(same), requests,
                f"{max(run.cost.peak for run in same) / 1e6:.0f} MB"])
    return found
