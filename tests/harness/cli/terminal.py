"""What the contracts checked, from the properties that the tests record.

``planned_cases`` is [stack, number], ``contract_outcomes`` a list of [contract, clause, verdict,
number], ``untagged`` a map of types to numbers, ``pairs`` [stack, number]; every other
property is a number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

_NUMBERS = {
    "litellm_routes": "routes of the LiteLLM release checked",
    "seeded_defects": "seeded defects found",
}


def _cases(recorded: list[tuple[str, Any]]) -> list[str]:
    cases: Counter[str] = Counter()
    for name, value in recorded:
        if name == "planned_cases":
            cases[value[0]] += value[1]
    if not cases:
        return []
    each = ", ".join(f"{stack} {number}" for stack, number in sorted(cases.items()))
    return [f"distinct cases planned: {sum(cases.values())} ({each})"]


def _outcomes(recorded: list[tuple[str, Any]]) -> list[str]:
    counts: Counter[tuple[str, str]] = Counter()
    for name, value in recorded:
        if name == "contract_outcomes":
            for contract, _, verdict, number in value:
                counts[contract, verdict] += number
    contracts = sorted({contract for contract, _ in counts})
    return [
        f"  {contract:12} passed {counts[contract, 'passed']:8}   "
        f"known only after apply {counts[contract, 'unknown']:7}"
        for contract in contracts
    ]


def _untagged(recorded: list[tuple[str, Any]]) -> list[str]:
    types: Counter[str] = Counter()
    for name, value in recorded:
        if name == "untagged":
            types.update(value)
    if not types:
        return []
    number = sum(types.values())
    return [f"resources that cannot be tagged or labelled: {number} of {len(types)} types"]


def render(recorded: Iterable[tuple[str, Any]]) -> list[str]:
    """The lines of the report; none without properties."""
    properties = list(recorded)
    lines = [*_cases(properties), *_outcomes(properties), *_untagged(properties)]
    for name, value in properties:
        if name == "pairs":
            lines.append(f"pairs of switches and enumerations planned: {value[0]} {value[1]}")
    for name, words in _NUMBERS.items():
        numbers = [int(value) for recorded_name, value in properties if recorded_name == name]
        if numbers:
            lines.append(
                f"{words}: {max(numbers)}"
                if name == "litellm_routes"
                else f"{words}: {sum(numbers)}"
            )
    return lines
