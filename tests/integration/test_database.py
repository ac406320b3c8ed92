"""Migrations, bootstrap and destroy of the planned stacks on a real PostgreSQL."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.harness.contracts import defects
from tests.harness.contracts.defects import Defect
from tests.harness.emulators.parts import cloud_sql, postgres
from tests.harness.emulators.parts.postgres import Server
from tests.harness.litellm import migrations
from tests.harness.plan.view import Plan
from tests.harness.stacks import STACKS
from tests.harness.terraform import planning
from tests.integration.conftest import planned

WORD = "a-word-of-the-test"


def with_defect(session: planning.Session, defect: Defect, folder: Path) -> planning.Session:
    """The session with a defect in the module of a stack."""
    source = {defect.stack.name: defects.seeded(defect, folder)}
    return dataclasses.replace(session, source=source)


def only(plan: Plan, type_name: str) -> Mapping[str, Any]:
    """The values of the one resource of a type."""
    (resource,) = plan.of_type(type_name).values()
    return resource.values


def migrated_by_the_app(server: Server, plan: Plan) -> tuple[str, str]:
    """Create database and user as Cloud SQL does, and run the migrations; returns their names."""
    database, user = (only(plan, f"google_sql_{kind}")["name"] for kind in ("database", "user"))
    postgres.create_cloud_sql_group(server)
    postgres.create_cloud_sql_user(server, user, WORD)
    postgres.create_cloud_sql_database(server, database)
    with server.connect(database, user, WORD) as connection:
        migrations.run(connection)
    return database, user


# ---- Google Cloud ----


def test_cloud_sql_user_runs_every_migration(server: Server, session: planning.Session) -> None:
    database, user = migrated_by_the_app(server, planned(session, "gcp"))
    with server.connect(database, user, WORD) as connection:
        assert migrations.tables(connection) >= migrations.models()


NOT_ABANDONED = Defect(
    contract="order",
    clause="abandons",
    stack=STACKS["gcp"],
    file="database.tf",
    old='].version)\n  deletion_policy     = "ABANDON"',
    new="].version)",
)


def test_postgres_refuses_no_statement_of_a_destroy(
    server: Server, session: planning.Session
) -> None:
    plan = planned(session, "gcp")
    migrated_by_the_app(server, plan)
    assert cloud_sql.refusals(server, plan) == []


def test_postgres_refuses_to_drop_an_owning_user(
    server: Server, session: planning.Session, tmp_path: Path
) -> None:
    """The first failure of this project: the role owns every table of the migrations."""
    plan = planned(with_defect(session, NOT_ABANDONED, tmp_path), "gcp")
    migrated_by_the_app(server, plan)
    (refusal,) = cloud_sql.refusals(server, plan)
    assert refusal.startswith("google_sql_user.app[0]: 2BP01: ")
    assert "cannot be dropped because some objects depend on it" in refusal


def test_postgres_drops_a_user_without_objects(
    server: Server, session: planning.Session, tmp_path: Path
) -> None:
    # The tables of the migrations make a destroy fail, not DROP ROLE itself.
    plan = planned(with_defect(session, NOT_ABANDONED, tmp_path), "gcp")
    postgres.create_cloud_sql_group(server)
    postgres.create_cloud_sql_user(server, only(plan, "google_sql_user")["name"], WORD)
    assert cloud_sql.refusals(server, plan) == []


# ---- AWS ----


def bootstrapped(server: Server, plan: Plan, times: int) -> tuple[str, str]:
    """Run the SQL of the stack as the master user; returns the database and the app's user."""
    cluster = only(plan, "aws_rds_cluster")
    master, database = cluster["master_username"], cluster["database_name"]
    postgres.create_aurora_cluster(server, master, WORD, database)
    for _ in range(times):
        with server.connect(database, master, WORD) as connection:
            connection.execute(plan.outputs["db_bootstrap_sql"])
    user = STACKS["aws"].smallest.get("db_username", "litellm_app")
    # A password replaces the IAM token.
    postgres.set_password(server, user, WORD)
    return database, user


@pytest.mark.parametrize("times", [1, 2], ids=["once", "again"])
def test_bootstrap_user_runs_every_migration(
    server: Server, session: planning.Session, times: int
) -> None:
    database, user = bootstrapped(server, planned(session, "aws"), times)
    with server.connect(database, user, WORD) as connection:
        migrations.run(connection)
        assert migrations.tables(connection) >= migrations.models()


def test_migrations_fail_without_the_schema_grant(
    server: Server, session: planning.Session, tmp_path: Path
) -> None:
    defect = Defect(
        contract="order",
        clause="waits",
        stack=STACKS["aws"],
        file="templates/bootstrap.sql.tftpl",
        old='GRANT ALL ON SCHEMA public TO "${username}";\n',
        new="",
    )
    database, user = bootstrapped(server, planned(with_defect(session, defect, tmp_path), "aws"), 1)
    with (
        server.connect(database, user, WORD) as connection,
        pytest.raises(migrations.MigrationError, match="permission denied for schema public"),
    ):
        migrations.run(connection)


def test_another_user_takes_the_tables_over(server: Server, session: planning.Session) -> None:
    database, first = bootstrapped(server, planned(session, "aws"), 1)
    with server.connect(database, first, WORD) as connection:
        migrations.run(connection)
    master = only(planned(session, "aws"), "aws_rds_cluster")["master_username"]
    for name, before in (("second", first), (first, "second"), ("third", first)):
        sql = planned(session, "aws", {"db_username": name}).outputs["db_bootstrap_sql"]
        for _ in range(2):
            with server.connect(database, master, WORD) as connection:
                connection.execute(sql)
        postgres.set_password(server, name, WORD)
        with server.connect(database, name, WORD) as connection:
            connection.execute('ALTER TABLE "LiteLLM_Config" ADD COLUMN extra int')
            connection.execute('ALTER TABLE "LiteLLM_Config" DROP COLUMN extra')
            connection.execute("CREATE TABLE of_the_user (x int)")
        # The services of the user before still run while those of the new one start.
        with server.connect(database, before, WORD) as connection:
            connection.execute('SELECT count(*) FROM "LiteLLM_Config"')
            connection.execute("INSERT INTO of_the_user VALUES (1)")
        with server.connect(database, name, WORD) as connection:
            connection.execute("DROP TABLE of_the_user")
    # RDS refuses the password of a member of rds_iam, and so that of a member of its members. The
    # creator of a role administers it without the other options.
    with server.connect() as connection:
        left = connection.execute(
            "SELECT roleid::regrole::text FROM pg_auth_members WHERE member = %s::regrole "
            "AND grantor = member AND roleid::regrole::text NOT LIKE 'rds%%'",
            [master],
        )
        assert left.fetchall() == []


def test_failed_migration_is_named(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    files = migrations.files()
    monkeypatch.setattr(migrations, "files", lambda: [files[-1], *files])
    with (
        server.connect() as connection,
        pytest.raises(migrations.MigrationError, match=f"^{files[-1].parent.name}: "),
    ):
        migrations.run(connection)
