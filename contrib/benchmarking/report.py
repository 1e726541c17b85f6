"""Writes the figures down: as text with tables, as plots, and all of them as JSON."""

import json
from dataclasses import asdict, dataclass
from statistics import median

import beyond
import plot
import targets
from beyond import BeyondRun
from commands import CommandRun
from live import LiveRun
from series import Series
from stages import StageRun
from summary import summarise


@dataclass(frozen=True)
class Figures:
    """All that a run of the benchmark found."""

    date: str
    command: str
    machine: dict[str, str]
    versions: dict[str, str]
    scale: float
    repeat: int
    series: list[Series]
    live: list[LiveRun]
    stages: list[StageRun]
    commands: list[CommandRun]
    archives: int
    index: dict[str, float]
    """What an index of many chunks costs."""
    line: str
    """What the line to another machine is like; empty when there was none."""
    beyond: list[BeyondRun]
    """What was done at its far end."""


def write(figures, folder):
    """Writes README.md, a plot of each series and figures.json into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for series in figures.series:
        (folder / _plot_name(series)).write_text(_plot(series))
    (folder / "figures.json").write_text(json.dumps(asdict(figures), indent=1) + "\n")
    (folder / "README.md").write_text(_page(figures))


def outcomes(figures):
    """Returns the outcomes of all there are targets for, by the title of what they are about."""
    found = {series.title: targets.of_series(summarise(series)) for series in figures.series}
    rest = targets.of_live(figures.live) if figures.live else []
    rest += targets.of_commands(figures.commands, figures.archives) + targets.of_index(figures.index)
    return found | ({"Coffer alone": rest} if rest else {})


def _page(figures):
    sections = [_introduction(figures), _outcomes(figures)]
    sections += [_series(series) for series in figures.series]
    if figures.live:
        sections += [_live(figures), _stages(figures)]
    sections.append(_commands(figures))
    if figures.index:
        sections.append(_index(figures))
    if figures.beyond:
        sections.append(_beyond(figures))
    sections.append(_method(figures))
    return "\n\n".join(sections) + "\n"


def _introduction(figures):
    facts = figures.machine | {"Versions": ", ".join(f"{name} {version}" for name, version in figures.versions.items())}
    return f"""# Benchmarks

Written by `{figures.command}`; do not edit. Every figure of the run is in [figures.json](figures.json).

{_table(["", ""], [["Date", figures.date], *map(list, facts.items())])}

These are the figures of one run on one machine, a virtual one whose processors and disk others use at the same
time: times vary from run to run, sizes hardly. Where something was done more than once, the median is shown."""


def _outcomes(figures):
    rows = []
    for title, found in outcomes(figures).items():
        rows += [[title, outcome.what, _value(outcome.value, outcome.unit), _value(outcome.limit, outcome.unit),
                  "yes" if outcome.is_met else "**no**"] for outcome in found]
    return f"""## Targets

{_table(["", "", "measured", "at most", "met"], rows)}

A ratio of 0.25 means that Coffer took a quarter of what the other took. A later day is any but the first: the database
has changed a little, and most of its dump is in the repository already. Peak memory is that of the largest process of
all backups and restores."""


def _series(series):
    rows = summarise(series)
    coffer = rows["Coffer"]
    others = [row for row in rows.values() if not row.tool.startswith("Coffer")]
    summary = _table(
        ["", *rows, *(f"Coffer / {row.tool}" for row in others)],
        [[what, *(show(getattr(row, field)) for row in rows.values()),
          *(f"{getattr(coffer, field) / getattr(row, field):.2f}" for row in others)] for what, field, show in COSTS])
    days = _table(
        ["day", "dump", *(f"{name}, {what}" for name in rows for what in ("wall", "CPU", "added"))],
        [[str(day), _megabytes(size), *_day(series, rows, day)] for day, size in enumerate(series.dump_sizes, 1)])
    return f"""## {series.title}

{summary}

![Repository size and time of each day]({_plot_name(series)})

Day by day (of the first day, the last attempt):

{days}"""


def _day(series, tools, day):
    cells = []
    for tool in tools:
        backup = [run for run in series.first + series.later if (run.tool, run.day) == (tool, day)][-1]
        cells += [_seconds(backup.cost.wall), _seconds(backup.cost.cpu), _megabytes(backup.added)]
    return cells


def _live(figures):
    names = dict.fromkeys(run.what for run in figures.live)
    rows = [[f"`{name}`", *(_seconds(median(getattr(run.cost, field) for run in figures.live if run.what == name))
                            for field in ("wall", "cpu"))] for name in names]
    return f"""## A live server

`coffer create` dumps the running PostgreSQL server a day after its last backup, with roles and tablespaces, as a
configuration of three lines has it. `pg_dump | cat` is the same dump, thrown away: nothing that stores it can be
faster. The server's own processor time is in neither.

{_table(["", "wall", "CPU"], rows)}"""


def _commands(figures):
    rows = [[f"`{what}`", f"{1000 * median(run.cost.wall for run in figures.commands if run.what == what):.0f} ms"]
            for what in dict.fromkeys(run.what for run in figures.commands)]
    return f"""## Short commands

Listing is of {figures.archives:,} archives. The key of a passphrase is made slowly on purpose, once in a quarter of an hour: by
so much a command gains that finds it made.

{_table(["", "wall"], rows)}"""


def _index(figures):
    rows = [[what, f"{value:,.3f}" if value < 10 else f"{value:,.0f}"] for what, value in figures.index.items()]
    return f"""## A large index

A repository that says it has so many chunks (100 million are about 800 GB of dumps), and two backups of the newest
PostgreSQL dump on top of them: `stage-speeds --index`, which is built beside Coffer. Memory is that of the whole
process without what files stand behind, which the system takes back when it needs to.

{_table(["", ""], rows)}"""


def _beyond(figures):
    return f"""## Beyond one machine

Repositories at the far end of a line between two network namespaces: {figures.line}. There are sshd and SeaweedFS on
the same machine, which its processors have to do as well. The first two PostgreSQL dumps, the second one twice, and that one
back. Bytes are those on the line, requests what Coffer asks of its store; *peak* is of the largest process.

{_table(["", "", "wall", "CPU", "sent", "received", "requests", "peak"], beyond.rows(figures.beyond))}"""


def _stages(figures):
    rows = []
    for name in dict.fromkeys(run.name for run in figures.stages):
        speeds = [run.bytes / run.seconds / 1e9 for run in figures.stages if run.name == name]
        rows.append([name, f"{median(speeds):.2f} GB/s"])
    return f"""## Stages of a backup

Each by itself on one thread, on the beginning of the newest PostgreSQL dump. A backup runs them at the same time, and
what the repository has already goes no further than to be looked up. Speeds are in bytes that go into a stage; sealing
and writing get compressed ones.

{_table(["stage", "speed"], rows)}"""


def _method(figures):
    return f"""## How it is measured

- The database is filled by a [script](../../contrib/benchmarking/workload), whose numbers of rows are multiplied by
  {figures.scale:g}, and lives for some days, each of which inserts, updates and deletes about one row in a hundred.
- It is dumped once a day to a file, uncompressed: by `pg_dump --format custom --compress 0`, and by `mariadb-dump` with
  its extended inserts. Every tool is given the same bytes by a `cat` of the file, which is part of what is measured:
  Coffer starts it through its FIFO in place of the dump program, Borg as `--content-from-command`, restic reads it
  from standard input. Tools take turns at being first. All files are in the page cache.
- Borg encrypts by `repokey-blake2` and compresses by `zstd,3`; restic and Coffer do as they do without being told,
  which is authenticated encryption and zstd, too. All repositories are folders of the same file system.
- *Wall* is the time from start to exit, *CPU* the processor time of all processes, *added* by how much the files of the
  repository grew. What happens once in a series, the first backup and the restore, is repeated: {figures.repeat} in all.
- Coffer keeps a key that a passphrase has opened in the kernel's keyring for a quarter of an hour. Days are further
  apart than that, so Coffer is told not to (`unlock_timeout: 0`). *Coffer, key open* is Coffer as it comes, with a
  repository of its own: what a run takes that follows another one soon. Archives are listed with the key open.
- The newest dump is restored to a file (`coffer extract`, `borg extract --stdout`, `restic dump`), which is compared
  with the original by its SHA-256; the comparison is not measured."""


def _plot(series):
    tools = summarise(series)
    runs = {tool: [[run for run in series.first if run.tool == tool][-1],
                   *(run for run in series.later if run.tool == tool)] for tool in tools}
    sizes = {tool: [run.total / 1e6 for run in of] for tool, of in runs.items()}
    times = {tool: [run.cost.wall for run in of] for tool, of in runs.items()}
    return plot.draw(series.title, [
        plot.Panel("Repository after each day", "MB", sizes), plot.Panel("Wall time of each day", "s", times)])


def _plot_name(series):
    return series.title.split()[0].lower() + ".svg"


def _table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _value(value, unit):
    return f"{value:.0f} {unit}" if unit else f"{value:.2f}"


def _seconds(value):
    return f"{value:.2f} s"


def _megabytes(value):
    return f"{value / 1e6:.1f} MB"


COSTS = [
    ("first backup, wall", "first_wall", _seconds),
    ("first backup, CPU", "first_cpu", _seconds),
    ("first backup, added", "first_added", _megabytes),
    ("later day, wall", "later_wall", _seconds),
    ("later day, CPU", "later_cpu", _seconds),
    ("later day, added", "later_added", _megabytes),
    ("repository after the last day", "total", _megabytes),
    ("restore, wall", "restore_wall", _seconds),
    ("restore, CPU", "restore_cpu", _seconds),
    ("peak memory", "peak", _megabytes),
]
