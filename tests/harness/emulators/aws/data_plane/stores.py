"""The stores of RDS and ElastiCache: a PostgreSQL or a Redis on loopback for each."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from tests.harness.emulators.aws.cloud import Cloud
from tests.harness.emulators.aws.data_plane.reads import Reads
from tests.harness.emulators.parts import postgres


class StoreError(RuntimeError):
    """A store has a configuration that the emulator does not support."""


class Cache(Protocol):
    """A running Redis."""

    @property
    def host(self) -> str:
        """The address."""

    @property
    def port(self) -> int:
        """The port."""

    @property
    def pid(self) -> int:
        """The id of its process."""


Started = TypeVar("Started", bound=Cache)


@dataclass(frozen=True, slots=True)
class Database:
    """The PostgreSQL of a cluster, with the address that the clients of the cluster use."""

    server: postgres.Server
    host: str
    port: int

    @property
    def pid(self) -> int:
        """The id of the server's process."""
        return self.server.pid


Front = Callable[[postgres.Server, str], tuple[str, int]]
"""Opens the address of a cluster: from its server and its ``DbClusterResourceId``."""


def without_front(server: postgres.Server, _resource: str) -> tuple[str, int]:
    """The address of the server itself, which has no TLS and verifies no token."""
    return server.host, server.port


@dataclass(slots=True)
class Store(Generic[Started]):
    """A store that is starting or running, with the host names of its endpoints."""

    names: tuple[str, ...]
    future: Future[Started]
    reported: bool = False


def _start_database(
    cloud: Cloud,
    cluster: Mapping[str, Any],
    start: Callable[[str], postgres.Server],
    front: Front,
) -> Database:
    name = cluster["DBClusterIdentifier"]
    secret = cluster.get("MasterUserSecret", {}).get("SecretArn")
    if not secret:
        raise StoreError(
            f"{name} has a master password that the API does not return; set "
            "manage_master_user_password"
        )
    if not cluster.get("DatabaseName"):
        raise StoreError(f"{name} has no database; set database_name")
    text = cloud.client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"]
    server = start("postgres")
    postgres.create_aurora_cluster(
        server, cluster["MasterUsername"], json.loads(text)["password"], cluster["DatabaseName"]
    )
    return Database(server, *front(server, cluster["DbClusterResourceId"]))


@dataclass(slots=True)
class Stores:
    """All stores of an emulator, by an id that no later store with the same name has."""

    cloud: Cloud
    reads: Reads
    executor: Executor
    start_database: Callable[[str], postgres.Server]
    start_cache: Callable[[str], Cache]
    stop: Callable[[int], None]
    front: Front = without_front
    databases: dict[str, Store[Database]] = field(default_factory=dict)
    caches: dict[str, Store[Cache]] = field(default_factory=dict)

    def step(self) -> list[str]:
        """Start the stores that the API has, and end the others; returns each new error once."""
        clusters = {
            cluster["DbClusterResourceId"]: cluster
            for cluster in self.reads.paged("rds", "describe_db_clusters", "DBClusters")
        }
        for key in clusters.keys() - self.databases.keys():
            cluster = clusters[key]
            names = (cluster["Endpoint"], cluster.get("ReaderEndpoint", ""))
            future = self.executor.submit(
                _start_database, self.cloud, cluster, self.start_database, self.front
            )
            self.databases[key] = Store(names, future)
        replication_groups = self.reads.paged(
            "elasticache", "describe_replication_groups", "ReplicationGroups"
        )
        groups = {group["ReplicationGroupId"]: group for group in replication_groups}
        for key in groups.keys() - self.caches.keys():
            nodes = groups[key]["NodeGroups"]
            endpoints = [
                node.get(f"{kind}Endpoint") for node in nodes for kind in ("Primary", "Reader")
            ]
            names = tuple(endpoint["Address"] for endpoint in endpoints if endpoint)
            self.caches[key] = Store(names, self.executor.submit(self.start_cache, "redis"))
        return [
            *_end_deleted(self.databases, clusters, self.executor, self.stop),
            *_end_deleted(self.caches, groups, self.executor, self.stop),
        ]

    def addresses(self) -> dict[str, tuple[str, int] | None]:
        """The address of each store, by host name of its endpoints; see ``tasks.Addresses``."""
        by_name: dict[str, tuple[str, int] | None] = {}
        for database in self.databases.values():
            by_name |= _addresses_of(database)
        for cache in self.caches.values():
            by_name |= _addresses_of(cache)
        return by_name

    def database(self, endpoint: str) -> postgres.Server | None:
        """The PostgreSQL of a cluster's endpoint; None while it starts."""
        for store in self.databases.values():
            if endpoint in store.names:
                started = _started(store)
                return started.server if started else None
        return None


def _started(store: Store[Started]) -> Started | None:
    if not store.future.done() or store.future.exception():
        return None
    return store.future.result()


def _addresses_of(store: Store[Started]) -> dict[str, tuple[str, int] | None]:
    started = _started(store)
    failed = ("", 0) if store.future.done() else None
    return dict.fromkeys(store.names, (started.host, started.port) if started else failed)


def _end_deleted(
    stores: dict[str, Store[Started]],
    existing: Mapping[str, Any],
    executor: Executor,
    stop: Callable[[int], None],
) -> list[str]:
    """End the stores that the API no longer has; returns each new error once."""
    errors = []
    for key, store in list(stores.items()):
        if not store.future.done():
            continue
        error = store.future.exception()
        if error and not store.reported:
            store.reported = True
            errors.append(f"{key}: {error}")
        if key not in existing:
            started = _started(store)
            if started:
                executor.submit(stop, started.pid)
            del stores[key]
    return errors
