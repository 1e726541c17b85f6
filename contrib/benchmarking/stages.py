"""How fast each stage of a backup is by itself: what stage-speeds, which is built beside Coffer, finds."""

from dataclasses import dataclass

from measure import run


@dataclass(frozen=True)
class StageRun:
    name: str
    bytes: int
    """What went into the stage."""
    seconds: float


def run_stages(program, dump, folder, environment, repeat, say):
    """Runs all stages on a part of a dump; packs are written below the folder."""
    say("Stages")
    runs = []
    for attempt in range(repeat):
        lines = run([program, str(dump.path), str(folder / f"packs-{attempt}")], environment).splitlines()
        for name, count, seconds in (line.split("\t") for line in lines):
            runs.append(StageRun(name, int(count), float(seconds)))
    return runs


def run_index(program, chunks, dump, folder, environment, say):
    """Makes an index of many chunks, and returns what it and a backup on top of it cost."""
    say(f"An index of {chunks:,} chunks")
    lines = run([program, "--index", str(chunks), str(folder), str(dump.path)], environment).splitlines()
    return {what: float(value) for what, value in (line.split("\t") for line in lines)}
