"""The parity table of policies: which checks stand for a rule on either cloud.

A file is YAML, a list of entries with ``rule`` (a short name), ``claim``, ``aws`` and ``gcp``
(lists of check ids), and ``why`` where one side is empty.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.harness.paths import POLICY_RULES
from tests.harness.policy.outcomes import Outcome
from tests.harness.stacks import STACKS

# What a check's id says of its cloud; an id of ours is for either.
_CLOUD = {"aws": "_AWS_", "gcp": "_GCP_"}
_OURS = "CKV2_LITELLM_"


class RuleError(ValueError):
    """A table of rules does not read."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A row: the ids of the checks by stack, and why one has none."""

    name: str
    claim: str
    checks: Mapping[str, tuple[str, ...]]
    why: str = ""


def load(path: Path = POLICY_RULES) -> list[Rule]:
    """The rows of a file.

    Raises:
        RuleError: a row has a key too many or too few.
    """
    found = []
    for entry in yaml.safe_load(path.read_text()) or ():
        odd = (set(entry) ^ {"rule", "claim", *STACKS}) - {"why"}
        if odd:
            raise RuleError(f"{path}: {entry}: has, or lacks, {', '.join(sorted(odd))}")
        checks = {stack: tuple(entry[stack] or ()) for stack in STACKS}
        found.append(Rule(entry["rule"], entry["claim"], checks, entry.get("why") or ""))
    return found


def flaws(rules: Sequence[Rule], seen: Mapping[str, Iterable[str]]) -> Iterator[str]:
    """What is wrong with a table, in words.

    Args:
        rules: the rows.
        seen: by stack, the ids of the checks that came up in any outcome.
    """
    for name, times in Counter(rule.name for rule in rules).items():
        if times > 1:
            yield f"{name}: {times} rows have this name"
    for rule in rules:
        sides = [stack for stack in STACKS if rule.checks[stack]]
        if not sides:
            yield f"{rule.name}: has no check at all; give it one, or take the row out"
        if len(sides) == 1 and not rule.why.strip():
            yield f"{rule.name}: is for {sides[0]} alone and does not say why"
        for stack in STACKS:
            for check in rule.checks[stack]:
                if not check.startswith(_OURS) and _CLOUD[stack] not in check:
                    yield f"{rule.name}: {check} is no check of {stack}"
    for stack in STACKS:
        mapped = Counter(check for rule in rules for check in rule.checks[stack])
        here = set(seen.get(stack, ()))
        for check in sorted(here - set(mapped)):
            yield f"{check} came up on {stack} and is in no rule; add it to {POLICY_RULES.name}"
        for check in sorted(set(mapped) - here):
            yield f"{check} is in a rule for {stack} and came up nowhere; take it out"
        for check, times in sorted(mapped.items()):
            if times > 1:
                yield f"{check} is in {times} rules for {stack}"


def seen(outcomes: Iterable[Outcome]) -> dict[str, set[str]]:
    """By stack, the ids of the checks that came up."""
    found: dict[str, set[str]] = {stack: set() for stack in STACKS}
    for outcome in outcomes:
        found[outcome.stack].add(outcome.check)
    return found


def rendered(rules: Iterable[Rule]) -> str:
    """The table in Markdown."""
    lines = ["| Rule | Claim | AWS | Google Cloud |", "|---|---|---|---|"]
    for rule in rules:
        # A side without a check says why in its place.
        cells = [", ".join(rule.checks[stack]) or rule.why.strip() for stack in STACKS]
        lines.append(f"| {rule.name} | {rule.claim} | {' | '.join(cells)} |")
    return "\n".join(lines)
