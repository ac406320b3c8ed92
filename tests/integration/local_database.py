"""A PostgreSQL behind its front, with a database for each test."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import trustme

from tests.harness.emulators.parts import front, postgres
from tests.harness.emulators.parts.envoy import issue_certificate
from tests.harness.litellm import jobs, release
from tests.harness.plan.containers import Container
from tests.harness.process.supervisor import Supervisor

USER, WORD = "litellm_app", "a-word-of-the-test"


@dataclass(frozen=True, slots=True)
class LocalDatabases:
    """The databases of a server, each of the user of the app."""

    server: postgres.Server
    host: str
    port: int
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def new(self) -> str:
        """The name of a new, empty database."""
        name = f"litellm{next(self.numbers)}"
        with self.server.connect() as connection:
            connection.execute(f"CREATE DATABASE {name} OWNER {USER}")
        return name

    def variables(self, container: Container, name: str) -> dict[str, str]:
        """The variables of a planned container, with the address of a database."""
        planned = {key: value or WORD for key, value, _ in container.entries}
        host = {"DATABASE_HOST": self.host, "DATABASE_PORT": str(self.port)}
        return planned | host | {"DATABASE_NAME": name, "DATABASE_PASSWORD": WORD}

    def rows(self, name: str, query: str) -> list[tuple[Any, ...]]:
        """The rows of a query as the user of the app."""
        with self.server.connect(name, USER, WORD) as connection:
            return connection.execute(query.encode()).fetchall()


@contextlib.contextmanager
def local_databases(owner: Supervisor) -> Iterator[LocalDatabases]:
    """A server with the user of the app; it has TLS, which the planned containers require."""
    with front.running() as fronts:
        server = postgres.start(owner)
        postgres.create_cloud_sql_group(server)
        postgres.create_cloud_sql_user(server, USER, WORD)
        host, port = postgres.own_address()
        certificate = issue_certificate(trustme.CA(), host)
        fronts.open(host, port, certificate, front.Upstream(server.host, server.port))
        yield LocalDatabases(server, host, port)


def run_job(owner: Supervisor, container: Container, variables: Mapping[str, str]) -> jobs.Ended:
    """Run the planned migrations job with its own command."""
    python, programs = release.installed(), postgres.programs()
    return jobs.run(owner, python, container.command, variables, programs)
