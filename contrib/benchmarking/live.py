"""`coffer create` of a running server, against its dump program alone."""

from dataclasses import dataclass

from measure import Measurement, measure, pipeline


@dataclass(frozen=True)
class LiveRun:
    what: str
    day: int
    cost: Measurement


CREATE = "coffer create"
DUMP_ALONE = "pg_dump | cat"


def run_live(days, coffer, repeat, say):
    """Lets `repeat` more days pass, and each day runs both, in turns first. The repository has the days before."""
    server = days.server
    coffer.configure(
        f"{coffer.repository_section()}postgresql_databases:\n  - name: {server.database}\n"
        f"    hostname: {server.environment['PGHOST']}\n    port: {server.port}\n    username: postgres\n"
        f"    password: {server.password}\n")
    alone = pipeline('pg_dump "$@" | cat >/dev/null', *server.dump_arguments())
    runs = {
        CREATE: coffer.create,
        DUMP_ALONE: lambda: measure(alone, server.environment),
    }
    results = []
    for attempt in range(1, repeat + 1):
        say(f"{server.title}: live, {attempt} of {repeat}")
        days.pass_by()
        # Read once before: the day's changes are still on their way to the disk.
        runs[DUMP_ALONE]()
        for what in list(runs)[::1 if attempt % 2 else -1]:
            results.append(LiveRun(what, days.day, runs[what]()))
    return results
