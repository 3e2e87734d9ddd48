"""A PostgreSQL server of our own, in a temporary folder, without a port."""

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.sql import SQL, Composed, Identifier

_USER = "bookchorus"
# Sorts as people do and not as bytes do, so that no test passes by the order of bytes alone.
_INIT = ("--encoding=UTF8", "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US")
# Nothing that a test writes has to outlive the machine.
_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "listen_addresses=")


@dataclass(frozen=True)
class Server:
    """A server that is up; `socket` is the folder of its socket."""

    socket: Path

    def url(self, name: str) -> str:
        """The URL of a database."""
        return f"postgresql://{_USER}@/{name}?host={self.socket}"

    def create(self, name: str, template: str = "template0") -> None:
        """Make a database, a copy of `template`, which nobody may be connected to."""
        self._run(SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(name), Identifier(template)))

    @contextmanager
    def database(self, template: str = "template0") -> Iterator[str]:
        """Make a database of its own for as long as the context lasts; its URL."""
        name = f"test_{secrets.token_hex(8)}"
        self.create(name, template)
        try:
            yield self.url(name)
        finally:
            self._run(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))

    @contextmanager
    def refusing(self, url: str) -> Iterator[None]:
        """End the connections to a database, and let nobody connect to it while the context lasts."""
        name = url.partition("?")[0].rpartition("/")[2]
        allow = SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS {}")
        self._run(allow.format(Identifier(name), SQL("false")))
        end = SQL("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = {}")
        self._run(end.format(name))
        try:
            yield
        finally:
            self._run(allow.format(Identifier(name), SQL("true")))

    def _run(self, statement: Composed) -> None:
        with psycopg.connect(host=str(self.socket), user=_USER, dbname="postgres", autocommit=True) as server:
            server.execute(statement)


def programs() -> Path | None:
    """The folder of `initdb` and `pg_ctl`, of the newest release that is installed; None without one.

    None too where we are root, which no server may be, and there is no user `postgres` to be instead.
    """
    if os.getuid() == 0 and "postgres" not in {user.pw_name for user in pwd.getpwall()}:
        return None
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[4]))
    if found:
        return found[-1].parent
    named = shutil.which("initdb")
    return Path(named).resolve().parent if named else None


@contextmanager
def running(binaries: Path) -> Iterator[Server]:
    """Run a server for as long as the context lasts."""
    # Not below pytest's own folder, which only its owner may enter: the server refuses to be root.
    folder = Path(tempfile.mkdtemp(prefix="bookchorus-postgres-"))
    owner = {"user": "postgres"} if os.getuid() == 0 else {}
    if owner:
        shutil.chown(folder, "postgres")
    folder.chmod(0o755)
    data, log = folder / "data", folder / "log"
    options = " ".join(f"-c {each}" for each in (*_FAST, f"unix_socket_directories={folder}"))

    def run(program: str, *words: str) -> None:
        subprocess.run(
            [str(binaries / program), "-D", str(data), *words],
            check=True,
            cwd=folder,
            stdout=subprocess.DEVNULL,
            **owner,  # type: ignore[call-overload]
        )

    # Stops the server when its standard input closes: at the end, and also when this process is killed.
    script = 'cat >/dev/null; "$1/pg_ctl" -D "$2/data" --mode=immediate --wait stop; rm -rf "$2"'
    watcher = subprocess.Popen(
        ["sh", "-c", script, "watcher", str(binaries), str(folder)],
        cwd="/",
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        **owner,  # type: ignore[call-overload]
    )
    try:
        run("initdb", "--username", _USER, "--auth=trust", "--no-sync", *_INIT)
        run("pg_ctl", "--log", str(log), "--options", options, "--wait", "start")
        yield Server(folder)
    finally:
        watcher.stdin.close()
        watcher.wait()
