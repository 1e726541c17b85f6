"""Coffer alone over many days: what each day adds and takes, and what archives of different ages take to restore."""

import datetime
import json
import re
import shutil
import subprocess

from days import Days, digest
from measure import CommandFailed, measure, run
from tools import CofferKeyOpen

AGES = (1, 2, 10, 15, 20, 30, 45, 60)
RETENTION = "keep_daily: 7\nkeep_weekly: 4\n"


class CofferOnDays(CofferKeyOpen):
    """Coffer on days that have passed: `faketime` tells it a time so many days ago, so that archives have the ages that retention
    goes by. The store's time is the real one; archives count by the earlier of the two."""

    def __init__(self, program, folder, environment, actions, last_day):
        super().__init__(program, folder, environment)
        self.actions = actions
        self.last_day = last_day
        self.day = last_day

    def command(self, action):
        return ["faketime", "-f", f"-{self.last_day - self.day}d", *super().command(action)]

    def repository_section(self):
        return super().repository_section() + RETENTION

    def pass_day(self, dump):
        """Backs a dump up as of its day, then does what follows a backup; returns what each action took, and what the backup added."""
        self.day = dump.day
        before = self.stored()
        costs = {"create": self.back_up(dump)}
        added = self.stored() - before
        for action in self.actions:
            costs[action] = measure(self.command(action), self.environment)
        return costs, added


def run_ages(server, program, options, folder, environment):
    """Backs the days up as they pass, in repositories that are kept in different ways, then restores some of them."""
    if not shutil.which("faketime"):
        raise CommandFailed("The program 'faketime' is needed to let days pass: install the package of this name")
    ways = {
        "create": (), "create, compact": ("compact",), "create, prune, compact": ("prune", "compact"),
    }
    coffers = {
        title: CofferOnDays(program, folder / f"coffer-{number}", environment, actions, options.days)
        for number, (title, actions) in enumerate(ways.items())
    }
    for coffer in coffers.values():
        coffer.initialise()
    days = Days(server, options.scale)
    digests, second = {}, {}
    print("day  added bytes  of day 2  repository bytes  create s  prune, compact s  (processor)")
    for day in range(1, options.days + 1):
        days.pass_by()
        dump = days.dump(folder)
        digests[day] = dump.digest
        for title, coffer in coffers.items():
            costs, added = coffer.pass_day(dump)
            if day == 2:
                second[title] = added
            share = f"{added / second[title]:8.2f}" if title in second else " " * 8
            after = sum(cost.cpu for action, cost in costs.items() if action != "create")
            print(f"{day:3}  {added:11}  {share}  {coffer.stored():16}  {costs['create'].cpu:8.2f}  {after:16.2f}  {title}",
                  flush=True)
        dump.path.unlink()
    print("day  restored in processor s  bytes decompressed for each restored one")
    for title, coffer in coffers.items():
        for day, name in sorted(_archives(coffer, options.days).items()):
            if day not in AGES and day != options.days:
                continue
            costs = [_restore(coffer, name, dump, folder, digests[day]) for _ in range(options.repeat)]
            print(f"{day:3}  {min(cost.cpu for cost, _ in costs):23.2f}  {costs[0][1]}  {title}", flush=True)


def _archives(coffer, last_day):
    """Returns the names of the archives by their days: the newest one is of the last day, and each is of another date."""
    archives = json.loads(run([*coffer.command("repo-list"), "--json"], coffer.environment))[0]["archives"]
    dates = [_date(archive["time"]) for archive in archives]
    newest = max(dates)
    return {last_day - (newest - date).days: archive["name"] for date, archive in zip(dates, archives)}


def _date(time):
    return datetime.datetime.fromisoformat(time).date()


def _restore(coffer, name, dump, folder, expected):
    target = folder / "restored"
    cost = coffer.restore(dump, target, name)
    if digest(target) != expected:
        raise CommandFailed(f"{coffer.name} gave back something else than it was given ({name}, {target})")
    target.unlink()
    return cost, _decoded(coffer, name, dump, folder)


def _decoded(coffer, name, dump, folder):
    place = folder / "decoded"
    done = subprocess.run(
        [*coffer.extract(name, dump, place), "--timings"], env=coffer.environment, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True, check=True)
    (place / dump.database).unlink()
    return re.search(r"([\d.]+) bytes decompressed for each", done.stderr).group(1)
