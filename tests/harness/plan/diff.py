"""Compare the offline plan and the real plan of a case, attribute by attribute."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.harness.plan.view import UNKNOWN, Plan

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """An attribute with different values in the two plans; an absent attribute is None."""

    address: str
    type: str
    path: str
    offline: Any
    real: Any

    def __str__(self) -> str:
        return f"{self.address} {self.path}: offline {self.offline!r}, real {self.real!r}"


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of a value with their dotted paths. An empty list or map is a leaf."""
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from leaves(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from leaves(item, f"{path}.{index}")
    else:
        yield path, value


def _text_as_json(value: Any) -> Any:
    # Providers may format the same JSON document differently.
    if isinstance(value, str) and value[:1] in "[{":
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _same(offline: Any, real: Any) -> bool:
    if offline is UNKNOWN or real is UNKNOWN:
        return offline is real
    return bool(_text_as_json(offline) == _text_as_json(real))


def _order(value: Any) -> Any:
    """Sort all lists, because the JSON of Terraform does not distinguish a set from a list."""
    if isinstance(value, Mapping):
        return {key: _order(item) for key, item in value.items()}
    if isinstance(value, list):
        return sorted((_order(item) for item in value), key=repr)
    return value


def compare(offline: Plan, real: Plan, types: str) -> tuple[int, list[Difference]]:
    """The number of compared attributes, and the attributes that differ.

    Args:
        offline: the plan of the offline provider.
        real: the plan of the real provider.
        types: the prefix of the resource types to compare.
    """
    compared, differences = 0, []
    addresses = {
        a: r
        for plan in (offline, real)
        for a, r in {**plan.resources, **plan.data_sources}.items()
        if r.type.startswith(types)
    }
    for address in sorted(addresses):
        pair = [
            dict(leaves(_order(resource.values))) if resource else {}
            for resource in (
                {**plan.resources, **plan.data_sources}.get(address) for plan in (offline, real)
            )
        ]
        for path in sorted(pair[0].keys() | pair[1].keys()):
            compared += 1
            values = pair[0].get(path), pair[1].get(path)
            if not _same(*values):
                differences.append(Difference(address, addresses[address].type, path, *values))
    return compared, differences
