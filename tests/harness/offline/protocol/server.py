"""The provider service: Terraform's plugin protocol 5 over gRPC, from a schema file."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio

from tests.harness.offline.engine import made_up, planning, validation
from tests.harness.offline.engine.values import without_write_only
from tests.harness.offline.protocol import cty, messages
from tests.harness.offline.protocol.diagnostics import Diagnostic, attribute_path, to_messages
from tests.harness.offline.protocol.schema import ProviderSchema, to_message
from tests.harness.offline.providers import ApplyError, Behaviour, Live, Settings

LOG = logging.getLogger(__name__)
# The number of connections with kept settings. A run opens one for each provider block.
_CONNECTIONS = 256


@dataclass(slots=True)
class Provider:
    """One provider release as it is served.

    ``resolved``: plans are resolved plans, so that contracts can check values that depend on values
    of an apply. ``live``: an apply and a read call the endpoints of the provider block.
    """

    schema: ProviderSchema
    rules: Mapping[str, validation.Rules]
    behaviour: Behaviour
    resolved: bool = False
    live: bool = False
    settings: OrderedDict[str, Settings] = field(default_factory=OrderedDict)

    def settings_of(self, peer: str) -> Settings:
        """The provider block of a connection: two aliases have two connections."""
        return self.settings.get(peer, {})

    @property
    def live_functions(self) -> Live | None:
        """The functions that apply through endpoints; None without ``live``."""
        return self.behaviour.live if self.live else None


def _value(value: Any) -> Any:
    return messages.message("DynamicValue")(msgpack=cty.encode(value))


def _state(provider: Provider, type_name: str, value: Any) -> Any:
    """A planned or stored value of a resource, in which no write-only argument has a value."""
    return _value(without_write_only(provider.schema.resources[type_name].block, value))


def _read(dynamic: Any) -> Any:
    if dynamic.msgpack:
        return cty.decode(dynamic.msgpack)
    return json.loads(dynamic.json) if dynamic.json else None


def _get_schema(provider: Provider) -> bytes:
    response = messages.message("GetProviderSchema.Response")(
        provider=to_message(provider.schema.provider),
        server_capabilities=messages.message("ServerCapabilities")(
            get_provider_schema_optional=True
        ),
    )
    for target, schemas in (
        (response.resource_schemas, provider.schema.resources),
        (response.data_source_schemas, provider.schema.data_sources),
        (response.ephemeral_resource_schemas, provider.schema.ephemerals),
    ):
        for name, schema in schemas.items():
            target[name].CopyFrom(to_message(schema))
    data: bytes = response.SerializeToString()
    return data


def _configure(provider: Provider, request: Any, peer: str) -> Any:
    settings = _read(request.config) or {}
    provider.settings[peer] = settings
    while len(provider.settings) > _CONNECTIONS:
        provider.settings.popitem(last=False)
    diagnostics = provider.behaviour.configure(settings)
    return messages.message("Configure.Response")(diagnostics=to_messages(diagnostics))


def _prepare(_provider: Provider, request: Any, _peer: str) -> Any:
    return messages.message("PrepareProviderConfig.Response")(prepared_config=request.config)


def _validate_resource(provider: Provider, request: Any, _peer: str) -> Any:
    name = request.type_name
    config = _read(request.config)
    diagnostics = validation.check(
        provider.schema.resources[name].block, provider.rules.get(name, {}), config
    )
    diagnostics += provider.behaviour.check(name, config)
    diagnostics += provider.behaviour.limits(name, config)
    return messages.message("ValidateResourceTypeConfig.Response")(
        diagnostics=to_messages(diagnostics)
    )


def _upgrade(provider: Provider, request: Any, _peer: str) -> Any:
    state = _state(provider, request.type_name, json.loads(request.raw_state.json))
    return messages.message("UpgradeResourceState.Response")(upgraded_state=state)


def _read_resource(provider: Provider, request: Any, peer: str) -> Any:
    state = _read(request.current_state)
    if provider.live_functions and state is not None:
        response = messages.message("ReadResource.Response")
        block = provider.schema.resources[request.type_name].block
        try:
            current = provider.live_functions.read(
                request.type_name, block, state, provider.settings_of(peer)
            )
        except ApplyError as error:
            return response(diagnostics=_error(error), new_state=request.current_state)
        value = _state(provider, request.type_name, current)
        return response(new_state=value, private=request.private)
    return messages.message("ReadResource.Response")(
        new_state=_state(provider, request.type_name, state), private=request.private
    )


def _plan(provider: Provider, request: Any, peer: str) -> Any:
    response = messages.message("PlanResourceChange.Response")
    config = _read(request.config)
    if _read(request.proposed_new_state) is None:
        return response(planned_state=_value(None))
    name = request.type_name
    block = provider.schema.resources[name].block
    rules = provider.rules.get(name, {})
    prior = _read(request.prior_state)
    planned = planning.plan(block, config, prior, rules)
    provider.behaviour.refine(name, block, config, planned, prior, provider.settings_of(peer))
    if provider.resolved:
        mark = made_up.fingerprint(name, planned)
        resolved = made_up.make_known(name, block, planned, mark)
        planned = made_up.as_configured(resolved, config)
    replaced = [] if prior is None else planning.requires_replace(block, planned, prior, rules)
    return response(
        planned_state=_state(provider, name, planned),
        requires_replace=[attribute_path((part,)) for part in replaced],
        # Types on the older SDK set this flag. Terraform then checks the planned values by the
        # looser rules of that SDK, which a resolved plan needs for every type.
        legacy_type_system=provider.resolved or "framework" not in rules.get("", {}),
    )


def _error(error: ApplyError) -> Any:
    return to_messages([Diagnostic(str(error), "")])


def _apply(provider: Provider, request: Any, peer: str) -> Any:
    response = messages.message("ApplyResourceChange.Response")
    planned = _read(request.planned_state)
    if provider.live_functions:
        name, prior = request.type_name, _read(request.prior_state)
        block = provider.schema.resources[name].block
        try:
            state = provider.live_functions.change(
                name,
                block,
                planned,
                prior,
                _read(request.config) or {},
                provider.settings_of(peer),
            )
        except ApplyError as error:
            remaining = error.state if prior is None else prior
            return response(
                new_state=_state(provider, name, remaining),
                diagnostics=_error(error),
                legacy_type_system=True,
            )
        return response(new_state=_state(provider, name, state), legacy_type_system=True)
    if planned is None:
        return response(new_state=_value(None))
    name = request.type_name
    block = provider.schema.resources[name].block
    state = made_up.make_known(name, block, planned, made_up.fingerprint(name, planned))
    provider.behaviour.applied(name, _read(request.config), state)
    return response(new_state=_state(provider, name, state), legacy_type_system=True)


def _read_data(provider: Provider, request: Any, peer: str) -> Any:
    response = messages.message("ReadDataSource.Response")
    name = request.type_name
    read = provider.behaviour.data.get(name)
    if read is None:
        return response(diagnostics=to_messages([_not_served("data source", name, "data")]))
    state = read(_read(request.config), provider.settings_of(peer))
    return response(state=_value(state))


def _open(provider: Provider, request: Any, peer: str) -> Any:
    response = messages.message("OpenEphemeralResource.Response")
    name = request.type_name
    read = provider.behaviour.ephemeral.get(name)
    if read is None:
        return response(
            diagnostics=to_messages([_not_served("ephemeral resource", name, "ephemeral")])
        )
    return response(result=_value(read(_read(request.config), provider.settings_of(peer))))


def _not_served(kind: str, name: str, table: str) -> Diagnostic:
    return Diagnostic(
        f"The offline provider serves no {kind} {name}",
        f"It has a schema, but no values. Add a function for {name} to `{table}` of the provider "
        "in tests/harness/offline/providers, or plan with --providers=registry.",
    )


def _import(_provider: Provider, request: Any, _peer: str) -> Any:
    diagnostic = Diagnostic(
        "The offline provider cannot import resources",
        f"It has no account in which to look up {request.type_name} {request.id!r}.",
    )
    return messages.message("ImportResourceState.Response")(diagnostics=to_messages([diagnostic]))


def _empty(response: str) -> Any:
    return lambda _provider, _request, _peer: messages.message(response)()


_CALLS: dict[str, Callable[[Provider, Any, str], Any]] = {
    "PrepareProviderConfig": _prepare,
    "Configure": _configure,
    "ValidateResourceTypeConfig": _validate_resource,
    # Terraform has checked these by the schema. Rules exist for resources only.
    "ValidateDataSourceConfig": _empty("ValidateDataSourceConfig.Response"),
    "ValidateEphemeralResourceConfig": _empty("ValidateEphemeralResourceConfig.Response"),
    "UpgradeResourceState": _upgrade,
    "ReadResource": _read_resource,
    "PlanResourceChange": _plan,
    "ApplyResourceChange": _apply,
    "ImportResourceState": _import,
    "ReadDataSource": _read_data,
    "OpenEphemeralResource": _open,
    "CloseEphemeralResource": _empty("CloseEphemeralResource.Response"),
    "RenewEphemeralResource": _empty("RenewEphemeralResource.Response"),
    "GetFunctions": _empty("GetFunctions.Response"),
    "GetResourceIdentitySchemas": _empty("GetResourceIdentitySchemas.Response"),
    "Stop": _empty("Stop.Response"),
}


def answer(provider: Provider, name: str, request: Any, peer: str) -> Any:
    """The response message to one call of the protocol, without a connection.

    Args:
        provider: the release that answers.
        name: the call, for example ``PlanResourceChange``.
        request: its request message.
        peer: the connection. ``Configure`` sets the provider block of its connection.

    Raises:
        KeyError: the provider does not serve the call.
    """
    return _CALLS[name](provider, request, peer)


_BLOCKING = ("ReadResource", "ApplyResourceChange", "OpenEphemeralResource")


def _handler(provider: Provider, name: str, request: Any) -> Any:
    async def handle(message: Any, context: Any) -> Any:
        try:
            if provider.live_functions and name in _BLOCKING:
                # This call waits for a server. The loop serves other calls meanwhile.
                return await asyncio.to_thread(answer, provider, name, message, context.peer())
            return answer(provider, name, message, context.peer())
        except Exception as error:
            LOG.exception("%s for %s failed", name, getattr(message, "type_name", "the provider"))
            await context.abort(
                grpc.StatusCode.INTERNAL,
                f"the offline provider failed in {name}: {type(error).__name__}: {error}",
            )

    return grpc.unary_unary_rpc_method_handler(
        handle,
        request_deserializer=request.FromString,
        response_serializer=lambda response: response.SerializeToString(),
    )


async def serve(provider: Provider) -> tuple[Any, int]:
    """Start to serve ``provider`` on a free loopback port; returns the server and the port."""
    schema = _get_schema(provider)

    async def get_schema(_request: bytes, _context: Any) -> bytes:
        return schema

    handlers = {
        name: _handler(provider, name, request)
        for name, (request, _) in messages.calls().items()
        if name in _CALLS
    }
    handlers["GetSchema"] = grpc.unary_unary_rpc_method_handler(get_schema)
    # No threads: a call takes less time than to start one.
    server = grpc.aio.server(
        options=[("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    )
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(messages.service_name(), handlers),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    return server, port
