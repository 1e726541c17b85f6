"""One tree of many small files through every tool: first, with nothing new, a day later, and back."""

import os
import random
import shutil
from dataclasses import dataclass
from statistics import median

from beyond import CofferThere, table
from measure import CommandFailed, Measurement, measure
from targets import Outcome
from tools import Borg, Coffer, Restic

FIRST, SAME, LATER, RESTORE = "first backup", "nothing new", "a day later", "restore"
FILE_SIZE = 1000
FILES_PER_FOLDER = 1000
LIMIT = 0.5
"""Of Borg's time."""


@dataclass(frozen=True)
class FilesRun:
    tool: str
    what: str
    cost: Measurement
    added: int
    """By how many bytes the repository grew."""
    objects: int
    """By how many files it grew: what would be as many requests elsewhere."""
    requests: int | None
    """What Coffer asked of the store."""


class Tree:
    """Files of 1 KB in folders of a thousand, each of different words."""

    def __init__(self, folder, count):
        self.folder, self.count = folder, count
        self.random = random.Random(16)
        self.words = ["".join(self.random.choices("abcdefghijklmnopqrstuvwxyz", k=self.random.randint(3, 12)))
                      for _ in range(20_000)]
        for number in range(count):
            self._write(number)

    def path(self, number):
        return self.folder / f"{number // FILES_PER_FOLDER:05}" / f"{number % FILES_PER_FOLDER:03}.txt"

    def _write(self, number):
        path = self.path(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        text = f"{number} {self.random.random()} " + " ".join(self.random.choices(self.words, k=FILE_SIZE // 4))
        path.write_text(text[:FILE_SIZE])

    def pass_by(self):
        """Changes one file in a hundred, removes one in a thousand, and adds as many."""
        for number in self.random.sample(range(self.count), max(self.count // 100, 1)):
            self._write(number)
        for number in self.random.sample(range(self.count), max(self.count // 1000, 1)):
            self.path(number).unlink(missing_ok=True)
            self._write(number + self.count)


class CofferFiles(CofferThere):
    """Coffer with the tree as its source; it counts what it asks of the store."""

    def __init__(self, tree, program, folder, environment):
        super().__init__("Coffer", folder / "repository", "", program, folder, environment)
        self.tree = tree

    def repository_section(self):
        return super().repository_section() + f"source_directories: [{self.tree}/./]\n"

    def back_up_tree(self):
        return self.create()

    def restore_tree(self, target):
        return measure(
            [*Coffer.command(self, "extract"), "--archive", "latest", "--destination", str(target)], self.environment)


class BorgFiles(Borg):
    """Borg with its files cache as it comes."""

    def __init__(self, tree, program, folder, environment):
        super().__init__(program, folder, environment)
        self.tree, self.count = tree, 0

    def back_up_tree(self):
        self.count += 1
        return measure(
            [self.program, "create", "--compression", "zstd,3", f"{self.repository}::{self.count}", "."],
            self.environment, folder=self.tree)

    def restore_tree(self, target):
        return measure(
            [self.program, "extract", f"{self.repository}::{self.count}"], self.environment, folder=target)


class ResticFiles(Restic):
    """restic with its parent snapshot as it comes."""

    def __init__(self, tree, program, folder, environment):
        super().__init__(program, folder, environment)
        self.tree = tree

    def back_up_tree(self):
        return measure([self.program, "backup", "--quiet", "."], self.environment, folder=self.tree)

    def restore_tree(self, target):
        return measure([self.program, "restore", "latest", "--target", str(target)], self.environment)


def run_files(count, programs, repeat, folder, environment, say):
    """Makes the tree and runs the tools on it; gives each run when it is done. `programs` are those of Coffer, Borg and restic."""
    say(f"Making {count:,} files")
    for attempt in range(1, repeat + 1):
        place = folder / f"attempt-{attempt}"
        tree = Tree(place / "tree", count)
        tools = [kind(tree.folder, programs[base], place / base.name.lower(), environment)
                 for kind, base in ((CofferFiles, Coffer), (BorgFiles, Borg), (ResticFiles, Restic))]
        for tool in tools:
            tool.initialise()
        for what, prepare in [(FIRST, None), (SAME, None), (LATER, tree.pass_by)]:
            if prepare:
                prepare()
            for tool in tools:
                say(f"{tool.name}, {what}: {attempt} of {repeat}")
                yield _measured(tool, what, tool.back_up_tree)
        for tool in tools:
            say(f"{tool.name}, {RESTORE}: {attempt} of {repeat}")
            target = place / f"back-{tool.name}"
            target.mkdir()
            before = _room(place)
            yield _measured(tool, RESTORE, lambda: tool.restore_tree(target))
            _compare(tool, tree, target)
            # Not before there is no room for another: ext4 takes long to make files where many were removed a moment ago.
            if any(free < 2 * (then - free) for then, free in zip(before, _room(place))):
                shutil.rmtree(target)
        shutil.rmtree(place)


def _measured(tool, what, action):
    before, count = tool.stored(), _objects(tool)
    tool.requests = None
    cost = action()
    return FilesRun(tool.name, what, cost, tool.stored() - before, _objects(tool) - count, tool.requests)


def _room(folder):
    """How many bytes and files more its file system holds."""
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize, status.f_favail


def _objects(tool):
    return sum(len(names) for _, _, names in os.walk(tool.repository))


def _compare(tool, tree, target):
    def files(folder):
        return sorted(path.relative_to(folder) for path in folder.rglob("*.txt"))

    # A folder at a time: what this process holds counts as held by the commands that it starts.
    folders = sorted(path.name for path in tree.folder.iterdir())
    places = {path.name: path.parent for path in target.rglob("*") if path.is_dir()}
    for name in folders:
        expected, found = tree.folder / name, places.get(name, target) / name
        names = files(expected)
        if not found.is_dir() or files(found) != names or any(
                (expected / file).read_bytes() != (found / file).read_bytes() for file in names):
            raise CommandFailed(f"{tool.name} gave back something else than it was given, below {name}")
    if _texts(target) != _texts(tree.folder):
        raise CommandFailed(f"{tool.name} gave back more than it was given")


def _texts(folder):
    """How many files of the tree's are there: an archive has others, too."""
    return sum(name.endswith(".txt") for _, _, names in os.walk(folder) for name in names)


def rows(runs):
    """Returns a head, and the medians of the runs, a row for each tool and what it did, as texts."""
    def grown(same):
        return [f"{median(run.added for run in same) / 1e6:.2f} MB", f"{median(run.objects for run in same):.0f}"]
    return [["", "", "wall", "CPU", "added", "objects", "requests", "peak"],
            *table(runs, (FIRST, SAME, LATER, RESTORE), grown)]


def outcomes(runs):
    """Returns what Coffer took, in parts of what Borg took."""
    return [Outcome(f"{what}, wall time, Coffer / Borg",
                    median(run.cost.wall for run in _of(runs, "Coffer", what))
                    / median(run.cost.wall for run in _of(runs, "Borg", what)), LIMIT)
            for what in (FIRST, SAME, LATER, RESTORE)]


def _of(runs, tool, what):
    return [run for run in runs if (run.tool, run.what) == (tool, what)]
