"""Many small databases: what Coffer takes for all of them, beside a loop of the program that dumps one of them."""

import sqlite3
import statistics

from measure import measure, run
from tools import CofferKeyOpen

TABLES = """
CREATE TABLE customer(id integer PRIMARY KEY, name text NOT NULL, town text);
CREATE TABLE purchase(id integer PRIMARY KEY, customer integer REFERENCES customer, amount numeric);
CREATE INDEX purchase_customer ON purchase(customer);
"""
POSTGRESQL_ROWS = """
INSERT INTO customer SELECT n, 'customer ' || n || ' of {name}', md5(n::text || '{name}') FROM generate_series(1, 200) n;
INSERT INTO purchase SELECT n, 1 + n % 200, n * 1.25 FROM generate_series(1, 1000) n;
"""


def run_small(server, program, options, folder, environment, say):
    """Prints how long a backup of many databases takes, the first and later ones, and how long loops take; seconds, medians."""
    ways = [*_postgresql(server, options, folder, say), *_sqlite(options, folder, environment, say)]
    print("databases                first backup  later backup  loop      later/loop  loop of")
    for title, entries, loops, loop_environment in ways:
        coffer = CofferKeyOpen(program, folder / f"coffer-{title.split()[1]}", environment)
        coffer.initialise()
        coffer.configure(coffer.repository_section() + entries)
        first = coffer.create().wall
        times = {name: [] for name in ["coffer", *loops]}
        # Side by side, so that what else the machine does hits all of them.
        for _ in range(options.repeat):
            times["coffer"].append(coffer.create().wall)
            for name, command in loops.items():
                times[name].append(measure(command, loop_environment).wall)
        later = statistics.median(times["coffer"])
        for name in loops:
            loop = statistics.median(times[name])
            print(f"{title:23}  {first:12.2f}  {later:12.2f}  {loop:8.2f}  {later / loop:10.2f}  {name}", flush=True)


def _postgresql(server, options, folder, say):
    say(f"Making {options.postgresql_databases} PostgreSQL databases")
    names = [f"small{number}" for number in range(options.postgresql_databases)]
    for name in names:
        run(["createdb", name], server.environment)
        run(["psql", "--no-psqlrc", "--quiet", "--dbname", name], server.environment,
            input=TABLES + POSTGRESQL_ROWS.format(name=name))
    entries = "postgresql_databases:\n" + server.entry("small*")
    target = folder / "dumps"
    target.mkdir()
    loop = ["bash", "-euc", 'folder=$1; shift; for name; do pg_dump --format custom --compress 0 --file "$folder/$name" '
            '"$name"; done', "loop", str(target), *names]
    yield f"{len(names)} PostgreSQL", entries, {"pg_dump": loop}, server.environment


def _sqlite(options, folder, environment, say):
    say(f"Making {options.sqlite_files} SQLite files")
    place = folder / "files"
    place.mkdir()
    paths = []
    for number in range(options.sqlite_files):
        path = place / f"small{number}.db"
        with sqlite3.connect(path) as database:
            database.executescript(TABLES)
            database.executemany("INSERT INTO customer VALUES (?, ?, ?)", [
                (row, f"customer {row} of {number}", f"town {row * number % 97}") for row in range(200)])
            database.executemany(
                "INSERT INTO purchase VALUES (?, ?, ?)", [(row, row % 200, row * 1.25) for row in range(1000)])
        database.close()
        paths.append(path)
    entries = "sqlite_databases:\n" + "".join(f"  - {{name: {path.stem}, path: {path}}}\n" for path in paths)
    target = folder / "copies"
    target.mkdir()
    dumps = 'folder=$1; shift; for path; do sqlite3 "$path" .dump >"$folder/${path##*/}.sql"; done'
    copies = 'folder=$1; shift; for path; do sqlite3 "$path" ".backup $folder/${path##*/}"; done'
    loops = {
        f"sqlite3 {name}": ["bash", "-euc", text, "loop", str(target), *map(str, paths)]
        for name, text in ((".dump", dumps), (".backup", copies))}
    yield f"{len(paths)} SQLite", entries, loops, environment
