"""Coffer alone over many days: what each day adds, and what archives of different ages take to restore."""

import json
import re
import subprocess

from days import Days, digest
from measure import CommandFailed, run
from tools import CofferKeyOpen

AGES = (1, 2, 10, 20, 30, 45, 60)


def run_ages(server, program, options, folder, environment):
    """Backs the days up as they pass, then restores some of them, and prints a line for each."""
    coffer = CofferKeyOpen(program, folder / "coffer", environment)
    coffer.initialise()
    days = Days(server, options.scale)
    digests = {}
    second = None
    print("day  dump bytes  added bytes  of day 2  repository bytes  processor s  peak bytes")
    for day in range(1, options.days + 1):
        days.pass_by()
        dump = days.dump(folder)
        before = coffer.stored()
        cost = coffer.back_up(dump)
        total = coffer.stored()
        digests[day] = dump.digest
        dump.path.unlink()
        second = total - before if day == 2 else second
        share = f"{(total - before) / second:8.2f}" if second else " " * 8
        print(f"{day:3}  {dump.size:10}  {total - before:11}  {share}  {total:16}  {cost.cpu:11.2f}  {cost.peak:10}",
              flush=True)
    print("day  restored in processor s  bytes decompressed for each restored one")
    archives = json.loads(run([*coffer.command("repo-list"), "--json"], coffer.environment))[0]["archives"]
    for day in [day for day in AGES if day <= options.days]:
        name = archives[day - 1]["name"]
        costs = [_restore(coffer, name, dump, folder, digests[day]) for _ in range(options.repeat)]
        print(f"{day:3}  {min(cost.cpu for cost, _ in costs):23.2f}  {costs[0][1]}", flush=True)


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
