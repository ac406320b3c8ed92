"""What runs a stack's containers: its components as processes, its jobs in this one.

The bootstrap is the stack's own SQL, the migrations are LiteLLM's. A database's user that signs in
by IAM gets a password in place of a token, which nothing here issues; it is new for each run.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import psycopg
from psycopg import sql

from tests.harness.emulators.aws.data_plane.reconciler import Finished, HookError, Hooks
from tests.harness.emulators.aws.data_plane.stores import Cache
from tests.harness.emulators.aws.data_plane.tasks import Work
from tests.harness.litellm import containers, migrations
from tests.harness.litellm.containers import Component
from tests.harness.process.supervisor import Supervisor

Connection: TypeAlias = psycopg.Connection[tuple[object, ...]]
Place = tuple[str, str]
"""A database's host and port."""


@dataclass(slots=True)
class _Jobs:
    """The jobs of a cloud, with the master users that the bootstraps came as, by place."""

    masters: dict[Place, Mapping[str, str]] = field(default_factory=dict)

    def run(self, work: Work) -> Finished:
        """Run a job to its end."""
        if work.image.rpartition(":")[2] == containers.BROKEN_TAG:
            return Finished(1, f"the container {work.image} ended with status 1")
        held = work.environment
        try:
            if "BOOTSTRAP_SQL" in held:
                return self._bootstrap(held)
            if {"DATABASE_URL", "DATABASE_HOST"} & held.keys():
                return self._migrate(held)
        except (psycopg.Error, migrations.MigrationError) as error:
            return Finished(1, f"{type(error).__name__}: {error}")
        raise HookError(f"{work.container} is no job that is known here: it names no database")

    def _bootstrap(self, held: Mapping[str, str]) -> Finished:
        with _as_master(held) as connection:
            connection.execute(held["BOOTSTRAP_SQL"].encode())
        self.masters[held["PGHOST"], held["PGPORT"]] = held
        return Finished(0, "the database's user is there")

    def _migrate(self, held: Mapping[str, str]) -> Finished:
        with self._as_user(held) as connection:
            return Finished(0, f"{migrations.run(connection)} migrations applied")

    def _as_user(self, held: Mapping[str, str]) -> Connection:
        if "DATABASE_URL" in held:
            return psycopg.connect(held["DATABASE_URL"], autocommit=True, connect_timeout=5)
        place = held["DATABASE_HOST"], held["DATABASE_PORT"]
        if place not in self.masters:
            # As PostgreSQL says of a user that no bootstrap made.
            raise migrations.MigrationError(f"role {held['DATABASE_USER']} does not exist")
        word = secrets.token_urlsafe(16)
        with _as_master(self.masters[place]) as connection:
            user = sql.Identifier(held["DATABASE_USER"])
            connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(user, sql.Literal(word)))
        return psycopg.connect(
            host=place[0],
            port=place[1],
            user=held["DATABASE_USER"],
            dbname=held["DATABASE_NAME"],
            password=word,
            autocommit=True,
            connect_timeout=5,
        )


def _as_master(held: Mapping[str, str]) -> Connection:
    return psycopg.connect(
        host=held["PGHOST"],
        port=held["PGPORT"],
        user=held["PGUSER"],
        dbname=held["PGDATABASE"],
        password=held["PGPASSWORD"],
        autocommit=True,
        connect_timeout=5,
    )


def hooks(
    supervisor: Supervisor,
    python: Path,
    cache: Callable[[str], Cache],
    extra: Mapping[str, str] | None = None,
) -> Hooks:
    """What the reconciler runs a stack's containers and jobs with.

    Args:
        supervisor: ends the components.
        python: the interpreter of LiteLLM's environment.
        cache: starts a Redis in a folder of a name.
        extra: variables of every component over those it is given: ``SSL_CERT_FILE`` with the
            authority of the local Redis, for one.
    """

    def start(work: Work) -> Component:
        environment = {**work.environment, **(extra or {})}
        return containers.start(
            supervisor,
            python,
            work.image,
            work.command,
            environment,
            work.files,
            work.container,
        )

    return Hooks(start, _Jobs().run, cache)
