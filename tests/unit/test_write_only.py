"""A write-only argument is null in every response of the offline provider.

Terraform tolerates another value in a plan, OpenTofu does not.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness.offline import catalogue
from tests.harness.offline.engine.values import attributes
from tests.harness.offline.protocol import cty, messages
from tests.harness.offline.protocol.schema import Block
from tests.harness.offline.protocol.server import Provider, answer
from tests.harness.schemas.plugin import dynamic, null
from tests.harness.unknown import UNKNOWN

CLASSES = messages.calls()


def write_only(block: Block) -> list[str]:
    return [name for name, attribute in block.attributes.items() if attribute.write_only]


CASES = [
    (provider, version, name, path)
    for provider in ("aws", "google")
    for version in catalogue.releases(provider)
    for name, schema in catalogue.schema(provider, version).resources.items()
    for path in write_only(schema.block)
]


def configured(block: Block, path: str, value: Any) -> dict[str, Any]:
    config = null(block)
    for name, attribute in block.attributes.items():
        if attribute.required:
            config[name] = {"string": "a", "number": 1, "bool": True}.get(str(attribute.type))
    return {**config, path: value}


def states(release: Provider, name: str, config: Any) -> Iterator[Any]:
    """The values of the resource in each response that holds one."""

    def call(method: str, **fields: Any) -> Any:
        request = CLASSES[method][0](type_name=name, **fields)
        return answer(release, method, request, "peer")

    value = dynamic(config)
    plan = call("PlanResourceChange", config=value, proposed_new_state=value)
    yield plan.planned_state
    known = {key: "a secret" if item is UNKNOWN else item for key, item in config.items()}
    if not release.resolved:
        applied = call(
            "ApplyResourceChange", config=dynamic(known), planned_state=plan.planned_state
        )
        yield applied.new_state
        yield call("ReadResource", current_state=value).new_state
    raw = messages.message("RawState")(json=json.dumps(known).encode())
    yield call("UpgradeResourceState", raw_state=raw).upgraded_state


@pytest.mark.parametrize("resolved", [False, True], ids=["plain", "resolved"])
@pytest.mark.parametrize("value", ["a secret", UNKNOWN], ids=["known", "unknown"])
@pytest.mark.parametrize(("provider", "version", "name", "path"), CASES)
def test_write_only_argument_is_null_in_responses(
    provider: str, version: str, name: str, path: str, value: Any, resolved: bool
) -> None:
    release = Provider(*catalogue.load(provider, version), resolved=resolved)
    block = release.schema.resources[name].block
    config = configured(block, path, value)
    assert any(dotted == path for _, dotted, _, _ in attributes(block, config))
    found = [cty.decode(state.msgpack)[path] for state in states(release, name, config)]
    assert found == [None] * len(found)
