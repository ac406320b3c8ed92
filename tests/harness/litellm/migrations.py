"""LiteLLM's migrations as its package ships them, run as the images' job runs them: in order.

The job itself calls Prisma, whose engines no package registry has; the SQL is the same.
"""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import psycopg


class MigrationError(RuntimeError):
    """The migrations are not there, or one of them failed."""


def files() -> list[Path]:
    """The files of litellm-proxy-extras, in the order of their names, which is Prisma's.

    Raises:
        MigrationError: the package is not installed, or holds none.
    """
    found = importlib.util.find_spec("litellm_proxy_extras")
    if found is None or found.origin is None:
        raise MigrationError(
            "litellm-proxy-extras is missing: install it with `pip install --group integration`"
        )
    held = sorted((Path(found.origin).parent / "migrations").glob("*/migration.sql"))
    if not held:
        raise MigrationError(f"{Path(found.origin).parent / 'migrations'} holds no migration")
    return held


def run(connection: psycopg.Connection[tuple[object, ...]]) -> int:
    """Run those that the database has not seen, as the connection's user; gives how many.

    Raises:
        MigrationError: one failed; the message names it and has what PostgreSQL said.
    """
    name = "the table of what was done"
    try:
        # Prisma's own, with the columns of it that matter here.
        connection.execute(
            "CREATE TABLE IF NOT EXISTS _prisma_migrations (migration_name text PRIMARY KEY, "
            "finished_at timestamptz NOT NULL DEFAULT now())"
        )
        rows = connection.execute("SELECT migration_name FROM _prisma_migrations")
        done = {str(row[0]) for row in rows}
        new = [file for file in files() if file.parent.name not in done]
        for file in new:
            name = file.parent.name
            connection.execute(file.read_text())
            connection.execute(
                "INSERT INTO _prisma_migrations (migration_name) VALUES (%s)", [name]
            )
    except psycopg.Error as error:
        raise MigrationError(f"{name}: {error}") from error
    return len(new)


def models() -> set[str]:
    """The tables of LiteLLM's schema, by the names of its models or what these are mapped to.

    Raises:
        MigrationError: the package is not installed.
    """
    text = (files()[0].parents[2] / "schema.prisma").read_text()
    found = set()
    for name, body in re.findall(r"^model (\w+) \{\n(.*?)^\}", text, re.MULTILINE | re.DOTALL):
        mapped = re.search(r'@@map\("([^"]+)"\)', body)
        found.add(mapped[1] if mapped else name)
    return found


def tables(connection: psycopg.Connection[tuple[object, ...]]) -> set[str]:
    """The tables of the connection's database that its user owns."""
    rows = connection.execute("SELECT tablename FROM pg_tables WHERE tableowner = current_user")
    return {str(row[0]) for row in rows}
