"""Values on the wire: cty values as MessagePack, with unknown as an extension type.

Python shapes: an object or map is a dict, a list, set or tuple is a list, null is None, an unknown
value is :data:`UNKNOWN`. A number is an int, a float or, beyond 64 bits, a string.
Source: Terraform's plugin protocol, object wire format.
"""

from __future__ import annotations

from typing import Any

import msgpack

from tests.harness.unknown import UNKNOWN

# Extension 0 is an unknown value, 12 an unknown value with refinements.
_UNKNOWN_EXTENSIONS = (0, 12)


def _extension(code: int, data: bytes) -> Any:
    if code in _UNKNOWN_EXTENSIONS:
        return UNKNOWN
    return msgpack.ExtType(code, data)


def _pack(value: Any) -> Any:
    if value is UNKNOWN:
        return msgpack.ExtType(0, b"\0")
    raise TypeError(f"a {type(value).__name__} has no wire form: {value!r}")


def decode(data: bytes) -> Any:
    """The value in ``data``; empty data is null."""
    if not data:
        return None
    return msgpack.unpackb(data, ext_hook=_extension, raw=False, strict_map_key=False)


def encode(value: Any) -> bytes:
    """``value`` as MessagePack."""
    packed: bytes = msgpack.packb(value, default=_pack, use_bin_type=True)
    return packed


def is_known(value: Any) -> bool:
    """Whether ``value`` holds no unknown at any depth."""
    if value is UNKNOWN:
        return False
    if isinstance(value, dict):
        return all(is_known(item) for item in value.values())
    if isinstance(value, list):
        return all(is_known(item) for item in value)
    return True


def known(value: Any) -> Any:
    """The value with null in place of every unknown value."""
    if value is UNKNOWN:
        return None
    if isinstance(value, dict):
        return {name: known(item) for name, item in value.items()}
    return [known(item) for item in value] if isinstance(value, list) else value
