"""The documents that checkov scans: a plan's resources, resolved, with references by value.

Terraform's plan hides from checkov what a module passes through a local, and checkov's graph does
not tell the instances of a resource apart. So each instance gets a name and a configuration of its
own here, with a reference to every resource whose id, ARN or link is among its values.

Data sources are left out: what one computes is in the resource that takes it.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.harness.offline.catalogue import schema
from tests.harness.offline.protocol.schema import Block
from tests.harness.plan.view import Plan, Resource, written_references
from tests.harness.policy.resolving import combine

# What a resource is told by in another's values. None but it has such an ARN, link or member; an id
# and a name may be shared between types, so they count where the configuration names the resource.
_SURE = ("arn", "self_link", "member", "email")
_HINTS = ("id", "name")
# Made-up ARNs have the service of their type. Where another one makes what they stand for, a check
# would take them for the wrong thing: RDS keeps its master password in Secrets Manager.
_OTHERS = (
    (re.compile(r"arn:aws:rds:([\w-]+:\d+):secret/"), r"arn:aws:secretsmanager:\1:secret:rds-"),
)
_INDEX = re.compile(r"\[[^\[\]]*\]$")


class DocumentError(ValueError):
    """A plan cannot be made into a document."""


@dataclass(frozen=True, slots=True)
class Document:
    """What checkov scans: a plan's JSON.

    ``values`` and ``types`` are those of each resource by address; ``names`` what checkov calls it.
    """

    values: Mapping[str, Mapping[str, Any]]
    types: Mapping[str, str]
    names: Mapping[str, str]
    text: str


def _block(resource_type: str, releases: Mapping[str, str]) -> Block | None:
    provider = resource_type.partition("_")[0]
    if provider not in releases:
        return None
    held = schema(provider, releases[provider]).resources.get(resource_type)
    return held.block if held else None


def base(address: str) -> str:
    """The address of a resource without the index of its instance."""
    return _INDEX.sub("", address)


def _corrected(values: Any) -> Any:
    text = json.dumps(values)
    for wrong, right in _OTHERS:
        text = wrong.sub(right, text)
    return json.loads(text)


def _resources(plan: Plan) -> dict[str, Resource]:
    for resource in plan.resources.values():
        if resource.module:
            raise DocumentError(
                f"{resource.address} is in {resource.module}, and only what is a root's own is "
                "scanned: plan the module itself, with `root: module`"
            )
    return {a: r for a, r in plan.resources.items() if r.actions != ("delete",)}


def _expressions(plan: Plan) -> dict[str, Mapping[str, Any]]:
    module = plan.document.get("configuration", {}).get("root_module", {})
    return {r["address"]: r.get("expressions", {}) for r in module.get("resources", ())}


def strings(value: Any) -> Iterator[str]:
    """The texts in a value, however deep; not the keys of maps."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from strings(part)


class _References:
    """Who refers to whom: what the configuration names, and what the values of an apply tell."""

    def __init__(
        self, resources: Mapping[str, Resource], expressions: Mapping[str, Mapping[str, Any]]
    ) -> None:
        self._expressions = expressions
        self._instances: dict[str, list[str]] = defaultdict(list)
        self._sure: dict[str, set[str]] = defaultdict(set)
        self._hints: dict[str, set[str]] = defaultdict(set)
        for address, resource in resources.items():
            self._instances[base(address)].append(address)
            for keys, held in ((_SURE, self._sure), (_HINTS, self._hints)):
                for key in keys:
                    value = resource.values.get(key)
                    if isinstance(value, str) and value:
                        held[value].add(address)
        # An id with a separator in it, as of AWS or a link of Google's, names one resource alone.
        for value, owners in self._hints.items():
            if len(owners) == 1 and re.search(r"[/:]|-[0-9a-f]{8,}$", value):
                self._sure[value] |= owners

    def of(self, resource: Resource) -> dict[str, list[str]]:
        """The addresses that a resource refers to, by argument."""
        configured = self._expressions.get(base(resource.address), {})
        found = {}
        for key in sorted({*configured, *self._dynamic(resource, configured)}):
            named = {b for w in written_references(configured.get(key)) if (b := self._base(w))}
            meant = {a for b in named for a in self._instances[b]}
            texts = set(strings(resource.values.get(key)))
            held = {a for text in texts for a in self._sure.get(text, ())}
            held |= {a for text in texts for a in self._hints.get(text, ()) if a in meant}
            # The values say which branch of a condition, and which instance, is meant. Where they
            # tell nothing, a resource that has one instance is.
            held = held or {self._instances[b][0] for b in named if len(self._instances[b]) == 1}
            if held - {resource.address}:
                found[key] = sorted(held - {resource.address})
        return found

    def _base(self, written: str) -> str | None:
        words = re.split(r"[.\[]", written)
        name = ".".join(words[:2])
        return name if name in self._instances else None

    def _dynamic(self, resource: Resource, configured: Mapping[str, Any]) -> Iterator[str]:
        """The arguments that are dynamic blocks alone, which the configuration does not show."""
        for key, value in resource.values.items():
            bodies = value if isinstance(value, list) else []
            if key not in configured and any(isinstance(body, Mapping) for body in bodies):
                yield key


def _names(resources: Mapping[str, Resource]) -> dict[str, str]:
    """A name for each instance, which no other of its type has."""
    found: dict[str, str] = {}
    taken: Counter[str] = Counter()
    for address, resource in resources.items():
        whole = base(address)
        found[address] = resource.name if whole == address else f"{resource.name}__{taken[whole]}"
        taken[whole] += 1
    return found


def document(
    planned: Plan, resolved: Plan, releases: Mapping[str, str], *, plain: bool = False
) -> Document:
    """What checkov is to scan of a root.

    Args:
        planned: the plan, with what is known only after apply unknown.
        resolved: the plan of the same root and inputs that holds what an apply makes known.
        releases: the offline provider releases by provider, for their schemas.
        plain: leave unknown what the plan does not know. The references are the same.

    Raises:
        DocumentError: a resource is in a module call.
    """
    resources, later = _resources(planned), _resources(resolved)
    expressions = _expressions(planned)
    references = _References(later, expressions)
    names = _names(resources)
    values = {
        address: _corrected(
            combine(
                resource.type,
                resource.values,
                None if plain or address not in later else later[address].values,
                expressions.get(base(address), {}),
                _block(resource.type, releases),
            )
        )
        for address, resource in resources.items()
    }
    heads = {
        address: {"address": address, "mode": "managed", "type": r.type, "name": names[address]}
        for address, r in resources.items()
    }
    body = {
        "format_version": planned.document["format_version"],
        "terraform_version": planned.document["terraform_version"],
        "planned_values": {
            "root_module": {"resources": [{**heads[a], "values": values[a]} for a in resources]}
        },
        "resource_changes": [
            {**heads[a], "change": {"actions": list(r.actions), "before": None, "after": None}}
            for a, r in resources.items()
        ],
        "configuration": {
            "root_module": {
                "resources": [
                    {
                        **heads[a],
                        "expressions": {
                            key: {
                                "references": [
                                    f"{later[o].type}.{names[o]}" for o in owners if o in names
                                ]
                            }
                            for key, owners in references.of(later.get(a, r)).items()
                        },
                    }
                    for a, r in resources.items()
                ]
            }
        },
    }
    types = {address: resource.type for address, resource in resources.items()}
    return Document(values, types, names, json.dumps(body, indent=1))
