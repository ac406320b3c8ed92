"""LiteLLM's migrations as SQL, in the order of Prisma, for tests without LiteLLM.

Where LiteLLM is installed, its own job runs them with Prisma (:mod:`.engines`).
"""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import psycopg

# A model of a Prisma schema: its name and its body.
MODEL = re.compile(r"^model (\w+) \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)


class MigrationError(RuntimeError):
    """There are no migrations, or one failed."""


def files() -> list[Path]:
    """The files of litellm-proxy-extras, in Prisma's order, which is that of their names.

    Raises:
        MigrationError: the package is not installed, or holds no migration.
    """
    package = importlib.util.find_spec("litellm_proxy_extras")
    if package is None or package.origin is None:
        raise MigrationError(
            "litellm-proxy-extras is missing: install it with `pip install --group integration`"
        )
    folder = Path(package.origin).parent / "migrations"
    migrations = sorted(folder.glob("*/migration.sql"))
    if not migrations:
        raise MigrationError(f"{folder} holds no migration")
    return migrations


def run(connection: psycopg.Connection[tuple[object, ...]]) -> int:
    """Run the pending migrations as the user of the connection; returns their number.

    Raises:
        MigrationError: one failed; the message has its name and the error of PostgreSQL.
    """
    name = "_prisma_migrations"
    try:
        # Prisma's table, with the columns that are read here.
        connection.execute(
            "CREATE TABLE IF NOT EXISTS _prisma_migrations (migration_name text PRIMARY KEY, "
            "finished_at timestamptz NOT NULL DEFAULT now())"
        )
        rows = connection.execute("SELECT migration_name FROM _prisma_migrations")
        done = {str(row[0]) for row in rows}
        pending = [file for file in files() if file.parent.name not in done]
        for file in pending:
            name = file.parent.name
            connection.execute(file.read_text())
            connection.execute(
                "INSERT INTO _prisma_migrations (migration_name) VALUES (%s)", [name]
            )
    except psycopg.Error as error:
        raise MigrationError(f"{name}: {error}") from error
    return len(pending)


def models() -> set[str]:
    """The tables of LiteLLM's schema: the names of its models, or the names they map to.

    Raises:
        MigrationError: the package is not installed.
    """
    text = (files()[0].parents[2] / "schema.prisma").read_text()
    names = set()
    for name, body in MODEL.findall(text):
        mapped = re.search(r'@@map\("([^"]+)"\)', body)
        names.add(mapped[1] if mapped else name)
    return names


def tables(connection: psycopg.Connection[tuple[object, ...]]) -> set[str]:
    """The tables that the user of the connection owns."""
    rows = connection.execute("SELECT tablename FROM pg_tables WHERE tableowner = current_user")
    return {str(row[0]) for row in rows}
