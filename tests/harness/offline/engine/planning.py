"""What a provider plans: configuration, defaults, prior state and unknown, by the schema."""

from __future__ import annotations

from typing import Any

from tests.harness.offline.engine.validation import Rules
from tests.harness.offline.engine.values import attributes
from tests.harness.offline.protocol.cty import is_known
from tests.harness.offline.protocol.schema import Attribute, Block, NestedBlock
from tests.harness.unknown import UNKNOWN


def _attribute(attribute: Attribute, rule: Any, config: Any, prior: Any, new: bool) -> Any:
    if attribute.write_only:
        return None
    if config is not None:
        # The providers' SDK knows no set of which it knows only some elements.
        is_set = isinstance(attribute.type, list) and attribute.type[0] == "set"
        return UNKNOWN if is_set and not is_known(config) else config
    if "default" in rule:
        return rule["default"]
    if attribute.computed:
        return UNKNOWN if new else prior
    return None


def _matches(config: Any, prior: Any) -> bool:
    if config is None:
        return True
    if isinstance(config, dict) and isinstance(prior, dict):
        return all(_matches(value, prior.get(key)) for key, value in config.items())
    if isinstance(config, list) and isinstance(prior, list):
        return len(config) == len(prior) and all(map(_matches, config, prior))
    return bool(config == prior)


def _nested(nested: NestedBlock, config: Any, prior: Any, rules: Rules, dotted: str) -> Any:
    if config is None or config is UNKNOWN:
        return config

    def body(value: Any, before: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return plan(
            nested.block, value, before if isinstance(before, dict) else None, rules, dotted
        )

    if nested.nesting in ("single", "group"):
        return body(config, prior)
    if nested.nesting == "map":
        before = prior if isinstance(prior, dict) else {}
        return {key: body(value, before.get(key)) for key, value in config.items()}
    rest = list(prior) if isinstance(prior, list) else []
    if nested.nesting == "list":
        return [body(value, rest[i] if i < len(rest) else None) for i, value in enumerate(config)]
    # The elements of a set have no position: an element goes on where all it configures is equal.
    planned = []
    for value in config:
        twin = next((item for item in rest if _matches(value, item)), None)
        if twin is not None:
            rest.remove(twin)
        planned.append(body(value, twin))
    return planned


def plan(
    block: Block,
    config: dict[str, Any],
    prior: dict[str, Any] | None,
    rules: Rules,
    dotted: str = "",
) -> dict[str, Any]:
    """The planned value of a block; ``prior`` is None for what is to be created."""
    new = prior is None
    before = prior or {}
    planned: dict[str, Any] = {}
    for name, attribute in block.attributes.items():
        rule = rules.get(f"{dotted}{name}", {})
        planned[name] = _attribute(attribute, rule, config.get(name), before.get(name), new)
    for name, nested in block.blocks.items():
        given = config.get(name)
        path = f"{dotted}{name}"
        if given in (None, [], {}) and rules.get(path, {}).get("computed"):
            planned[name] = UNKNOWN if new else before.get(name)
        else:
            planned[name] = _nested(nested, given, before.get(name), rules, f"{path}.")
    return planned


def replacing(
    block: Block, planned: dict[str, Any], prior: dict[str, Any], rules: Rules
) -> list[str]:
    """The top-level names whose change makes the provider replace the resource."""

    def forced(value: dict[str, Any]) -> dict[str, list[Any]]:
        held: dict[str, list[Any]] = {}
        for path, dotted, _, item in attributes(block, value):
            if rules.get(dotted, {}).get("force_new"):
                held.setdefault(str(path[0]), []).append((dotted, item))
        return held

    after, before = forced(planned), forced(prior)
    return sorted(
        name for name in after.keys() | before.keys() if after.get(name) != before.get(name)
    )
