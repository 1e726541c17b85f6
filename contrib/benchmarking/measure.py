"""Runs a command and says what it took: time, processor time and memory of it and all it started."""

import os
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Measurement:
    wall: float
    """Seconds from start to end."""
    cpu: float
    """Seconds of processor time, of the command and of every process below it."""
    peak: int
    """The most memory, in bytes, that any one of these processes held."""


class CommandFailed(Exception):
    """A command ended with an error. Its message is the end of what the command had to say."""


def measure(command, environment, output=None, folder=None, identity=None):
    """Runs a command to its end, as `identity` says whose; its standard output goes to the file `output`, or nowhere."""
    # Else one command would wait for the disk on behalf of the one before.
    os.sync()
    with tempfile.TemporaryFile() as errors, open(output or os.devnull, "wb") as target:
        start = time.monotonic()
        process = subprocess.Popen(
            command, env=environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=target, stderr=errors,
            start_new_session=True, **(identity or {}))
        try:
            # The kernel adds up what the children of the command used when it is waited for this way.
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        wall = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            raise CommandFailed(f"{command[0]} ended with {process.returncode}: {_tail(errors)}")
    return Measurement(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def run(command, environment, **options):
    """Runs a command whose cost is of no interest and returns what it printed."""
    done = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
    if done.returncode != 0:
        raise CommandFailed(f"{command[0]} ended with {done.returncode}: {done.stderr[-2000:].strip()}")
    return done.stdout


def processes():
    """Returns the command line of each process, its words ended by zero bytes, and the processor time that it took, in seconds."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words, facts = (folder / "cmdline").read_bytes(), (folder / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            # It has ended.
            continue
        found.append((words, (int(facts[11]) + int(facts[12])) / os.sysconf("SC_CLK_TCK")))
    return found


def pipeline(text, *arguments):
    """Returns a command that runs a pipeline of bash, any part of which may fail it; arguments are $1, $2, ..."""
    return ["bash", "-c", "set -o pipefail; " + text, "pipeline", *map(str, arguments)]


def _tail(errors):
    errors.seek(0)
    return errors.read()[-2000:].decode(errors="replace").strip()
