"""Observe in a plugin what its schema does not contain: defaults, and what forces replacement.

This module starts the plugin in its debug mode and plans. A plan of a resource with every block and
no optional argument shows the defaults. Plans that change one attribute each show which attributes
replace the resource. No resource is applied, and no account is needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.harness.offline.engine.planning import FORMS
from tests.harness.offline.engine.values import attributes, bodies
from tests.harness.offline.protocol import cty
from tests.harness.offline.protocol.schema import Block, NestedBlock, ProviderSchema
from tests.harness.schemas.plugin import Plugin, PluginCrashError, null, plan, running
from tests.harness.schemas.replay import dotted as dotted_path
from tests.harness.unknown import UNKNOWN

# Arguments without which a provider refuses to plan the type.
_SEEDS: dict[str, dict[str, Any]] = {
    "aws_lb_target_group": {"port": 80, "protocol": "HTTP", "target_type": "ip", "vpc_id": "vpc-1"},
}  # A document that no argument takes for an invalid policy.
_DOCUMENT = '{\n  "Version": "2012-10-17",\n  "Statement": []\n}'


@dataclass(slots=True)
class Observed:
    """The rules of each type by dotted path, and each call that crashed the plugin."""

    types: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    crashes: list[str] = field(default_factory=list)


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


def _blocks(block: Block) -> list[tuple[str, NestedBlock]]:
    # If a timeout is not a duration, the provider plans no change.
    return [(name, nested) for name, nested in block.blocks.items() if name != "timeouts"]


def _bare(block: Block, depth: int) -> dict[str, Any]:
    """A body with the required arguments, and with every block down to ``depth`` levels."""
    body = null(block)
    for name, attribute in block.attributes.items():
        if attribute.required:
            body[name] = _placeholder(attribute.type, False)
    if depth:
        for name, nested in _blocks(block):
            body[name] = _wrap(nested, _bare(nested.block, depth - 1))
    return body


def _full(block: Block, computed: bool, depth: int) -> dict[str, Any]:
    body = null(block)
    for name, attribute in block.attributes.items():
        if attribute.write_only or attribute.deprecated:
            continue
        if computed or attribute.required or attribute.optional:
            body[name] = _placeholder(attribute.type, False)
    if depth:
        for name, nested in _blocks(block):
            body[name] = _wrap(nested, _full(nested.block, computed, depth - 1))
    return body


def _planned(plugin: Plugin, type_name: str, prior: Any, proposed: Any, config: Any) -> Any:
    """The response to a plan; None if the plugin refuses it or crashes, which it reports."""
    try:
        response = plan(plugin.call, type_name, prior, proposed, config)
    except PluginCrashError:
        return None
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


def _computed_blocks(plugin: Plugin, type_name: str, block: Block) -> set[str]:
    paths: set[str] = set()
    for depth in (0, 1):
        config = {**_bare(block, depth), **_SEEDS.get(type_name, {})}
        response = _planned(plugin, type_name, None, config, config)
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


def _defaults(plugin: Plugin, type_name: str, block: Block) -> dict[str, Any]:
    defaults: dict[str, Any] = {}
    # All blocks at once; if the provider refuses that, each block alone.
    bodies_to_try = [_bare(block, depth) for depth in (3, 0)]
    bodies_to_try += [_only_block(block, path) for path in _block_paths(block, 3)]
    for body in bodies_to_try:
        config = {**body, **_SEEDS.get(type_name, {})}
        response = _planned(plugin, type_name, None, config, config)
        if response is None:
            continue
        planned = cty.decode(response.planned_state.msgpack)
        configured = {dotted: value for _, dotted, _, value in attributes(block, config)}
        for _, dotted, attribute, value in attributes(block, planned):
            if configured.get(dotted) is not None or attribute.write_only:
                continue
            # A computed argument without a value is unknown, unless the plugin plans null.
            if cty.is_known(value) and (value is not None or attribute.computed):
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


def _replaced(response: Any) -> set[str]:
    return {dotted_path(path) for path in response.requires_replace}


def _forcing(plugin: Plugin, type_name: str, block: Block) -> list[str]:
    """The arguments that replace the resource if they change.

    A plugin can plan a change where the placeholder is not a valid value: a location in lower case
    is written in upper case. The paths that such a plan replaces are no effect of the next change.
    """
    forcing: set[str] = set()
    for depth in (2, 1, 0):
        prior = _full(block, True, depth)
        config = _full(block, False, depth)
        unchanged = _planned(plugin, type_name, prior, prior, config)
        if unchanged is None:
            continue
        before = _replaced(unchanged)
        for _, dotted, attribute, value in attributes(block, config):
            if value is None or not (attribute.required or attribute.optional):
                continue
            proposed, changed = (_change(body, block, dotted) for body in (prior, config))
            response = _planned(plugin, type_name, prior, proposed, changed)
            after = set() if response is None else _replaced(response)
            # The path of an element of a set ends with the set.
            parents = {dotted[:i] for i, character in enumerate(dotted) if character == "."}
            if dotted in after or parents & (after - before):
                forcing.add(dotted)
        break
    return sorted(forcing | _forcing_alone(plugin, type_name, block))


def _forcing_alone(plugin: Plugin, type_name: str, block: Block) -> set[str]:
    """The arguments that replace a resource with only the required arguments."""
    forcing = set()
    for name, attribute in block.attributes.items():
        if not (attribute.required or attribute.optional) or attribute.write_only:
            continue
        body = {**_bare(block, 0), **_SEEDS.get(type_name, {})}
        # Arguments that exclude each other are refused together.
        prior = {**body, name: _placeholder(attribute.type, False)}
        config = {**body, name: _placeholder(attribute.type, True)}
        response = _planned(plugin, type_name, prior, config, config)
        if response is not None and name in _replaced(response):
            forcing.add(name)
    return forcing


def _forms(plugin: Plugin, type_name: str, block: Block) -> dict[str, str]:
    """The arguments that the plugin writes in another form: compact JSON, upper or lower case."""
    forms = {}
    for name, attribute in block.attributes.items():
        if attribute.type != "string" or not (attribute.required or attribute.optional):
            continue
        for text in (_DOCUMENT, "aB"):
            config = {**_bare(block, 0), **_SEEDS.get(type_name, {}), name: text}
            response = _planned(plugin, type_name, None, config, config)
            planned = response and cty.decode(response.planned_state.msgpack)[name]
            form = next((f for f, change in FORMS.items() if planned == change(text)), None)
            if form and planned != text:
                forms[name] = form
    return forms


def _framework(plugin: Plugin, type_name: str, block: Block) -> bool:
    """Whether the type is built on the newer SDK. Terraform checks its plans more strictly."""
    config = {**_bare(block, 0), **_SEEDS.get(type_name, {})}
    response = _planned(plugin, type_name, None, config, config)
    return response is not None and not response.legacy_type_system


def observe(
    binary: Path, schema: ProviderSchema, types: list[str], settings: dict[str, Any]
) -> Observed:
    """The rules of each type, for :mod:`tests.harness.offline.engine.validation`.

    Args:
        binary: the plugin.
        schema: the schema of the plugin.
        types: the resource types to observe.
        settings: the provider block.

    Raises:
        PluginError: the plugin does not start.
    """
    observed = Observed()
    with running(binary, schema, settings) as plugin:
        for type_name in types:
            block = schema.resources[type_name].block
            rules: dict[str, dict[str, Any]] = {}
            for dotted, value in _defaults(plugin, type_name, block).items():
                # The project of the provider block is a default of this block only.
                if value not in settings.values():
                    rules.setdefault(dotted, {})["default"] = value
            for dotted in _computed_blocks(plugin, type_name, block):
                rules.setdefault(dotted, {})["computed"] = True
            for dotted, form in _forms(plugin, type_name, block).items():
                rules.setdefault(dotted, {})["form"] = form
            for dotted in _forcing(plugin, type_name, block):
                rules.setdefault(dotted, {})["force_new"] = True
            if _framework(plugin, type_name, block):
                rules[""] = {"framework": True}
            if rules:
                observed.types[type_name] = {dotted: rules[dotted] for dotted in sorted(rules)}
            print(f"{type_name}: {len(rules)} attributes", flush=True)
        observed.crashes = plugin.crashes
    return observed
