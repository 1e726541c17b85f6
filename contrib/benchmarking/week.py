"""A week of a PostgreSQL server: the bytes that Coffer and pgBackRest keep of a base backup a day and of its log."""

import shlex
import shutil
from statistics import median

from clusters import CHANGED, PGBENCH_SCALE
from clustertools import CofferCluster, PgBackRest

DAYS = 7


def run_week(server, program, options, folder, environment, say):
    """Prints what the repositories have after as many days, on each of which some pages change and every tool makes a backup."""
    own = shutil.copy2(program, folder / "coffer")
    (folder / "tmp").chmod(0o1777)
    say("Filling the server")
    server.fill(max(round(PGBENCH_SCALE * options.scale), 1))
    # One full backup a week, and incremental ones.
    tools = [CofferCluster(server, own, folder / "coffer-week", environment),
             PgBackRest(server, "incr", folder / "pgbackrest-week", environment)]
    for tool in tools:
        tool.initialise()
    # Each segment goes to every tool, with what it remembers of the one before.
    server.archive_by(" && ".join(
        f"HOME={shlex.quote(str(tool.folder))} {tool.archive_command('%p')}" for tool in tools))
    server.warm_up()
    added = {tool: [] for tool in tools}
    for day in range(1, DAYS + 1):
        if day > 1:
            server.change_pages()
        for tool in tools:
            say(f"{tool.name}: day {day} of {DAYS}")
            before = _backups(tool)
            tool.back_up()
            added[tool].append(_backups(tool) - before)
    server.finish_log()
    print(f"{DAYS} daily base backups of a server of {server.size() / 1e6:.0f} MB, {CHANGED:.0%} of whose pages change a day, "
          "and its log:\n                  first backup  each further  log         all")
    for tool in tools:
        first, *others = added[tool]
        sizes = [first, median(others), tool.stored(tool.log), tool.stored()]
        print(f"{tool.name:16}  " + "  ".join(f"{size / 1e6:.2f} MB".ljust(width) for size, width in zip(sizes, (12, 12, 10, 0))),
              flush=True)


def _backups(tool):
    # The server goes on storing its log meanwhile, so that files there come and go.
    return sum(tool.stored(part.name) for part in tool.repository.iterdir() if part.name != tool.log)
