"""The rule that the texts of a plugin's refusals name.

The texts are those of the two SDKs and of common checks in the providers, for example
``expected mode to be one of ["a" "b"], got c`` and
``expected length of x to be in the range (1 - 64), got ...``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

_WORD = re.compile(r'"([^"]*)"|([^\s",]+)')

Make = Callable[[re.Match[str]], dict[str, Any]]


def _enum(match: re.Match[str]) -> dict[str, Any]:
    words = [quoted or bare for quoted, bare in _WORD.findall(match[1])]
    numeric = '"' not in match[1] and all(re.fullmatch(r"-?\d+", word) for word in words)
    return {"enum": [int(word) for word in words] if numeric else words}


def _between(low: str, high: str) -> Make:
    return lambda match: {low: int(match[1]), high: int(match[2])}


def _limit(key: str) -> Make:
    return lambda match: {key: int(match[1])}


def _pattern(match: re.Match[str]) -> dict[str, Any]:
    # Go quotes the expression as JSON does.
    return {"pattern": json.loads(f'"{match[1]}"')}


def _fixed(**rule: Any) -> Make:
    return lambda _match: rule


_TEXTS: Sequence[tuple[str, Make]] = (
    (r"to be one of \[([^\]]*)\]", _enum),
    (r"value must be one of: \[([^\]]*)\]", _enum),
    (r"length of \S+ to be in the range \((\d+) - (\d+)\)", _between("min_length", "max_length")),
    (r"string length must be between (\d+) and (\d+)", _between("min_length", "max_length")),
    (r"expected \S+ to be in the range \((-?\d+) - (-?\d+)\)", _between("min", "max")),
    (r"must be in the range (\d+)-(\d+)", _between("min", "max")),
    (r"value must be between (-?\d+) and (-?\d+)", _between("min", "max")),
    (r"to be at least \((-?\d+)\)", _limit("min")),
    (r"value must be at least (-?\d+)", _limit("min")),
    (r"to be at most \((-?\d+)\)", _limit("max")),
    (r"cannot be (?:longer|greater) than (\d+) characters", _limit("max_length")),
    (r"cannot be shorter than (\d+) character", _limit("min_length")),
    (r"to not be an empty string|must not be empty", _fixed(min_length=1)),
    (r"to be a valid port number", _fixed(min=1, max=65535)),
    (
        r"must be a whole number|An unexpected error was encountered trying to convert",
        _fixed(integer=True),
    ),
    (r"is an invalid ARN", _fixed(format="arn")),
    (r"is not a valid CIDR block|to contain a valid (?:CIDR|Value)", _fixed(format="cidr")),
    (r"must be a valid IPv4 CIDR", _fixed(format="cidr")),
    (r"is not a valid IP CIDR range", _fixed(format="prefix")),
    (r"must be between (\d+) and (\d+) characters long", _between("min_length", "max_length")),
    (r"(?:doesn't match regexp|must match regex) \"(\S+)\"", _pattern),
    (r"contains an invalid JSON policy", _fixed(format="policy")),
    (r"contains an invalid JSON:|container_definitions is invalid", _fixed(format="json")),
    (r"Error parsing \"\w+\" timeout", _fixed(format="duration")),
    (r"as boolean: ", _fixed(format="boolean")),
    (r"as int: ", _fixed(format="integer")),
    (r"Map must contain at least \d+ elements and at most (\d+) elements", _limit("max_items")),
)
_COMPILED = [(re.compile(pattern), make) for pattern, make in _TEXTS]


def rule_of(details: Sequence[str]) -> dict[str, Any]:
    """The rule, with the keys of :mod:`tests.harness.offline.engine.validation`."""
    rule: dict[str, Any] = {}
    for text in details:
        for pattern, make in _COMPILED:
            if match := pattern.search(text):
                rule |= make(match)
    return rule
