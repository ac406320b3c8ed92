"""Observe in a plugin what its schema does not contain: defaults, and what forces replacement.

This module starts the plugin in its debug mode and plans. A plan of a resource with every block and
no optional argument shows the defaults. Plans that change one attribute each show which attributes
replace the resource. No resource is applied, and no account is needed.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc

from tests.harness.offline.engine.values import attributes, bodies
from tests.harness.offline.protocol import cty, messages
from tests.harness.offline.protocol.schema import Block, NestedBlock, ProviderSchema
from tests.harness.unknown import UNKNOWN

Call = Any
# Arguments without which a provider refuses to plan the type.
_SEEDS: dict[str, dict[str, Any]] = {
    "aws_lb_target_group": {"port": 80, "protocol": "HTTP", "target_type": "ip", "vpc_id": "vpc-1"},
}
_REATTACH = re.compile(r"TF_REATTACH_PROVIDERS='(.*)'")


class ObserveError(RuntimeError):
    """The plugin does not start or does not answer."""


@contextlib.contextmanager
def plugin(binary: Path) -> Iterator[Call]:
    """Run a plugin; yields a function that makes one call: (name, request fields)."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("TF_", "AWS_"))}
    process = subprocess.Popen(
        [str(binary), "-debug"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
        start_new_session=True,
    )
    try:
        address = ""
        for line in process.stdout or ():
            match = _REATTACH.search(line)
            if match:
                address = next(iter(json.loads(match[1]).values()))["Addr"]["String"]
                break
        if not address:
            raise ObserveError(f"{binary} ended before it printed its address")
        calls = messages.calls()
        options = [("grpc.max_receive_message_length", -1)]
        with grpc.insecure_channel(f"unix:{address}", options=options) as channel:

            def call(name: str, **fields: Any) -> Any:
                request, response = calls[name]
                method = channel.unary_unary(
                    f"/{messages.service_name()}/{name}",
                    request_serializer=request.SerializeToString,
                    response_deserializer=response.FromString,
                )
                return method(request(**fields), timeout=120)

            yield call
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def _dynamic(value: Any) -> Any:
    return messages.message("DynamicValue")(msgpack=cty.encode(value))


def _placeholder(kind: Any, second: bool) -> Any:
    if kind == "string":
        return "b" if second else "a"
    if kind == "number":
        return 2 if second else 1
    if kind == "bool":
        return second
    if kind[0] in ("list", "set"):
        return [_placeholder(kind[1], second)]
    if kind[0] == "map":
        return {"a": _placeholder(kind[1], second)}
    if kind[0] == "object":
        return {name: _placeholder(item, second) for name, item in kind[1].items()}
    return None


def _wrap(nested: NestedBlock, body: Any) -> Any:
    if nested.nesting in ("single", "group"):
        return body
    return {"a": body} if nested.nesting == "map" else [body]


def _null(block: Block) -> dict[str, Any]:
    empty: dict[str, Any] = dict.fromkeys(block.attributes)
    for name, nested in block.blocks.items():
        empty[name] = (
            None
            if nested.nesting in ("single", "group")
            else ({} if nested.nesting == "map" else [])
        )
    return empty


def _blocks(block: Block) -> list[tuple[str, NestedBlock]]:
    # If a timeout is not a duration, the provider plans no change.
    return [(name, nested) for name, nested in block.blocks.items() if name != "timeouts"]


def _bare(block: Block, depth: int) -> dict[str, Any]:
    """A body with the required arguments, and with every block down to ``depth`` levels."""
    body = _null(block)
    for name, attribute in block.attributes.items():
        if attribute.required:
            body[name] = _placeholder(attribute.type, False)
    if depth:
        for name, nested in _blocks(block):
            body[name] = _wrap(nested, _bare(nested.block, depth - 1))
    return body


def _full(block: Block, computed: bool, depth: int) -> dict[str, Any]:
    body = _null(block)
    for name, attribute in block.attributes.items():
        if attribute.write_only or attribute.deprecated:
            continue
        if computed or attribute.required or attribute.optional:
            body[name] = _placeholder(attribute.type, False)
    if depth:
        for name, nested in _blocks(block):
            body[name] = _wrap(nested, _full(nested.block, computed, depth - 1))
    return body


def _planned(call: Call, type_name: str, prior: Any, proposed: Any, config: Any) -> Any:
    response = call(
        "PlanResourceChange",
        type_name=type_name,
        prior_state=_dynamic(prior),
        proposed_new_state=_dynamic(proposed),
        config=_dynamic(config),
    )
    failed = [d for d in response.diagnostics if d.severity == 1]
    return None if failed else response


def _computed(block: Block, value: Any, config: Any, dotted: str = "") -> Iterator[str]:
    """The nested blocks that the provider computes if the configuration has none."""
    for name, nested in block.blocks.items():
        if value.get(name) is UNKNOWN and not config.get(name):
            yield f"{dotted}{name}"
        configured = bodies(nested, config.get(name))
        for (_, body), (_, config_body) in zip(
            bodies(nested, value.get(name)), configured, strict=False
        ):
            yield from _computed(nested.block, body, config_body, f"{dotted}{name}.")


def _computed_blocks(call: Call, type_name: str, block: Block) -> set[str]:
    paths: set[str] = set()
    for depth in (0, 1):
        config = {**_bare(block, depth), **_SEEDS.get(type_name, {})}
        try:
            response = _planned(call, type_name, None, config, config)
        except grpc.RpcError:
            continue
        if response is not None:
            paths |= set(_computed(block, cty.decode(response.planned_state.msgpack), config))
    return paths


def _only_block(block: Block, path: list[str]) -> dict[str, Any]:
    """A body with only the nested block at ``path`` and the required arguments around it."""
    body = _bare(block, 0)
    name, *rest = path
    inner = block.blocks[name]
    body[name] = _wrap(inner, _only_block(inner.block, rest) if rest else _bare(inner.block, 0))
    return body


def _block_paths(block: Block, depth: int) -> Iterator[list[str]]:
    for name, nested in _blocks(block):
        yield [name]
        if depth > 1:
            yield from ([name, *rest] for rest in _block_paths(nested.block, depth - 1))


def _defaults(call: Call, type_name: str, block: Block) -> dict[str, Any]:
    defaults: dict[str, Any] = {}
    # All blocks at once; if the provider refuses that, each block alone.
    bodies_to_try = [_bare(block, depth) for depth in (3, 0)]
    bodies_to_try += [_only_block(block, path) for path in _block_paths(block, 3)]
    for body in bodies_to_try:
        config = {**body, **_SEEDS.get(type_name, {})}
        try:
            response = _planned(call, type_name, None, config, config)
        except grpc.RpcError:
            continue
        if response is None:
            continue
        planned = cty.decode(response.planned_state.msgpack)
        configured = {dotted: value for _, dotted, _, value in attributes(block, config)}
        for _, dotted, attribute, value in attributes(block, planned):
            if configured.get(dotted) is not None or attribute.write_only:
                continue
            if value not in (None, [], {}) and cty.is_known(value):
                defaults.setdefault(dotted, value)
    return defaults


def _change(body: dict[str, Any], block: Block, dotted: str) -> dict[str, Any]:
    head, _, rest = dotted.partition(".")
    changed = dict(body)
    if not rest:
        changed[head] = _placeholder(block.attributes[head].type, True)
        return changed
    nested = block.blocks[head]
    inner = body[head]
    if nested.nesting in ("single", "group"):
        changed[head] = _change(inner, nested.block, rest)
    elif nested.nesting == "map":
        changed[head] = {"a": _change(inner["a"], nested.block, rest)}
    else:
        changed[head] = [_change(inner[0], nested.block, rest)]
    return changed


def _forcing(call: Call, type_name: str, block: Block) -> list[str]:
    paths = []
    for depth in (2, 1, 0):
        prior = _full(block, True, depth)
        config = _full(block, False, depth)
        try:
            if _planned(call, type_name, prior, prior, config) is None:
                continue
        except grpc.RpcError:
            continue
        for _, dotted, attribute, value in attributes(block, config):
            if value is None or not (attribute.required or attribute.optional):
                continue
            try:
                response = _planned(
                    call,
                    type_name,
                    prior,
                    _change(prior, block, dotted),
                    _change(config, block, dotted),
                )
            except grpc.RpcError:
                continue
            if response is not None and response.requires_replace:
                paths.append(dotted)
        break
    return paths


def observe(
    binary: Path, schema: ProviderSchema, types: list[str], settings: dict[str, Any]
) -> dict[str, dict[str, dict[str, Any]]]:
    """The rules of each type, for :mod:`tests.harness.offline.engine.validation`.

    Args:
        binary: the plugin.
        schema: the schema of the plugin.
        types: the resource types to observe.
        settings: the provider block.

    Raises:
        ObserveError: the plugin does not start.
    """
    by_type: dict[str, dict[str, dict[str, Any]]] = {}
    with plugin(binary) as call:
        config = {**_null(schema.provider.block), **settings}
        call("Configure", config=_dynamic(config), terraform_version="1.11.0")
        for type_name in types:
            block = schema.resources[type_name].block
            rules: dict[str, dict[str, Any]] = {}
            for dotted, value in _defaults(call, type_name, block).items():
                rules.setdefault(dotted, {})["default"] = value
            for dotted in _computed_blocks(call, type_name, block):
                rules.setdefault(dotted, {})["computed"] = True
            for dotted in _forcing(call, type_name, block):
                rules.setdefault(dotted, {})["force_new"] = True
            if rules:
                by_type[type_name] = {dotted: rules[dotted] for dotted in sorted(rules)}
            print(f"{type_name}: {len(rules)} attributes", flush=True)
    return by_type
