"""Convert values of a resource to a REST document and back, by the schema and a table entry.

An attribute is a field in camel case. A block with at most one body is an object, any other block
is a list. The table (``data/google.rest.yaml``) lists the exceptions.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from tests.harness import documents
from tests.harness.offline.live.codec import Document, Notation, Values, lookup, put, value
from tests.harness.offline.protocol.schema import Attribute, Block, NestedBlock
from tests.harness.unknown import UNKNOWN


@dataclass(frozen=True, slots=True)
class Entry:
    """The entry of a type in the table; see the head of the table."""

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
    sent: Mapping[str, Any] = field(default_factory=dict)
    unless: Mapping[str, Any] = field(default_factory=dict)
    unless_zero: tuple[str, ...] = ()

    def where(self, values: Values) -> str:
        """The path of the resource."""
        return f"{self.path.format(**values)}/{values[self.key]}"


@cache
def table(path: Path) -> Mapping[str, Entry]:
    """The entries of a table by type."""
    document = documents.read(path)
    common = tuple(document["common"])
    return {
        name: Entry(**{**entry, "local": (*common, *entry.get("local", ()))})
        for name, entry in document["types"].items()
    }


def camel(name: str) -> str:
    """The name of an argument in the APIs: ``repositoryId`` for ``repository_id``."""
    return re.sub(r"_([a-z0-9])", lambda match: match[1].upper(), name)


def _field(entry: Entry, dotted: str) -> list[str]:
    override = entry.fields.get(dotted)
    return override.split(".") if override else [camel(dotted.rsplit(".", 1)[-1])]


def _is_object(entry: Entry, nested: NestedBlock, dotted: str) -> bool:
    single = nested.nesting in ("single", "group") or nested.max_items == 1
    return single and dotted not in entry.repeated


# ---- To a document ----


def encode(entry: Entry, block: Block, values: Values, dotted: str = "") -> Document:
    """The document of a create or an update: every known, non-empty argument that is not local."""
    document: Document = {}
    for name, attribute in block.attributes.items():
        path, value = f"{dotted}{name}", values.get(name)
        if path in entry.local or path == "id" or not _is_sent(attribute, name):
            continue
        # A field of the query is not in the body.
        if path in entry.query.values():
            continue
        if name == "labels" and "effective_labels" in block.attributes:
            value = values.get("effective_labels")
        if value is None or value is UNKNOWN or value in ("", [], {}):
            continue
        value = str(value) if path in entry.text else value
        put(document, _field(entry, path), value)
    for name, nested in block.blocks.items():
        path, value = f"{dotted}{name}", values.get(name)
        if path in entry.local or not isinstance(value, (list, dict)) or not value:
            continue
        bodies = value if isinstance(value, list) else [value]
        sent = [encode(entry, nested.block, body or {}, f"{path}.") for body in bodies]
        put(document, _field(entry, path), sent[0] if _is_object(entry, nested, path) else sent)
    return document


def complete(entry: Entry, document: Document, values: Values) -> Document:
    """The document of a create: with what the provider adds, without zeros that it omits."""
    if not any(values.get(name) == other for name, other in entry.unless.items()):
        for path, added in entry.sent.items():
            *parents, leaf = path.split(".")
            for parent in _bodies(document, parents):
                parent.setdefault(leaf, added.format(**values) if isinstance(added, str) else added)
    for path in entry.unless_zero:
        *parents, leaf = path.split(".")
        for parent in _bodies(document, parents):
            if parent.get(leaf) in (0, "0"):
                del parent[leaf]
    return document


def without_sent(entry: Entry, document: Document) -> Document:
    """An answer without what a create added and no argument sets, as the provider reads it."""
    reduced = copy.deepcopy(document)
    for path, added in entry.sent.items():
        *parents, leaf = path.split(".")
        for parent in _bodies(reduced, parents):
            if not isinstance(added, str) and parent.get(leaf) == added:
                del parent[leaf]
    return reduced


def _bodies(value: Any, parents: list[str]) -> Iterator[dict[str, Any]]:
    """The bodies at a path that the document has, those in lists included."""
    if isinstance(value, list):
        for item in value:
            yield from _bodies(item, parents)
    elif isinstance(value, dict) and parents:
        yield from _bodies(value.get(parents[0]), parents[1:])
    elif isinstance(value, dict):
        yield value


def _is_sent(attribute: Attribute, name: str) -> bool:
    if name.startswith(("effective_", "terraform_")) and attribute.computed:
        return False
    return attribute.required or attribute.optional


# ---- From a document ----

# The functions that normalize equivalent texts, by their name in the table.
_NORMALIZE: Mapping[str, Callable[[str], Any]] = {
    "case": str.casefold,
    "range": lambda text: (text.split("-")[0], text.split("-")[-1]),
}


def decode(
    entry: Entry, block: Block, document: Document, prior: Values, dotted: str = ""
) -> Values:
    """The state of an answer, in the notation of ``prior`` where both are equivalent."""
    state: Values = {}
    for name, attribute in block.attributes.items():
        path, before = f"{dotted}{name}", prior.get(name)
        if attribute.write_only:
            state[name] = None
        elif path in entry.local or (path == "name" and attribute.required):
            state[name] = None if before is UNKNOWN else before
        else:
            returned = lookup(document, ".".join(_field(entry, path)))
            normalize = _NORMALIZE.get(entry.alike.get(path, ""))
            if normalize and isinstance(returned, str) and isinstance(before, str):
                state[name] = before if normalize(returned) == normalize(before) else returned
            else:
                state[name] = value(attribute.type, returned, before, NOTATION)
    _labels(block, document, prior, state)
    for name, nested in block.blocks.items():
        path, before = f"{dotted}{name}", prior.get(name)
        if path in entry.local or nested.nesting in ("single", "group"):
            state[name] = None if before is UNKNOWN else before
            continue
        returned = lookup(document, ".".join(_field(entry, path)))
        items = (
            [returned]
            if _is_object(entry, nested, path) and isinstance(returned, dict)
            else returned or []
        )
        elements = before if isinstance(before, list) else []
        state[name] = [
            decode(entry, nested.block, item, elements[i] if i < len(elements) else {}, f"{path}.")
            for i, item in enumerate(items)
        ]
    return state


def _labels(block: Block, document: Document, prior: Values, state: Values) -> None:
    if "effective_labels" not in block.attributes:
        return
    returned = document.get("labels") or {}
    for name in ("labels", "terraform_labels"):
        if name in block.attributes:
            before = prior.get(name)
            keys = before if isinstance(before, dict) else {}
            configured = {key: returned[key] for key in keys if key in returned}
            state[name] = configured if configured or before is not None else None
    state["effective_labels"] = returned


def _same(returned: str, before: str) -> bool:
    """Whether both name one resource: a returned link ends with the prior name."""
    if returned == before:
        return True
    return "/" in returned and f"/{returned}".endswith(f"/{_relative(before)}")


def _relative(value: str) -> str:
    match = re.search(r"(?:^|/)(projects/.*)$", value)
    return match[1] if match else value


def _short(returned: str, before: Any) -> str:
    # The API returns a region as a link. The provider writes its name.
    link = re.fullmatch(r"https?://\S+/(?:regions|zones)/([^/]+)", returned)
    return link[1] if link and before is None else returned


def _property(document: Mapping[str, Any], name: str) -> Any:
    return document.get(camel(name))


NOTATION = Notation(same=_same, fresh=_short, field=_property)
