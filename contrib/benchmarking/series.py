"""The same dumps through every tool: backups day by day, then the newest one back."""

import shutil
from dataclasses import dataclass

from days import digest
from measure import CommandFailed, Measurement


@dataclass(frozen=True)
class Backup:
    tool: str
    day: int
    cost: Measurement
    added: int
    """By how many bytes the repository grew."""
    total: int
    """The repository's size after it."""


@dataclass(frozen=True)
class Restore:
    tool: str
    cost: Measurement


@dataclass(frozen=True)
class Series:
    title: str
    """What is dumped, for people."""
    tools: list[str]
    dump_sizes: list[int]
    first: list[Backup]
    """Backups into empty repositories."""
    later: list[Backup]
    """Those of the second day and after."""
    restores: list[Restore]


def run_series(title, dumps, make_tools, folder, repeat, say):
    """Runs a series. What happens once in it, the first backup and the restore, is done `repeat` times.

    `make_tools` takes a folder and returns the tools, with empty repositories in there.
    """
    first = []
    for attempt in range(1, repeat + 1):
        say(f"{title}: first backup, {attempt} of {repeat}")
        place = folder / f"attempt-{attempt}"
        tools = make_tools(place)
        first += [_back_up(tool, dumps[0]) for tool in _turned(tools, attempt)]
        if attempt < repeat:
            shutil.rmtree(place)
    later = []
    for dump in dumps[1:]:
        say(f"{title}: day {dump.day}")
        later += [_back_up(tool, dump) for tool in _turned(tools, dump.day)]
    restores = []
    for attempt in range(1, repeat + 1):
        say(f"{title}: restore, {attempt} of {repeat}")
        restores += [_restore(tool, dumps[-1], folder) for tool in _turned(tools, attempt)]
    return Series(title, [tool.name for tool in tools], [dump.size for dump in dumps], first, later, restores)


def _turned(tools, turn):
    """Returns the tools in another order at each turn, so that none always runs after the same other one."""
    start = turn % len(tools)
    return tools[start:] + tools[:start]


def _back_up(tool, dump):
    before = tool.stored()
    # Else whoever comes first would wait for the disk on behalf of the others.
    digest(dump.path)
    cost = tool.back_up(dump)
    total = tool.stored()
    return Backup(tool.name, dump.day, cost, total - before, total)


def _restore(tool, dump, folder):
    target = folder / "restored"
    cost = tool.restore(dump, target)
    if digest(target) != dump.digest:
        raise CommandFailed(f"{tool.name} gave back something else than it was given ({dump.path}, {target})")
    target.unlink()
    return Restore(tool.name, cost)
