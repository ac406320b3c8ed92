"""Summarize a plan as text: resources by type, routes, containers and diagnostics."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

from tests.harness.plan.view import UNKNOWN, Plan, PlanResult

WIDTH = 100
_LATER = "(known after apply)"


def _shown(value: Any) -> str:
    if value is UNKNOWN:
        return _LATER
    return str(value)


def _title(text: str) -> list[str]:
    return ["", text, "-" * len(text)]


def _wrapped(items: Iterable[str], indent: str = "  ") -> list[str]:
    return textwrap.wrap(
        "  ".join(items),
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _resources(plan: Plan) -> list[str]:
    lines = _title(f"Resources: {len(plan.resources)}")
    width = max((len(name) for name in plan.counts), default=0)
    return lines + [f"  {name:{width}}  {plan.counts[name]:3}" for name in sorted(plan.counts)]


def _routes(routes: Mapping[str, list[str]]) -> list[str]:
    lines = _title("Routes: all other paths go to the backend")
    for component, patterns in routes.items():
        lines.append(f"  {component}: {len(patterns)} patterns")
        lines += _wrapped(patterns, "    ")
    return lines


def _container(name: str, container: Mapping[str, Any]) -> list[str]:
    command = container.get("command")
    lines = ["", f"  {name}", f"    image    {_shown(container.get('image'))}"]
    if container.get("port") is not None:
        lines.append(f"    port     {_shown(container['port'])}")
    if command:
        lines.append(
            f"    command  {_LATER if command is UNKNOWN else ' '.join(map(_shown, command))}"
        )
    environment = container.get("environment") or {}
    secrets = container.get("secrets") or {}
    if environment is UNKNOWN or secrets is UNKNOWN:
        return [*lines, f"    environment {_LATER}"]
    width = max((len(key) for key in [*environment, *secrets]), default=0)
    lines += [f"    {key:{width}} = {_shown(environment[key])}" for key in sorted(environment)]
    # A secret appears as its reference. No plan contains its value.
    lines += [f"    {key:{width}} < {_shown(secrets[key])}" for key in sorted(secrets)]
    return lines if environment or secrets else [*lines, "    no environment"]


def _containers(containers: Mapping[str, Any]) -> list[str]:
    lines = _title("Containers: NAME = value, NAME < secret")
    for name in sorted(containers):
        container = containers[name]
        lines += _container(name, container if isinstance(container, dict) else {})
    return lines


def _refused(result: PlanResult) -> list[str]:
    lines: list[str] = []
    for title, diagnostics in (("Refused", result.errors), ("Warnings", result.warnings)):
        if diagnostics:
            lines += _title(f"{title}: {len(diagnostics)}")
            for diagnostic in diagnostics:
                lines += textwrap.wrap(
                    str(diagnostic), WIDTH, initial_indent="  ", subsequent_indent="    "
                )
    return lines


def render(result: PlanResult, title: str) -> str:
    """The summary of a plan as text. Errors and warnings are at the end."""
    lines = [title, "=" * len(title)]
    plan = result.plan
    if plan is not None:
        lines += _resources(plan)
        routes = plan.outputs.get("routes")
        if isinstance(routes, dict):
            lines += _routes(routes)
        containers = plan.outputs.get("containers")
        if isinstance(containers, dict):
            lines += _containers(containers)
    lines += _refused(result) or ["", "Nothing was refused."]
    return "\n".join(lines) + "\n"
