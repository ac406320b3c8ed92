"""Replication groups."""

from __future__ import annotations

from collections.abc import Mapping

from tests.harness.offline.live.aws.crud import Call, Special
from tests.harness.offline.live.codec import Document, Values
from tests.harness.unknown import UNKNOWN


def _read_cache(call: Call, state: Values, document: Document) -> None:
    members = document.get("MemberClusters") or []
    document["num_cache_clusters"] = len(members)
    if members:
        cluster = call.client().describe_cache_clusters(CacheClusterId=members[0])["CacheClusters"][
            0
        ]
        for name in ("Engine", "EngineVersion", "CacheSubnetGroupName", "SecurityGroups"):
            document.setdefault(name, cluster.get(name))
        document["CacheParameterGroup"] = cluster.get("CacheParameterGroup", {})
    if state.get("auto_minor_version_upgrade") not in (None, UNKNOWN):
        document.setdefault("AutoMinorVersionUpgrade", state["auto_minor_version_upgrade"])


SPECIAL: Mapping[str, Special] = {
    "aws_elasticache_replication_group": Special(read=_read_cache),
}
