"""Compare two plans of one case attribute by attribute, known values and unknown ones alike."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.harness.plan.view import UNKNOWN, Plan

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """An attribute that the two plans give another value; absent ones are null."""

    address: str
    type: str
    path: str
    ours: Any
    theirs: Any

    def __str__(self) -> str:
        return f"{self.address} {self.path}: offline {self.ours!r}, real {self.theirs!r}"


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of a value by dotted path; an empty list or map is a leaf."""
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from leaves(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from leaves(item, f"{path}.{index}")
    else:
        yield path, value


def _text_as_json(value: Any) -> Any:
    # A provider may write the same JSON document in another layout.
    if isinstance(value, str) and value[:1] in "[{":
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _same(ours: Any, theirs: Any) -> bool:
    if ours is UNKNOWN or theirs is UNKNOWN:
        return ours is theirs
    return bool(_text_as_json(ours) == _text_as_json(theirs))


def _order(value: Any) -> Any:
    """Lists of bodies in a fixed order: Terraform's JSON does not tell a set from a list."""
    if isinstance(value, Mapping):
        return {key: _order(item) for key, item in value.items()}
    if isinstance(value, list):
        return sorted((_order(item) for item in value), key=repr)
    return value


def compare(ours: Plan, theirs: Plan, types: str) -> tuple[int, list[Difference]]:
    """The number of attributes compared and those that differ.

    Args:
        ours: the plan of the offline provider.
        theirs: the plan of the real one.
        types: the prefix of the resource types to compare.
    """
    compared, found = 0, []
    addresses = {
        a: r
        for plan in (ours, theirs)
        for a, r in {**plan.resources, **plan.data_sources}.items()
        if r.type.startswith(types)
    }
    for address in sorted(addresses):
        pair = [
            dict(leaves(_order(held.values))) if held else {}
            for held in (
                {**plan.resources, **plan.data_sources}.get(address) for plan in (ours, theirs)
            )
        ]
        for path in sorted(pair[0].keys() | pair[1].keys()):
            compared += 1
            mine, other = pair[0].get(path), pair[1].get(path)
            if not _same(mine, other):
                found.append(Difference(address, addresses[address].type, path, mine, other))
    return compared, found
