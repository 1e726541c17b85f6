"""Compares what 'coffer prune' keeps with what Borg's functions keep.

Archives are made by Coffer itself under faketime. Borg's functions get stand-ins of the same times: they look at nothing else.
"""

import argparse
import datetime
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import borg
import borg.archiver
import borg.helpers

UTC = datetime.timezone.utc
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Kiritimati", "Pacific/Chatham", "America/Sao_Paulo"]
RULES = ["secondly", "minutely", "hourly", "daily", "weekly", "monthly", "13weekly", "3monthly", "yearly"]
# What Borg calls the rules where it has them (since 1.4.1).
BORG_RULES = {"13weekly": "quarterly_13weekly", "3monthly": "quarterly_3monthly"}
PREFIXES = ["app-", "db-"]


def of_borg(name):
    """A function of Borg's, wherever this version has it."""
    for module in (borg.helpers, borg.archiver):
        if hasattr(module, name):
            return getattr(module, name)
    sys.exit(f"This Borg ({borg.__version__}) has no {name}")


prune_split, prune_within, interval = of_borg("prune_split"), of_borg("prune_within"), of_borg("interval")
patterns = of_borg("PRUNING_PATTERNS")


class Archive:
    """As much of one as Borg's rules look at."""

    def __init__(self, name, ts):
        self.id = self.name = name
        self.ts = ts


def borg_keeps(archives, policy, within, now, zone):
    """The names that Borg keeps; as its do_prune calls its functions."""

    class Fixed(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return now.astimezone(tz)

    os.environ["TZ"] = zone
    time.tzset()
    reasons = {}
    archives = sorted(archives, key=lambda archive: archive.ts, reverse=True)
    if within:
        module = prune_within.__globals__
        module["datetime"], real = Fixed, module["datetime"]
        try:
            prune_within(archives, interval(within), reasons)
        finally:
            module["datetime"] = real
    for rule in patterns:
        name = next((ours for ours, theirs in BORG_RULES.items() if theirs == rule), rule)
        if name in policy:
            prune_split(archives, rule, policy[name], reasons)
    if not reasons and archives:
        return {archives[0].id}  # Coffer leaves the newest where Borg leaves nothing.
    return set(reasons)


class Coffer:
    def __init__(self, program, folder):
        self.program = program
        self.folder = folder
        folder.mkdir()
        (folder / "data").mkdir()
        self.configuration = folder / "c.yaml"
        self.configuration.write_text(
            f"repositories: [{{path: {folder}/repository}}]\nsource_directories: [{folder}/data]\n"
            f"encryption_passphrase: not-a-secret\nuser_state_directory: {folder}/state\nuser_runtime_directory: {folder}\n")
        self.run("repo-create", "--encryption", "repokey")

    def run(self, *arguments, at=None, zone="UTC"):
        words = [self.program, *arguments, "--config", str(self.configuration)]
        if at is not None:
            words = ["faketime", "-f", f"@{int(at.timestamp())}", *words]
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "TZ": zone, "FAKETIME_FMT": "%s"}
        result = subprocess.run(words, env=environment, capture_output=True, text=True)
        if result.returncode != 0:
            sys.exit(f"{' '.join(words)}: exit {result.returncode}\n{result.stdout}{result.stderr}")
        return result.stdout

    def make(self, times):
        for number, moment in enumerate(sorted(times)):
            name = f"{PREFIXES[number % 3 == 0]}{number}"
            self.run("create", "--archive-name-format", name, at=moment)
        listed = json.loads(self.run("repo-list", "--json", "--match-archives", "*"))[0]["archives"]
        return [
            Archive(entry["archive"], datetime.datetime.fromisoformat(entry["start"]).replace(tzinfo=UTC)) for entry in listed]

    def keeps(self, policy, within, pattern, now, zone):
        flags = [word for rule, count in policy.items() for word in (f"--keep-{rule}", str(count))]
        if within:
            flags += ["--keep-within", within]
        lines = self.run("prune", "--dry-run", "--list", "--match-archives", pattern, *flags, at=now, zone=zone)
        return {
            line.split("): ")[1].split()[0] for line in lines.splitlines() if line.startswith("Keeping (")
        }, lines


def random_times(dice):
    """From a few to some dozens of moments: several a day, gaps, years, changes of the clock, ends of years."""
    start = datetime.datetime(2019, 1, 1, tzinfo=UTC) + datetime.timedelta(days=dice.randrange(1500))
    times = set()

    def add(moment):
        times.add(moment.replace(microsecond=0))

    for _ in range(dice.randrange(2, 6)):
        day = start + datetime.timedelta(days=dice.randrange(900))
        style = dice.randrange(6)
        if style == 0:  # several in a minute, an hour, a day
            for _ in range(dice.randrange(3, 10)):
                add(day + datetime.timedelta(seconds=2 * dice.randrange(dice.choice([60, 1800, 43200]))))
        elif style == 1:  # days with gaps
            for number in range(dice.randrange(5, 15)):
                if dice.random() < 0.8:
                    add(day + datetime.timedelta(days=number, hours=dice.randrange(24)))
        elif style == 2:  # weeks and months
            for number in range(dice.randrange(4, 12)):
                add(day + datetime.timedelta(days=number * dice.choice([7, 30, 91]), minutes=dice.randrange(1440)))
        elif style == 3:  # years
            for number in range(dice.randrange(2, 5)):
                add(day - datetime.timedelta(days=365 * number + dice.randrange(30)))
        elif style == 4:  # a change of the clock
            change = dice.choice([(2021, 3, 28, 1), (2021, 10, 31, 1), (2020, 11, 1, 6), (2021, 3, 14, 7), (2021, 4, 3, 14)])
            for _ in range(dice.randrange(3, 8)):
                add(datetime.datetime(*change, tzinfo=UTC) + datetime.timedelta(minutes=dice.randrange(-180, 180)))
        else:  # the end of a year, where its weeks belong to another
            for _ in range(dice.randrange(3, 8)):
                add(datetime.datetime(dice.randrange(2019, 2024), 12, 27, tzinfo=UTC)
                    + datetime.timedelta(minutes=dice.randrange(14400)))
    return times


def random_policy(dice):
    rules = [rule for rule in RULES if BORG_RULES.get(rule, rule) in patterns]
    chosen = dice.sample(rules, dice.randrange(1, 5))
    policy = {rule: dice.choice([-1, 0, 1, 2, 3, 4, 5, 7, 12, 30]) for rule in chosen}
    within = None
    if dice.random() < 0.3:
        within = f"{dice.randrange(1, 40)}{dice.choice('Hdwmy')}"
    if within is None and not any(policy.values()):
        policy[chosen[0]] = 1
    return policy, within


def main():
    parser = argparse.ArgumentParser(description=__doc__, prog="contrib/compare-retention")
    parser.add_argument("coffer")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sets", type=int, default=8, help="sets of archives")
    parser.add_argument("--policies", type=int, default=60, help="policies for each set")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    dice = random.Random(options.seed)
    compared = made = different = 0
    for number in range(options.sets):
        coffer = Coffer(os.path.abspath(options.coffer), options.folder / f"set-{number}")
        archives = coffer.make(random_times(dice))
        made += len(archives)
        last = max(archive.ts for archive in archives)
        for _ in range(options.policies):
            policy, within = random_policy(dice)
            zone = dice.choice(ZONES)
            prefix = dice.choice(["", "", *PREFIXES])
            now = last + datetime.timedelta(seconds=dice.randrange(5, 300000))
            seen = [archive for archive in archives if archive.name.startswith(prefix)]
            wanted = borg_keeps(seen, policy, within, now, zone)
            found, lines = coffer.keeps(policy, within, prefix + "*", now, zone)
            compared += 1
            if found != wanted:
                different += 1
                print(f"set {number}, {policy}, within {within}, {prefix}*, {zone}, {now}:")
                print(f"  only Borg keeps {sorted(wanted - found)}, only Coffer keeps {sorted(found - wanted)}")
                print("  " + lines.replace("\n", "\n  "))
    print(f"Borg {borg.__version__}: {compared} policies on {options.sets} sets of {made} archives, {different} different")
    sys.exit(1 if different else 0)


main()
