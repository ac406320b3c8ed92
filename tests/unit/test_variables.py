"""Every variable of a container has a reader, and every documented one is set or has a reason."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.harness.litellm import variables
from tests.harness.plan.containers import Container, containers
from tests.harness.stacks import CREDENTIALS, STACKS, declared
from tests.harness.terraform import planning

# Inputs that together give every variable that the modules set.
GIVEN = {name: f"sk-{name}-0123456789" for name in CREDENTIALS[:4]}
SHAPES = {
    "created": {**GIVEN, "store_request_logs": True, "otel_endpoint": "https://otel.example.com"},
    "external": {
        "create_database": False,
        "create_redis": False,
        "database_url": "postgresql://app:password-0123456789@db.example.com/litellm",
        "redis_url": "rediss://:password-0123456789@redis.example.com:6379",
    },
}
HEADERS = {
    "aws": {
        "otel_headers_secret_arn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:o-AbCdEf"
    },
    "gcp": {"otel_headers_secret": "otel"},
}
# The variables that LiteLLM's page on production names.
DOCUMENTED = (
    "DISABLE_SCHEMA_UPDATE",
    "LITELLM_LOG",
    "LITELLM_MASTER_KEY",
    "LITELLM_MODE",
    "LITELLM_SALT_KEY",
    "NUM_WORKERS",
    "PROXY_BASE_URL",
    "REDIS_HOST",
    "REDIS_PORT",
    "SERVER_ROOT_PATH",
    "STORE_MODEL_IN_DB",
    "USE_V2_MIGRATION_RESOLVER",
)


@pytest.fixture(scope="module")
def planned(resolved_session: planning.Session) -> dict[str, list[dict[str, Container]]]:
    """The containers of each stack, by shape."""
    found: dict[str, list[dict[str, Container]]] = {}
    for name, stack in STACKS.items():
        for shape, given in SHAPES.items():
            headers = HEADERS[name] if shape == "created" else {}
            inputs = declared({**stack.smallest, **given, **headers})
            result = planning.plan(resolved_session, planning.Case(shape, name, inputs))
            assert result.plan is not None, str(result)
            found.setdefault(name, []).append(dict(containers(result.plan)))
    return found


def names(planned: dict[str, list[dict[str, Container]]]) -> Iterator[tuple[str, str]]:
    for shapes in planned.values():
        for shape in shapes:
            for component, container in shape.items():
                for name, _, _ in container.entries:
                    yield name, component


def test_every_variable_is_on_its_containers(
    planned: dict[str, list[dict[str, Container]]],
) -> None:
    found = {name: set[str]() for name, _ in names(planned)}
    for name, component in names(planned):
        found[name].add(component)
    expected = {name: set(v.containers) for name, v in variables.variables().items()}
    assert found == expected


def test_start_command_reads_its_variables(planned: dict[str, list[dict[str, Container]]]) -> None:
    for shapes in planned.values():
        for shape in shapes:
            for component, container in shape.items():
                wanted = {
                    name
                    for name, _, _ in container.entries
                    if variables.variables()[name].reads == "start"
                }
                command = " ".join(container.command)
                assert {name for name in wanted if name not in command} == set(), component


def test_documented_variable_is_set_or_has_a_reason() -> None:
    known = {*variables.variables(), *variables.not_set()}
    assert [name for name in DOCUMENTED if name not in known] == []
