"""Run the SQL of a destroy of Cloud SQL resources on a PostgreSQL server."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
from psycopg import sql

from tests.harness.emulators.parts.postgres import Server
from tests.harness.plan.view import Plan

# The SQL of a deletion by type. Terraform deletes users and databases before their instance.
_STATEMENTS = {
    "google_sql_user": sql.SQL("DROP ROLE {}"),
    "google_sql_database": sql.SQL("DROP DATABASE {}"),
}


def _statements(plan: Plan) -> Iterator[tuple[str, sql.Composed]]:
    for type_name, statement in _STATEMENTS.items():
        for address, resource in plan.of_type(type_name).items():
            # Terraform removes an abandoned resource from the state without a call of the API.
            if resource.values.get("deletion_policy") != "ABANDON":
                yield address, statement.format(sql.Identifier(resource.values["name"]))


def refusals(server: Server, plan: Plan) -> list[str]:
    """The deletions of a planned stack that PostgreSQL refuses, as it would in Cloud SQL.

    Returns a line for each: the address of the resource, the SQLSTATE, and PostgreSQL's message.
    """
    messages = []
    for address, statement in _statements(plan):
        with server.connect() as connection:
            try:
                connection.execute(statement)
            except psycopg.Error as error:
                messages.append(f"{address}: {error.sqlstate}: {' '.join(str(error).split())}")
    return messages
