"""What commands take that do little: they should take next to nothing."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from days import Dump
from measure import CommandFailed, Measurement, measure, run


@dataclass(frozen=True)
class CommandRun:
    what: str
    cost: Measurement


VERSION = "coffer --version"
REPO_LIST = "coffer repo-list"
REPO_LIST_ANEW = "coffer repo-list, its key made anew"


def run_version(coffer, repeat):
    return [CommandRun(VERSION, measure([coffer.program, "--version"], coffer.environment)) for _ in range(repeat)]


def run_repo_list(coffer, archives, repeat, say):
    """Lists a repository with many archives, each of which has a dump of a few bytes."""
    say(f"Making {archives} archives")
    path = coffer.folder / "small.dump"
    # No more than the marks by which Coffer tells a whole dump.
    path.write_bytes(b"PGDMP\x01\x0e\x00" + bytes(5))
    dump = Dump("postgresql", "small", 1, path, 13, "")
    coffer.back_up(dump)
    start = time.monotonic()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in pool.map(lambda _: run(coffer.command("create"), coffer.environment), range(archives - 1)):
            pass
    say(f"That took {time.monotonic() - start:.0f} seconds")
    command = coffer.command("repo-list")
    listed = run([*command, "--short"], coffer.environment).split()
    if len(listed) != archives:
        raise CommandFailed(f"{len(listed)} of {archives} archives are there")
    runs = [CommandRun(REPO_LIST, measure(command, coffer.environment)) for _ in range(repeat)]
    command += ["--unlock-timeout", "0"]
    return runs + [CommandRun(REPO_LIST_ANEW, measure(command, coffer.environment)) for _ in range(repeat)]
