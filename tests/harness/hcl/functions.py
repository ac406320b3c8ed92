"""The functions of Terraform that the rules and names of the modules use.

Source: the function reference of Terraform. tests/unit/test_expressions.py compares each function
with that of Terraform.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import itertools
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import regex
import yaml


class EvaluationError(Exception):
    """Terraform would fail here; ``can`` and ``try`` catch the error."""


def text(value: Any) -> str:
    """A value converted to a string as Terraform converts it.

    Raises:
        EvaluationError: Terraform does not convert values of this type.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    raise EvaluationError(f"{type(value).__name__} cannot be converted to a string")


def same(left: Any, right: Any) -> bool:
    """Whether two values are equal. In Terraform, equal values also have the same type."""
    if isinstance(left, bool) != isinstance(right, bool):
        return False
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    return bool(left == right)


@lru_cache(maxsize=512)
def pattern(source: str) -> Any:
    """A compiled pattern, from the RE2 syntax of Go.

    The syntaxes of Go and Python differ in "$": in Python it also matches before a final newline.

    Raises:
        EvaluationError: the pattern is invalid.
    """
    ended = re.sub(r"(\\.|\[(?:\\.|\[:\w+:\]|[^\]\\])*\])|\$", lambda m: m[1] or r"\Z", source)
    try:
        return regex.compile(ended)
    except regex.error as error:
        raise EvaluationError(f"{source} is not a valid pattern: {error}") from error


def _regex(source: str, value: str) -> Any:
    match = pattern(source).search(text(value))
    if not match:
        raise EvaluationError(f"{source} does not match")
    if match.re.groupindex:
        return match.groupdict()
    return list(match.groups()) if match.re.groups else match[0]


def _replace(value: str, old: str, new: str) -> str:
    if len(old) > 1 and old.startswith("/") and old.endswith("/"):
        template = re.sub(r"\$\{?(\w+)\}?", r"\\g<\1>", new.replace("\\", "\\\\"))
        return str(pattern(old[1:-1]).sub(template, value))
    return value.replace(old, new)


def _network(value: str) -> ipaddress.IPv4Network:
    try:
        return ipaddress.ip_network(value, strict=False)  # type: ignore[return-value]
    except ValueError as error:
        raise EvaluationError(str(error)) from error


def _cidrsubnet(value: str, bits: int, number: int) -> str:
    network = _network(value)
    length = network.prefixlen + bits
    if length > network.max_prefixlen or number >= 2**bits:
        raise EvaluationError(f"no subnet {number} of {bits} bits in {value}")
    step = 2 ** (network.max_prefixlen - length)
    return f"{network.network_address + number * step}/{length}"


def _cidrhost(value: str, number: int) -> str:
    network = _network(value)
    if "/" not in value or number >= network.num_addresses:
        raise EvaluationError(f"no host {number} in {value}")
    return str(network.network_address + number)


def _number(value: Any) -> int | float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]+([.][0-9]+)?", value):
        return float(value) if "." in value else int(value)
    raise EvaluationError(f"{value!r} is not a number")


def _json(value: Any) -> str:
    written = json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    # The encoder of Go escapes these characters, so that browsers do not read them as markup.
    for character in "<>&":
        written = written.replace(character, f"\\u{ord(character):04x}")
    return written


def _key(value: Any) -> Any:
    """A key that two values share if and only if they are equal."""
    if isinstance(value, list | dict):
        return json.dumps(value, sort_keys=True)
    return isinstance(value, bool), value


def _distinct(items: Iterable[Any]) -> list[Any]:
    unique: dict[Any, Any] = {}
    for item in items:
        unique.setdefault(_key(item), item)
    return list(unique.values())


def _flatten(items: Iterable[Any]) -> list[Any]:
    flat: list[Any] = []
    for item in items:
        flat += _flatten(item) if isinstance(item, list) else [item]
    return flat


def _coalesce(*values: Any) -> Any:
    for value in values:
        if value is not None and value != "":
            return value
    raise EvaluationError("coalesce has no value")


def _contains(items: Iterable[Any], value: Any) -> bool:
    return any(same(item, value) for item in items)


def _length(value: Any) -> int:
    if isinstance(value, str):
        # Terraform counts grapheme clusters.
        return len(regex.findall(r"\X", value))
    return len(value)


def _lookup(items: Mapping[str, Any], key: Any, *default: Any) -> Any:
    if text(key) in items:
        return items[text(key)]
    if not default:
        raise EvaluationError(f"no key {key!r}")
    return default[0]


def _keys(value: Any) -> list[str]:
    if not isinstance(value, dict):
        raise EvaluationError(f"keys of {type(value).__name__}, which is not a map")
    return sorted(value)


def _format(form: str, *values: Any) -> str:
    return form % tuple(
        text(v) if spec == "s" else v
        for v, spec in zip(values, re.findall(r"%[0-9]*([a-z])", form), strict=True)
    )


def _range(*limits: int) -> list[int]:
    return list(range(*limits))


def _one(items: list[Any]) -> Any:
    if len(items) > 1:
        raise EvaluationError(f"one of a list of {len(items)} items")
    return items[0] if items else None


def _merge(*maps: Mapping[str, Any] | None) -> dict[str, Any]:
    return {key: value for items in maps if items for key, value in items.items()}


def _set(items: Iterable[Any]) -> list[Any]:
    return sorted(_distinct(items), key=text)


def _intersection(first: Iterable[Any], *rest: Iterable[Any]) -> list[Any]:
    other_keys = [{_key(item) for item in items} for items in rest]
    return [
        item for item in _set(first) if all(_key(item) in item_keys for item_keys in other_keys)
    ]


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "alltrue": lambda items: all(item is True for item in items),
    "anytrue": lambda items: any(item is True for item in items),
    "base64encode": lambda value: base64.b64encode(value.encode()).decode(),
    "chunklist": lambda items, size: [items[i : i + size] for i in range(0, len(items), size)],
    "cidrhost": _cidrhost,
    "cidrsubnet": _cidrsubnet,
    "coalesce": _coalesce,
    "compact": lambda items: [item for item in items if item],
    "concat": lambda *lists: [item for items in lists for item in items],
    "contains": _contains,
    "distinct": _distinct,
    "element": lambda items, index: items[index % len(items)],
    "endswith": lambda value, end: value.endswith(end),
    "file": lambda path: Path(path).read_text(),
    "flatten": _flatten,
    "floor": lambda value: math.floor(value),
    "format": _format,
    "join": lambda separator, items: separator.join(text(item) for item in items),
    "jsonencode": _json,
    "keys": _keys,
    "length": _length,
    "lookup": _lookup,
    "lower": lambda value: value.lower(),
    "max": max,
    "merge": _merge,
    "min": min,
    "nonsensitive": lambda value: value,
    "one": _one,
    "range": _range,
    "regex": _regex,
    "replace": _replace,
    "reverse": lambda items: items[::-1],
    "setintersection": _intersection,
    "setproduct": lambda *lists: [list(pair) for pair in itertools.product(*lists)],
    "sha256": lambda value: hashlib.sha256(value.encode()).hexdigest(),
    "split": lambda separator, value: value.split(separator),
    "startswith": lambda value, start: value.startswith(start),
    "strcontains": lambda value, part: part in value,
    "substr": lambda value, start, length: value[start : start + length],
    "tolist": list,
    "tonumber": _number,
    "toset": _set,
    "tostring": lambda value: None if value is None else text(value),
    "trimprefix": lambda value, start: value.removeprefix(start),
    "trimsuffix": lambda value, end: value.removesuffix(end),
    "values": lambda items: [items[key] for key in sorted(items)],
    "yamldecode": yaml.safe_load,
}
