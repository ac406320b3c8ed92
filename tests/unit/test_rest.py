"""The table of the offline Google provider's calls agrees with the provider's schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import requests

from tests.harness import documents
from tests.harness.offline import catalogue
from tests.harness.offline.live.google import codec, crud
from tests.harness.offline.protocol.schema import Block
from tests.harness.stacks import STACKS
from tests.harness.terraform import planning
from tests.harness.terraform.planning import Case

TABLE = codec.table(crud.TABLE)
RELEASES = catalogue.releases("google")


def dotted(block: Block, prefix: str = "") -> Iterator[str]:
    """Every attribute and block of a schema by its dotted path."""
    for name in block.attributes:
        yield prefix + name
    for name, nested in block.blocks.items():
        yield prefix + name
        yield from dotted(nested.block, f"{prefix}{name}.")


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("type_name", TABLE)
def test_entry_names_only_schema_arguments(type_name: str, release: str) -> None:
    entry = TABLE[type_name]
    schema_names = set(dotted(catalogue.schema("google", release).resources[type_name].block))
    names = {*entry.fields, *entry.text, *entry.repeated, *entry.alike, *entry.query.values()}
    document = documents.read(crud.TABLE)
    local = {*document["types"][type_name].get("local", ())}
    assert names | local - schema_names <= schema_names


@pytest.mark.parametrize("release", RELEASES)
def test_entry_names_a_service_with_an_endpoint(release: str) -> None:
    attributes = catalogue.schema("google", release).provider.block.attributes
    services = {f"{entry.service}_custom_endpoint" for entry in TABLE.values()}
    assert services <= set(attributes)


def planned(session: planning.Session) -> Mapping[str, Any]:
    inputs = {
        **STACKS["gcp"].smallest,
        "lb_domains": ["litellm.example.com"],
        "proxy_config": {"model_list": []},
        "create_read_replica": True,
        "kms_key_name": "projects/acme-prod-1/locations/us-central1/keyRings/llm/cryptoKeys/llm",
    }
    result = planning.plan(session, Case("rest", "gcp", inputs))
    assert result.plan is not None, str(result)
    return result.plan.resources


def settable(block: Block, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """The values of a state that arguments can set."""
    arguments = {
        name: values.get(name)
        for name, attribute in block.attributes.items()
        if (attribute.optional or attribute.required) and name != "id"
    }
    for name, nested in block.blocks.items():
        value = values.get(name)
        arguments[name] = (
            [settable(nested.block, body) for body in value] if isinstance(value, list) else value
        )
    return arguments


def test_every_type_survives_encode_and_decode(
    resolved_session: planning.Session,
) -> None:
    schema = catalogue.schema("google", RELEASES[0])
    count = 0
    for address, resource in planned(resolved_session).items():
        if resource.type.startswith("google_"):
            entry, block = TABLE[resource.type], schema.resources[resource.type].block
            values = {
                name: value
                for name, value in settable(block, resource.values).items()
                if name not in entry.query.values()
            }
            document = codec.encode(entry, block, {**resource.values, **values})
            state = codec.decode(entry, block, document, dict(resource.values))
            decoded = settable(block, state)
            assert {name: decoded[name] for name in values} == values, address
            count += 1
    assert count > 50


@pytest.mark.parametrize("reasons", ["", ', "errors": []', ', "errors": [{"reason": "busy"}]'])
def test_error_of_google_is_a_message_with_or_without_reason(reasons: str) -> None:
    answer = requests.Response()
    answer.status_code = 503
    answer._content = f'{{"error": {{"code": 503, "message": "later"{reasons}}}}}'.encode()
    assert crud.message(answer).startswith("googleapi: Error 503: later, ")
