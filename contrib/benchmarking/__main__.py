"""Measures Coffer beside Borg and restic. Started by contrib/benchmark."""

import argparse
import datetime
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import machine
import report
from ages import run_ages
from beyond import rows, run_beyond
from clusters import Cluster, run_clusters
from commands import run_repo_list, run_version
from days import Days
from drills import run_drills
from files import outcomes as files_outcomes
from files import rows as files_rows
from files import run_files
from live import run_live
from measure import CommandFailed, run
from places import ObjectStorage, install_object_storage
from series import run_series
from servers import MariaDBServer, PostgreSQLServer
from small import run_small
from stages import run_index, run_stages
from tools import Borg, Coffer, CofferKeyOpen, Restic
from week import run_week

SERVERS = {"postgresql": PostgreSQLServer, "mariadb": MariaDBServer}
PROJECT = Path(__file__).resolve().parent.parent.parent


def main():
    options = parse_arguments()
    # So that servers are stopped and folders removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = Path(tempfile.mkdtemp(prefix="coffer-benchmark-"))
    folder.chmod(0o755)
    try:
        environment = make_environment(folder)
        if options.ages:
            with PostgreSQLServer(folder / "server", environment) as server:
                return run_ages(server, os.environ["COFFER_BINARY"], options, folder, environment)
        if options.small:
            with PostgreSQLServer(folder / "server", environment) as server:
                return run_small(server, os.environ["COFFER_BINARY"], options, folder, environment, say)
        if options.drills:
            with PostgreSQLServer(folder / "server", environment) as server:
                return run_drills(server, os.environ["COFFER_BINARY"], options, folder, environment, say)
        if options.clusters:
            weed = install_object_storage(folder / "seaweedfs", environment)
            with Cluster(folder / "server", environment) as server:
                return run_clusters(server, os.environ["COFFER_BINARY"], weed, options, folder, environment, say)
        if options.week:
            with Cluster(folder / "server", environment) as server:
                return run_week(server, os.environ["COFFER_BINARY"], options, folder, environment, say)
        if options.beyond:
            with PostgreSQLServer(folder / "server", environment) as server:
                return print_beyond(*Benchmark(options, folder, environment).run_beyond_alone(server))
        if options.files:
            return print_files(Benchmark(options, folder, environment).run_files())
        figures = Benchmark(options, folder, environment).run()
        report.write(figures, options.output)
        for title, found in report.outcomes(figures).items():
            print_outcomes(title, found)
        say(f"Written to {options.output}")
    except KeyboardInterrupt:
        sys.exit(130)
    except CommandFailed as error:
        sys.exit(f"error: {error}")
    finally:
        if options.keep:
            say(f"Repositories, dumps and data are in {folder}")
        else:
            shutil.rmtree(folder)


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="contrib/benchmark", description="Measures Coffer beside Borg and restic, on databases of its own.",
        epilog="COFFER_BINARY in the environment names a program to measure in place of the one built here.")
    parser.add_argument("--days", type=int, default=7, metavar="N", help="days to live and back up (default: 7)")
    parser.add_argument("--scale", type=float, default=1, metavar="X",
                        help="times the number of rows (default: 1, dumps of 600 MB)")
    parser.add_argument("--repeat", type=int, default=3, metavar="N",
                        help="times to do what happens once in a series (default: 3)")
    parser.add_argument("--only", choices=SERVERS, help="use dumps of this database system only")
    parser.add_argument("--archives", type=int, default=1000, metavar="N", help="archives to list (default: 1000)")
    parser.add_argument("--chunks", type=int, default=100_000_000, metavar="N",
                        help="chunks of a large index (default: 100,000,000)")
    parser.add_argument("--quick", action="store_true",
                        help="neither list many archives nor make a large index, which take minutes to make")
    parser.add_argument("--beyond", action="store_true",
                        help="only print what repositories at the far end of a long line take")
    parser.add_argument("--delay", type=float, default=0.1, metavar="SECONDS",
                        help="there and back on that line (default: 0.1)")
    parser.add_argument("--rate", type=float, default=1e9, metavar="BITS", help="a second on that line (default: 1e9)")
    parser.add_argument("--files", type=int, nargs="?", const=1_000_000, default=0, metavar="N",
                        help="only print what a tree of so many files of 1 KB takes (default: 1,000,000)")
    parser.add_argument("--ages", action="store_true",
                        help="only print what Coffer adds each day, alone, with compact, and with prune (keep_daily 7, "
                             "keep_weekly 4) and compact, and what archives of several ages take to restore; needs the "
                             "program faketime")
    parser.add_argument("--small", action="store_true",
                        help="only print what backups of many small databases take, and what loops of pg_dump and sqlite3 "
                             "take for them")
    parser.add_argument("--postgresql-databases", type=int, default=60, metavar="N",
                        help="small PostgreSQL databases (default: 60)")
    parser.add_argument("--sqlite-files", type=int, default=200, metavar="N", help="small SQLite files (default: 200)")
    parser.add_argument("--drills", action="store_true",
                        help="only print what 'coffer verify' takes beside pg_restore alone, and what counting adds to a dump")
    parser.add_argument("--clusters", action="store_true",
                        help="only print what base backups and the log of a PostgreSQL server of 2 GB take, beside "
                             "pgBackRest and barman")
    parser.add_argument("--week", action="store_true",
                        help="only print what a base backup a day and the log of such a server add up to in a week, beside "
                             "pgBackRest")
    parser.add_argument("--segments", type=int, default=100, metavar="N",
                        help="segments of the log to store (default: 100)")
    parser.add_argument("--output", type=Path, default=PROJECT / "Documentation/benchmarks", metavar="FOLDER",
                        help="where to write (default: Documentation/benchmarks)")
    parser.add_argument("--keep", action="store_true", help="keep repositories, dumps and data")
    options = parser.parse_args()
    if options.files < 0:
        parser.error("a tree has files")
    if options.segments < 2:
        parser.error("the first segment is not counted, so there have to be two")
    if options.days < 2 or options.repeat < 1 or options.archives < 1 or options.chunks < 1 or not 0 < options.scale <= 8:
        parser.error("at least two days, one repetition, archive and chunk, and a scale of up to 8 are needed")
    return options


def make_environment(folder):
    """Returns the environment of all programs, with a folder for their temporary files."""
    (folder / "tmp").mkdir()
    return {
        "PATH": os.environ["PATH"] + ":/usr/sbin", "HOME": str(folder), "TMPDIR": str(folder / "tmp"),
        "LANG": "C.UTF-8", "TZ": "UTC"}


def print_beyond(line, runs):
    print(f"{line}, medians:")
    for row in rows(runs):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, (14, 24, 9, 9, 10, 10, 6, 8))))


def print_files(runs):
    done = []
    try:
        for each in runs:
            say(f"{each.cost.wall:.2f} s")
            done.append(each)
    finally:
        # They took minutes; a tool that fails behind them takes nothing from them.
        for row in files_rows(done):
            print("  ".join(cell.ljust(width) for cell, width in zip(row, (14, 8, 10, 10, 12, 9, 9, 8))))
    print_outcomes("Files", files_outcomes(done))


def print_outcomes(title, found):
    for outcome in found:
        mark = "met" if outcome.is_met else "MISSED"
        print(f"{title}: {outcome.what}: {outcome.value:.3f} {outcome.unit}(at most {outcome.limit}): {mark}")


class Benchmark:
    """One run with its options, below a folder."""

    def __init__(self, options, folder, environment):
        self.options = options
        self.folder = folder
        self.index = {}
        self.line, self.beyond = "", []
        self.environment = environment
        self.programs = {Coffer: os.environ["COFFER_BINARY"], Restic: "restic", Borg: self.install_borg()}
        self.versions = {tool.name: tool.version() for tool in self.make_tools(folder / "versions")}

    def run(self):
        all_series, live_runs, stage_runs = [], [], []
        for system in [self.options.only] if self.options.only else SERVERS:
            place = self.folder / system
            with SERVERS[system](place / "server", self.environment) as server:
                series, live, stages = self.run_server(server, place)
            all_series.append(series)
            live_runs += live
            stage_runs += stages
        return report.Figures(
            date=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
            command=" ".join(["contrib/benchmark", *sys.argv[1:]]), machine=machine.describe(), versions=self.versions,
            scale=self.options.scale, repeat=self.options.repeat, series=all_series, live=live_runs,
            stages=stage_runs, commands=self.run_commands(), archives=self.options.archives, index=self.index,
            line=self.line, beyond=self.beyond)

    def run_server(self, server, place):
        """Makes the days' dumps and runs the tools on them; of PostgreSQL, also Coffer on the server."""
        self.versions[server.title] = server.version()
        days = Days(server, self.options.scale)
        dumps = []
        for day in range(1, self.options.days + 1):
            say(f"{server.title}: {'filling the database' if day == 1 else f'living through day {day}'}")
            days.pass_by()
            dumps.append(days.dump(place))
        tools = []

        def make_tools(folder):
            tools[:] = self.make_tools(folder)
            for tool in tools:
                tool.initialise()
            return list(tools)

        series = run_series(server.title, dumps, make_tools, place, self.options.repeat, say)
        if not isinstance(server, PostgreSQLServer):
            return series, [], []
        coffer, coffer_key_open, *_ = tools
        if not self.options.quick:
            self.index = run_index(
                os.environ["COFFER_STAGES"], self.options.chunks, dumps[-1], place, self.environment, say)
        if os.geteuid() == 0:
            self.line, self.beyond = self.run_beyond(dumps, place)
        else:
            say("Repositories at the far end of a line are left out: making one needs root")
        return (
            series, run_live(days, coffer, coffer_key_open, self.options.repeat, say),
            run_stages(os.environ["COFFER_STAGES"], dumps[-1], place, self.environment, self.options.repeat, say))

    def run_beyond(self, dumps, place):
        programs = self.programs | {ObjectStorage: self.install_object_storage()}
        return run_beyond(
            dumps, programs, self.options.delay, self.options.rate, self.options.repeat, place / "beyond",
            self.environment, say)

    def run_files(self):
        return run_files(
            self.options.files, self.programs, self.options.repeat, self.folder / "files", self.environment, say)

    def run_beyond_alone(self, server):
        if os.geteuid() != 0:
            raise CommandFailed("making a line needs root")
        days = Days(server, self.options.scale)
        dumps = []
        for _ in range(2):
            days.pass_by()
            dumps.append(days.dump(self.folder))
        return self.run_beyond(dumps, self.folder)

    def install_object_storage(self):
        say("Installing SeaweedFS")
        return install_object_storage(self.folder / "seaweedfs", self.environment)

    def run_commands(self):
        coffer = CofferKeyOpen(self.programs[Coffer], self.folder / "commands", self.environment)
        coffer.initialise()
        runs = run_version(coffer, 9)
        if not self.options.quick:
            runs += run_repo_list(coffer, self.options.archives, 9, say)
        return runs

    def make_tools(self, folder):
        programs = self.programs | {CofferKeyOpen: self.programs[Coffer]}
        return [tool(programs[tool], folder / tool.name.replace(", ", "-").replace(" ", "-"), self.environment)
                for tool in (Coffer, CofferKeyOpen, Borg, Restic)]

    def install_borg(self):
        """Installs the newest Borg 1.4 from PyPI; pip keeps what it built for the next time."""
        say("Installing Borg")
        place = self.folder / "borg"
        run(["/usr/bin/python3", "-m", "venv", str(place)], self.environment)
        run([str(place / "bin/pip"), "install", "--quiet", "borgbackup>=1.4,<1.5"], dict(os.environ))
        return place / "bin/borg"


def say(text):
    print(text, file=sys.stderr, flush=True)


main()
