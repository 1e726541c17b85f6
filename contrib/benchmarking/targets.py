"""What Coffer is to reach, and what it did."""

from dataclasses import dataclass
from statistics import median

import commands
import live


@dataclass(frozen=True)
class Outcome:
    what: str
    value: float
    limit: float
    unit: str = ""
    """Nothing for a ratio."""

    @property
    def is_met(self):
        return self.value <= self.limit


RATIOS = [
    ("bytes added by a later day", "later_added", 0.22),
    ("repository after the last day", "total", 0.34),
    ("later day, wall time", "later_wall", 0.20),
    ("later day, processor time", "later_cpu", 0.30),
    ("first backup, wall time", "first_wall", 0.50),
    ("first backup, processor time", "first_cpu", 0.95),
    ("restore, wall time", "restore_wall", 0.40),
]

TIMES_OF_LATER_RUNS = ["later_wall", "later_cpu", "restore_wall"]
"""What takes less time when the key is open."""


def of_series(rows):
    """Returns the outcomes of a series: what Coffer took, in parts of what Borg took."""
    found = []
    for name in ("Coffer", "Coffer, key open"):
        coffer, borg = rows[name], rows["Borg"]
        found += [Outcome(f"{what}, {name} / Borg", getattr(coffer, field) / getattr(borg, field), limit)
                  for what, field, limit in RATIOS if name == "Coffer" or field in TIMES_OF_LATER_RUNS]
    return [*found, Outcome("Coffer's peak memory", rows["Coffer"].peak / 1e6, 200, "MB")]


def of_live(runs):
    def wall(what):
        return median(run.cost.wall for run in runs if run.what == what)

    return [Outcome(f"`{what}` of a live server, wall time / that of `{live.DUMP_ALONE}`",
                    wall(what) / wall(live.DUMP_ALONE), 1.15) for what in (live.CREATE, live.CREATE_KEY_OPEN)]


def of_index(figures):
    """Returns the most memory of a backup on top of a large index, if one was made."""
    memory = [value for what, value in figures.items() if "most memory" in what]
    return [Outcome(f"memory of a backup on top of {figures['chunks']:,.0f} chunks", max(memory) / 1e6, 300, "MB")
            ] if memory else []


def of_commands(runs, archives):
    limits = {commands.VERSION: (20, ""), commands.REPO_LIST: (100, f" of {archives:,} archives")}
    walls = {what: [run.cost.wall for run in runs if run.what == what] for what in limits}
    return [Outcome(f"`{what}`{more}, wall time", 1000 * median(walls[what]), limit, "ms")
            for what, (limit, more) in limits.items() if walls[what]]
