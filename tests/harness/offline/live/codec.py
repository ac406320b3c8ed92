"""What the codecs of both clouds share: values of the schema's types, and paths in documents.

A service may return a value in another notation than the configuration: a link in place of a name.
The state then keeps the prior notation. Otherwise the next plan would show a change.
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
class Notation:
    """How a cloud writes values.

    ``same`` reports whether a returned text is equivalent to the prior text. ``fresh`` takes a
    returned text and the prior value, and returns the text for the state. ``field`` returns the
    value of an attribute in a returned object.
    """

    same: Callable[[str, str], bool]
    fresh: Callable[[str, Any], str]
    field: Callable[[Mapping[str, Any], str], Any]


@cache
def _compiled(expression: str) -> Any:
    return jmespath.compile(expression)


def lookup(document: Any, expression: str) -> Any:
    """The result of a JMESPath expression; the whole document if the expression is empty."""
    return _compiled(expression).search(document) if expression else document


def put(document: Document, steps: list[str], value: Any) -> None:
    """Set a value in a document, at a path of steps."""
    for step in steps[:-1]:
        document = document.setdefault(step, {})
    document[steps[-1]] = value


def value(kind: Any, returned: Any, before: Any, notation: Notation) -> Any:
    """A returned value in a type of the schema; ``before`` if both are equivalent."""
    before = None if before is UNKNOWN else before
    if returned is None:
        # A service omits empty values. Any other prior value no longer exists.
        return before if before in (None, "", 0, False, [], {}) else None
    if kind == "number":
        return (
            int(returned)
            if isinstance(returned, str) and returned.lstrip("-").isdigit()
            else returned
        )
    if kind == "bool":
        return str(returned).lower() in {"true", "enabled"}
    if kind == "string":
        text = str(returned).lower() if isinstance(returned, bool) else str(returned)
        equivalent = isinstance(before, str) and notation.same(text, before)
        return before if equivalent else notation.fresh(text, before)
    if isinstance(kind, list):
        return _collection(kind, returned, before, notation)
    return returned


def _collection(kind: list[Any], returned: Any, before: Any, notation: Notation) -> Any:
    if kind[0] == "map":
        return dict(returned)
    if kind[0] == "object":
        return {
            name: value(item, notation.field(returned, name), None, notation)
            for name, item in kind[1].items()
        }
    items = returned if isinstance(returned, list) else [returned]
    prior = before if isinstance(before, list) else []
    decoded = [
        value(kind[1], item, prior[i] if i < len(prior) else None, notation)
        for i, item in enumerate(items)
    ]
    # The elements of a set have no order.
    reordered = kind[0] == "set" and sorted(map(str, decoded)) == sorted(map(str, prior))
    return prior if reordered else decoded
