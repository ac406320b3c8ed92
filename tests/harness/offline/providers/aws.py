"""The AWS provider: default tags and region."""

from __future__ import annotations

import functools
import json
from typing import Any

from tests.harness.offline.live.aws import codec, crud
from tests.harness.offline.live.aws.crud import Call, CallError, Special
from tests.harness.offline.live.aws.special import SPECIAL
from tests.harness.offline.protocol.cty import is_known
from tests.harness.offline.protocol.diagnostics import Diagnostic, invalid
from tests.harness.offline.protocol.schema import Block
from tests.harness.offline.providers import ApplyError, Behaviour, Live, Settings, Values
from tests.harness.unknown import UNKNOWN

_REGIONS = codec.TABLE.with_name("aws.regions.json")
# The DNS suffixes of regions with another than amazonaws.com (AWS SDKs, partitions.json).
_SUFFIXES = {"cn-": "amazonaws.com.cn", "eusc-": "amazonaws.eu"}


_FRAMEWORK = ("aws_vpc_security_group_egress_rule", "aws_vpc_security_group_ingress_rule")


def _default_tags(settings: Settings) -> dict[str, Any]:
    tags: dict[str, Any] = {}
    for block in settings.get("default_tags") or []:
        tags.update(block.get("tags") or {})
    return tags


def refine(
    type_name: str,
    block: Block,
    config: dict[str, Any],
    planned: dict[str, Any],
    prior: dict[str, Any] | None,
    settings: Settings,
) -> None:
    """Set ``tags_all``: the provider's default tags, overridden by the resource's tags."""
    if "tags_all" in block.attributes and "tags" in block.attributes:
        tags = config.get("tags")
        if not is_known(tags):
            planned["tags_all"] = UNKNOWN
        else:
            override = config.get("override_provider") or []
            ignored = any((block or {}).get("default_tags") for block in override)
            merged = {**({} if ignored else _default_tags(settings)), **(tags or {})}
            planned["tags_all"] = merged or (UNKNOWN if prior is None else {})
            changed = prior is None or prior.get("tags") != tags
            if changed and type_name not in _FRAMEWORK and "" in merged.values():
                # The older SDK cannot plan a tag without a value, so the provider plans none.
                planned["tags_all"] = UNKNOWN
    # From release 6 each resource has a region argument. Before, AWS returns a bucket's region.
    region = block.attributes.get("region")
    unset = config.get("region") is None and planned.get("region") is UNKNOWN
    if region and region.optional and unset:
        planned["region"] = settings.get("region") or UNKNOWN


@functools.cache
def _regions() -> dict[str, str]:
    """The description of each region, as the data source of the plugin gives it."""
    regions = json.loads(_REGIONS.read_text())["regions"]
    return {name: region["description"] for name, region in regions.items()}


def _region_data(config: dict[str, Any], settings: Settings) -> dict[str, Any]:
    region = config.get("region") or config.get("name") or settings.get("region")
    suffix = next(
        (text for prefix, text in _SUFFIXES.items() if str(region).startswith(prefix)),
        "amazonaws.com",
    )
    values = {
        "id": region,
        "name": region,
        "region": region,
        "description": _regions().get(str(region), region),
        "endpoint": f"ec2.{region}.{suffix}",
    }
    return {**config, **{key: value for key, value in values.items() if key in config}}


def _check(type_name: str, config: dict[str, Any]) -> list[Diagnostic]:
    """Relations between arguments that the provider checks when it plans."""
    if type_name != "aws_elasticache_replication_group":
        return []
    nodes = config.get("num_cache_clusters")
    failover = config.get("automatic_failover_enabled")
    if failover is True and isinstance(nodes, int) and nodes < 2:
        text = f"must be at least 2 if automatic_failover_enabled is true; it is {nodes}."
        return [invalid(("num_cache_clusters",), text)]
    if failover is False and config.get("multi_az_enabled") is True:
        return [
            invalid(("automatic_failover_enabled",), "must be true if multi_az_enabled is true.")
        ]
    return []


def _call(type_name: str, block: Block, settings: Settings, config: Values) -> Call:
    entry = codec.table().get(type_name)
    if entry is None:
        raise CallError(
            f"the offline provider cannot apply {type_name}: add it to data/aws.calls.yaml"
        )
    special = SPECIAL.get(type_name, Special())
    return Call(type_name, entry, block, settings, special, config)


def _display_name(values: Values) -> str:
    """The name of a resource in an error of the provider."""
    names = ("id", "name", "identifier", "cluster_identifier", "bucket")
    return next((name for name in map(values.get, names) if isinstance(name, str)), "")


def _change(
    type_name: str,
    block: Block,
    planned: Values | None,
    prior: Values | None,
    config: Values,
    settings: Settings,
) -> Values | None:
    verb = "deleting" if planned is None else "creating" if prior is None else "updating"

    def run(call: Call) -> Values | None:
        if planned is None:
            crud.delete(call, prior or {})
            return None
        if prior is None:
            return crud.create(call, planned)
        return crud.update(call, planned, prior)

    name = _display_name(prior or planned or {})
    try:
        call = _call(type_name, block, settings, config)
        return crud.with_provider_errors(call, verb, name, lambda: run(call))
    except CallError as error:
        raise ApplyError(str(error), error.state) from error


def _read(type_name: str, block: Block, state: Values, settings: Settings) -> Values | None:
    try:
        call = _call(type_name, block, settings, {})
        return crud.with_provider_errors(
            call, "reading", _display_name(state), lambda: crud.read(call, state)
        )
    except CallError as error:
        raise ApplyError(str(error)) from error


BEHAVIOUR = Behaviour(
    live=Live(_change, _read),
    check=_check,
    refine=refine,
    data={
        "aws_region": _region_data,
    },
)
