"""What an apply makes known: a made-up value of the right type for every unknown one.

The values are a function of the resource alone, so that the same apply gives the same state.
They are shaped like the cloud's (an ARN where an ``arn`` is asked for), but stand for nothing.
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


# What a made-up value must agree with other arguments in, by type and attribute.
_SHAPED: dict[tuple[str, str], Callable[[dict[str, Any], str], str]] = {
    ("random_id", "hex"): lambda planned, mark: f"{planned['prefix'] or ''}{mark}",
    ("google_secret_manager_secret", "id"): lambda planned, _: (
        f"projects/{planned['project']}/secrets/{planned['secret_id']}"
    ),
}


def fingerprint(type_name: str, planned: dict[str, Any]) -> str:
    """Eight hex digits that stand for the resource."""
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
        # A module reads the first of a computed list of objects (a managed secret, a CA).
        return [_value(type_name, name, kind[1], mark)]
    return None


def make_known(type_name: str, block: Block, planned: dict[str, Any], mark: str) -> dict[str, Any]:
    """``planned`` with every unknown value replaced."""
    known: dict[str, Any] = {}
    for name, attribute in block.attributes.items():
        value = planned.get(name)
        shaped = _SHAPED.get((type_name, name))
        if value is UNKNOWN and shaped:
            known[name] = shaped(planned, mark)
        else:
            known[name] = _fill(type_name, name, attribute.type, value, mark)
    for name, nested in block.blocks.items():
        value = planned.get(name)
        inner = partial(_body, type_name, nested.block, mark)
        known[name] = map_block(nested, [] if value is UNKNOWN else value, inner)
    return known


def as_configured(known: Any, config: Any) -> Any:
    """``known`` with all that the configuration does not know yet unknown again.

    A provider can resolves what it computes, not what it is going to be asked for.
    """
    if config is UNKNOWN:
        return UNKNOWN
    if isinstance(known, dict) and isinstance(config, dict):
        return {key: as_configured(value, config.get(key)) for key, value in known.items()}
    if isinstance(known, list) and isinstance(config, list):
        if len(known) != len(config):
            return known if is_known(config) else UNKNOWN
        return [as_configured(*pair) for pair in zip(known, config, strict=True)]
    return known


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
