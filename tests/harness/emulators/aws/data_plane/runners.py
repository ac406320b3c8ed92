"""Run the containers of a stack as processes: components and jobs.

Where LiteLLM is not installed, the SQL of the jobs runs in this process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import psycopg

from tests.harness.emulators.aws.data_plane.reconciler import Finished, HookError, Hooks
from tests.harness.emulators.aws.data_plane.stores import Cache, Front, without_front
from tests.harness.emulators.aws.data_plane.tasks import Work
from tests.harness.emulators.parts import postgres
from tests.harness.litellm import containers, jobs, migrations
from tests.harness.litellm.containers import Component
from tests.harness.process.supervisor import Supervisor
from tests.harness.sdk.aws import session

Credentials: TypeAlias = Callable[[str], Mapping[str, str]]
Connection: TypeAlias = psycopg.Connection[tuple[object, ...]]


@dataclass(frozen=True, slots=True)
class _Jobs:
    """The jobs of an emulator.

    ``python`` is the interpreter of LiteLLM's environment, with the variables of ``extra``. Without
    it the SQL of a job runs in this process.
    """

    supervisor: Supervisor
    python: Path | None
    extra: Mapping[str, str]
    credentials: Credentials

    def run(self, work: Work) -> Finished:
        """Run a job to its end."""
        if containers.tag_of(work.image) == containers.BROKEN_TAG:
            return Finished(1, f"the container {work.image} ended with status 1")
        environment = {**work.environment, **self.extra, **self.credentials(work.role)}
        if not {"BOOTSTRAP_SQL", "DATABASE_URL", "DATABASE_HOST"} & environment.keys():
            raise HookError(
                f"{work.container} is no known job: set BOOTSTRAP_SQL, DATABASE_URL or "
                "DATABASE_HOST"
            )
        if self.python is not None:
            ended = jobs.run(
                self.supervisor,
                self.python,
                work.command,
                environment,
                postgres.programs(),
            )
            return Finished(ended.status, ended.output)
        try:
            return self._by_sql(environment)
        except (psycopg.Error, migrations.MigrationError) as error:
            return Finished(1, f"{type(error).__name__}: {error}")

    def _by_sql(self, environment: Mapping[str, str]) -> Finished:
        if "BOOTSTRAP_SQL" in environment:
            with _as_master(environment) as connection:
                connection.execute(environment["BOOTSTRAP_SQL"].encode())
            return Finished(0, "the database user exists")
        with _as_user(environment) as connection:
            return Finished(0, f"{migrations.run(connection)} migrations applied")


def _as_user(environment: Mapping[str, str]) -> Connection:
    if "DATABASE_URL" in environment:
        return psycopg.connect(environment["DATABASE_URL"], autocommit=True, connect_timeout=5)
    return psycopg.connect(
        host=environment["DATABASE_HOST"],
        port=environment["DATABASE_PORT"],
        user=environment["DATABASE_USER"],
        dbname=environment["DATABASE_NAME"],
        password=_token(environment),
        autocommit=True,
        connect_timeout=5,
    )


def _token(environment: Mapping[str, str]) -> str:
    """The token with which a job signs in; without a role, one that no front accepts."""
    if "AWS_ACCESS_KEY_ID" not in environment:
        return "unsigned"
    key, region = environment["AWS_ACCESS_KEY_ID"], environment["AWS_REGION"]
    rds = session(key, region, environment["AWS_SECRET_ACCESS_KEY"]).client("rds")
    host, port, user = (environment[f"DATABASE_{name}"] for name in ("HOST", "PORT", "USER"))
    return str(rds.generate_db_auth_token(host, int(port), user))


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
    credentials: Credentials = lambda _: {},
    front: Front = without_front,
) -> Hooks:
    """The hooks with which the reconciler runs containers, jobs and caches.

    Args:
        supervisor: the supervisor that ends the components.
        python: the interpreter of LiteLLM's environment.
        cache: starts a Redis in the folder with a name.
        extra: variables that override those of every component, for example ``SSL_CERT_FILE`` with
            the authority of the emulator's Redis.
        credentials: the variables with the credentials of a role, by its ARN.
        front: opens the address of a cluster.
    """

    def start(work: Work) -> Component:
        environment = {**work.environment, **(extra or {}), **credentials(work.role)}
        return containers.start(
            supervisor,
            python,
            work.image,
            work.command,
            environment,
            {},
            work.container,
        )

    installed = python if python != Path() else None
    jobs_of = _Jobs(supervisor, installed, extra or {}, credentials)
    return Hooks(start, jobs_of.run, cache, front)
