"""Made-up values for a resolved plan: one of the right type for every unknown value.

The values depend on the resource alone, so that the same apply returns the same state. They have
the form of the cloud's values (an ``arn`` is an ARN), but denote no resource.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import partial
from typing import Any

from tests.harness.offline.engine.values import map_block
from tests.harness.offline.protocol.cty import is_known
from tests.harness.offline.protocol.schema import Block
from tests.harness.unknown import UNKNOWN

# AWS's own documentation uses this account number in its examples.
ACCOUNT = "123456789012"


# Values that must agree with other arguments, by type and attribute.
_SHAPES: dict[tuple[str, str], Callable[[dict[str, Any], str], str]] = {
    ("random_id", "hex"): lambda planned, mark: f"{planned['prefix'] or ''}{mark}",
    ("google_secret_manager_secret", "id"): lambda planned, _: (
        f"projects/{planned['project']}/secrets/{planned['secret_id']}"
    ),
    ("google_compute_network", "id"): lambda planned, _: (
        f"projects/{planned['project']}/global/networks/{planned['name']}"
    ),
    ("google_sql_database_instance", "private_network"): lambda _, mark: (
        f"projects/offline/global/networks/network-{mark}"
    ),
}


def fingerprint(type_name: str, planned: dict[str, Any]) -> str:
    """Eight hex digits that identify the resource."""
    text = json.dumps([type_name, planned], sort_keys=True, default=repr)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _string(type_name: str, name: str, mark: str) -> str:
    if name == "arn" or name.endswith("_arn"):
        service = type_name.split("_")[1] if "_" in type_name else type_name
        return f"arn:aws:{service}:us-east-1:{ACCOUNT}:{name.removesuffix('_arn')}/{mark}"
    if name == "version":
        return "1"
    if "address" in name or name == "host":
        return "10.0.0.2"
    return f"{name.replace('_', '-')}-{mark}"


def _value(type_name: str, name: str, kind: Any, mark: str) -> Any:
    if kind == "string":
        return _string(type_name, name, mark)
    if kind == "number":
        return 1
    if kind == "bool":
        return False
    if isinstance(kind, list) and kind[0] == "object":
        return {key: _value(type_name, key, item, mark) for key, item in kind[1].items()}
    if isinstance(kind, list) and kind[0] == "map":
        return {}
    if isinstance(kind, list) and kind[0] in ("list", "set"):
        # A module reads the first element of a computed list of objects (a managed secret, a CA).
        return [_value(type_name, name, kind[1], mark)]
    return None


def make_known(type_name: str, block: Block, planned: dict[str, Any], mark: str) -> dict[str, Any]:
    """``planned`` with every unknown value replaced."""
    resolved: dict[str, Any] = {}
    for name, attribute in block.attributes.items():
        value = planned.get(name)
        shape = _SHAPES.get((type_name, name))
        if value is UNKNOWN and name == "tags_all" and planned.get("tags") not in (None, UNKNOWN):
            value = planned["tags"]
        if value is UNKNOWN and shape:
            resolved[name] = shape(planned, mark)
        else:
            resolved[name] = _fill(type_name, name, attribute.type, value, mark)
    for name, nested in block.blocks.items():
        value = planned.get(name)
        inner = partial(_body, type_name, nested.block, mark)
        resolved[name] = map_block(nested, [] if value is UNKNOWN else value, inner)
    return resolved


def as_configured(resolved: Any, config: Any) -> Any:
    """``resolved``, with unknown values where the configuration has unknown values.

    A provider can resolve the values that it computes, but not the arguments.
    """
    if config is UNKNOWN:
        return UNKNOWN
    if isinstance(resolved, dict) and isinstance(config, dict):
        return {key: as_configured(value, config.get(key)) for key, value in resolved.items()}
    if isinstance(resolved, list) and isinstance(config, list):
        if len(resolved) != len(config):
            return resolved if is_known(config) else UNKNOWN
        return [as_configured(*pair) for pair in zip(resolved, config, strict=True)]
    return resolved


def _body(type_name: str, block: Block, mark: str, body: Any, _key: Any) -> Any:
    return make_known(type_name, block, body, mark)


def _fill(type_name: str, name: str, kind: Any, value: Any, mark: str) -> Any:
    if value is UNKNOWN:
        return _value(type_name, name, kind, mark)
    if isinstance(value, dict) and isinstance(kind, list):
        inner = kind[1] if kind[0] == "object" else dict.fromkeys(value, kind[1])
        return {
            key: _fill(type_name, key, inner.get(key), item, mark) for key, item in value.items()
        }
    if isinstance(value, list) and isinstance(kind, list) and kind[0] in ("list", "set"):
        return [_fill(type_name, name, kind[1], item, mark) for item in value]
    return value
