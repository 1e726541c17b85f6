"""Medians of a series, for each tool."""

from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Row:
    """What one tool took in a series."""

    tool: str
    first_wall: float
    first_cpu: float
    first_added: float
    later_wall: float
    later_cpu: float
    later_added: float
    total: int
    restore_wall: float
    restore_cpu: float
    peak: int
    """The most memory of any of the backups and restores."""


def summarise(series):
    """Returns the row of each tool by its name."""
    return {tool: _row(series, tool) for tool in series.tools}


def _row(series, tool):
    first, later, restores = (
        [run for run in runs if run.tool == tool] for runs in (series.first, series.later, series.restores))
    backups = [first[-1], *later]
    return Row(
        tool,
        first_wall=median(run.cost.wall for run in first),
        first_cpu=median(run.cost.cpu for run in first),
        first_added=median(run.added for run in first),
        later_wall=median(run.cost.wall for run in later),
        later_cpu=median(run.cost.cpu for run in later),
        later_added=median(run.added for run in later),
        total=backups[-1].total,
        restore_wall=median(run.cost.wall for run in restores),
        restore_cpu=median(run.cost.cpu for run in restores),
        peak=max(run.cost.peak for run in first + later + restores),
    )
