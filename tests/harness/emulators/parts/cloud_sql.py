"""What a destroy asks of Cloud SQL's databases, asked of a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
from psycopg import sql

from tests.harness.emulators.parts.postgres import Server
from tests.harness.plan.view import Plan

# By type: what its deletion is in SQL. Terraform deletes users and databases before their instance.
_STATEMENTS = {
    "google_sql_user": sql.SQL("DROP ROLE {}"),
    "google_sql_database": sql.SQL("DROP DATABASE {}"),
}


def _asked(plan: Plan) -> Iterator[tuple[str, sql.Composed]]:
    for type_name, statement in _STATEMENTS.items():
        for address, resource in plan.of_type(type_name).items():
            # What is abandoned is taken off the state, and nothing is asked of the API.
            if resource.values.get("deletion_policy") != "ABANDON":
                yield address, statement.format(sql.Identifier(resource.values["name"]))


def refusals(server: Server, plan: Plan) -> list[str]:
    """What PostgreSQL refuses of a destroy of the planned stack, as it would refuse Google.

    Gives a line each: the resource's address, the SQLSTATE, and what PostgreSQL says.
    """
    found = []
    for address, statement in _asked(plan):
        with server.connect() as connection:
            try:
                connection.execute(statement)
            except psycopg.Error as error:
                found.append(f"{address}: {error.sqlstate}: {' '.join(str(error).split())}")
    return found
