"""What a provider plans, by the schema: configuration, defaults, prior state or unknown."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable
from typing import Any

from tests.harness.offline.engine.validation import Rules
from tests.harness.offline.engine.values import attributes
from tests.harness.offline.protocol.cty import is_known
from tests.harness.offline.protocol.schema import Attribute, Block, NestedBlock
from tests.harness.unknown import UNKNOWN


def _compact(text: str) -> str:
    """JSON as the providers' SDK writes it: sorted, without spaces, without the signs of HTML."""
    try:
        document = json.loads(text)
    except ValueError:
        return text
    compact = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    for sign in "<>&":
        compact = compact.replace(sign, f"\\u{ord(sign):04x}")
    return compact


FORMS: dict[str, Callable[[str], str]] = {
    "json": _compact,
    "upper": str.upper,
    "lower": str.lower,
}
"""The forms in which a provider plans a text, by the rule ``form``."""


def _attribute(
    attribute: Attribute, rule: Any, config: Any, prior: Any, new: bool, nullable: bool
) -> Any:
    if attribute.write_only:
        return None
    if config is not None:
        # In the providers' SDK a set with an unknown element is unknown.
        is_set = isinstance(attribute.type, list) and attribute.type[0] == "set"
        if (is_set or "unknown_whole" in rule) and not is_known(config):
            return UNKNOWN
        if isinstance(config, str) and "form" in rule:
            return FORMS[rule["form"]](config)
        if config in ([], {}) and nullable and not attribute.computed:
            if new:
                return rule.get("default")
            return prior if prior in (None, [], {}) else config
        return config
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
    remaining = list(prior) if isinstance(prior, list) else []
    if nested.nesting == "list":
        return [
            body(value, remaining[i] if i < len(remaining) else None)
            for i, value in enumerate(config)
        ]
    # The elements of a set have no position. An element continues the prior element that has all
    # its configured values.
    planned = []
    for value in config:
        match = next((item for item in remaining if _matches(value, item)), None)
        if match is not None:
            remaining.remove(match)
        planned.append(body(value, match))
    return planned


def plan(
    block: Block,
    config: dict[str, Any],
    prior: dict[str, Any] | None,
    rules: Rules,
    dotted: str = "",
) -> dict[str, Any]:
    """The planned value of a block; ``prior`` is None for a new resource."""
    new = prior is None
    before = prior or {}
    # The older SDK takes an empty list or map for none.
    nullable = "" not in rules
    planned: dict[str, Any] = {}
    for name, attribute in block.attributes.items():
        rule = rules.get(f"{dotted}{name}", {})
        planned[name] = _attribute(
            attribute, rule, config.get(name), before.get(name), new, nullable
        )
    for name, nested in block.blocks.items():
        configured = config.get(name)
        path = f"{dotted}{name}"
        if configured in (None, [], {}) and rules.get(path, {}).get("computed"):
            planned[name] = UNKNOWN if new else before.get(name)
        else:
            planned[name] = _nested(nested, configured, before.get(name), rules, f"{path}.")
    return planned


def requires_replace(
    block: Block, planned: dict[str, Any], prior: dict[str, Any], rules: Rules
) -> list[str]:
    """The top-level attributes that changed and force the replacement of the resource."""

    def forced(value: dict[str, Any]) -> dict[str, list[Any]]:
        by_name: dict[str, list[Any]] = {}
        for path, dotted, _, item in attributes(block, value):
            if rules.get(dotted, {}).get("force_new"):
                by_name.setdefault(str(path[0]), []).append((dotted, item))
        return by_name

    after, before = forced(planned), forced(prior)
    return sorted(
        name
        for name in after.keys() | before.keys()
        if after.get(name) != before.get(name)
        and not (
            rules.get(name, {}).get("force_new") == "narrower"
            and _is_wider(planned[name], prior[name])
        )
    )


def _is_wider(after: Any, before: Any) -> bool:
    """Whether a known range of addresses holds another one."""
    if not isinstance(after, str) or not isinstance(before, str):
        return False
    new, old = (ipaddress.ip_interface(text).network for text in (after, before))
    return old.network_address in new and old.broadcast_address in new
