"""Cloud SQL: each instance is a PostgreSQL, with its users and databases.

A read replica is the server of its primary: it has the data, but nothing replicates.
"""

from __future__ import annotations

import contextlib
import copy
import re
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg
from psycopg import sql as statements

from tests.harness.emulators.gcp.control_plane.engine import (
    Cloud,
    Document,
    Hooks,
    Resource,
    now,
    table,
)
from tests.harness.emulators.gcp.control_plane.errors import ApiError, not_served
from tests.harness.emulators.gcp.control_plane.http import body_of
from tests.harness.emulators.gcp.services.networking import check_peered, hold_peering
from tests.harness.emulators.parts import postgres

# The length of PROJECT:INSTANCE. Source: Cloud SQL, instances.insert.
_NAME_LIMIT = 98
_SYSTEM = ("postgres", "template0", "template1", "cloudsqladmin")


def _instance(cloud: Cloud, resource: Resource) -> Resource:
    base = table()["sqlInstances"].path.format(project=resource.place["project"])
    return cloud.get(f"{base}/{resource.place['instance']}")


def _primary(cloud: Cloud, instance: Resource) -> Resource:
    """The primary of a replica; another instance itself."""
    primary = instance.body.get("masterInstanceName")
    if primary:
        resolved = cloud.resolve("sqlInstances", primary.split(":")[-1], instance.place)
        if resolved is not None:
            return resolved
    return instance


def server_of(cloud: Cloud, instance: Resource) -> postgres.Server:
    """The PostgreSQL of an instance; of a replica, that of its primary."""
    server: postgres.Server = cloud.data_plane.databases[_primary(cloud, instance).path]
    return server


def _check(cloud: Cloud, resource: Resource) -> None:
    body, project = resource.body, resource.place["project"]
    if len(f"{project}:{resource.id}") > _NAME_LIMIT:
        raise ApiError(
            400,
            f"PROJECT:INSTANCE may have at most {_NAME_LIMIT} characters: {project}:{resource.id}",
        )
    if resource.path in cloud.tombstones:
        raise ApiError(
            409,
            f"The Cloud SQL instance already exists. When you delete an instance, you can't reuse "
            f"the name of the deleted instance until one week from the deletion date: "
            f"'{resource.id}'",
            "instanceAlreadyExists",
        )
    if not str(body.get("databaseVersion", "")).startswith("POSTGRES_"):
        raise not_served(
            f"databaseVersion {body.get('databaseVersion')} is not served by the emulator"
        )
    edition, tier = body["settings"].get("edition"), body["settings"]["tier"]
    if edition == "ENTERPRISE_PLUS" and not tier.startswith(("db-perf-optimized-", "db-c4a-")):
        raise ApiError(
            400, f"Invalid Tier ({tier}) for (ENTERPRISE_PLUS) Edition. Use a predefined Tier."
        )
    disk = body["settings"].get("dataDiskType", "PD_SSD")
    if tier.startswith("db-c4a-") != (disk == "HYPERDISK_BALANCED"):
        raise ApiError(400, f"Invalid request: the disk type {disk} is not supported for {tier}.")
    _check_readers(cloud, resource)
    check_peered(cloud, resource)


def _check_readers(cloud: Cloud, resource: Resource) -> None:
    """A primary is upgraded with its readers, and has no more memory than one of them."""
    for reader in cloud.of("sqlInstances"):
        if reader.body.get("masterInstanceName", "").split(":")[-1] != resource.id:
            continue
        body = resource.body
        if reader.body["databaseVersion"] != body["databaseVersion"] and not body.get(
            "includeReplicasForMajorVersionUpgrade"
        ):
            raise ApiError(400, "Invalid request: the instance has replicas; upgrade them as well.")
        if _memory(reader.body["settings"]["tier"]) < _memory(body["settings"]["tier"]):
            raise ApiError(400, f"Invalid request: the replica {reader.id} has a smaller tier.")


def _memory(tier: str) -> int:
    """The memory of a custom tier in MiB; 0 for another tier."""
    match = re.fullmatch(r"db-custom-[0-9]+-([0-9]+)", tier)
    return int(match[1]) if match else 0


def _create(cloud: Cloud, resource: Resource) -> None:
    plane, replica = cloud.data_plane, resource.body.get("masterInstanceName")
    if not replica:
        server = postgres.start(plane.supervisor, resource.id)
        plane.databases[resource.path] = server
        postgres.create_cloud_sql_group(server)
        with plane.lock:
            plane.open_front(resource.path, server)
        if resource.path in plane.clones:
            _load(cloud, resource, plane.clones.pop(resource.path))
    host = plane.hosts[_primary(cloud, resource).path]
    cloud.output(
        resource,
        state="RUNNABLE",
        backendType="SECOND_GEN",
        instanceType="READ_REPLICA_INSTANCE" if replica else "CLOUD_SQL_INSTANCE",
        connectionName=":".join(
            (resource.place["project"], resource.body.get("region", ""), resource.id)
        ),
        ipAddresses=[{"type": "PRIVATE", "ipAddress": host}],
        serverCaCert={
            "cert": plane.authority_pem(),
            "commonName": "local",
            "sha1Fingerprint": "",
            "createTime": now(),
            "expirationTime": now(),
        },
        serviceAccountEmailAddress=f"p1-{cloud.number()}@gcp-sa-cloud-sql.iam.gserviceaccount.com",
        createTime=now(),
        gceZone=f"{resource.body.get('region', '')}-a",
    )
    _set_version(cloud, resource)


def _set_version(cloud: Cloud, resource: Resource) -> None:
    with cloud.lock:
        resource.body["settings"]["settingsVersion"] = str(resource.version)


def _update(cloud: Cloud, resource: Resource, _before: Document) -> None:
    _set_version(cloud, resource)
    for reader in cloud.of("sqlInstances"):
        if reader.body.get("masterInstanceName", "").split(":")[-1] == resource.id:
            cloud.output(reader, databaseVersion=resource.body["databaseVersion"])


# ---- Copies of instances ----


def _load(cloud: Cloud, resource: Resource, copied: str) -> None:
    """Replace the data of an instance. Its API then has the copied databases."""
    server = server_of(cloud, resource)
    postgres.load(server, copied)
    collection = table()["sqlDatabases"]
    for name in postgres.databases(server):
        place = {"project": resource.place["project"], "instance": resource.id, "id": name}
        path = f"{resource.path}/databases/{name}"
        body = {"name": name, "instance": resource.id, "project": place["project"]}
        body |= {"charset": "UTF8", "collation": "en_US.UTF8"}
        database = Resource(collection, path, place, body)
        database.private["outputs"] = {"instance", "project"}
        with cloud.lock:
            cloud.resources[path] = database


def _named(cloud: Cloud, project: str, name: str) -> Resource:
    return cloud.get(f"{table()['sqlInstances'].path.format(project=project)}/{name}")


def _back_up(cloud: Cloud, place: Mapping[str, str], _request: Any) -> Document:
    """Back up an instance on demand; its answer names the backup."""
    instance = _named(cloud, place["project"], place["instance"])
    number = cloud.number()
    run = {
        "kind": "sql#backupRun",
        "id": str(number),
        "instance": instance.id,
        "type": "ON_DEMAND",
        "windowStartTime": now(),
    }

    def work() -> Document:
        plane = cloud.data_plane
        plane.backups[instance.path, number] = postgres.dump(server_of(cloud, instance))
        instance.private.setdefault("backups", []).append({**run, "status": "SUCCESSFUL"})
        return {}

    return {
        **cloud.run("sql", "BACKUP_VOLUME", instance, work),
        "backupContext": {"backupId": str(number)},
    }


def _backup_runs(cloud: Cloud, place: Mapping[str, str], _request: Any) -> Document:
    instance = _named(cloud, place["project"], place["instance"])
    return {"items": list(instance.private.get("backups", []))}


def _backup(cloud: Cloud, project: str, target: Resource, request: Document) -> tuple[Any, str]:
    """The instance, as it was, and the data of the backup that a request names.

    Raises:
        ApiError: 404, it does not exist.
    """
    if name := request.get("backup"):
        final = cloud.get(f"{table()['sqlBackups'].path.format(project=project)}/{_last(name)}")
        return final.private["instance"], final.private["data"]
    context = request.get("restoreBackupContext", {})
    source = _named(
        cloud, context.get("project") or project, context.get("instanceId") or target.id
    )
    number = int(context.get("backupRunId", 0))
    if (source.path, number) not in cloud.data_plane.backups:
        raise ApiError(404, f"The backup run {number} does not exist.")
    return source.body, cloud.data_plane.backups[source.path, number]


def _last(name: str) -> str:
    return name.rsplit("/", 1)[-1]


def _restore(cloud: Cloud, place: Mapping[str, str], request: Any) -> Document:
    """Restore a backup. Source: Cloud SQL, restore an instance, restrictions."""
    target = _named(cloud, place["project"], place["instance"])
    source, copied = _backup(cloud, place["project"], target, body_of(request))
    if any(
        reader.body.get("masterInstanceName", "").split(":")[-1] == target.id
        for reader in cloud.of("sqlInstances")
    ):
        raise ApiError(400, "Invalid request: the instance has replicas; delete them first.")
    if source["databaseVersion"] != target.body["databaseVersion"]:
        raise ApiError(400, "Invalid request: the backup is of another database version.")
    if int(target.body["settings"].get("dataDiskSizeGb", 10)) < int(
        source["settings"].get("dataDiskSizeGb", 10)
    ):
        raise ApiError(400, "Invalid request: the disk is smaller than that of the backup.")

    def work() -> Document:
        _load(cloud, target, copied)
        return {}

    return cloud.run("sql", "RESTORE_VOLUME", target, work)


def _clone(cloud: Cloud, place: Mapping[str, str], request: Any) -> Document:
    """Clone an instance with its settings and network, at its present state."""
    source = _named(cloud, place["project"], place["instance"])
    context = body_of(request)["cloneContext"]
    name, collection = context["destinationInstanceName"], table()["sqlInstances"]
    kept = ("databaseVersion", "region", "settings", "diskEncryptionConfiguration")
    body = {key: source.body[key] for key in kept if key in source.body}
    path = f"{collection.path.format(project=place['project'])}/{name}"
    cloud.data_plane.clones[path] = postgres.dump(server_of(cloud, source))
    return cloud.insert(collection, {"project": place["project"]}, {**body, "name": name}, {})


def _check_deletion(cloud: Cloud, resource: Resource) -> None:
    if resource.body["settings"].get("deletionProtectionEnabled"):
        raise ApiError(
            400, "The instance is protected. Please disable the deletion protection and try again."
        )


def _delete(cloud: Cloud, resource: Resource) -> None:
    plane = cloud.data_plane
    server = plane.databases.pop(resource.path, None)
    if server is not None:
        if resource.body["settings"].get("finalBackupConfig", {}).get("enabled"):
            _keep_backup(cloud, resource, postgres.dump(server))
        plane.fronts.close(plane.hosts.pop(resource.path), postgres.PORT)
        plane.supervisor.stop(server.pid)
    base = f"{resource.path}/"
    with cloud.lock:
        for path in [path for path in cloud.resources if path.startswith(base)]:
            del cloud.resources[path]
        cloud.tombstones.add(resource.path)
    hold_peering(cloud, resource)


def _keep_backup(cloud: Cloud, resource: Resource, data: str) -> None:
    """Keep the final backup of an instance, which outlives it."""
    project, name = resource.place["project"], f"{resource.id}-final"
    collection = table()["sqlBackups"]
    path = f"{collection.path.format(project=project)}/{name}"
    body = {
        "name": f"projects/{project}/backups/{name}",
        "instance": resource.id,
        "state": "SUCCESSFUL",
        "type": "FINAL",
    }
    with cloud.lock:
        place = {"project": project, "id": name}
        private = {"instance": copy.deepcopy(resource.body), "data": data}
        cloud.resources[path] = Resource(collection, path, place, body, private=private)


@contextlib.contextmanager
def _sql_errors(action: str) -> Iterator[None]:
    """Convert an error of PostgreSQL to the error of Cloud SQL, with its message."""
    try:
        yield
    except psycopg.Error as error:
        diagnostic = error.diag
        details = f" Details: {diagnostic.message_detail}" if diagnostic.message_detail else ""
        raise ApiError(
            400,
            f"Invalid request: failed to {action}: . {diagnostic.message_primary or error}"
            f"{details} (SQLSTATE {error.sqlstate})",
            "invalid",
        ) from error


def _create_database(cloud: Cloud, resource: Resource) -> None:
    server = server_of(cloud, _instance(cloud, resource))
    with _sql_errors(f"create database {resource.id}"):
        postgres.create_cloud_sql_database(server, resource.id)
    resource.body.setdefault("charset", "UTF8")
    resource.body.setdefault("collation", "en_US.UTF8")
    cloud.output(resource, instance=resource.place["instance"])


def _delete_database(cloud: Cloud, resource: Resource) -> None:
    _execute(cloud, resource, "DROP DATABASE {}", f"delete database {resource.id}")


def _create_user(cloud: Cloud, resource: Resource) -> None:
    password = resource.body.pop("password", None)
    if not password:
        raise ApiError(400, "Invalid request: a built-in user must have a password.")
    server = server_of(cloud, _instance(cloud, resource))
    with _sql_errors(f"create user {resource.id}"):
        # The user of a restored database gets another password.
        if postgres.has_role(server, resource.id):
            postgres.set_password(server, resource.id, password)
        else:
            postgres.create_cloud_sql_user(server, resource.id, password)
    cloud.output(resource, instance=resource.place["instance"])


def _update_user(cloud: Cloud, resource: Resource, _before: Document) -> None:
    password = resource.body.pop("password", None)
    if password:
        server = server_of(cloud, _instance(cloud, resource))
        with _sql_errors(f"update user {resource.id}"):
            postgres.set_password(server, resource.id, password)


def _delete_user(cloud: Cloud, resource: Resource) -> None:
    _execute(cloud, resource, "DROP ROLE {}", f"delete user {resource.id}")


def _execute(cloud: Cloud, resource: Resource, statement: Any, action: str) -> None:
    server = server_of(cloud, _instance(cloud, resource))
    with _sql_errors(action), server.connect() as connection:
        connection.execute(statements.SQL(statement).format(statements.Identifier(resource.id)))


def _check_child(cloud: Cloud, resource: Resource) -> None:
    instance = _instance(cloud, resource)
    if instance.body.get("masterInstanceName"):
        raise ApiError(400, f"'{instance.id}' is a read replica, which cannot be changed.")
    if resource.id in _SYSTEM:
        raise ApiError(400, f"'{resource.id}' is reserved for the system.")


_I = r"/sql/v1beta4/projects/(?P<project>[^/]+)/instances/(?P<instance>[^/]+)"
ROUTES = (
    ("GET", _I + "/backupRuns", _backup_runs),
    ("POST", _I + "/backupRuns", _back_up),
    ("POST", _I + "/restoreBackup", _restore),
    ("POST", _I + "/clone", _clone),
)
HOOKS = {
    "sqlInstances": Hooks(
        check=_check,
        check_deletion=_check_deletion,
        create=_create,
        update=_update,
        delete=_delete,
    ),
    "sqlDatabases": Hooks(check=_check_child, create=_create_database, delete=_delete_database),
    "sqlUsers": Hooks(
        check=_check_child, create=_create_user, update=_update_user, delete=_delete_user
    ),
}
