"""Compare two resolved plans by their meaning.

A resolved plan contains generated ids, which depend on the arguments of a resource. One changed
argument therefore changes the ids in all resources that refer to it. A meaning replaces an id with
the address of its resource, JSON in a string with its content, and a list of named bodies with a
map.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from tests.harness.plan.view import UNKNOWN, Plan, Resource

Meaning = Mapping[str, Mapping[str, Any]]
"""The values by address and dotted path. The address of an output is ``output.NAME``."""

# A generated value ends in the fingerprint of its resource
# (tests/harness/offline/engine/made_up.py).
_FINGERPRINT = re.compile(r"(?<![0-9a-f])[0-9a-f]{8}(?![0-9a-f])")
_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4}){3,}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
# The keys that identify the bodies of a list: the name of a container or a variable, or the id of
# a statement.
_KEYS = ("name", "Sid", "sid")


@dataclass(frozen=True, slots=True)
class Change:
    """A difference at one path. ``path`` is empty for a whole resource or output.

    An absent, null or empty value is None.
    """

    kind: Literal["added", "removed", "changed"]
    address: str
    path: str
    before: Any
    after: Any

    def __str__(self) -> str:
        if self.kind != "changed":
            return f"{self.address} {self.kind}"
        where = f"{self.address} {self.path}".rstrip()
        return f"{where}: {self.before!r} -> {self.after!r}"


def _own_fingerprint(resource: Resource) -> str | None:
    """The fingerprint in the values that are generated for the resource itself.

    Such a value contains the name of its attribute. A reference to another resource does not.
    """
    for name, value in resource.values.items():
        if isinstance(value, str) and _FINGERPRINT.fullmatch(value[-8:]):
            kebab_name = name.replace("_", "-")
            if value[:-8] == f"{kebab_name}-" or value[:-8].endswith(
                f":{name.removesuffix('_arn')}/"
            ):
                return value[-8:]
    return None


def fingerprints(plan: Plan) -> Mapping[str, str]:
    """The address of the resource that each fingerprint of a resolved plan denotes."""
    addresses: dict[str, str] = {}
    for address, resource in plan.resources.items():
        fingerprint = _own_fingerprint(resource)
        if fingerprint:
            # Resources with equal arguments share a fingerprint, which denotes the first of them.
            addresses.setdefault(fingerprint, address)
    return addresses


def _with_addresses(addresses: Mapping[str, str], text: str) -> str:
    return _FINGERPRINT.sub(
        lambda match: f"<{addresses[match[0]]}>" if match[0] in addresses else match[0], text
    )


def _text(addresses: Mapping[str, str], text: str) -> Any:
    """A string with addresses in place of fingerprints; a JSON document as its content."""
    if text[:1] in ("{", "["):
        try:
            return _normal(addresses, json.loads(text))
        except ValueError:
            pass
    if _BASE64.fullmatch(text):
        try:
            inside = base64.b64decode(text, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            inside = ""
        if any(fingerprint in addresses for fingerprint in _FINGERPRINT.findall(inside)):
            return _with_addresses(addresses, inside)
    return _with_addresses(addresses, text)


def _key(bodies: Sequence[Any]) -> str | None:
    """The attribute that identifies each of the bodies; None if no attribute does."""
    for name in _KEYS:
        keys = [body.get(name) for body in bodies]
        if all(isinstance(key, str) and "<" not in key for key in keys) and len({*keys}) == len(
            keys
        ):
            return name
    return None


def _list(addresses: Mapping[str, str], items: Sequence[Any]) -> Any:
    normal = [_normal(addresses, item) for item in items]
    if normal and all(isinstance(item, Mapping) for item in normal):
        key = _key(normal)
        if key:
            return {body[key]: {k: v for k, v in body.items() if k != key} for body in normal}
        # Most blocks occur once. The first body has no number, so that one and none compare.
        return {**normal[0], **{f"#{i}": body for i, body in enumerate(normal[1:], 2)}}
    # The order of a set of generated ids has no meaning.
    generated = any(isinstance(item, str) and "<" in item for item in normal)
    return sorted(normal, key=str) if generated else normal


def _normal(addresses: Mapping[str, str], value: Any) -> Any:
    if isinstance(value, str):
        return _text(addresses, value)
    if isinstance(value, Mapping):
        # The Google provider plans an empty text beside the source of a variable.
        sourced = value.get("value") == "" and value.get("value_source")
        return {
            key: None if sourced and key == "value" else _normal(addresses, item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return _list(addresses, value)
    return value


def _paths(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves with their dotted paths; a list of plain values is a leaf."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _paths(item, f"{path}.{key}" if path else str(key))
    elif value is UNKNOWN or value not in (None, []):
        yield path, value


def meaning(plan: Plan) -> Meaning:
    """The meaning of a resolved plan, including outputs and data sources that an apply reads."""
    normal = partial(_normal, fingerprints(plan))
    values = {
        address: dict(_paths(normal(resource.values)))
        for address, resource in {**plan.resources, **plan.data_sources}.items()
    }
    for name, value in plan.outputs.items():
        values[f"output.{name}"] = dict(_paths(normal(value), ""))
    return values


def replace_texts(original: Meaning, names: Mapping[str, str]) -> Meaning:
    """Replace texts in the addresses, paths and values of a meaning.

    Args:
        original: the meaning.
        names: the new text by old text.
    """
    if not names:
        return original
    pattern = re.compile("|".join(map(re.escape, sorted(names, key=len, reverse=True))))

    def replaced(value: Any) -> Any:
        if isinstance(value, str):
            return pattern.sub(lambda match: names[match[0]], value)
        if isinstance(value, list):
            return [replaced(item) for item in value]
        return value

    return {
        replaced(address): {replaced(path): replaced(value) for path, value in values.items()}
        for address, values in original.items()
    }


def changes(before: Meaning, after: Meaning) -> tuple[Change, ...]:
    """The differences between two meanings, by address and path.

    An added or removed resource is one change, as is an output that becomes null or was null.
    """
    differences: list[Change] = []
    for address in sorted(before.keys() | after.keys()):
        old, new = before.get(address), after.get(address)
        if old is None or new is None:
            differences.append(
                Change("added" if old is None else "removed", address, "", None, None)
            )
            continue
        for path in sorted(old.keys() | new.keys()):
            old_value, new_value = old.get(path), new.get(path)
            if old_value is not new_value and old_value != new_value:
                differences.append(Change("changed", address, path, old_value, new_value))
    return tuple(differences)
