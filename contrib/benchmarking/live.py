"""`coffer create` of a running server, against its dump program alone."""

from dataclasses import dataclass

from measure import Measurement, measure, pipeline


@dataclass(frozen=True)
class LiveRun:
    what: str
    day: int
    cost: Measurement


CREATE = "coffer create"
CREATE_KEY_OPEN = "coffer create, its key open"
DUMP_ALONE = "pg_dump | cat"


def run_live(days, coffer, coffer_key_open, repeat, say):
    """Lets `repeat` more days pass, and each day runs all, in turns first. The repositories have the days before."""
    server = days.server
    for tool in (coffer, coffer_key_open):
        tool.configure(f"{tool.repository_section()}postgresql_databases:\n{server.entry(server.database)}")
    alone = pipeline('pg_dump "$@" | cat >/dev/null', *server.dump_arguments())
    runs = {
        CREATE: coffer.create,
        CREATE_KEY_OPEN: coffer_key_open.create,
        DUMP_ALONE: lambda: measure(alone, server.environment),
    }
    results = []
    # So that there is a key that is open.
    coffer_key_open.list_archives()
    for attempt in range(1, repeat + 1):
        say(f"{server.title}: live, {attempt} of {repeat}")
        days.pass_by()
        # Read once before: the day's changes are still on their way to the disk.
        runs[DUMP_ALONE]()
        names = list(runs)
        for what in names[attempt % len(names):] + names[:attempt % len(names)]:
            results.append(LiveRun(what, days.day, runs[what]()))
    return results
