"""A database that lives for some days, and the dumps made of it, one a day."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

WORKLOAD = Path(__file__).parent / "workload"


@dataclass(frozen=True)
class Dump:
    system: str
    database: str
    day: int
    path: Path
    size: int
    digest: str


class Days:
    """The days of one server's database."""

    def __init__(self, server, scale):
        self.server = server
        self.scale = scale
        self.day = 0

    def pass_by(self):
        """Lets a day pass; the first one fills the database."""
        self.day += 1
        script = WORKLOAD / f"{self.server.system}-{'seed' if self.day == 1 else 'day'}.sql"
        self.server.load(script, {"scale": self.scale, "day": self.day})

    def dump(self, folder):
        """Dumps the database as it is now to a file."""
        path = folder / f"{self.server.system}-{self.day}.dump"
        self.server.dump(path)
        return Dump(self.server.system, self.server.database, self.day, path, path.stat().st_size, digest(path))


def digest(path):
    """Returns the SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
