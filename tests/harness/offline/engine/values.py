"""Walks over values by their schema."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tests.harness.offline.protocol.diagnostics import Path
from tests.harness.offline.protocol.schema import Attribute, Block, NestedBlock
from tests.harness.unknown import UNKNOWN

Entry = tuple[Path, str, Attribute, Any]
"""The path with indices, the dotted path without indices, the attribute, and its value."""


def bodies(nested: NestedBlock, value: Any) -> list[tuple[Path, dict[str, Any]]]:
    """The bodies of a nested block in ``value``, with the path steps to each."""
    if value is None or value is UNKNOWN:
        return []
    if nested.nesting in ("single", "group"):
        return [((), value)]
    if nested.nesting == "map":
        return [((key,), body) for key, body in value.items() if isinstance(body, dict)]
    return [((i,), body) for i, body in enumerate(value) if isinstance(body, dict)]


def attributes(
    block: Block, value: dict[str, Any], path: Path = (), dotted: str = ""
) -> Iterator[Entry]:
    """Every attribute of ``value``, nested blocks included."""
    for name, attribute in block.attributes.items():
        yield (*path, name), f"{dotted}{name}", attribute, value.get(name)
    for name, nested in block.blocks.items():
        for steps, body in bodies(nested, value.get(name)):
            yield from attributes(nested.block, body, (*path, name, *steps), f"{dotted}{name}.")


def map_block(nested: NestedBlock, value: Any, change: Callable[[Any, Any], Any]) -> Any:
    """``value`` with every body of the block replaced by ``change(body, key)``."""
    if value is None or value is UNKNOWN:
        return value
    if nested.nesting in ("single", "group"):
        return change(value, None)
    if nested.nesting == "map":
        return {key: change(body, key) for key, body in value.items()}
    return [change(body, index) for index, body in enumerate(value)]


def without_write_only(block: Block, value: Any) -> Any:
    """``value`` with null for every write-only argument, nested blocks included."""
    if not isinstance(value, dict):
        return value
    reduced = dict(value)
    for name, attribute in block.attributes.items():
        if attribute.write_only:
            reduced[name] = None
    for name, nested in block.blocks.items():

        def body(item: Any, _key: Any, inner: Block = nested.block) -> Any:
            return without_write_only(inner, item)

        reduced[name] = map_block(nested, value.get(name), body)
    return reduced


def known_items(value: Any) -> list[Any]:
    """The known items of a list that may be null or unknown."""
    return [item for item in value if item is not UNKNOWN] if isinstance(value, list) else []


def at(value: Any, dotted: str) -> Any:
    """The value at a dotted path, in which a number is an index of a list.

    JMESPath cannot replace it: the result is :data:`UNKNOWN` where a part of the path is unknown.
    """
    for part in dotted.split("."):
        if value is UNKNOWN:
            return UNKNOWN
        if isinstance(value, list) and part.isdigit():
            value = value[int(part)] if int(part) < len(value) else None
        elif isinstance(value, dict):
            value = value.get(part)
        else:
            return None
    return value
