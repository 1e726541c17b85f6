"""A PostgreSQL server's base backups and its log: what Coffer takes for them beside pgBackRest and barman."""

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from beyond import table
from clustertools import Barman, CofferCluster, CofferClusterFiles, CofferClusterS3, PgBackRest
from measure import CommandFailed, Measurement, run
from places import Loopback, ObjectStorage, wait_for
from servers import PostgreSQLServer

FIRST, LATER, RESTORE = "first backup", "1 % changed", "restore"
PGBENCH_SCALE = 130
"""Of a server of 2 GB."""
CHANGED = 0.01
"""Of the pages of the largest table."""
PAGE = 8192
PATIENCE = 600
"""Seconds in which a server archives what it has written."""
# The order of rows is none.
CONTENT = "SELECT count(*), sum(hashtextextended(t::text, 0)) FROM pgbench_accounts t"


@dataclass(frozen=True)
class ClusterRun:
    tool: str
    what: str
    cost: Measurement
    added: int
    """By how many bytes the repository grew."""
    requests = None


@dataclass(frozen=True)
class Push:
    way: str
    cost: Measurement


class Cluster(PostgreSQLServer):
    """A server that archives its log."""

    settings = PostgreSQLServer.settings | {"archive_mode": "on", "max_wal_senders": 10}
    init_options = ("--data-checksums",)

    def __init__(self, folder, environment):
        super().__init__(folder, environment)
        # All tools take the way that the server's own host has.
        self.environment["PGHOST"] = str(self.data)

    def archive_by(self, command):
        self._query("ALTER SYSTEM SET archive_command = '" + command.replace("'", "''") + "'")
        self._query("SELECT pg_reload_conf()")

    def fill(self, scale):
        # Not what the tools are measured by.
        self.archive_by("true")
        # Some room in each page, so that a row that is changed stays in its own.
        self._pgbench("--initialize", f"--scale={scale}", "--fillfactor=90", "--quiet")

    def warm_up(self):
        """Writes what the server still has in memory, and reads all its files: else the first tool would do that for the others."""
        self._query("CHECKPOINT")
        for path in filter(Path.is_file, self.data.rglob("*")):
            with open(path, "rb") as file:
                while file.read(1 << 20):
                    pass

    def change_pages(self):
        """Changes a row in each of some pages, anywhere in the largest table."""
        self._query(f"""
            UPDATE pgbench_accounts SET abalance = abalance + 1 WHERE aid IN (
              SELECT 1 + floor(random() * (SELECT count(*) FROM pgbench_accounts))::int
              FROM generate_series(1, (pg_relation_size('pgbench_accounts') / {PAGE} * {CHANGED})::int))""", self.database)
        self._query("CHECKPOINT")

    def write_log(self, folder, count):
        """Lives until it has filled so many segments of its log, and returns copies of them."""
        self._make_folder(folder)
        self.archive_by(f"cp %p {folder}/%f.unfinished && mv {folder}/%f.unfinished {folder}/%f")
        while len(found := sorted(path for path in folder.iterdir() if len(path.name) == 24)) < count:
            self._query("CHECKPOINT")
            self._pgbench("--client=4", "--transactions=1000", "--no-vacuum")
        self.archive_by("true")
        return found[:count]

    def finish_log(self):
        """Waits until the server has archived all that it has written so far."""
        last = self._query("SELECT pg_walfile_name(pg_switch_wal())").strip()
        end = time.monotonic() + PATIENCE
        while self._query("SELECT last_archived_wal FROM pg_stat_archiver").strip()[:24] < last:
            if time.monotonic() > end:
                failed = self._query("SELECT last_failed_wal, last_failed_time FROM pg_stat_archiver").strip()
                raise CommandFailed(f"The server does not archive its log; what failed last: {failed}")
            time.sleep(0.1)

    def content(self):
        return self._query(CONTENT, self.database)

    def size(self):
        return int(self._query("SELECT sum(pg_database_size(oid)) FROM pg_database"))

    def give_away_all(self, folder):
        for place, _, names in os.walk(folder):
            for path in [place, *(os.path.join(place, name) for name in names)]:
                self._give_away(path)

    def _make_folder(self, folder):
        folder.mkdir()
        self._give_away(folder)

    def _pgbench(self, *arguments):
        run([str(self.programs / "pgbench"), *arguments, self.database], self.environment)


class RestoredCluster(Cluster):
    """A server on a folder that a tool has restored. Its log goes nowhere."""

    settings = Cluster.settings | {"archive_mode": "off"}

    def __init__(self, origin, folder, environment):
        super().__init__(folder, environment)
        self.environment["PGPASSWORD"] = origin.password

    def _prepare(self):
        pass

    def _create(self):
        pass


def run_clusters(server, program, weed, options, folder, environment, say):
    """Prints what backups, restores and pushes take, medians of `--repeat` times in turns, but for pushes."""
    # A folder of root's own may have it.
    own = shutil.copy2(program, folder / "coffer")
    (folder / "tmp").chmod(0o1777)
    say("Filling the server")
    server.fill(max(round(PGBENCH_SCALE * options.scale), 1))
    size, runs = server.size(), []
    with ObjectStorage(Loopback(), weed, folder / "s3", environment) as storage:
        wait_for(storage)
        for attempt in range(1, options.repeat + 1):
            place = folder / f"attempt-{attempt}"
            tools = _make_tools(server, own, place, environment)
            for tool in tools:
                tool.initialise()
            server.warm_up()
            for what in (FIRST, LATER):
                if what == LATER:
                    server.change_pages()
                for tool in tools:
                    say(f"{tool.name}, {what}: {attempt} of {options.repeat}")
                    server.archive_by(tool.archiving())
                    runs.append(_measured(tool, what, tool.back_up))
            server.archive_by("true")
            content = server.content()
            for tool in tools:
                say(f"{tool.name}, {RESTORE}: {attempt} of {options.repeat}")
                runs.append(_restore(tool, server, content, place / "restored"))
            if attempt < options.repeat:
                shutil.rmtree(place)
        say(f"Writing {options.segments} segments of the log")
        segments = server.write_log(folder / "segments", options.segments)
        _print_backups(size, tools, runs)
        there = CofferClusterS3(server, own, storage, folder / "coffer-s3", environment)
        there.initialise()
        # Where one has several ways of base backups, they share how log is pushed.
        coffer, backrest, barman = (
            next(tool for tool in tools if isinstance(tool, kind)) for kind in (CofferCluster, PgBackRest, Barman))
        ways = {"Coffer": coffer, "Coffer, S3": there, "pgBackRest": backrest, "rsync, for barman": barman}
        half = len(segments) // 2
        _print_pushes(f"{half - 1} segments of the log, pushed one by one:", *_push(ways, segments[:half], say))
        _print_pushes(
            f"{len(segments) - half} segments that wait for each other:",
            *_push_backlog(ways, segments[half:], folder / "backlog", server, say))
        print(f"barman archive-wal for all of them behind it: {barman.take_in().wall:.2f} s", flush=True)


def _make_tools(server, program, folder, environment):
    return [
        CofferCluster(server, program, folder / "coffer", environment),
        CofferClusterFiles(server, program, folder / "coffer-files", environment),
        *(PgBackRest(server, kind, folder / f"pgbackrest-{kind}", environment) for kind in ("full", "incr")),
        *(Barman(server, method, folder / f"barman-{method}", environment) for method in Barman.METHODS)]


def _measured(tool, what, action):
    before = tool.stored()
    cost = action()
    return ClusterRun(tool.name, what, cost, tool.stored() - before)


def _restore(tool, server, content, folder):
    restored = RestoredCluster(server, folder, tool.environment)
    result = _measured(tool, RESTORE, lambda: tool.restore(restored.data))
    with restored:
        if restored.content() != content:
            raise CommandFailed(f"{tool.name} gave back something else than it was given")
    shutil.rmtree(folder)
    return result


def _push(ways, segments, say):
    """Stores all segments in all ways, one at a time, and the ways in turns; returns the pushes, and for each way the processor time a
    push of what stays running for it."""
    # So that keys are open, as they are where a segment came a moment ago, and what stays running has begun.
    first, *others = segments
    for tool in ways.values():
        tool.push(first)
        tool.push(first)
    pushes, names = [], list(ways)
    before = {name: tool.staying() for name, tool in ways.items()}
    for number, path in enumerate(others):
        if number % 10 == 0:
            say(f"Segment {number} of {len(others)}")
        turn = number % len(names)
        pushes += [Push(name, ways[name].push(path)) for name in names[turn:] + names[:turn]]
    return pushes, {name: (tool.staying() - before[name]) / len(others) for name, tool in ways.items()}


def _push_backlog(ways, segments, folder, server, say):
    """Stores segments in each way as a server does whose archiver has fallen behind: it says by files which of them still wait;
    returns what _push does."""
    pushes, besides, status = [], {}, folder / "archive_status"
    for name, tool in ways.items():
        say(f"{name}: {len(segments)} segments that wait")
        status.mkdir(parents=True)
        for path in segments:
            shutil.copy2(path, folder)
            (status / f"{path.name}.ready").touch()
        server.give_away_all(folder)
        before = tool.staying()
        for path in segments:
            pushes.append(Push(name, tool.push(folder / path.name)))
            (status / f"{path.name}.ready").rename(status / f"{path.name}.done")
        besides[name] = (tool.staying() - before) / len(segments)
        shutil.rmtree(folder)
    return pushes, besides


def _print_backups(size, tools, runs):
    print(f"A server of {size / 1e6:.0f} MB; "
          + ", ".join(dict.fromkeys(f"{tool.name.split(',')[0]} {tool.version()}" for tool in tools)) + ":")
    head = ["", "", "wall", "CPU", "added", "", "peak"]
    for row in [head, *table(
            runs, (FIRST, LATER, RESTORE), lambda same: [f"{median(run.added for run in same) / 1e6:.2f} MB"])]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, (14, 20, 9, 9, 12, 0, 8))), flush=True)


def _print_pushes(title, pushes, besides):
    print(title)
    print("                      a second  p50      p99      longest  CPU      peak")
    for name in dict.fromkeys(push.way for push in pushes):
        costs = [push.cost for push in pushes if push.way == name]
        walls = sorted(cost.wall for cost in costs)
        times = [median(walls), walls[(len(walls) * 99 - 1) // 100], walls[-1], median(cost.cpu for cost in costs) + besides[name]]
        print(f"{name:20}  {len(walls) / sum(walls):8.1f}  " + "  ".join(f"{1000 * time:4.0f} ms" for time in times)
              + f"  {max(cost.peak for cost in costs) / 1e6:.0f} MB", flush=True)
