"""What ministack lacks of ElastiCache: subnet groups in use, a host name for each group."""

from __future__ import annotations

import re
from collections.abc import Mapping

from tests.harness.emulators.aws.control_plane.call import Call, Refusal
from tests.harness.emulators.aws.control_plane.service import (
    EVERY,
    REDIS_HOST,
    Clients,
    Completion,
    Memory,
    Observations,
    Overlay,
    Refuse,
    Rule,
    State,
)
from tests.harness.sdk.aws import paged


def _cache_subnets(client: Clients, call: Call, _: Observations) -> Refusal | None:
    name = call.parameters["CacheSubnetGroupName"]
    caches = paged(client("elasticache"), "describe_cache_clusters", "CacheClusters")
    if not any(cache.get("CacheSubnetGroupName") == name for cache in caches):
        return None
    return Refusal(
        "CacheSubnetGroupInUse",
        f"Cache subnet group {name} is currently in use by a cache cluster.",
    )


def _cache_parameters(client: Clients, call: Call, _: Observations) -> Refusal | None:
    name = call.parameters["CacheParameterGroupName"]
    caches = paged(client("elasticache"), "describe_cache_clusters", "CacheClusters")
    groups = [cache.get("CacheParameterGroup", {}) for cache in caches]
    if name not in {group.get("CacheParameterGroupName") for group in groups}:
        return None
    return Refusal(
        "InvalidCacheParameterGroupState",
        "One or more cache clusters are still members of this parameter group "
        f"{name}, so the group cannot be deleted.",
    )


def _overlay(_: State, __: Call, body: bytes) -> bytes:
    """An answer in which each replication group has its own host name.

    The names have the form of groups with encryption in transit.
    """

    def with_host(block: re.Match[str]) -> str:
        group = re.search(r"<ReplicationGroupId>([^<]+)<", block[0])
        if not group:
            return block[0]
        host = f"master.{group[1]}.local.cache.amazonaws.com"
        reader = re.compile(rf"(<ReaderEndpoint>\s*<Address>){re.escape(REDIS_HOST)}<")
        text = reader.sub(rf"\g<1>{host.replace('master', 'replica', 1)}<", block[0])
        return text.replace(f">{REDIS_HOST}<", f">{host}<")

    pattern = r"<ReplicationGroup>.*?</ReplicationGroup>"
    return re.sub(pattern, with_host, body.decode(), flags=re.DOTALL).encode()


def _parameters(_: Clients, call: Call, __: Memory, body: str) -> str:
    """The parameters of the requested source (ElastiCache API, DescribeCacheParameters)."""
    source = call.parameters.get("Source")
    if not source:
        return body

    def kept(match: re.Match[str]) -> str:
        return match[0] if f"<Source>{source}</Source>" in match[0] else ""

    return re.sub(r"<Parameter>.*?</Parameter>", kept, body, flags=re.DOTALL)


COMPLETIONS: dict[str, Completion] = {"DescribeCacheParameters": _parameters}
OVERLAY: Mapping[str, Overlay] = {EVERY: _overlay}
REFUSALS: Refuse = {
    "DeleteCacheSubnetGroup": [Rule(_cache_subnets, "ElastiCache API, DeleteCacheSubnetGroup")],
    "DeleteCacheParameterGroup": [
        Rule(_cache_parameters, "ElastiCache API, DeleteCacheParameterGroup")
    ],
}
