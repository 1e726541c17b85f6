"""What it takes to prove a PostgreSQL dump, beside pg_restore alone, and what counting adds to a dump."""

import json
import time
from statistics import median

from days import Days
from measure import measure, run
from servers import PostgreSQLServer
from tools import CofferKeyOpen

LIMITS = {"drill": 1.15, "counting": 1.10}


class DrillCluster(PostgreSQLServer):
    """A cluster as `coffer verify` makes one, for pg_restore alone."""

    settings = {
        "fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "autovacuum": "off",
        "wal_level": "minimal", "max_wal_senders": 0, "archive_mode": "off", "max_connections": 20,
        "max_wal_size": "2GB"}


def run_drills(server, program, options, folder, environment, say):
    """Prints seconds and their ratios, medians of `--repeat` times in turns."""
    days = Days(server, options.scale)
    say("PostgreSQL: filling the database")
    days.pass_by()
    dump = days.dump(folder)
    coffers = {}
    for what, percent in (("counted", 10), ("not counted", 0)):
        coffer = coffers[what] = CofferKeyOpen(program, folder / what.replace(" ", "-"), environment)
        coffer.initialise()
        coffer.configure(
            f"{coffer.repository_section()}verify_directory: {folder}\npostgresql_databases:\n"
            + server.entry(server.database, "globals: false", f"count_percentage: {percent}"))
        # Opens the key, and reads the database once.
        coffer.create()
    folder.chmod(0o755)
    creates = {what: [] for what in coffers}
    whole, restores, plain_whole, plain = [], [], [], []
    for attempt in range(1, options.repeat + 1):
        say(f"PostgreSQL: drills, {attempt} of {options.repeat}")
        for what in list(coffers) if attempt % 2 else reversed(list(coffers)):
            creates[what].append(coffers[what].create().wall)
        verify = coffers["counted"].command("verify")
        whole.append(measure(verify, coffers["counted"].environment).wall)
        found = json.loads(run([*coffers["counted"].command("info"), "--archive", "latest", "--json"],
                               coffers["counted"].environment))
        restores.append(found[0]["archives"][0]["proofs"][0]["seconds"])
        start = time.monotonic()
        with DrillCluster(folder / f"cluster-{attempt}", environment) as cluster:
            plain.append(measure(
                ["pg_restore", "--dbname", cluster.database, str(dump.path)], cluster.environment).wall)
        plain_whole.append(time.monotonic() - start)
    _tell("coffer verify, its restore", restores, "pg_restore", plain, LIMITS["drill"])
    _tell("coffer verify, all of it", whole, "initdb, start, pg_restore, stop", plain_whole, LIMITS["drill"])
    _tell("coffer create, counting", creates["counted"], "without", creates["not counted"], LIMITS["counting"])


def _tell(what, values, beside, others, limit):
    ratio = median(values) / median(others)
    mark = "met" if ratio <= limit else "MISSED"
    print(f"{what}: {median(values):.2f} s; {beside}: {median(others):.2f} s; {ratio:.3f} (at most {limit}): {mark}",
          flush=True)
