"""How Terraform refuses invalid inputs: many inputs in one plan, each by its own rule."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.harness import documents
from tests.harness.contracts.base import Outcome, judged
from tests.harness.hcl.functions import FUNCTIONS, text
from tests.harness.inputs import illegal, legal
from tests.harness.inputs.illegal import value_of_wrong_type
from tests.harness.inputs.legal import Space, Values
from tests.harness.inputs.rules import Module, Rule, broken_rules, error_message, read
from tests.harness.paths import ILLEGAL
from tests.harness.plan.view import Diagnostic
from tests.harness.stacks import Stack
from tests.harness.terraform import planning

_MIN_SECRET_LENGTH = 4

Violations = Mapping[Rule, list[dict[str, Any]]]


def data(path: Path = ILLEGAL) -> Mapping[str, Mapping[str, Any]]:
    """The handwritten data: ``by_hand``, ``out_of_reach`` and ``hidden``, by stack."""
    document: Mapping[str, Mapping[str, Any]] = documents.read(path)
    return document


def invalid_inputs(space: Space, stack: Stack, number: int, with_seed: Any) -> Violations:
    """For each reachable rule, at most ``number`` inputs that violate it."""
    handwritten = data()
    by_hand = handwritten["by_hand"][stack.name]
    reachable = [
        rule
        for rule in space.module.rules
        if rule.owner not in handwritten["out_of_reach"][stack.name]
        or rule.owner in space.module.inputs
    ]
    free = legal.valid_inputs(space, {stack.scope[0]: stack.smallest[stack.scope[0]]})
    bases: list[Values] = [stack.smallest]
    bases += [legal.draw_value(free, f"{with_seed} {index}") for index in range(2)]
    return {
        rule: illegal.invalid_inputs(space.module, rule, bases, by_hand, number)
        for rule in reachable
    }


def _squeezed(words: str) -> str:
    return " ".join(words.split())


def refused(
    session: planning.Session, stack: Stack, inputs: Values
) -> tuple[tuple[Diagnostic, ...], bool]:
    """The errors for inputs that are planned alone, and whether a plan exists."""
    result = planning.plan(session, planning.Case("invalid", stack.name, inputs))
    return result.errors, result.plan is not None and not result.errors


def _level(module: Module, owner: str) -> int:
    """The length of the chain of validations that read other variables, before this variable."""
    before = {n for r in module.rules if r.owner == owner for n in r.reads} - {owner}
    return 1 + max((_level(module, name) for name in before), default=-1)


def batched(
    session: planning.Session, stack: Stack, module: Module, cases: Sequence[tuple[Rule, Values]]
) -> list[Diagnostic]:
    """The errors for many inputs, with one plan for each level.

    A refused variable stops Terraform before it plans any case, so a plan of all cases costs only
    their validations. It also hides the validations that read the variable, which therefore belong
    to another level. The text of an error identifies its case.
    """
    levels: dict[int, dict[str, Values]] = {}
    for index, (rule, inputs) in enumerate(cases):
        levels.setdefault(_level(module, rule.owner), {})[f"case{index:03}"] = inputs
    return [d for of in levels.values() for d in planning.plan_refused_batch(session, stack, of)]


def _names(rule: Rule, module: Module, message: str) -> bool:
    """Whether a message begins with the input. For a precondition: names an input that it reads."""
    if rule.owner in module.inputs:
        return message.startswith(f"{rule.owner} must")
    return any(re.search(rf"\b{name}\b", message) for name in rule.reads)


def _shown(value: Any) -> list[str]:
    """The forms in which a message may show a value: whole, its keys, or its length."""
    if isinstance(value, dict | list):
        whole = [FUNCTIONS["jsonencode"](value), str(len(value))]
        return (
            [*whole, FUNCTIONS["jsonencode"](sorted(value))] if isinstance(value, dict) else whole
        )
    return [text(value)]


def _revealing(value: Any) -> list[str]:
    """The strings that would reveal a value; a short string occurs in any sentence."""
    if isinstance(value, dict):
        return [text_part for item in value.values() for text_part in _revealing(item)]
    if isinstance(value, list):
        return [text_part for item in value for text_part in _revealing(item)]
    return [value] if isinstance(value, str) and len(value) >= _MIN_SECRET_LENGTH else []


def twins(module: Module, rules: Iterable[Rule]) -> Iterator[tuple[Rule, Rule | None]]:
    """Each rule with the rule at the same position of its owner in another copy of the module."""
    by_owner: dict[str, list[Rule]] = {}
    for rule in module.rules:
        by_owner.setdefault(rule.owner, []).append(rule)
    count: Counter[str] = Counter()
    for rule in rules:
        rules_of_owner = by_owner.get(rule.owner, [])
        yield (
            rule,
            rules_of_owner[count[rule.owner]] if count[rule.owner] < len(rules_of_owner) else None,
        )
        count[rule.owner] += 1


def message_outcomes(
    module: Module, stack: Stack, violations: Violations, only: Collection[Rule] | None = None
) -> Iterator[Outcome]:
    """The outcomes on each rule's message: input, rule, value, remediation, and no secret.

    ``violations`` has all rules of the unchanged module, ``only`` those to check.
    """
    hidden = data()["hidden"][stack.name]
    for original, rule in twins(module, violations):
        if only is not None and original not in only:
            continue
        cases, where = violations[original], str(original)
        yield judged("reached", where, len(cases), bool(cases), "no invalid value is known for it")
        if rule is None:
            yield Outcome("reached", where, "failed", "the module no longer has this rule")
            continue
        for inputs in cases[:1]:
            message = error_message(module, rule, inputs)
            named = _names(rule, module, message)
            yield judged(
                "names-input", where, message, named, f"{message!r} does not begin with the input"
            )
            form = re.search(
                r"\bmust\b.*(; got |does not|is not|it is false).*[.] \S.*[.]$", message
            )
            yield judged("names-rule", where, message, bool(form), f"{message!r} lacks a part")
            value = module.scope(inputs).variables.get(rule.owner)
            if rule.owner in module.inputs:
                shows = any(form in message for form in _shown(value))
                tells = any(text_part in message for text_part in _revealing(value))
                right = not tells if rule.owner in hidden else shows
                yield judged("names-value", where, message, right, f"{message!r} for {value!r}")


_HIDDEN = ("sensitive", "ephemeral")


def type_outcomes(session: planning.Session, stack: Stack) -> Iterator[Outcome]:
    """The outcomes on values of a wrong type, and on omitted required inputs."""
    module = read(stack.folder)
    cases: dict[str, Values] = {}
    for name, declared in module.inputs.items():
        wrong = value_of_wrong_type(declared)
        if wrong is not None and name != stack.scope[0]:
            cases[name] = {**stack.smallest, name: wrong}
    reported = [
        _squeezed(str(error)) for error in planning.plan_refused_batch(session, stack, cases)
    ]
    for name in cases:
        # OpenTofu says of a sensitive and ephemeral input that it is ephemeral.
        forms = (f".var.{name} declared at", *(f".var.{name}, which is {kind}" for kind in _HIDDEN))
        is_refused = any(form in error for error in reported for form in forms)
        yield judged("typed", name, reported, is_refused, f"{cases[name][name]!r} was accepted")
    for name, declared in module.inputs.items():
        if declared.required:
            remaining = {key: value for key, value in stack.smallest.items() if key != name}
            errors, _ = refused(session, stack, remaining)
            is_refused = any(f'"{name}"' in str(error) for error in errors)
            yield judged("required", name, errors, is_refused, "the stack planned without it")


def _said(session: planning.Session, module: Module, rule: Rule, inputs: Values) -> str:
    """The message that the core reports for inputs that break a validation.

    OpenTofu reports only the first one of an input that the inputs break.
    """
    broken = [other for other in broken_rules(module, inputs) if other.owner == rule.owner]
    if session.core.name == "OpenTofu" and rule in broken:
        rule = broken[0]
    return _squeezed(error_message(module, rule, inputs))


def refusal_outcomes(
    session: planning.Session, stack: Stack, violations: Violations
) -> Iterator[Outcome]:
    """The outcomes on invalid inputs: Terraform must report the rule's message and nothing else.

    Inputs that violate validations are planned together, those that violate a precondition alone.
    """
    module = read(session.source.get(stack.name, stack.folder))
    cases = [(rule, inputs) for rule, several in violations.items() for inputs in several]
    validated = [(rule, inputs) for rule, inputs in cases if rule.owner in module.inputs]
    reported = [_squeezed(str(error)) for error in batched(session, stack, module, validated)]
    expected = {
        _squeezed(error_message(module, rule, inputs))
        for _, inputs in validated
        for rule in broken_rules(module, inputs)
    }
    for rule, inputs in cases:
        message = _squeezed(error_message(module, rule, inputs))
        if rule.owner in module.inputs:
            said = _said(session, module, rule, inputs)
            is_reported = any(said in error for error in reported)
            yield judged(
                "refused", str(rule), message, is_reported, f"Terraform did not report {message!r}"
            )
            continue
        errors, planned = refused(session, stack, inputs)
        alone = [_squeezed(str(error)) for error in errors]
        is_reported = not planned and any(message in error for error in alone)
        yield judged(
            "refused", str(rule), alone, is_reported, f"Terraform did not report {message!r}"
        )
    for error in reported:
        known = any(message in error for message in expected)
        yield judged("refused", "other errors", error, known, f"unexpected: {error[:400]}")
