"""Convert values of a resource to the parameters of AWS operations, and answers to values.

botocore's models list the parameters of an operation. An attribute is the parameter that has the
same letters (``db_subnet_group_name`` is ``DBSubnetGroupName``). The table
(``data/aws.calls.yaml``) lists the exceptions. This module does not import botocore: the caller
passes a model.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from tests.harness import documents
from tests.harness.offline.live.codec import Document, Notation, Values, lookup, put, value
from tests.harness.offline.protocol.cty import known
from tests.harness.offline.protocol.schema import Block, NestedBlock
from tests.harness.unknown import UNKNOWN

TABLE = Path(__file__).parents[2] / "data" / "aws.calls.yaml"
_TAGS = ("id", "tags", "tags_all")


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation. ``by`` names the resource, ``at`` is the path of the resource in the answer.

    The operation is called if an attribute in ``when`` has changed, or, if ``when`` is empty, if
    any of its parameters has. ``whole`` sends all parameters, not only the changed ones. ``extra``
    is always sent.
    """

    op: str
    by: Mapping[str, Any] = field(default_factory=dict)
    at: str = ""
    under: str = ""
    when: tuple[str, ...] = ()
    whole: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entry:
    """The entry of a type in the table; see the head of the table."""

    label: str
    service: str
    id: str = ""
    create: Operation | None = None
    find: Operation | None = None
    change: tuple[Operation, ...] = ()
    delete: Operation | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    sends: Mapping[str, str] = field(default_factory=dict)
    reads: Mapping[str, str] = field(default_factory=dict)
    local: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    json: tuple[str, ...] = ()
    tags: str = ""
    gone: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    until: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)


@cache
def table(path: Path = TABLE) -> Mapping[str, Entry]:
    """The entries of the table by type."""
    document = documents.read(path)
    common = tuple(document["common"])
    return {name: _entry(entry, common) for name, entry in document["types"].items()}


def _entry(entry: Document, common: tuple[str, ...]) -> Entry:
    operations: Document = {
        name: Operation(**entry[name]) for name in ("create", "find", "delete") if name in entry
    }
    changes = tuple(Operation(**operation) for operation in entry.get("change", ()))
    local = (*common, *entry.get("local", ()))
    return Entry(**{**entry, **operations, "change": changes, "local": local})


def letters(name: str) -> str:
    """The letters and digits of a name in lower case, by which an attribute and a field match."""
    return "".join(letter for letter in name.lower() if letter.isalnum())


def fill(template: Any, values: Values) -> Any:
    """Parameters in which each ``{attribute}`` is replaced by its value, at any depth."""
    if isinstance(template, str):
        return template.format(**values)
    if isinstance(template, Mapping):
        return {name: fill(item, values) for name, item in template.items()}
    return [fill(item, values) for item in template] if isinstance(template, list) else template


def changed_arguments(block: Block, planned: Values, prior: Values) -> set[str]:
    """The names of the arguments and blocks that a plan changes."""
    names = [*block.attributes, *block.blocks]
    return {
        name
        for name in names
        if planned.get(name) is not UNKNOWN and planned.get(name) != prior.get(name)
    }


# ---- To parameters ----


def encode(entry: Entry, block: Block, values: Values, shape: Any, dotted: str = "") -> Document:
    """The parameters of an operation: every known argument that the operation has.

    Args:
        entry: the entry of the type.
        block: the schema of the resource, or of a nested block.
        values: the values of the resource, or of the nested block.
        shape: botocore's shape of the operation's input, or of a structure in it.
        dotted: the path of the nested block, with a dot at the end.
    """
    document: Document = {}
    for name, attribute in block.attributes.items():
        value, path = values.get(name), f"{dotted}{name}"
        settable = attribute.required or attribute.optional
        if path in entry.local or path in _TAGS or not settable or attribute.write_only:
            continue
        if value is None or value is UNKNOWN or value == "":
            continue
        member = _place(entry, shape, path, name)
        if member:
            put(document, member[0], scalar(member[1], value))
    for name, nested in block.blocks.items():
        value, path = values.get(name), f"{dotted}{name}"
        if path in entry.local or not isinstance(value, (list, dict)) or not value:
            continue
        member = _place(entry, shape, path, name)
        if member:
            bodies = value if isinstance(value, list) else [value]
            put(document, member[0], _bodies(entry, nested.block, bodies, member[1], path))
    return document


def _bodies(entry: Entry, block: Block, bodies: list[Any], shape: Any, path: str) -> Any:
    if shape.type_name == "list":
        return [encode(entry, block, body or {}, shape.member, f"{path}.") for body in bodies]
    return encode(entry, block, bodies[0] or {}, shape, f"{path}.")


def _place(entry: Entry, shape: Any, path: str, name: str) -> tuple[list[str], Any] | None:
    """The path and the shape of an attribute's member; None if the operation has no such member."""
    path_override = entry.sends.get(path, entry.fields.get(path))
    if path_override == "":
        return None
    if path_override is None:
        members = {letters(member): member for member in shape.members}
        member = members.get(letters(name))
        return ([member], shape.members[member]) if member else None
    steps = path_override.split(".")
    for step in steps:
        if shape.type_name != "structure" or step not in shape.members:
            return None
        shape = shape.members[step]
    return steps, shape


def scalar(shape: Any, value: Any) -> Any:
    """A value in the type of a shape."""
    kind = shape.type_name
    if kind == "list":
        return [
            scalar(shape.member, item) for item in (value if isinstance(value, list) else [value])
        ]
    if kind == "map" or kind == "structure":
        return value
    if kind == "boolean":
        return value if isinstance(value, bool) else str(value).lower() == "true"
    if kind in {"integer", "long"}:
        return int(value)
    if kind in {"float", "double"}:
        return float(value)
    if isinstance(value, bool):
        return str(value).lower()
    return value if kind in {"blob", "timestamp"} else str(value)


# ---- From answers ----


def decode(
    entry: Entry, block: Block, document: Document, prior: Values, dotted: str = ""
) -> Values:
    """The state of an answer, in the notation of ``prior`` where both are equivalent."""
    state: Values = {}
    index = {letters(str(key)): key for key in document}
    for name, attribute in block.attributes.items():
        before, path = known(prior.get(name)), f"{dotted}{name}"
        if attribute.write_only:
            state[name] = None
        elif path in entry.local or path in _TAGS:
            state[name] = before
        else:
            returned = _returned(entry, document, index, path, name)
            if returned is None and path in entry.kept:
                state[name] = before
            elif returned in (0, "", [], {}) and before is None and not attribute.computed:
                # The service returns an unset argument as an empty value.
                state[name] = None
            elif path in entry.json:
                state[name] = _same_document(returned, before)
            else:
                state[name] = value(attribute.type, returned, before, NOTATION)
    for name, nested in block.blocks.items():
        before, path = known(prior.get(name)), f"{dotted}{name}"
        if path in entry.local or nested.nesting in ("single", "group"):
            state[name] = before
            continue
        returned = _returned(entry, document, index, path, name)
        if returned is None and path in entry.kept:
            state[name] = before or []
            continue
        items = [returned] if isinstance(returned, Mapping) else returned or []
        elements = list(before) if isinstance(before, list) else []
        state[name] = list(_blocks(entry, nested, items, elements, f"{path}."))
    return state


def _returned(
    entry: Entry, document: Document, index: Mapping[str, Any], path: str, name: str
) -> Any:
    expression = entry.reads.get(path) or entry.fields.get(path)
    if expression is not None:
        return lookup(document, expression)
    return document.get(index.get(letters(name)))  # type: ignore[arg-type]


def _blocks(
    entry: Entry, nested: NestedBlock, items: list[Any], prior: list[Any], dotted: str
) -> Iterator[Values]:
    if nested.nesting == "list":
        for i, item in enumerate(items):
            before = prior[i] if i < len(prior) else {}
            yield decode(entry, nested.block, item, before or {}, dotted)
        return
    # The elements of a set have no position. An item continues the prior element that it equals.
    for item in items:
        matches = (
            (before, state)
            for before in prior
            for state in [decode(entry, nested.block, item, before, dotted)]
            if all(before.get(name) in (UNKNOWN, value) for name, value in state.items())
        )
        match, state = next(matches, (None, None))
        if match is not None:
            prior.remove(match)
        yield state if state is not None else decode(entry, nested.block, item, {}, dotted)


def _same_document(returned: Any, before: Any) -> Any:
    """A returned JSON document; the prior text if both have the same content."""
    if returned is None:
        return None
    content = json.loads(returned) if isinstance(returned, str) else returned
    if isinstance(before, str):
        try:
            if includes(json.loads(before), content):
                return before
        except ValueError:
            pass
    return returned if isinstance(returned, str) else json.dumps(content)


def includes(configured: Any, returned: Any) -> bool:
    """Whether a returned value has the configured one, apart from empty values and defaults."""
    if isinstance(configured, Mapping) and isinstance(returned, Mapping):
        extra = [value for key, value in returned.items() if key not in configured]
        included = all(
            includes(value, returned[key]) if key in returned else value in (None, [], {}, 0, False)
            for key, value in configured.items()
        )
        return included and all(value in (None, "", [], {}, 0, False) for value in extra)
    if isinstance(configured, list) and isinstance(returned, list):
        ordered = (
            sorted(items, key=lambda item: json.dumps(item, sort_keys=True))
            for items in (configured, returned)
        )
        return len(configured) == len(returned) and all(map(includes, *ordered))
    # IAM returns a value as a list of one.
    if isinstance(returned, list) and len(returned) == 1:
        return bool(configured == returned[0])
    return bool(configured == returned)


def _same(returned: str, before: str) -> bool:
    # A service completes a version: 16 becomes 16.8.
    return returned == before or (returned.startswith(f"{before}.") and before[:1].isdigit())


def _member(document: Mapping[str, Any], name: str) -> Any:
    return next(
        (item for key, item in document.items() if letters(str(key)) == letters(name)), None
    )


NOTATION = Notation(same=_same, fresh=lambda text, _: text, field=_member)
