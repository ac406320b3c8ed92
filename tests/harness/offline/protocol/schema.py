"""A provider's schema, read from the layout of ``terraform providers schema -json``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.harness.offline.protocol import messages


@dataclass(frozen=True, slots=True)
class Attribute:
    """An argument or computed value; ``type`` is cty's JSON form (``["list", "string"]``)."""

    name: str
    type: Any
    required: bool = False
    optional: bool = False
    computed: bool = False
    sensitive: bool = False
    write_only: bool = False
    deprecated: bool = False


@dataclass(frozen=True, slots=True)
class Block:
    """The body of a resource or of a nested block."""

    attributes: Mapping[str, Attribute]
    blocks: Mapping[str, NestedBlock]


@dataclass(frozen=True, slots=True)
class NestedBlock:
    """A nested block; ``nesting`` is single, group, list, set or map. 0 items are no limit."""

    name: str
    nesting: str
    block: Block
    min_items: int = 0
    max_items: int = 0


@dataclass(frozen=True, slots=True)
class Schema:
    """The schema of one type and its state version."""

    block: Block
    version: int = 0


@dataclass(frozen=True, slots=True)
class ProviderSchema:
    """All schemas of one provider release."""

    source: str
    provider: Schema
    resources: Mapping[str, Schema]
    data_sources: Mapping[str, Schema]
    ephemerals: Mapping[str, Schema]


def _attribute(name: str, spec: dict[str, Any]) -> Attribute:
    if "type" not in spec:
        raise ValueError(
            f"attribute {name!r} has a nested type, which protocol 5 cannot encode; "
            "remove its resource type from the schema file"
        )
    flags = ("required", "optional", "computed", "sensitive", "write_only", "deprecated")
    return Attribute(name, spec["type"], **{flag: bool(spec.get(flag)) for flag in flags})


def _block(spec: dict[str, Any]) -> Block:
    return Block(
        {name: _attribute(name, a) for name, a in sorted(spec.get("attributes", {}).items())},
        {
            name: NestedBlock(
                name,
                b["nesting_mode"],
                _block(b["block"]),
                b.get("min_items", 0),
                b.get("max_items", 0),
            )
            for name, b in sorted(spec.get("block_types", {}).items())
        },
    )


def _schema(spec: dict[str, Any]) -> Schema:
    return Schema(_block(spec["block"]), spec.get("version", 0))


def parse(document: dict[str, Any]) -> ProviderSchema:
    """The schema of the one provider in ``document``.

    Raises:
        ValueError: the document does not hold one provider, or it has a nested attribute type.
    """
    providers = document["provider_schemas"]
    if len(providers) != 1:
        raise ValueError(f"a schema file must hold one provider; got {sorted(providers)}")
    source, spec = next(iter(providers.items()))

    def section(key: str) -> dict[str, Schema]:
        return {name: _schema(s) for name, s in sorted(spec.get(key, {}).items())}

    return ProviderSchema(
        source,
        _schema(spec["provider"]),
        section("resource_schemas"),
        section("data_source_schemas"),
        section("ephemeral_resource_schemas"),
    )


def _block_message(block: Block) -> Any:
    nesting = messages.enum("Schema.NestedBlock.NestingMode")
    return messages.message("Schema.Block")(
        attributes=[
            messages.message("Schema.Attribute")(
                name=a.name,
                type=json.dumps(a.type).encode(),
                required=a.required,
                optional=a.optional,
                computed=a.computed,
                sensitive=a.sensitive,
                write_only=a.write_only,
                deprecated=a.deprecated,
            )
            for a in block.attributes.values()
        ],
        block_types=[
            messages.message("Schema.NestedBlock")(
                type_name=b.name,
                nesting=nesting[b.nesting.upper()],
                block=_block_message(b.block),
                min_items=b.min_items,
                max_items=b.max_items,
            )
            for b in block.blocks.values()
        ],
    )


def to_message(schema: Schema) -> Any:
    """``schema`` as the protocol's Schema message."""
    return messages.message("Schema")(version=schema.version, block=_block_message(schema.block))
