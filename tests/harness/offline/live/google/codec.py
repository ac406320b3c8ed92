"""Between a resource's values and a REST document, by the schema and a type's entry of a table.

An attribute is a field in camel case, a block of at most one body an object, any other block a
list. What differs from that is in the table (``data/google.rest.yaml``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.harness.offline.live.codec import Document, Values, Words, lookup, put, value
from tests.harness.offline.protocol.schema import Attribute, Block, NestedBlock
from tests.harness.unknown import UNKNOWN


@dataclass(frozen=True, slots=True)
class Entry:
    """A type's entry of the table; see its head."""

    service: str
    path: str = ""
    key: str = "name"
    query: Mapping[str, str] = field(default_factory=dict)
    wrap: str = ""
    beside: Mapping[str, str] = field(default_factory=dict)
    id: str = ""
    operation: str = "none"
    update: str = "none"
    mask: bool = False
    verbs: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    text: tuple[str, ...] = ()
    local: tuple[str, ...] = ()
    protection: str = ""
    taint: bool = False
    call: str = ""
    lock: str = ""
    repeated: tuple[str, ...] = ()
    alike: Mapping[str, str] = field(default_factory=dict)

    def where(self, values: Values) -> str:
        """The resource's own path."""
        return f"{self.path.format(**values)}/{values[self.key]}"


@cache
def table(path: Path) -> Mapping[str, Entry]:
    """The entries of a table by type."""
    document = yaml.safe_load(path.read_text())
    common = tuple(document["common"])
    return {
        name: Entry(**{**entry, "local": (*common, *entry.get("local", ()))})
        for name, entry in document["types"].items()
    }


def _camel(name: str) -> str:
    return re.sub(r"_([a-z0-9])", lambda found: found[1].upper(), name)


def _field(entry: Entry, dotted: str) -> list[str]:
    given = entry.fields.get(dotted)
    return given.split(".") if given else [_camel(dotted.rsplit(".", 1)[-1])]


def _is_object(entry: Entry, nested: NestedBlock, dotted: str) -> bool:
    one = nested.nesting in ("single", "group") or nested.max_items == 1
    return one and dotted not in entry.repeated


# ---- To a document ----


def encode(entry: Entry, block: Block, values: Values, dotted: str = "") -> Document:
    """What a create or an update sends: all that is known and not empty, less what is local."""
    document: Document = {}
    for name, attribute in block.attributes.items():
        path, given = f"{dotted}{name}", values.get(name)
        if path in entry.local or path == "id" or not _is_sent(attribute, name):
            continue
        # What the query says, the body does not.
        if path in entry.query.values():
            continue
        if name == "labels" and "effective_labels" in block.attributes:
            given = values.get("effective_labels")
        if given is None or given is UNKNOWN or given in ("", [], {}):
            continue
        given = str(given) if path in entry.text else given
        put(document, _field(entry, path), given)
    for name, nested in block.blocks.items():
        path, given = f"{dotted}{name}", values.get(name)
        if path in entry.local or not isinstance(given, (list, dict)) or not given:
            continue
        bodies = given if isinstance(given, list) else [given]
        sent = [encode(entry, nested.block, body or {}, f"{path}.") for body in bodies]
        put(document, _field(entry, path), sent[0] if _is_object(entry, nested, path) else sent)
    return document


def _is_sent(attribute: Attribute, name: str) -> bool:
    if name.startswith(("effective_", "terraform_")) and attribute.computed:
        return False
    return attribute.required or attribute.optional


# ---- From a document ----

# What makes two texts mean the same, by the word in the table.
_ALIKE: Mapping[str, Callable[[str], Any]] = {
    "case": str.casefold,
    "range": lambda text: (text.split("-")[0], text.split("-")[-1]),
}


def decode(
    entry: Entry, block: Block, document: Document, prior: Values, dotted: str = ""
) -> Values:
    """The state: what the API says, in the words of ``prior`` where both mean the same."""
    state: Values = {}
    for name, attribute in block.attributes.items():
        path, before = f"{dotted}{name}", prior.get(name)
        if attribute.write_only:
            state[name] = None
        elif path in entry.local or (path == "name" and attribute.required):
            state[name] = None if before is UNKNOWN else before
        else:
            found = lookup(document, ".".join(_field(entry, path)))
            alike = _ALIKE.get(entry.alike.get(path, ""))
            if alike and isinstance(found, str) and isinstance(before, str):
                state[name] = before if alike(found) == alike(before) else found
            else:
                state[name] = value(attribute.type, found, before, WORDS)
    _labels(block, document, prior, state)
    for name, nested in block.blocks.items():
        path, before = f"{dotted}{name}", prior.get(name)
        if path in entry.local or nested.nesting in ("single", "group"):
            state[name] = None if before is UNKNOWN else before
            continue
        found = lookup(document, ".".join(_field(entry, path)))
        items = (
            [found] if _is_object(entry, nested, path) and isinstance(found, dict) else found or []
        )
        held = before if isinstance(before, list) else []
        state[name] = [
            decode(entry, nested.block, item, held[i] if i < len(held) else {}, f"{path}.")
            for i, item in enumerate(items)
        ]
    return state


def _labels(block: Block, document: Document, prior: Values, state: Values) -> None:
    if "effective_labels" not in block.attributes:
        return
    there = document.get("labels") or {}
    for name in ("labels", "terraform_labels"):
        if name in block.attributes:
            before = prior.get(name)
            keys = before if isinstance(before, dict) else {}
            kept = {key: there[key] for key in keys if key in there}
            state[name] = kept if kept or before is not None else None
    state["effective_labels"] = there


def _same(found: str, before: str) -> bool:
    """Whether both name the same thing: a link by its name, or by the last part of it."""
    if found == before:
        return True
    return "/" in found and f"/{found}".endswith(f"/{_relative(before)}")


def _relative(value: str) -> str:
    found = re.search(r"(?:^|/)(projects/.*)$", value)
    return found[1] if found else value


def _short(found: str, before: Any) -> str:
    # A region is a link in the API's words, and a name in the provider's.
    linked = re.fullmatch(r"https?://\S+/(?:regions|zones)/([^/]+)", found)
    return linked[1] if linked and before is None else found


def _property(document: Mapping[str, Any], name: str) -> Any:
    return document.get(_camel(name))


WORDS = Words(same=_same, fresh=_short, field=_property)
