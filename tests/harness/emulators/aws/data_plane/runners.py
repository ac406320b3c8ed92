"""Run the containers of a stack: components as processes, jobs in this process.

The bootstrap runs the SQL of the stack, the migrations are those of LiteLLM. The emulator issues no
IAM tokens: a database user with IAM authentication gets a password, a new one for each run.
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
"""The host and the port of a database."""


@dataclass(slots=True)
class _Jobs:
    """The jobs of an emulator. ``masters`` are the environments of bootstraps, by place."""

    masters: dict[Place, Mapping[str, str]] = field(default_factory=dict)

    def run(self, work: Work) -> Finished:
        """Run a job to its end."""
        if work.image.rpartition(":")[2] == containers.BROKEN_TAG:
            return Finished(1, f"the container {work.image} ended with status 1")
        environment = work.environment
        try:
            if "BOOTSTRAP_SQL" in environment:
                return self._bootstrap(environment)
            if {"DATABASE_URL", "DATABASE_HOST"} & environment.keys():
                return self._migrate(environment)
        except (psycopg.Error, migrations.MigrationError) as error:
            return Finished(1, f"{type(error).__name__}: {error}")
        raise HookError(
            f"{work.container} is no known job: set BOOTSTRAP_SQL, DATABASE_URL or DATABASE_HOST"
        )

    def _bootstrap(self, environment: Mapping[str, str]) -> Finished:
        with _as_master(environment) as connection:
            connection.execute(environment["BOOTSTRAP_SQL"].encode())
        self.masters[environment["PGHOST"], environment["PGPORT"]] = environment
        return Finished(0, "the database user exists")

    def _migrate(self, environment: Mapping[str, str]) -> Finished:
        with self._as_user(environment) as connection:
            return Finished(0, f"{migrations.run(connection)} migrations applied")

    def _as_user(self, environment: Mapping[str, str]) -> Connection:
        if "DATABASE_URL" in environment:
            return psycopg.connect(environment["DATABASE_URL"], autocommit=True, connect_timeout=5)
        place = environment["DATABASE_HOST"], environment["DATABASE_PORT"]
        if place not in self.masters:
            # PostgreSQL's message for a user that no bootstrap has created.
            raise migrations.MigrationError(f"role {environment['DATABASE_USER']} does not exist")
        password = secrets.token_urlsafe(16)
        with _as_master(self.masters[place]) as connection:
            user = sql.Identifier(environment["DATABASE_USER"])
            connection.execute(
                sql.SQL("ALTER ROLE {} PASSWORD {}").format(user, sql.Literal(password))
            )
        return psycopg.connect(
            host=place[0],
            port=place[1],
            user=environment["DATABASE_USER"],
            dbname=environment["DATABASE_NAME"],
            password=password,
            autocommit=True,
            connect_timeout=5,
        )


def _as_master(environment: Mapping[str, str]) -> Connection:
    return psycopg.connect(
        host=environment["PGHOST"],
        port=environment["PGPORT"],
        user=environment["PGUSER"],
        dbname=environment["PGDATABASE"],
        password=environment["PGPASSWORD"],
        autocommit=True,
        connect_timeout=5,
    )


def hooks(
    supervisor: Supervisor,
    python: Path,
    cache: Callable[[str], Cache],
    extra: Mapping[str, str] | None = None,
) -> Hooks:
    """The hooks with which the reconciler runs containers, jobs and caches.

    Args:
        supervisor: the supervisor that ends the components.
        python: the interpreter of LiteLLM's environment.
        cache: starts a Redis in the folder with a name.
        extra: variables that override those of every component, for example ``SSL_CERT_FILE`` with
            the authority of the emulator's Redis.
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
