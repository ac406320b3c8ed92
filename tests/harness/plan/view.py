"""A typed, read-only view of a plan, from the JSON of Terraform.

A value known only after apply is :data:`UNKNOWN`, at any depth. A check therefore distinguishes it
from a missing value. Source of the format: Terraform, "JSON Output Format", plan representation.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tests.harness.unknown import UNKNOWN

__all__ = ["UNKNOWN", "Diagnostic", "Plan", "PlanResult", "Resource", "diagnostics"]


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """An error or a warning of a run. ``address`` is empty if Terraform reports none."""

    severity: str
    summary: str
    detail: str = ""
    address: str = ""
    file: str = ""
    line: int = 0

    def __str__(self) -> str:
        where = self.address or (f"{self.file}:{self.line}" if self.file else "")
        text = f"{self.summary}: {self.detail}" if self.detail else self.summary
        return f"{self.severity}{f' at {where}' if where else ''}: {text}"


@dataclass(frozen=True, slots=True)
class Resource:
    """A planned resource or data source.

    ``values`` are the values after apply; they are empty for a resource that is destroyed.
    ``sensitive`` has the format of Terraform: true, or a map or list that contains true.
    """

    address: str
    module: str
    mode: str
    type: str
    name: str
    index: str | int | None
    actions: tuple[str, ...]
    values: Mapping[str, Any]
    before: Mapping[str, Any]
    sensitive: Any
    replace_paths: tuple[tuple[str | int, ...], ...]


def with_unknown(value: Any, unknown: Any) -> Any:
    """``value`` with :data:`UNKNOWN` at each place where ``unknown`` has true."""
    if unknown is True:
        return UNKNOWN
    if isinstance(unknown, Mapping):
        body = dict(value) if isinstance(value, Mapping) else {}
        for key, part in unknown.items():
            if part or key in body:
                body[key] = with_unknown(body.get(key), part)
        return body
    if isinstance(unknown, list):
        items = list(value) if isinstance(value, list) else []
        items += [None] * (len(unknown) - len(items))
        return [with_unknown(item, part) for item, part in zip(items, unknown, strict=True)]
    return value


def _actions(body: dict[str, Any], opentofu: bool) -> tuple[str, ...]:
    """The actions of a change.

    OpenTofu 1.12.6 also plans an update where only its record of sensitive values changes: that of
    a write-only argument with the value of an ephemeral resource.
    """
    actions = tuple(body["actions"])
    is_equal = body.get("before") == body.get("after") and not body.get("after_unknown")
    return ("no-op",) if opentofu and actions == ("update",) and is_equal else actions


def _resource(change: dict[str, Any], prefix: str, opentofu: bool) -> Resource:
    body = change["change"]
    after = with_unknown(body.get("after"), body.get("after_unknown"))
    module = change.get("module_address", "")
    return Resource(
        address=change["address"].removeprefix(prefix),
        module=f"{module}.".removeprefix(prefix).removesuffix("."),
        mode=change["mode"],
        type=change["type"],
        name=change["name"],
        index=change.get("index"),
        actions=_actions(body, opentofu),
        values=after if isinstance(after, dict) else {},
        before=body.get("before") or {},
        sensitive=body.get("after_sensitive", False),
        replace_paths=tuple(tuple(path) for path in body.get("replace_paths", ())),
    )


def written_references(expression: Any) -> Iterator[str]:
    """The references in an expression or in the bodies of a block, as written."""
    if isinstance(expression, dict):
        yield from expression.get("references", ())
        for key, part in expression.items():
            if key not in ("references", "constant_value"):
                yield from written_references(part)
    elif isinstance(expression, list):
        for part in expression:
            yield from written_references(part)


class Plan:
    """A plan of one run, or of one case of it: ``Plan(document).within('module.case["a"]')``."""

    def __init__(self, document: dict[str, Any], module: str = "") -> None:
        self.document = document
        self.module = module
        self._prefix = f"{module}." if module else ""

    def within(self, module: str) -> Plan:
        """The part of the plan inside a module call, with addresses relative to it."""
        return Plan(self.document, f"{self._prefix}{module}")

    @cached_property
    def resources(self) -> Mapping[str, Resource]:
        """The managed resources by address."""
        return {r.address: r for r in self._all if r.mode == "managed"}

    @cached_property
    def data_sources(self) -> Mapping[str, Resource]:
        """The data sources that are read during apply, by address."""
        return {r.address: r for r in self._all if r.mode == "data"}

    @cached_property
    def _all(self) -> tuple[Resource, ...]:
        return tuple(
            # Only Terraform says whether a plan can be applied.
            _resource(change, self._prefix, opentofu="applyable" not in self.document)
            for change in self.document.get("resource_changes", ())
            if change["address"].startswith(self._prefix)
        )

    def of_type(self, type_name: str) -> Mapping[str, Resource]:
        """The managed resources of one type by address."""
        return {a: r for a, r in self.resources.items() if r.type == type_name}

    @cached_property
    def counts(self) -> Mapping[str, int]:
        """The number of managed resources by type."""
        return Counter(r.type for r in self.resources.values())

    @cached_property
    def outputs(self) -> Mapping[str, Any]:
        """The outputs.

        For a case of a batch, they are the outputs that the root returns for the case, because no
        plan contains the outputs of a child module.
        """
        outputs = {
            name: with_unknown(change.get("after"), change.get("after_unknown"))
            for name, change in self.document.get("output_changes", {}).items()
        }
        if not self.module:
            return outputs
        key = re.fullmatch(r'module\.\w+\["([^"]+)"\]', self.module)
        cases = outputs.get("cases")
        if key and isinstance(cases, dict):
            case = cases.get(key[1])
            return case if isinstance(case, dict) else {}
        return {}

    @cached_property
    def sensitive_outputs(self) -> frozenset[str]:
        """The outputs of the root that Terraform marks as sensitive."""
        planned = self.document.get("planned_values", {}).get("outputs", {})
        return frozenset(name for name, output in planned.items() if output.get("sensitive"))

    @cached_property
    def _configuration(self) -> dict[str, Any]:
        module: dict[str, Any] = self.document.get("configuration", {}).get("root_module", {})
        for call in re.findall(r"module\.(\w+)", self.module):
            module = module.get("module_calls", {}).get(call, {}).get("module", {})
        return module

    @cached_property
    def arguments(self) -> Mapping[str, frozenset[str]]:
        """The arguments and blocks that the configuration of each resource sets.

        By address without index.
        """
        return {
            resource["address"]: frozenset(resource.get("expressions", {}))
            for resource in self._configuration.get("resources", ())
        }

    @cached_property
    def declared_outputs(self) -> Mapping[str, bool]:
        """The declared outputs of the module, each with whether it is sensitive."""
        outputs = self._configuration.get("outputs", {})
        return {name: bool(output.get("sensitive")) for name, output in outputs.items()}

    @cached_property
    def references(self) -> Mapping[str, frozenset[str]]:
        """The references of each resource in the configuration, including ``depends_on``.

        By address without index. A reference is as written (``aws_lb.this``, ``local.name``).
        """
        return {
            resource["address"]: frozenset(
                [
                    *written_references(resource.get("expressions", {})),
                    *written_references(resource.get("count_expression", {})),
                    *written_references(resource.get("for_each_expression", {})),
                    *resource.get("depends_on", ()),
                ]
            )
            for resource in self._configuration.get("resources", ())
        }

    @cached_property
    def depends_on(self) -> Mapping[str, tuple[str, ...]]:
        """The explicit dependencies of each resource by address without index."""
        return {
            resource["address"]: tuple(resource.get("depends_on", ()))
            for resource in self._configuration.get("resources", ())
        }


@dataclass(frozen=True, slots=True)
class PlanResult:
    """The result of a run: its plan and its diagnostics.

    ``plan`` is None if Terraform refused the inputs before it wrote a plan, or alone. ``replay`` is
    the command that plans the case alone.
    """

    plan: Plan | None
    diagnostics: tuple[Diagnostic, ...]
    replay: str = ""

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """The errors."""
        return tuple(d for d in self.diagnostics if d.severity == "error")

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """The warnings."""
        return tuple(d for d in self.diagnostics if d.severity == "warning")

    def __str__(self) -> str:
        lines = [str(d) for d in self.diagnostics] or ["no diagnostic"]
        return "\n".join([*lines, f"replay alone: {self.replay}"] if self.replay else lines)


def diagnostics(messages: list[dict[str, Any]]) -> tuple[Diagnostic, ...]:
    """The diagnostics among the messages of ``terraform plan -json``."""
    parsed = []
    for message in messages:
        if message.get("type") != "diagnostic":
            continue
        body = message["diagnostic"]
        position = body.get("range") or {}
        parsed.append(
            Diagnostic(
                severity=body["severity"],
                summary=body["summary"],
                detail=body.get("detail", ""),
                address=body.get("address", ""),
                file=position.get("filename", ""),
                line=(position.get("start") or {}).get("line", 0),
            )
        )
    return tuple(parsed)
