"""Write the documents that checkov scans: resolved resources with references by value.

checkov does not follow references through a local, and its graph does not distinguish the instances
of a resource. A document therefore contains each instance with its own name and configuration. An
instance refers to every resource of which it contains the id, the ARN or the link.

A document contains no data sources, because their results are in the resources that use them.
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

# The attributes that identify a resource in the values of another. An ARN, a link or a member is
# unique. Resources of different types may share an id or a name; these are a reference only if the
# configuration names the resource.
_UNIQUE = ("arn", "self_link", "member", "email")
_AMBIGUOUS = ("id", "name")
# A generated ARN has the service of its resource type. In reality another service may own the
# resource: RDS stores its master password in Secrets Manager.
_ARN_CORRECTIONS = (
    (re.compile(r"arn:aws:rds:([\w-]+:\d+):secret/"), r"arn:aws:secretsmanager:\1:secret:rds-"),
)
_INDEX = re.compile(r"\[[^\[\]]*\]$")


class DocumentError(ValueError):
    """A plan cannot be converted to a document."""


@dataclass(frozen=True, slots=True)
class Document:
    """A plan in JSON that checkov scans.

    ``values``, ``types`` and ``names`` have the address of a resource as key. ``names`` are the
    resource names in ``text``.
    """

    values: Mapping[str, Mapping[str, Any]]
    types: Mapping[str, str]
    names: Mapping[str, str]
    text: str


def _block(resource_type: str, releases: Mapping[str, str]) -> Block | None:
    provider = resource_type.partition("_")[0]
    if provider not in releases:
        return None
    resource_schema = schema(provider, releases[provider]).resources.get(resource_type)
    return resource_schema.block if resource_schema else None


def base(address: str) -> str:
    """The address of a resource without the index of its instance."""
    return _INDEX.sub("", address)


def _corrected(values: Any) -> Any:
    text = json.dumps(values)
    for pattern, replacement in _ARN_CORRECTIONS:
        text = pattern.sub(replacement, text)
    return json.loads(text)


def _resources(plan: Plan) -> dict[str, Resource]:
    for resource in plan.resources.values():
        if resource.module:
            raise DocumentError(
                f"{resource.address} is in {resource.module}; only resources of the root module "
                "are scanned. Plan the module itself, with `root: module`"
            )
    return {a: r for a, r in plan.resources.items() if r.actions != ("delete",)}


def _expressions(plan: Plan) -> dict[str, Mapping[str, Any]]:
    module = plan.document.get("configuration", {}).get("root_module", {})
    return {r["address"]: r.get("expressions", {}) for r in module.get("resources", ())}


def strings(value: Any) -> Iterator[str]:
    """The strings in a value, at any depth, without the keys of maps."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from strings(part)


class _References:
    """The references between resources, from the configuration and from the resolved values."""

    def __init__(
        self, resources: Mapping[str, Resource], expressions: Mapping[str, Mapping[str, Any]]
    ) -> None:
        self._expressions = expressions
        self._instances: dict[str, list[str]] = defaultdict(list)
        self._sure: dict[str, set[str]] = defaultdict(set)
        self._hints: dict[str, set[str]] = defaultdict(set)
        for address, resource in resources.items():
            self._instances[base(address)].append(address)
            for keys, table in ((_UNIQUE, self._sure), (_AMBIGUOUS, self._hints)):
                for key in keys:
                    value = resource.values.get(key)
                    if isinstance(value, str) and value:
                        table[value].add(address)
        # An id with a separator, such as an id of AWS or a link of Google Cloud, is unique.
        for value, owners in self._hints.items():
            if len(owners) == 1 and re.search(r"[/:]|-[0-9a-f]{8,}$", value):
                self._sure[value] |= owners

    def of(self, resource: Resource) -> dict[str, list[str]]:
        """The addresses that a resource refers to, by argument."""
        configured = self._expressions.get(base(resource.address), {})
        references = {}
        for key in sorted({*configured, *self._dynamic(resource, configured)}):
            named_bases = {
                b for w in written_references(configured.get(key)) if (b := self._base(w))
            }
            candidates = {a for b in named_bases for a in self._instances[b]}
            texts = set(strings(resource.values.get(key)))
            targets = {a for text in texts for a in self._sure.get(text, ())}
            targets |= {a for text in texts for a in self._hints.get(text, ()) if a in candidates}
            # The values show the selected branch of a condition, and the instance. If they contain
            # no reference, the configuration suffices for a resource with one instance.
            targets = targets or {
                self._instances[b][0] for b in named_bases if len(self._instances[b]) == 1
            }
            if targets - {resource.address}:
                references[key] = sorted(targets - {resource.address})
        return references

    def _base(self, written: str) -> str | None:
        parts = re.split(r"[.\[]", written)
        name = ".".join(parts[:2])
        return name if name in self._instances else None

    def _dynamic(self, resource: Resource, configured: Mapping[str, Any]) -> Iterator[str]:
        """The arguments that only dynamic blocks set; the configuration omits them."""
        for key, value in resource.values.items():
            bodies = value if isinstance(value, list) else []
            if key not in configured and any(isinstance(body, Mapping) for body in bodies):
                yield key


def _names(resources: Mapping[str, Resource]) -> dict[str, str]:
    """A name for each instance that is unique within its type."""
    names: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for address, resource in resources.items():
        without_index = base(address)
        names[address] = (
            resource.name
            if without_index == address
            else f"{resource.name}__{counts[without_index]}"
        )
        counts[without_index] += 1
    return names


def document(
    planned: Plan, resolved: Plan, releases: Mapping[str, str], *, plain: bool = False
) -> Document:
    """The document of a root.

    Args:
        planned: the plain plan.
        resolved: the resolved plan of the same root and inputs.
        releases: the offline release of each provider, which selects the schema.
        plain: whether values known only after apply stay unknown. The references are resolved in
            either case.

    Raises:
        DocumentError: a resource is in a module call.
    """
    resources, resolved_resources = _resources(planned), _resources(resolved)
    expressions = _expressions(planned)
    references = _References(resolved_resources, expressions)
    names = _names(resources)
    values = {
        address: _corrected(
            combine(
                resource.type,
                resource.values,
                None
                if plain or address not in resolved_resources
                else resolved_resources[address].values,
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
                                    f"{resolved_resources[o].type}.{names[o]}"
                                    for o in owners
                                    if o in names
                                ]
                            }
                            for key, owners in references.of(resolved_resources.get(a, r)).items()
                        },
                    }
                    for a, r in resources.items()
                ]
            }
        },
    }
    types = {address: resource.type for address, resource in resources.items()}
    return Document(values, types, names, json.dumps(body, indent=1))
