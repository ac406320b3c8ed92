"""The operations in botocore's models take every argument that the stack sets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import botocore.session

from tests.harness.offline import catalogue
from tests.harness.offline.live.aws import codec
from tests.harness.offline.protocol.schema import Block
from tests.harness.plan.view import UNKNOWN
from tests.integration.conftest import planned
from tests.plugins.sessions import Sessions

TABLE = codec.table()
RELEASE = catalogue.releases("aws")[0]
INPUTS = {
    "proxy_config": {"model_list": []},
    "create_read_replica": True,
}
# Arguments that a function in live/aws sends.
HANDLED = {
    "aws_lb.access_logs",
    "aws_lb_target_group.health_check",
    "aws_vpc.enable_dns_hostnames",
    "aws_vpc.enable_dns_support",
    "aws_vpc_security_group_egress_rule.cidr_ipv4",
    "aws_vpc_security_group_egress_rule.description",
    "aws_vpc_security_group_ingress_rule.cidr_ipv4",
    "aws_vpc_security_group_ingress_rule.description",
}


def set_arguments(block: Block, values: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """The dotted paths of the arguments of a resource that are neither empty nor false."""
    for name, attribute in block.attributes.items():
        settable = attribute.required or attribute.optional
        value = values.get(name)
        if settable and value is not UNKNOWN and value not in (None, "", False, 0, [], {}):
            yield prefix + name
    for name, nested in block.blocks.items():
        bodies = values.get(name)
        for body in bodies if isinstance(bodies, list) else []:
            yield from set_arguments(nested.block, body, f"{prefix}{name}.")


def test_every_set_argument_is_sent_or_listed(
    sessions: Sessions,
) -> None:
    core = botocore.session.get_session()
    missing = set()
    for resource in planned(sessions("oldest", resolved=False), "aws", INPUTS).resources.values():
        if not resource.type.startswith("aws_"):
            continue
        entry = TABLE[resource.type]
        block = catalogue.schema("aws", RELEASE).resources[resource.type].block
        model = core.get_service_model(entry.service)
        operations = [
            operation
            for operation in (entry.create, entry.find, entry.delete, *entry.change)
            if operation
        ]
        shapes = [model.operation_model(operation.op).input_shape for operation in operations]
        for path in set_arguments(block, resource.values):
            name = path.split(".")[0]
            sent = {*entry.fields, *entry.sends, *entry.local, *entry.kept, *entry.attributes}
            members = {
                codec.letters(member) for shape in shapes if shape for member in shape.members
            }
            handled = (
                name in sent
                or codec.letters(name) in members
                or f"{{{name}}}" in str([operation.by for operation in operations])
            )
            if not handled and name not in ("id", "tags", "tags_all", "region"):
                missing.add(f"{resource.type}.{name}")
    assert missing == HANDLED
