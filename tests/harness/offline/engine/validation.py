"""Checks of a provider, in addition to those that Terraform makes by the schema.

A rule is data, by resource type and dotted attribute path. It has any of

``enum``            the valid values
``pattern``         a regular expression that the whole value must match; ``says`` is the error
``min_length`` / ``max_length``   in characters
``min`` / ``max``   for numbers; ``integer`` for whole numbers
``min_items``       for lists; ``max_items`` for maps
``format``          the form of a text, one of :data:`FORMATS`; ``also`` lists further valid values
``keys``            for maps: a regular expression that each key must match
``ignore_case``     the values of ``enum`` are valid in any case
``conflicts``       paths that must not be set if this one is set
``exactly_one``     paths of which exactly one must be set
``required_with``   paths that must be set if this one is set
``default``         the planned value if the configuration has none
``computed``        a nested block that the provider computes if the configuration has none
``form``            the form in which a text is planned: json, upper or lower
``unknown_whole``   a list with an unknown element is planned as unknown
``framework``       at the empty path: the type is built on the newer SDK
``force_new``       a change replaces the resource; "narrower": unless the new range holds the old
``source``          where a value comes from that was not observed; nothing reads it
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tests.harness.offline.engine.values import at, attributes
from tests.harness.offline.protocol.cty import is_known
from tests.harness.offline.protocol.diagnostics import Diagnostic, Path, invalid
from tests.harness.offline.protocol.schema import Block
from tests.harness.unknown import UNKNOWN

Rules = Mapping[str, Mapping[str, Any]]


def _text(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _range(parse: Callable[[str], object]) -> Callable[[str], bool]:
    """Whether a text has a prefix length, and ``parse`` takes it."""

    def matches(text: str) -> bool:
        try:
            parse(text)
        except ValueError:
            return False
        return "/" in text

    return matches


def _is_policy(text: str) -> bool:
    return text.startswith("{") and _is_json(text)


FORMATS: Mapping[str, Callable[[str], object]] = {
    # Source: the ARN format of the AWS General Reference; the provider also checks the account.
    "arn": re.compile(
        r"arn:aws[\w-]*:[^:]*:[^:]*:(\d{12}|aws|aws-managed|third-party|)?:.+"
    ).fullmatch,
    "boolean": re.compile(r"1|0|t|f|true|false|T|F|TRUE|FALSE|True|False|").fullmatch,
    # The address of an IPv4 network.
    "cidr": _range(ipaddress.IPv4Network),
    "duration": re.compile(r"0|-?(\d+(\.\d*)?(ns|us|ms|s|m|h))+").fullmatch,
    "integer": re.compile(r"[+-]?\d+|").fullmatch,
    "json": _is_json,
    "policy": _is_policy,
    # The address of a network, or of a host in it.
    "prefix": _range(ipaddress.ip_interface),
}
"""Whether a text has a form, by its name."""


def violation(rule: Mapping[str, Any], value: Any) -> str | None:
    """How a value, or an element of a list, breaks a rule; None if it does not."""
    if value in rule.get("also", ()):
        return None
    enum = rule.get("enum")
    if enum and value not in enum and not (rule.get("ignore_case") and _is_folded(value, enum)):
        return f"must be one of {', '.join(_text(v) for v in enum if v != '')}"
    if "format" in rule and isinstance(value, str) and not FORMATS[rule["format"]](value):
        return f"must have the form {rule['format']}"
    if isinstance(value, dict) and len(value) > rule.get("max_items", len(value)):
        return f"must have at most {rule['max_items']} elements"
    if isinstance(value, dict) and "keys" in rule:
        wrong = [key for key in value if not re.fullmatch(rule["keys"], key)]
        if wrong:
            return f"must not have the key {_text(wrong[0])}"
    if isinstance(value, str):
        if len(value) > rule.get("max_length", len(value)):
            return f"must have at most {rule['max_length']} characters, has {len(value)}"
        if len(value) < rule.get("min_length", 0):
            return f"must have at least {rule['min_length']} characters, has {len(value)}"
        if "pattern" in rule and not re.fullmatch(rule["pattern"], value):
            return str(rule.get("says", f"must match {rule['pattern']}"))
    if isinstance(value, int | float) and not isinstance(value, bool):
        if _is_fraction(rule, value):
            return "must be a whole number"
        if value < rule.get("min", value):
            return f"must be at least {rule['min']}"
        if value > rule.get("max", value):
            return f"must be at most {rule['max']}"
    return None


def _is_fraction(rule: Mapping[str, Any], value: Any) -> bool:
    return bool(rule.get("integer")) and isinstance(value, float) and not value.is_integer()


def _is_folded(value: Any, enum: Iterable[Any]) -> bool:
    return str(value).casefold() in [str(item).casefold() for item in enum]


def _elements(path: Path, value: Any) -> list[tuple[Path, Any]]:
    if isinstance(value, list):
        return [((*path, i), item) for i, item in enumerate(value)]
    return [(path, value)]


def _is_set(value: Any) -> bool:
    return value is UNKNOWN or value not in (None, [], {})


def _conflicts(rule: Mapping[str, Any], config: dict[str, Any], path: Path) -> list[Diagnostic]:
    name = ".".join(map(str, path))
    return [
        Diagnostic("Conflicting configuration arguments", f'"{name}": conflicts with {other}', path)
        for other in rule.get("conflicts", ())
        if _is_set(at(config, other)) and is_known(at(config, other))
    ]


def _required_with(rule: Mapping[str, Any], config: dict[str, Any], path: Path) -> list[Diagnostic]:
    name = ".".join(map(str, path))
    return [
        Diagnostic(
            "Missing required argument",
            f'"{name}": all of `{name},{other}` must be specified',
            path,
        )
        for other in rule.get("required_with", ())
        if not _is_set(at(config, other))
    ]


def _exactly_one(rules: Rules, config: dict[str, Any]) -> list[Diagnostic]:
    diagnostics = []
    for group in sorted(
        {tuple(rule["exactly_one"]) for rule in rules.values() if "exactly_one" in rule}
    ):
        if len(group) < 2:
            continue
        # A group inside a nested block applies only if the block is configured.
        parent = group[0].rsplit(".", 1)[0] if "." in group[0] else ""
        if parent and not _is_set(at(config, parent)):
            continue
        values = [at(config, path) for path in group]
        if not is_known(values):
            continue
        count = sum(_is_set(value) for value in values)
        if count != 1:
            diagnostics.append(
                Diagnostic(
                    "Invalid combination of arguments",
                    f"exactly one of `{','.join(group)}` must be specified, {count} are",
                    (group[0].split(".")[0],),
                )
            )
    return diagnostics


def _invalid(path: Path, problem: str, value: Any) -> Diagnostic:
    return invalid(path, f"{problem}; it is {_text(value)}.")


def check(block: Block, rules: Rules, config: dict[str, Any]) -> list[Diagnostic]:
    """The rules that ``config`` violates. An unknown value violates no rule.

    A type of the older SDK checks no part of an argument or a block that holds an unknown value. A
    fraction for a whole number crashes its plan also there.
    """
    diagnostics: list[Diagnostic] = []
    older = not rules.get("", {}).get("framework")
    unchecked = {name for name, value in config.items() if older and not is_known(value)}
    for path, dotted, _, value in attributes(block, config):
        rule = rules.get(dotted)
        if rule is None or value is None or value is UNKNOWN:
            continue
        if path[0] in unchecked:
            if _is_fraction(rule, value):
                diagnostics.append(_invalid(path, "must be a whole number", value))
            if len(path) == 1:
                diagnostics += _required_with(rule, config, path)
            continue
        if isinstance(value, list) and len(value) < rule.get("min_items", 0):
            text = (
                f'"{dotted}" must have at least {rule["min_items"]} elements; it has {len(value)}.'
            )
            diagnostics.append(Diagnostic("Not enough list items", text, path))
        for location, item in _elements(path, value):
            problem = None if item is None or item is UNKNOWN else violation(rule, item)
            if problem:
                diagnostics.append(_invalid(location, problem, item))
        diagnostics += _conflicts(rule, config, path) + _required_with(rule, config, path)
    return diagnostics + _exactly_one(rules, config)
