"""What the codecs of both clouds share: values of the schema's types, and places in documents.

A state keeps the words of the prior state where a service returns the same value in other words;
otherwise the next plan would show a change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import jmespath

from tests.harness.unknown import UNKNOWN

Document = dict[str, Any]
Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Words:
    """How a cloud writes values.

    ``same`` tells whether a returned text means the prior one. ``fresh`` is the state's form of a
    returned text, which has the prior value as its second argument. ``field`` finds an attribute
    of an object in a returned document.
    """

    same: Callable[[str, str], bool]
    fresh: Callable[[str, Any], str]
    field: Callable[[Mapping[str, Any], str], Any]


@cache
def _compiled(expression: str) -> Any:
    return jmespath.compile(expression)


def lookup(document: Any, expression: str) -> Any:
    """What a JMESPath expression finds; the whole document for an empty one."""
    return _compiled(expression).search(document) if expression else document


def put(document: Document, steps: list[str], value: Any) -> None:
    """Set a value at the end of steps into a document."""
    for step in steps[:-1]:
        document = document.setdefault(step, {})
    document[steps[-1]] = value


def value(kind: Any, found: Any, before: Any, words: Words) -> Any:
    """A returned value in a type of the schema, in the words of ``before`` if it means the same."""
    before = None if before is UNKNOWN else before
    if found is None:
        # A service omits empty values; any other prior value no longer exists.
        return before if before in (None, "", 0, False, [], {}) else None
    if kind == "number":
        return int(found) if isinstance(found, str) and found.lstrip("-").isdigit() else found
    if kind == "bool":
        return str(found).lower() in {"true", "enabled"}
    if kind == "string":
        text = str(found).lower() if isinstance(found, bool) else str(found)
        kept = isinstance(before, str) and words.same(text, before)
        return before if kept else words.fresh(text, before)
    if isinstance(kind, list):
        return _collection(kind, found, before, words)
    return found


def _collection(kind: list[Any], found: Any, before: Any, words: Words) -> Any:
    if kind[0] == "map":
        return dict(found)
    if kind[0] == "object":
        return {
            name: value(item, words.field(found, name), None, words)
            for name, item in kind[1].items()
        }
    items = found if isinstance(found, list) else [found]
    prior = before if isinstance(before, list) else []
    decoded = [
        value(kind[1], item, prior[i] if i < len(prior) else None, words)
        for i, item in enumerate(items)
    ]
    # The elements of a set have no order.
    reordered = kind[0] == "set" and sorted(map(str, decoded)) == sorted(map(str, prior))
    return prior if reordered else decoded
