"""How Terraform refuses illegal inputs: many of them in one plan, each by its own rule."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.harness.contracts.base import Outcome, judged
from tests.harness.hcl.functions import FUNCTIONS, text
from tests.harness.inputs import illegal, legal
from tests.harness.inputs.illegal import of_wrong_type
from tests.harness.inputs.legal import Known, Space
from tests.harness.inputs.rules import Module, Rule, broken, read, refusal
from tests.harness.paths import ILLEGAL
from tests.harness.plan.view import Diagnostic
from tests.harness.stacks import Stack
from tests.harness.terraform import planning

_TELLING = 4

Broken = Mapping[Rule, list[dict[str, Any]]]


def data(path: Path = ILLEGAL) -> Mapping[str, Mapping[str, Any]]:
    """The file of what is given by hand: ``by_hand``, ``out_of_reach`` and ``hidden``, by stack."""
    document: Mapping[str, Mapping[str, Any]] = yaml.safe_load(path.read_text())
    return document


def illegal_inputs(space: Space, stack: Stack, number: int, with_seed: Any) -> Broken:
    """For each rule that can be broken, inputs that break it, at most ``number``."""
    given = data()
    by_hand = given["by_hand"][stack.name]
    reachable = [
        rule
        for rule in space.module.rules
        if rule.owner not in given["out_of_reach"][stack.name] or rule.owner in space.module.inputs
    ]
    free = legal.legal(space, {stack.scope[0]: stack.smallest[stack.scope[0]]})
    bases: list[Known] = [stack.smallest]
    bases += [legal.one(free, f"{with_seed} {index}") for index in range(2)]
    return {
        rule: illegal.breaking(space.module, rule, bases, by_hand, number) for rule in reachable
    }


def _squeezed(words: str) -> str:
    return " ".join(words.split())


def refused(
    held: planning.Session, stack: Stack, inputs: Known
) -> tuple[tuple[Diagnostic, ...], bool]:
    """The errors for inputs planned alone, and whether there was a plan nevertheless."""
    result = planning.plan(held, planning.Case("illegal", stack.name, inputs))
    return result.errors, result.plan is not None and not result.errors


def _level(module: Module, owner: str) -> int:
    """How many variables stand before one in the chain of validations that read another."""
    before = {n for r in module.rules if r.owner == owner for n in r.reads} - {owner}
    return 1 + max((_level(module, name) for name in before), default=-1)


def batched(
    held: planning.Session, stack: Stack, module: Module, cases: Sequence[tuple[Rule, Known]]
) -> list[Diagnostic]:
    """The errors for many inputs in a plan a level.

    A refused variable keeps Terraform from planning any case, so that one plan of all of them costs
    no more than their validations; but also from looking at the validations that read it, which
    therefore have a plan of their own. Which case an error is of, its text tells.
    """
    levels: dict[int, dict[str, Known]] = {}
    for index, (rule, inputs) in enumerate(cases):
        levels.setdefault(_level(module, rule.owner), {})[f"case{index:03}"] = inputs
    return [d for of in levels.values() for d in planning.refuse_batch(held, stack, of)]


def _names(rule: Rule, module: Module, message: str) -> bool:
    """Whether a message begins with the input, or, of a precondition, names one that it reads."""
    if rule.owner in module.inputs:
        return message.startswith(f"{rule.owner} must")
    return any(re.search(rf"\b{name}\b", message) for name in rule.reads)


def _shown(value: Any) -> list[str]:
    """The ways in which a message may show a value: whole, of a map its keys, or how many."""
    if isinstance(value, dict | list):
        whole = [FUNCTIONS["jsonencode"](value), str(len(value))]
        return (
            [*whole, FUNCTIONS["jsonencode"](sorted(value))] if isinstance(value, dict) else whole
        )
    return [text(value)]


def _told(value: Any) -> list[str]:
    """The strings in a value that would give it away; one of a few letters is in any sentence."""
    if isinstance(value, dict):
        return [told for item in value.values() for told in _told(item)]
    if isinstance(value, list):
        return [told for item in value for told in _told(item)]
    return [value] if isinstance(value, str) and len(value) >= _TELLING else []


def twins(module: Module, rules: Iterable[Rule]) -> Iterator[tuple[Rule, Rule | None]]:
    """Each rule with the one of the same place among its owner's in another copy of the module."""
    held: dict[str, list[Rule]] = {}
    for rule in module.rules:
        held.setdefault(rule.owner, []).append(rule)
    seen: Counter[str] = Counter()
    for rule in rules:
        own = held.get(rule.owner, [])
        yield rule, own[seen[rule.owner]] if seen[rule.owner] < len(own) else None
        seen[rule.owner] += 1


def message_outcomes(
    module: Module, stack: Stack, found: Broken, only: Collection[Rule] | None = None
) -> Iterator[Outcome]:
    """What each rule's message must be: the input, the rule, the value, the remedy, no secret.

    ``found`` are all rules of the module as it must be, ``only`` those to look at.
    """
    hidden = data()["hidden"][stack.name]
    for original, rule in twins(module, found):
        if only is not None and original not in only:
            continue
        cases, where = found[original], str(original)
        yield judged("reached", where, len(cases), bool(cases), "no illegal value is known for it")
        if rule is None:
            yield Outcome("reached", where, "failed", "the module has this rule no more")
            continue
        for inputs in cases[:1]:
            message = refusal(module, rule, inputs)
            named = _names(rule, module, message)
            yield judged("names-input", where, message, named, f"{message!r} does not begin so")
            form = re.search(
                r"\bmust\b.*(; got |does not|is not|it is false).*[.] \S.*[.]$", message
            )
            yield judged("names-rule", where, message, bool(form), f"{message!r} lacks a part")
            value = module.scope(inputs).variables.get(rule.owner)
            if rule.owner in module.inputs:
                shows = any(form in message for form in _shown(value))
                tells = any(told in message for told in _told(value))
                right = not tells if rule.owner in hidden else shows
                yield judged("names-value", where, message, right, f"{message!r} for {value!r}")


def type_outcomes(held: planning.Session, stack: Stack) -> Iterator[Outcome]:
    """What Terraform says to a value of another type, and to none where one must be given."""
    module = read(stack.folder)
    cases: dict[str, Known] = {}
    for name, declared in module.inputs.items():
        wrong = of_wrong_type(declared)
        if wrong is not None and name != stack.scope[0]:
            cases[name] = {**stack.smallest, name: wrong}
    said = [_squeezed(str(error)) for error in planning.refuse_batch(held, stack, cases)]
    for name in cases:
        forms = (f".var.{name} declared at", f".var.{name}, which is sensitive")
        there = any(form in error for error in said for form in forms)
        yield judged("typed", name, said, there, f"{cases[name][name]!r} was taken for it")
    for name, declared in module.inputs.items():
        if declared.required:
            left = {key: value for key, value in stack.smallest.items() if key != name}
            errors, _ = refused(held, stack, left)
            there = any(f'"{name}"' in str(error) for error in errors)
            yield judged("required", name, errors, there, "the stack planned without it")


def refusal_outcomes(held: planning.Session, stack: Stack, found: Broken) -> Iterator[Outcome]:
    """What Terraform says to the illegal inputs: each rule's own message, and nothing else.

    Inputs that break validations are planned in one run; those that break a precondition, alone.
    """
    module = read(held.source.get(stack.name, stack.folder))
    cases = [(rule, inputs) for rule, several in found.items() for inputs in several]
    validated = [(rule, inputs) for rule, inputs in cases if rule.owner in module.inputs]
    said = [_squeezed(str(error)) for error in batched(held, stack, module, validated)]
    expected = {
        _squeezed(refusal(module, rule, inputs))
        for _, inputs in validated
        for rule in broken(module, inputs)
    }
    for rule, inputs in cases:
        message = _squeezed(refusal(module, rule, inputs))
        if rule.owner in module.inputs:
            there = any(message in error for error in said)
            yield judged("refused", str(rule), message, there, f"Terraform did not say {message!r}")
            continue
        errors, planned = refused(held, stack, inputs)
        alone = [_squeezed(str(error)) for error in errors]
        there = not planned and any(message in error for error in alone)
        yield judged("refused", str(rule), alone, there, f"Terraform did not say {message!r}")
    for error in said:
        known = any(message in error for message in expected)
        yield judged("refused", "other errors", error, known, f"unexpected: {error[:400]}")
