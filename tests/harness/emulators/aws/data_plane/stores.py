"""The stores that RDS and ElastiCache are asked for, as real ones on loopback."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from tests.harness.emulators.aws.cloud import Cloud
from tests.harness.emulators.parts import postgres
from tests.harness.sdk.aws import paged


class StoreError(RuntimeError):
    """A store is asked for in a way that is not made here."""


class Cache(Protocol):
    """A running Redis."""

    @property
    def host(self) -> str:
        """Its address."""

    @property
    def port(self) -> int:
        """Its port."""

    @property
    def pid(self) -> int:
        """Its process's id."""


Made = TypeVar("Made", bound=Cache)


@dataclass(slots=True)
class Store(Generic[Made]):
    """A store that is being made, or was: the names it answers to, and what it is."""

    names: tuple[str, ...]
    future: Future[Made]
    told: bool = False


def _database(
    cloud: Cloud, cluster: Mapping[str, Any], start: Callable[[str], postgres.Server]
) -> postgres.Server:
    name = cluster["DBClusterIdentifier"]
    secret = cluster.get("MasterUserSecret", {}).get("SecretArn")
    if not secret:
        raise StoreError(
            f"{name} has a master password that the API does not tell; have RDS manage it"
        )
    if not cluster.get("DatabaseName"):
        raise StoreError(f"{name} has no first database; name one")
    text = cloud.client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"]
    server = start("postgres")
    postgres.make_aurora_cluster(
        server, cluster["MasterUsername"], json.loads(text)["password"], cluster["DatabaseName"]
    )
    return server


@dataclass(slots=True)
class Stores:
    """All stores of a cloud, by an identity that no later store of the same name has."""

    cloud: Cloud
    executor: Executor
    start_database: Callable[[str], postgres.Server]
    start_cache: Callable[[str], Cache]
    stop: Callable[[int], None]
    databases: dict[str, Store[postgres.Server]] = field(default_factory=dict)
    caches: dict[str, Store[Cache]] = field(default_factory=dict)

    def step(self) -> list[str]:
        """Make what is asked for, end what is not; gives what went wrong, once."""
        clusters = {
            one["DbClusterResourceId"]: one
            for one in paged(self.cloud.client("rds"), "describe_db_clusters", "DBClusters")
        }
        for key in clusters.keys() - self.databases.keys():
            cluster = clusters[key]
            names = (cluster["Endpoint"], cluster.get("ReaderEndpoint", ""))
            made = self.executor.submit(_database, self.cloud, cluster, self.start_database)
            self.databases[key] = Store(names, made)
        elasticache = self.cloud.client("elasticache")
        groups = {
            one["ReplicationGroupId"]: one
            for one in paged(elasticache, "describe_replication_groups", "ReplicationGroups")
        }
        for key in groups.keys() - self.caches.keys():
            nodes = groups[key]["NodeGroups"]
            ends = [node.get(f"{kind}Endpoint") for node in nodes for kind in ("Primary", "Reader")]
            found = tuple(one["Address"] for one in ends if one)
            self.caches[key] = Store(found, self.executor.submit(self.start_cache, "redis"))
        return [
            *_kept(self.databases, clusters, self.executor, self.stop),
            *_kept(self.caches, groups, self.executor, self.stop),
        ]

    def addresses(self) -> dict[str, tuple[str, int] | None]:
        """Where each store answers, by each of its names, as :mod:`works` wants it."""
        found: dict[str, tuple[str, int] | None] = {}
        for database in self.databases.values():
            found |= _found(database)
        for cache in self.caches.values():
            found |= _found(cache)
        return found

    def database(self, endpoint: str) -> postgres.Server | None:
        """The PostgreSQL that an endpoint of a cluster stands for, once it is made."""
        for store in self.databases.values():
            if endpoint in store.names:
                return _made(store)
        return None


def _made(store: Store[Made]) -> Made | None:
    if not store.future.done() or store.future.exception():
        return None
    return store.future.result()


def _found(store: Store[Made]) -> dict[str, tuple[str, int] | None]:
    made = _made(store)
    failed = ("", 0) if store.future.done() else None
    return dict.fromkeys(store.names, (made.host, made.port) if made else failed)


def _kept(
    held: dict[str, Store[Made]],
    there: Mapping[str, Any],
    executor: Executor,
    stop: Callable[[int], None],
) -> list[str]:
    """End the stores that are no longer there; gives what went wrong with the others, once."""
    said = []
    for key, store in list(held.items()):
        if not store.future.done():
            continue
        error = store.future.exception()
        if error and not store.told:
            store.told = True
            said.append(f"{key}: {error}")
        if key not in there:
            made = _made(store)
            if made:
                executor.submit(stop, made.pid)
            del held[key]
    return said
