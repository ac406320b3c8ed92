"""Stacks of Google Cloud with the database of an earlier stack."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.harness.emulators import launch
from tests.harness.emulators.gcp import target as google
from tests.harness.emulators.launch import GcpOptions
from tests.harness.lifecycle.run import (
    Lifecycle,
    LifecycleError,
    apply,
    destroy,
    plan,
    planned_changes,
)
from tests.integration.conftest import Lifecycles
from tests.integration.google_api import Api

PROJECT = "acme-prod-1"
INSTANCES = f"/sql/v1beta4/projects/{PROJECT}/instances"
INPUTS: Mapping[str, Any] = {
    "cloudsql_deletion_protection": False,
    "gcs_force_destroy": True,
    "skip_final_snapshot": True,
    "create_redis": False,
    "create_read_replica": False,
    "run_migrations": False,
}


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    folder = tmp_path_factory.mktemp("restore")
    with launch.serving(GcpOptions(), folder / "cloud.log") as running:
        yield running.url, folder


@pytest.fixture(scope="module")
def old(cloud: tuple[str, Path], lifecycles: Lifecycles) -> Lifecycle:
    """The database of the earlier stack, with a row in it."""
    url, folder = cloud
    lifecycle = lifecycles(google.target(url, folder), {**INPUTS, "db_disk_size": 30})
    apply(lifecycle, targets=("google_sql_database.this", "google_sql_user.app"))
    with connected(url, "dev") as connection:
        connection.execute("CREATE TABLE kept (word text)")
        connection.execute("INSERT INTO kept VALUES ('a row of the old stack')")
    return lifecycle


def instance(url: str, env: str) -> str:
    """The name of a stack's writer."""
    names = [item["name"] for item in Api(url).send("GET", INSTANCES).json()["items"]]
    (name,) = (name for name in names if name.startswith(f"acme-litellm-{env}-writer"))
    return str(name)


def connected(url: str, env: str) -> psycopg.Connection[tuple[object, ...]]:
    """A connection to a stack's database, with the password that its secret has."""
    api, name = Api(url), instance(url, env)
    (address,) = api.send("GET", f"{INSTANCES}/{name}").json()["ipAddresses"]
    secret = f"/v1/projects/{PROJECT}/secrets/acme-litellm-{env}-db-password/versions/latest"
    payload = api.send("GET", f"{secret}:access").json()["payload"]["data"]
    return psycopg.connect(
        host=address["ipAddress"],
        user="litellm_app",
        password=base64.b64decode(payload).decode(),
        dbname="litellm",
        autocommit=True,
    )


def rows(url: str, env: str) -> list[tuple[object, ...]]:
    with connected(url, env) as connection:
        connection.execute("INSERT INTO kept VALUES ('a row of the new stack')")
        return connection.execute("SELECT word FROM kept ORDER BY ctid LIMIT 1").fetchall()


def restored(
    cloud: tuple[str, Path], lifecycles: Lifecycles, env: str, inputs: Mapping[str, Any]
) -> Lifecycle:
    url, folder = cloud
    (folder / env).mkdir()
    lifecycle = lifecycles(
        google.target(url, folder / env), {**INPUTS, "env": env, "db_disk_size": 30, **inputs}
    )
    apply(lifecycle)
    return lifecycle


def test_new_stack_has_the_rows_of_a_backup(
    cloud: tuple[str, Path], old: Lifecycle, lifecycles: Lifecycles
) -> None:
    url, _ = cloud
    name = instance(url, "dev")
    answer = Api(url).send("POST", f"{INSTANCES}/{name}/backupRuns", {}).json()
    number = answer["backupContext"]["backupId"]
    origin = {"db_restore_snapshot": f"{name}/{number}"}
    stack = restored(cloud, lifecycles, "new", origin)
    assert rows(url, "new") == [("a row of the old stack",)]
    assert planned_changes(stack) == {}
    # Without the input nothing changes; another backup, or another name, is refused.
    assert planned_changes(stack, {"db_restore_snapshot": ""}) == {}
    for changed in ({"db_restore_snapshot": f"{name}/1"}, {"db_name": "other"}):
        with pytest.raises(LifecycleError, match=f"{next(iter(changed))} must"):
            plan(stack, changed)


def test_new_stack_has_the_rows_of_a_point_in_time(
    cloud: tuple[str, Path], old: Lifecycle, lifecycles: Lifecycles
) -> None:
    url, _ = cloud
    origin = {
        "db_restore_source": instance(url, "dev"),
        "network": f"projects/{PROJECT}/global/networks/acme-litellm-dev",
        "create_psa_connection": False,
        "vpc_connector_cidr": "10.60.0.0/28",
    }
    stack = restored(cloud, lifecycles, "late", origin)
    assert rows(url, "late") == [("a row of the old stack",)]
    assert planned_changes(stack) == {}
    assert planned_changes(stack, {"db_restore_source": ""}) == {}
    destroy(stack)


@pytest.mark.parametrize(
    "origin", [{"db_restore_snapshot": "acme-old-1/1"}, {"db_restore_source": "acme-old-1"}]
)
def test_restore_into_an_instance_with_data_is_refused(
    old: Lifecycle, origin: Mapping[str, str]
) -> None:
    with pytest.raises(LifecycleError, match=f"{next(iter(origin))} must"):
        plan(old, origin)
