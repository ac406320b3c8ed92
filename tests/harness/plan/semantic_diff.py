"""What differs in meaning between two plans of a resolved session.

Such a plan holds made-up ids, which are a function of a resource's own arguments: one changed
argument ripples into the ids of all that refer to it. A meaning sees through them: an id is the
address of its resource, JSON inside a string is what it holds, a list of named bodies is a map.
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
"""By address, the values by dotted path. An output's address is ``output.NAME``."""

# A made-up value ends in its resource's fingerprint (tests/harness/offline/engine/made_up.py).
_MARK = re.compile(r"(?<![0-9a-f])[0-9a-f]{8}(?![0-9a-f])")
_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4}){3,}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
# What tells the bodies of one list apart: a container's or a variable's name, a statement's id.
_KEYS = ("name", "Sid", "sid")


@dataclass(frozen=True, slots=True)
class Change:
    """What differs at one place. ``path`` is empty for a whole resource or output.

    Absent, null and empty are the same and are None here.
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


def _own_mark(resource: Resource) -> str | None:
    """The fingerprint in the values that are made up for the resource itself.

    Those are named after their own attribute; what refers to another resource is not.
    """
    for name, value in resource.values.items():
        if isinstance(value, str) and _MARK.fullmatch(value[-8:]):
            own = name.replace("_", "-")
            if value[:-8] == f"{own}-" or value[:-8].endswith(f":{name.removesuffix('_arn')}/"):
                return value[-8:]
    return None


def marks(plan: Plan) -> Mapping[str, str]:
    """The address that each fingerprint of a resolved plan stands for."""
    found: dict[str, str] = {}
    for address, resource in plan.resources.items():
        mark = _own_mark(resource)
        if mark:
            # Two resources of the same arguments have one fingerprint; either stands for both.
            found.setdefault(mark, address)
    return found


def _seen_through(known: Mapping[str, str], text: str) -> str:
    return _MARK.sub(lambda match: f"<{known[match[0]]}>" if match[0] in known else match[0], text)


def _text(known: Mapping[str, str], text: str) -> Any:
    """A string without made-up parts; a JSON document in it as what it holds."""
    if text[:1] in ("{", "["):
        try:
            return _normal(known, json.loads(text))
        except ValueError:
            pass
    if _BASE64.fullmatch(text):
        try:
            inside = base64.b64decode(text, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            inside = ""
        if any(mark in known for mark in _MARK.findall(inside)):
            return _seen_through(known, inside)
    return _seen_through(known, text)


def _key(bodies: Sequence[Any]) -> str | None:
    """The attribute that names each of the bodies, if there is one."""
    for name in _KEYS:
        held = [body.get(name) for body in bodies]
        if all(isinstance(v, str) and "<" not in v for v in held) and len({*held}) == len(held):
            return name
    return None


def _list(known: Mapping[str, str], items: Sequence[Any]) -> Any:
    normal = [_normal(known, item) for item in items]
    if normal and all(isinstance(item, Mapping) for item in normal):
        key = _key(normal)
        if key:
            return {body[key]: {k: v for k, v in body.items() if k != key} for body in normal}
        # Most blocks may be there once: the first has no number, so that one and none compare.
        return {**normal[0], **{f"#{i}": body for i, body in enumerate(normal[1:], 2)}}
    # A set of ids is in the order of the ids, which mean nothing.
    made_up = any(isinstance(item, str) and "<" in item for item in normal)
    return sorted(normal, key=str) if made_up else normal


def _normal(known: Mapping[str, str], value: Any) -> Any:
    if isinstance(value, str):
        return _text(known, value)
    if isinstance(value, Mapping):
        return {key: _normal(known, item) for key, item in value.items()}
    if isinstance(value, list):
        return _list(known, value)
    return value


def _paths(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves by dotted path; a list of plain values is one, what is empty is none."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _paths(item, f"{path}.{key}" if path else str(key))
    elif value is UNKNOWN or value not in (None, []):
        yield path, value


def meaning(plan: Plan) -> Meaning:
    """What a plan of a resolved session stands for, outputs and data read at apply included."""
    normal = partial(_normal, marks(plan))
    found = {
        address: dict(_paths(normal(resource.values)))
        for address, resource in {**plan.resources, **plan.data_sources}.items()
    }
    for name, value in plan.outputs.items():
        found[f"output.{name}"] = dict(_paths(normal(value), ""))
    return found


def renamed(held: Meaning, names: Mapping[str, str]) -> Meaning:
    """A meaning with one text in place of another, wherever it stands, addresses included.

    Args:
        held: what to write anew.
        names: old text to new text.
    """
    if not names:
        return held
    pattern = re.compile("|".join(map(re.escape, sorted(names, key=len, reverse=True))))

    def anew(value: Any) -> Any:
        if isinstance(value, str):
            return pattern.sub(lambda match: names[match[0]], value)
        if isinstance(value, list):
            return [anew(item) for item in value]
        return value

    return {
        anew(address): {anew(path): anew(value) for path, value in values.items()}
        for address, values in held.items()
    }


def changes(before: Meaning, after: Meaning) -> tuple[Change, ...]:
    """What differs between two meanings, by address and path.

    A resource that comes or goes is one change; so is an output that becomes, or was, null.
    """
    found: list[Change] = []
    for address in sorted(before.keys() | after.keys()):
        old, new = before.get(address), after.get(address)
        if old is None or new is None:
            found.append(Change("added" if old is None else "removed", address, "", None, None))
            continue
        for path in sorted(old.keys() | new.keys()):
            was, is_ = old.get(path), new.get(path)
            if was is not is_ and was != is_:
                found.append(Change("changed", address, path, was, is_))
    return tuple(found)
