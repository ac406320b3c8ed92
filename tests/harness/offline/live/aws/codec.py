"""Between a resource's values and the parameters and answers of AWS's operations.

botocore's models say which parameters an operation has. An attribute is the one of the same letters
(``db_subnet_group_name`` is ``DBSubnetGroupName``); what differs from that is in the table
(``data/aws.calls.yaml``). Nothing here imports botocore: a model is given.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.harness.offline.live.codec import Document, Values, Words, lookup, put, value
from tests.harness.offline.protocol.cty import known
from tests.harness.offline.protocol.schema import Block, NestedBlock
from tests.harness.unknown import UNKNOWN

TABLE = Path(__file__).parents[2] / "data" / "aws.calls.yaml"
_TAGS = ("id", "tags", "tags_all")


@dataclass(frozen=True, slots=True)
class Asked:
    """An operation: what names the resource in it (``by``), and where in the answer it is (``at``).

    ``when`` are the attributes whose change asks for it; empty for all that it takes. ``whole``
    sends all of them and not only what changed, ``extra`` is sent besides.
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
    """A type's entry of the table; see its head."""

    label: str
    service: str
    id: str = ""
    create: Asked | None = None
    find: Asked | None = None
    change: tuple[Asked, ...] = ()
    delete: Asked | None = None
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
    document = yaml.safe_load(path.read_text())
    common = tuple(document["common"])
    return {name: _entry(entry, common) for name, entry in document["types"].items()}


def _entry(entry: Document, common: tuple[str, ...]) -> Entry:
    asked: Document = {
        name: Asked(**entry[name]) for name in ("create", "find", "delete") if name in entry
    }
    several = tuple(Asked(**one) for one in entry.get("change", ()))
    local = (*common, *entry.get("local", ()))
    return Entry(**{**entry, **asked, "change": several, "local": local})


def plain(name: str) -> str:
    """The letters of a name, by which an attribute and a field are one."""
    return "".join(letter for letter in name.lower() if letter.isalnum())


def filled(given: Any, values: Values) -> Any:
    """Parameters with ``{attribute}`` filled in, at any depth."""
    if isinstance(given, str):
        return given.format(**values)
    if isinstance(given, Mapping):
        return {name: filled(one, values) for name, one in given.items()}
    return [filled(one, values) for one in given] if isinstance(given, list) else given


def changed(block: Block, planned: Values, prior: Values) -> set[str]:
    """The arguments that a change is of."""
    names = [*block.attributes, *block.blocks]
    return {
        name
        for name in names
        if planned.get(name) is not UNKNOWN and planned.get(name) != prior.get(name)
    }


# ---- To parameters ----


def encode(entry: Entry, block: Block, values: Values, shape: Any, dotted: str = "") -> Document:
    """What an operation is sent of a resource: all that is known and that it takes.

    Args:
        entry: the type's.
        block: the schema of the resource, or of a block of it.
        values: of the same.
        shape: botocore's of the operation's input, or of a structure in it.
        dotted: where in the resource the block is, with a dot at the end.
    """
    document: Document = {}
    for name, attribute in block.attributes.items():
        value, path = values.get(name), f"{dotted}{name}"
        settable = attribute.required or attribute.optional
        if path in entry.local or path in _TAGS or not settable or attribute.write_only:
            continue
        if value is None or value is UNKNOWN or value == "":
            continue
        found = _place(entry, shape, path, name)
        if found:
            put(document, found[0], scalar(found[1], value))
    for name, nested in block.blocks.items():
        value, path = values.get(name), f"{dotted}{name}"
        if path in entry.local or not isinstance(value, (list, dict)) or not value:
            continue
        found = _place(entry, shape, path, name)
        if found:
            bodies = value if isinstance(value, list) else [value]
            put(document, found[0], _bodies(entry, nested.block, bodies, found[1], path))
    return document


def _bodies(entry: Entry, block: Block, bodies: list[Any], shape: Any, path: str) -> Any:
    if shape.type_name == "list":
        return [encode(entry, block, one or {}, shape.member, f"{path}.") for one in bodies]
    return encode(entry, block, bodies[0] or {}, shape, f"{path}.")


def _place(entry: Entry, shape: Any, path: str, name: str) -> tuple[list[str], Any] | None:
    """The steps to the member of an attribute, and its shape; None if the operation has none."""
    given = entry.sends.get(path, entry.fields.get(path))
    if given == "":
        return None
    if given is None:
        members = {plain(member): member for member in shape.members}
        member = members.get(plain(name))
        return ([member], shape.members[member]) if member else None
    steps = given.split(".")
    for step in steps:
        if shape.type_name != "structure" or step not in shape.members:
            return None
        shape = shape.members[step]
    return steps, shape


def scalar(shape: Any, value: Any) -> Any:
    """A value as a shape has it."""
    kind = shape.type_name
    if kind == "list":
        return [
            scalar(shape.member, one) for one in (value if isinstance(value, list) else [value])
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
    """The state: what the service says, in the words of ``prior`` where both mean the same."""
    state: Values = {}
    index = {plain(str(key)): key for key in document}
    for name, attribute in block.attributes.items():
        before, path = known(prior.get(name)), f"{dotted}{name}"
        if attribute.write_only:
            state[name] = None
        elif path in entry.local or path in _TAGS:
            state[name] = before
        else:
            found = _told(entry, document, index, path, name)
            if found is None and path in entry.kept:
                state[name] = before
            elif found in (0, "", [], {}) and before is None and not attribute.computed:
                # What was not set is told as empty.
                state[name] = None
            elif path in entry.json:
                state[name] = _same_document(found, before)
            else:
                state[name] = value(attribute.type, found, before, WORDS)
    for name, nested in block.blocks.items():
        before, path = known(prior.get(name)), f"{dotted}{name}"
        if path in entry.local or nested.nesting in ("single", "group"):
            state[name] = before
            continue
        found = _told(entry, document, index, path, name)
        if found is None and path in entry.kept:
            state[name] = before or []
            continue
        items = [found] if isinstance(found, Mapping) else found or []
        held = list(before) if isinstance(before, list) else []
        state[name] = list(_blocks(entry, nested, items, held, f"{path}."))
    return state


def _told(entry: Entry, document: Document, index: Mapping[str, Any], path: str, name: str) -> Any:
    given = entry.reads.get(path) or entry.fields.get(path)
    if given is not None:
        return lookup(document, given)
    return document.get(index.get(plain(name)))  # type: ignore[arg-type]


def _blocks(
    entry: Entry, nested: NestedBlock, items: list[Any], held: list[Any], dotted: str
) -> Iterator[Values]:
    if nested.nesting == "list":
        for i, item in enumerate(items):
            before = held[i] if i < len(held) else {}
            yield decode(entry, nested.block, item, before or {}, dotted)
        return
    # The elements of a set have no position: one goes on where it is told as it was.
    for item in items:
        twins = (
            (one, made)
            for one in held
            for made in [decode(entry, nested.block, item, one, dotted)]
            if all(one.get(name) in (UNKNOWN, told) for name, told in made.items())
        )
        one, made = next(twins, (None, None))
        if one is not None:
            held.remove(one)
        yield made if made is not None else decode(entry, nested.block, item, {}, dotted)


def _same_document(found: Any, before: Any) -> Any:
    """JSON by what it says and not by how it is written."""
    if found is None:
        return None
    told = json.loads(found) if isinstance(found, str) else found
    if isinstance(before, str):
        try:
            if within(json.loads(before), told):
                return before
        except ValueError:
            pass
    return found if isinstance(found, str) else json.dumps(told)


def within(given: Any, told: Any) -> bool:
    """Whether what was given is told, if with more that is empty or what a service fills in."""
    if isinstance(given, Mapping) and isinstance(told, Mapping):
        more = [one for key, one in told.items() if key not in given]
        held = all(
            within(one, told[key]) if key in told else one in (None, [], {}, 0, False)
            for key, one in given.items()
        )
        return held and all(one in (None, "", [], {}, 0, False) for one in more)
    if isinstance(given, list) and isinstance(told, list):
        ordered = (
            sorted(some, key=lambda one: json.dumps(one, sort_keys=True)) for some in (given, told)
        )
        return len(given) == len(told) and all(map(within, *ordered))
    # One value stands for a list of it, as IAM has it.
    if isinstance(told, list) and len(told) == 1:
        return bool(given == told[0])
    return bool(given == told)


def _same(found: str, before: str) -> bool:
    # A service completes a version: 16 becomes 16.8.
    return found == before or (found.startswith(f"{before}.") and before[:1].isdigit())


def _member(document: Mapping[str, Any], name: str) -> Any:
    return next((item for key, item in document.items() if plain(str(key)) == plain(name)), None)


WORDS = Words(same=_same, fresh=lambda text, _: text, field=_member)
