"""The AWS provider: default tags, IAM policy documents, partition, region."""

from __future__ import annotations

import json
from typing import Any

from tests.harness.offline.live.aws import codec, crud
from tests.harness.offline.live.aws.crud import Call, CallError, Special
from tests.harness.offline.live.aws.special import SPECIAL
from tests.harness.offline.protocol.cty import is_known
from tests.harness.offline.protocol.diagnostics import Diagnostic
from tests.harness.offline.protocol.schema import Block
from tests.harness.offline.providers import ApplyError, Behaviour, Live, Settings, Values
from tests.harness.unknown import UNKNOWN

# Source: AWS, "Amazon Resource Names", partitions and their regions.
_PARTITIONS = {
    "cn-": ("aws-cn", "amazonaws.com.cn", "cn.com.amazonaws"),
    "us-gov-": ("aws-us-gov", "amazonaws.com", "com.amazonaws"),
}


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
    # From release 6 each resource has a region argument. Before, AWS returns a bucket's region.
    region = block.attributes.get("region")
    if region and region.optional and planned.get("region") is UNKNOWN:
        planned["region"] = settings.get("region") or UNKNOWN


def _partition(settings: Settings) -> tuple[str, str, str]:
    region = settings.get("region") or ""
    for prefix, partition in _PARTITIONS.items():
        if region.startswith(prefix):
            return partition
    return ("aws", "amazonaws.com", "com.amazonaws")


def _partition_data(config: dict[str, Any], settings: Settings) -> dict[str, Any]:
    name, suffix, reverse = _partition(settings)
    return {
        **config,
        "id": name,
        "partition": name,
        "dns_suffix": suffix,
        "reverse_dns_prefix": reverse,
    }


def _region_data(config: dict[str, Any], settings: Settings) -> dict[str, Any]:
    region = config.get("region") or config.get("name") or settings.get("region")
    suffix = _partition(settings)[1]
    values = {
        "id": region,
        "name": region,
        "region": region,
        "description": region,
        "endpoint": f"ec2.{region}.{suffix}",
    }
    return {**config, **{key: value for key, value in values.items() if key in config}}


def _collapse(values: Any) -> Any:
    """One value as itself, several as a list in descending order, as the provider writes them."""
    ordered = sorted(values or [], reverse=True)
    return ordered[0] if len(ordered) == 1 else ordered


def _principals(blocks: list[dict[str, Any]]) -> Any:
    by_type: dict[str, Any] = {}
    for block in blocks:
        if block["type"] == "*" and block["identifiers"] == ["*"]:
            return "*"
        by_type[block["type"]] = sorted({*by_type.get(block["type"], []), *block["identifiers"]})
    return {kind: _collapse(names) for kind, names in sorted(by_type.items())}


def _conditions(blocks: list[dict[str, Any]]) -> dict[str, Any]:
    by_test: dict[str, dict[str, Any]] = {}
    for block in blocks:
        values = block["values"]
        by_test.setdefault(block["test"], {})[block["variable"]] = (
            values[0] if len(values) == 1 else values
        )
    return by_test


def _statement(block: dict[str, Any]) -> dict[str, Any]:
    fields: list[tuple[str, Any]] = [
        ("Sid", block.get("sid")),
        ("Effect", block.get("effect") or "Allow"),
        ("Action", _collapse(block.get("actions"))),
        ("NotAction", _collapse(block.get("not_actions"))),
        ("Resource", _collapse(block.get("resources"))),
        ("NotResource", _collapse(block.get("not_resources"))),
        ("Principal", _principals(block.get("principals") or [])),
        ("NotPrincipal", _principals(block.get("not_principals") or [])),
        ("Condition", _conditions(block.get("condition") or [])),
    ]
    return {key: value for key, value in fields if value not in (None, "", [], {})}


def _policy_document(config: dict[str, Any], _settings: Settings) -> dict[str, Any]:
    version = config.get("version") or "2012-10-17"
    document: dict[str, Any] = {"Version": version}
    if config.get("policy_id"):
        document["Id"] = config["policy_id"]
    document["Statement"] = [_statement(block) for block in config.get("statement") or []]
    minified = json.dumps(document, separators=(",", ":"))
    statements = [
        {**block, "effect": block.get("effect") or "Allow"}
        for block in config.get("statement") or []
    ]
    return {
        **config,
        "version": version,
        "statement": statements,
        "json": json.dumps(document, indent=2),
        "minified_json": minified,
        # The provider uses a checksum of the text here; no module refers to it.
        "id": str(len(minified)),
    }


def _check(type_name: str, config: dict[str, Any]) -> list[Diagnostic]:
    """Relations between arguments that the provider checks when it plans."""
    if type_name == "aws_elasticache_replication_group":
        nodes = config.get("num_cache_clusters")
        failover = config.get("automatic_failover_enabled")
        if failover is True and isinstance(nodes, int) and nodes < 2:
            return [
                Diagnostic(
                    'Invalid value for "num_cache_clusters"',
                    '"num_cache_clusters" must be at least 2 if automatic_failover_enabled is '
                    f"true; it is {nodes}.",
                    ("num_cache_clusters",),
                )
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
        "aws_iam_policy_document": _policy_document,
        "aws_partition": _partition_data,
        "aws_region": _region_data,
    },
)
