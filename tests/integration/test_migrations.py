"""The planned migrations job of LiteLLM on a real PostgreSQL, and its failures."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.harness.lifecycle.diagnoses import diagnose
from tests.harness.litellm import engines, release
from tests.harness.plan.containers import Container, containers
from tests.harness.process.supervisor import Supervisor, supervising
from tests.harness.terraform import planning
from tests.integration.conftest import planned
from tests.integration.local_database import USER, WORD, LocalDatabases, local_databases, run_job

NO_DIFFERENCE = "-- This is an empty migration.\n"
APPLIED = "SELECT migration_name FROM _prisma_migrations WHERE finished_at IS NOT NULL"


@pytest.fixture(scope="module")
def owner() -> Iterator[Supervisor]:
    with supervising() as supervisor:
        yield supervisor


@pytest.fixture(scope="module")
def databases(owner: Supervisor) -> Iterator[LocalDatabases]:
    with local_databases(owner) as running:
        yield running


@pytest.fixture(scope="module")
def job(resolved_session: planning.Session) -> Container:
    """The planned job of Google Cloud. That of AWS runs in its lifecycle, with a token of IAM."""
    return containers(planned(resolved_session, "gcp", {"db_username": USER}))["migrations"]


def applied(databases: LocalDatabases, name: str) -> list[str]:
    return sorted(str(row[0]) for row in databases.rows(name, APPLIED))


def shipped() -> list[str]:
    files = release.migrations(release.installed()).glob("*/migration.sql")
    return sorted(file.parent.name for file in files)


def prisma(databases: LocalDatabases, name: str, *words: str) -> str:
    """Run a command of Prisma, as the remediation says; URL in a word is that of the database."""
    python = release.installed()
    url = f"postgresql://{USER}:{WORD}@{databases.host}:{databases.port}/{name}?sslmode=require"
    return subprocess.run(
        [engines.programs(python) / "prisma", *(word.replace("URL", url) for word in words)],
        cwd=release.migrations(python).parent,
        env={"PATH": os.defpath, "DATABASE_URL": url},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout


@pytest.fixture(scope="module")
def migrated(owner: Supervisor, databases: LocalDatabases, job: Container) -> str:
    """A database after two runs of the job at once. One run is part of each lifecycle."""
    name = databases.new()
    variables = databases.variables(job, name)
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(run_job, owner, job, variables) for _ in range(2)]
    assert [run.result().status for run in runs] == [0, 0], [run.result().output for run in runs]
    return name


def test_two_jobs_at_once_apply_each_migration_once(
    databases: LocalDatabases, migrated: str
) -> None:
    assert applied(databases, migrated) == shipped()


def test_job_gives_the_database_the_schema_of_litellm(
    databases: LocalDatabases, migrated: str
) -> None:
    # LiteLLM logs an error for each missing table, and goes on without spend or prompts.
    options = [
        "--from-url",
        "URL",
        "--to-schema-datamodel",
        str(release.schema(release.installed())),
    ]
    assert prisma(databases, migrated, "migrate", "diff", *options, "--script") == NO_DIFFERENCE


def test_job_without_the_name_of_its_user_migrates_nothing(
    owner: Supervisor, databases: LocalDatabases, job: Container
) -> None:
    # LiteLLM's script ends with status 0, so only the tables show the fault.
    name = databases.new()
    variables = databases.variables(job, name)
    del variables["DATABASE_USERNAME"]
    ended = run_job(owner, job, variables)
    assert ended.status == 0
    assert databases.rows(name, "SELECT FROM pg_tables WHERE schemaname = 'public'") == []


def test_half_applied_migration_stops_the_job_until_it_is_resolved(
    owner: Supervisor, databases: LocalDatabases, job: Container, migrated: str
) -> None:
    # What a job leaves that was killed inside a migration: a start without an end.
    last = shipped()[-1]
    with databases.server.connect(migrated, USER, WORD) as connection:
        connection.execute(
            "UPDATE _prisma_migrations SET finished_at = NULL, applied_steps_count = 0 "
            "WHERE migration_name = %s",
            [last],
        )
    variables = databases.variables(job, migrated)
    ended = run_job(owner, job, variables)
    assert ended.status != 0
    assert "P3009" in ended.output
    assert last in ended.output
    (diagnosis,) = diagnose(ended.output)
    assert diagnosis.startswith("An earlier run of the migrations"), ended.output
    prisma(databases, migrated, "migrate", "resolve", "--applied", last)
    before = databases.rows(migrated, "SELECT id, finished_at FROM _prisma_migrations")
    ended = run_job(owner, job, variables)
    assert ended.status == 0, ended.output
    # Nothing was pending, so the run changed nothing.
    assert databases.rows(migrated, "SELECT id, finished_at FROM _prisma_migrations") == before
    assert applied(databases, migrated) == shipped()
