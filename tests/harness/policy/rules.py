"""Load the parity table of policies: the checks that verify a rule on each cloud.

A file is a YAML list of entries with ``rule`` (a short name), ``claim``, and ``aws`` and ``gcp``
(lists of check ids). An entry with an empty list also has ``why``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.harness import documents
from tests.harness.paths import POLICY_RULES
from tests.harness.policy.outcomes import Outcome
from tests.harness.stacks import STACKS

# The part of a check id that names its cloud. A check of this repository may apply to both clouds.
_CLOUD = {"aws": "_AWS_", "gcp": "_GCP_"}
_OWN_CHECKS = "CKV2_LITELLM_"


class RuleError(ValueError):
    """A table of rules is invalid."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A row of the table: the check ids by stack, and the reason if a stack has none."""

    name: str
    claim: str
    checks: Mapping[str, tuple[str, ...]]
    why: str = ""


def load(path: Path = POLICY_RULES) -> list[Rule]:
    """The rows of a file.

    Raises:
        RuleError: a row has an unknown key or lacks a key.
    """
    rules = []
    for entry in documents.read(path) or ():
        different_keys = (set(entry) ^ {"rule", "claim", *STACKS}) - {"why"}
        if different_keys:
            raise RuleError(
                f"{path}: {entry}: unknown or missing keys: {', '.join(sorted(different_keys))}; "
                f"use rule, claim, {', '.join(STACKS)}, and why"
            )
        checks = {stack: tuple(entry[stack] or ()) for stack in STACKS}
        rules.append(Rule(entry["rule"], entry["claim"], checks, entry.get("why") or ""))
    return rules


def flaws(rules: Sequence[Rule], reported: Mapping[str, Iterable[str]]) -> Iterator[str]:
    """Describe each error in a table.

    Args:
        rules: the rows.
        reported: the ids of the checks in all outcomes, by stack.
    """
    for name, times in Counter(rule.name for rule in rules).items():
        if times > 1:
            yield f"{name}: {times} rows have this name; rename all but one"
    for rule in rules:
        sides = [stack for stack in STACKS if rule.checks[stack]]
        if not sides:
            yield f"{rule.name}: has no check; add one, or remove the row"
        if len(sides) == 1 and not rule.why.strip():
            yield f"{rule.name}: has checks for {sides[0]} only and no reason; add `why`"
        for stack in STACKS:
            for check in rule.checks[stack]:
                if not check.startswith(_OWN_CHECKS) and _CLOUD[stack] not in check:
                    yield f"{rule.name}: {check} is not a check for {stack}; move it"
    for stack in STACKS:
        mapped = Counter(check for rule in rules for check in rule.checks[stack])
        reported_on_stack = set(reported.get(stack, ()))
        for check in sorted(reported_on_stack - set(mapped)):
            yield f"{check} ran on {stack} and is in no rule; add it to {POLICY_RULES.name}"
        for check in sorted(set(mapped) - reported_on_stack):
            yield f"{check} is in a rule for {stack} and did not run; remove it"
        for check, times in sorted(mapped.items()):
            if times > 1:
                yield f"{check} is in {times} rules for {stack}; remove it from all but one"


def reported_checks(outcomes: Iterable[Outcome]) -> dict[str, set[str]]:
    """The ids of the checks in the outcomes, by stack."""
    checks: dict[str, set[str]] = {stack: set() for stack in STACKS}
    for outcome in outcomes:
        checks[outcome.stack].add(outcome.check)
    return checks


def render(rules: Iterable[Rule]) -> str:
    """The table in Markdown."""
    lines = ["| Rule | Claim | AWS | Google Cloud |", "|---|---|---|---|"]
    for rule in rules:
        # A cloud without a check has the reason in its place.
        cells = [", ".join(rule.checks[stack]) or rule.why.strip() for stack in STACKS]
        lines.append(f"| {rule.name} | {rule.claim} | {' | '.join(cells)} |")
    return "\n".join(lines)
