"""The parity contract: the parity table against the modules and what they plan.

The static clauses need no plan. The effect of a row is checked with two plans of its data. A stack
is checked against the inputs of the other stack.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from tests.harness.contracts import parity_effects
from tests.harness.contracts.base import Outcome, judged
from tests.harness.contracts.parity_effects import (
    Effect,
    EffectError,
    Effects,
    Expected,
    merged_inputs,
    text_of,
)
from tests.harness.contracts.parity_rows import Named, Row
from tests.harness.hcl import declarations
from tests.harness.paths import PARITY
from tests.harness.plan import semantic_diff
from tests.harness.plan.semantic_diff import Change, Meaning
from tests.harness.plan.view import PlanResult
from tests.harness.stacks import STACKS, Stack
from tests.harness.terraform import cache, planning
from tests.harness.terraform.planning import Case, Session

CLAUSES: Mapping[str, str] = {
    "declared": "the module declares every input that the table names",
    "type": "an input has the type that its row implies",
    "default": "an input has the default that its row implies",
    "secret": "exactly the inputs marked (secret) are sensitive and ephemeral",
    "listed": "every input is in a row, or in a difference with a reason",
    "exercised": "every row has an effect, and an effect sets every input",
    "changes": "an input changes the parts that its row names",
    "nothing-else": "an input changes nothing else",
    "polarity": "the safe value of an opposite switch is the default and protects data",
    "difference": "every listed difference between the clouds still exists",
}
# The clauses that need no plan.
STATIC = frozenset({"declared", "type", "default", "secret", "listed", "exercised"})

_CALLED = "module.litellm"


@dataclass(frozen=True, slots=True)
class View:
    """The parity data, and the variables of both modules by stack; ``own`` is checked."""

    own: Stack
    data: Effects
    variables: Mapping[str, Mapping[str, declarations.Variable]]

    @property
    def other(self) -> Stack:
        """The other stack."""
        (stack,) = (other for other in STACKS.values() if other != self.own)
        return stack

    @property
    def mine(self) -> Mapping[str, declarations.Variable]:
        """The variables of the checked stack."""
        return self.variables[self.own.name]

    @property
    def theirs(self) -> Mapping[str, declarations.Variable]:
        """The variables of the other stack."""
        return self.variables[self.other.name]

    @property
    def named(self) -> Iterator[tuple[Row, Named, tuple[str, ...]]]:
        """The inputs of each row on the stack, with the declared inputs that they match."""
        for row in self.data.rows:
            for named in row.inputs[self.own.name]:
                yield row, named, named.among(self.mine)

    def differing(self, kind: str) -> frozenset[str]:
        """The inputs with a different ``kind`` (type or default) by a listed difference."""
        return frozenset(
            name
            for difference in self.data.differences
            if kind in _kinds(self.data.checks[difference.text])
            for named in difference.inputs
            for name in named.among(self.mine)
        )


def _kinds(spec: Mapping[str, Any] | None) -> list[str]:
    found = (spec or {}).get("differs") or []
    return found if isinstance(found, list) else [found]


def view(session: Session, stack: Stack) -> View:
    """The view of a stack, with the modules of ``session.source`` where it has them."""
    modules = {s.name: session.source.get(s.name, s.folder) for s in STACKS.values()}
    return View(
        stack,
        parity_effects.load(),
        {name: declarations.variables(module) for name, module in modules.items()},
    )


# ---- What is declared ----


def _check_declared(current: View) -> Iterator[Outcome]:
    for row, named, names in current.named:
        message = f"{PARITY.name} names it, variables.tf does not declare it"
        yield judged("declared", f"{row.capability}: {named.pattern}", names, bool(names), message)


def _check_notes(current: View) -> Iterator[Outcome]:
    """The outcomes on a row's notes of an input: type, value, secret."""
    for row, named, names in current.named:
        for name in names:
            where, variable = f"{row.capability}: {name}", current.mine[name]
            if named.type:
                message = f"{variable.type}, the row says {named.type}"
                yield judged("type", where, variable, variable.type == named.type, message)
            if named.value:
                message = f"{variable.type}, while the row sets it to {named.value}"
                yield judged(
                    "type", where, variable, variable.type == _type_of(named.value), message
                )
                right = variable.default != named.value or name in current.differing("default")
                message = (
                    f"{variable.default} is the default already, the row sets it to {named.value}"
                )
                yield judged("default", where, variable, right, message)
            if named.secret:
                message = f"{variable.type}, a secret is a string"
                yield judged("type", where, variable, variable.type == "string", message)
                message = f"{variable.default}, the default of a secret is empty"
                yield judged("default", where, variable, variable.default == '""', message)


def _type_of(literal: str) -> str:
    value = yaml.safe_load(literal)
    return "bool" if isinstance(value, bool) else "number" if isinstance(value, int) else "string"


def _twins(current: View) -> Iterator[tuple[str, str]]:
    """The inputs of the stack, each with its counterpart on the other stack."""
    own, other = current.own.name, current.other.name
    yield from ((name, name) for name in current.mine if name in current.theirs)
    pairs = [(pair[own], pair[other]) for pair in current.data.twins]
    for row in current.data.rows:
        cells = row.inputs[own], row.inputs[other]
        if all(len(cell) == 1 for cell in cells) and row.capability not in current.data.polarity:
            pairs.append((cells[0][0].pattern, cells[1][0].pattern))
    for mine, theirs in pairs:
        before, _, after = mine.partition("*")
        for name in Named(mine).among(current.mine):
            stem = name.removeprefix(before).removesuffix(after)
            if theirs.replace("*", stem) != name:
                yield name, theirs.replace("*", stem)


def _check_twins(current: View) -> Iterator[Outcome]:
    for kind in ("type", "default"):
        for name, counterpart in _twins(current):
            if name in current.differing(kind):
                continue
            mine, theirs = getattr(current.mine[name], kind), current.theirs.get(counterpart)
            other = getattr(theirs, kind) if theirs else "not declared"
            message = (
                f"{mine}, and {counterpart} of {current.other.name} is {other}; make them one, or "
                "list the difference with its reason"
            )
            yield judged(
                kind, name, current.mine[name], theirs is not None and mine == other, message
            )


def _check_secrets(current: View) -> Iterator[Outcome]:
    marked_secret = {name for _, named, names in current.named if named.secret for name in names}
    for name, variable in current.mine.items():
        right = {variable.sensitive, variable.ephemeral} == {name in marked_secret}
        message = (
            f"sensitive = {variable.sensitive}, ephemeral = {variable.ephemeral}; its row says "
            f"{'(secret)' if name in marked_secret else 'nothing of a secret'}"
        )
        yield judged("secret", name, variable, right, message)


def _check_listed(current: View) -> Iterator[Outcome]:
    listed = {name for _, _, names in current.named for name in names}
    for difference in current.data.differences:
        if difference.reason:
            listed |= {n for named in difference.inputs for n in named.among(current.mine)}
    for name in current.mine:
        message = "in no row of the parity table, and in no difference with a reason"
        yield judged("listed", name, name, name in listed, message)


def _check_exercised(current: View) -> Iterator[Outcome]:
    in_row: dict[str, set[str]] = {row.capability: set() for row in current.data.rows}
    for row, _, inputs in current.named:
        in_row[row.capability] |= set(inputs)
    set_by: dict[str, set[str]] = {capability: set() for capability in in_row}
    for effect in current.data.of(current.own):
        unexpected = set(effect.inputs) - in_row.get(effect.capability, set())
        right = effect.capability in in_row and not unexpected
        message = f"the table has no such row, or it does not name {', '.join(sorted(unexpected))}"
        yield judged("exercised", effect.where, effect, right, message)
        set_by.setdefault(effect.capability, set()).update(effect.inputs)
    for capability, names in in_row.items():
        for name in sorted(names):
            message = f"no effect in {PARITY.name} sets it"
            right = name in set_by[capability]
            yield judged("exercised", f"{capability}: {name}", name, right, message)


# ---- What is planned ----


@dataclass(frozen=True, slots=True)
class Planned:
    """The result of a plan, and its meaning; None if it was refused."""

    result: PlanResult
    meaning: Meaning | None


Shown = Mapping[str, Mapping[str, Any]]
"""By the text of a difference, its check on the stack."""
Ends = Mapping[str, Mapping[str, Any]]
"""By :attr:`Effect.where`, the inputs of the plan that shows the effect."""


def _set(stack: Stack, case: Mapping[str, Any]) -> Mapping[str, Any]:
    return merged_inputs(stack.smallest, case.get("set") or {})


def _name(inputs: Mapping[str, Any], extra: Mapping[str, Any] | None = None) -> str:
    """The name of a case: equal inputs are planned once."""
    return cache.key(inputs, extra or {})[:16]


def _case(stack: Stack, inputs: Mapping[str, Any], extra: Mapping[str, Any]) -> Case:
    root = "call" if extra else "module"
    return Case(_name(inputs, extra), stack.name, inputs, root=root, extra=extra)


def _understood(result: PlanResult, extra: Mapping[str, Any]) -> Planned:
    if result.plan is None or result.errors:
        return Planned(result, None)
    plan = result.plan.within(_CALLED) if extra else result.plan
    return Planned(result, semantic_diff.meaning(plan))


def _ends(rows: Sequence[Effect], *, apart: bool) -> Ends:
    """The inputs of each effect's plan; effects marked `together` share one unless `apart`."""
    shared = [effect for effect in rows if effect.together and not apart]
    inputs = {name: value for effect in shared for name, value in effect.inputs.items()}
    together = merged_inputs(shared[0].start, inputs) if shared else {}
    return {effect.where: together if effect in shared else effect.end for effect in rows}


def _planned(
    session: Session, stack: Stack, rows: Sequence[Effect], ends: Ends, shown: Shown
) -> Mapping[str, Planned]:
    """All plans by :func:`_name`: in batches; alone if refused or with a root of its own."""
    alone = [_case(stack, e.without, e.extra) for e in rows if e.opens]
    alone += [_case(stack, e.end, e.extra) for e in rows if e.extra]
    alone += [_case(stack, _set(stack, case), {}) for case in shown.values() if "refused" in case]
    effects = [e.start for e in rows] + [ends[e.where] for e in rows if not e.extra]
    differences = [_set(stack, case) for case in shown.values() if "refused" not in case]
    if any("unchanged" in case for case in shown.values()):
        differences.append(stack.smallest)
    found: dict[str, Planned] = {}
    # In batches of their own, so that the plans of the effects are cached for any `shown`.
    for many in (effects, differences):
        cases = {_name(inputs): inputs for inputs in many if _name(inputs) not in found}
        for name, result in planning.plan_batch(session, stack, cases).items():
            found[name] = _understood(result, {})
    for case in {case.name: case for case in alone}.values():
        found[case.name] = _understood(planning.plan(session, case), case.extra)
    return found


def _check_effects(
    data: Effects, rows: Sequence[Effect], ends: Ends, plans: Mapping[str, Planned]
) -> Iterator[Outcome]:
    for effect in rows:
        end = ends[effect.where]
        group = [other for other in rows if ends[other.where] is end]
        yield from _check_effect(data, effect, group, plans, end)


def _check_effect(
    data: Effects,
    effect: Effect,
    group: Sequence[Effect],
    plans: Mapping[str, Planned],
    end: Mapping[str, Any],
) -> Iterator[Outcome]:
    if effect.opens:
        yield from _check_opens(effect, plans[_name(effect.without, effect.extra)].result)
    before = plans[_name(effect.start)]
    after = plans[_name(end, effect.extra)]
    if before.meaning is None or after.meaning is None:
        refused = after.result if before.meaning else before.result
        for name in effect.inputs:
            yield Outcome("changes", f"{effect.where}: {name}", "failed", f"refused: {refused}")
        return
    start: Meaning = before.meaning
    if effect.extra:
        # A root that calls the module passes no outputs on.
        start = {a: values for a, values in start.items() if not a.startswith("output.")}
    yield from _check_must(data, effect, semantic_diff.changes(start, after.meaning))
    start = semantic_diff.replace_texts(start, effect.renames)
    yield from _check_rest(data, effect, group, semantic_diff.changes(start, after.meaning))


def _check_opens(effect: Effect, without: PlanResult) -> Iterator[Outcome]:
    right = any(re.search(effect.opens, str(error)) for error in without.errors)
    for name in effect.inputs:
        message = f"without it the plan is not refused for {effect.opens}: {without}"
        yield judged("changes", f"{effect.where}: {name}", without, right, message)


def _check_must(data: Effects, effect: Effect, found: Sequence[Change]) -> Iterator[Outcome]:
    for name, parts in effect.must.items():
        for part in parts:
            near = [*filter(data.matcher(effect.stack, Expected(part.part)), found)]
            right = any(map(data.matcher(effect.stack, part), near))
            there = "; ".join(map(str, near[:3])) or "nothing changes"
            message = f"set, it does not change {part}; there {there}"
            yield judged("changes", f"{effect.where}: {name}: {part}", found, right, message)


def _check_rest(
    data: Effects, effect: Effect, group: Sequence[Effect], found: Sequence[Change]
) -> Iterator[Outcome]:
    named = [part for one in group for parts in one.must.values() for part in parts]
    named += [part for one in group for part in one.may]
    fits = [data.matcher(effect.stack, part) for part in named]
    others = [str(change) for change in found if not any(f(change) for f in fits)]
    message = f"{', '.join(effect.inputs)} also change {len(others)}: {'; '.join(others[:20])}"
    yield judged("nothing-else", effect.where, found, not others, message)


# ---- Opposite switches ----


def _check_polarity(
    current: View, rows: Sequence[Effect], ends: Ends, plans: Mapping[str, Planned]
) -> Iterator[Outcome]:
    for capability in current.data.polarity.keys() & {effect.capability for effect in rows}:
        by_stack = current.data.polarity[capability]
        spec = by_stack[current.own.name]
        name, safe = spec["input"], text_of(spec["safe"])
        where, variable = f"{capability}: {name}", current.mine.get(name)
        message = (
            f"the default is {variable.default if variable else 'not declared'}, and {safe} is safe"
        )
        right = variable is not None and variable.default == safe
        yield judged("polarity", f"{where}: default", spec, right, message)
        sides = {text_of(of_stack["safe"]) for of_stack in by_stack.values()}
        message = f"{PARITY.name} calls {', '.join(sides)} safe on both, which is not opposite"
        yield judged("polarity", f"{where}: opposite", spec, len(sides) == len(STACKS), message)
        (effect,) = (e for e in rows if name in e.inputs)
        start, end = plans[_name(effect.start)], plans[_name(ends[effect.where])]
        yield from _check_guards(current, where, spec, {"safe": start, "not safe": end})


def _check_guards(
    current: View, where: str, spec: Mapping[str, Any], plans: Mapping[str, Planned]
) -> Iterator[Outcome]:
    for side, planned in plans.items():
        for guard in parity_effects.expected([spec["guards"]]):
            meaning = planned.meaning
            right = meaning is not None and (
                current.data.shown(current.own, guard, meaning) is (side == "safe")
            )
            message = f"{guard} is {'not in' if side == 'safe' else 'still in'} the plan"
            yield judged("polarity", f"{where}: {side}: {guard.part}", spec, right, message)


# ---- Differences ----


def _check_written(current: View) -> Iterator[Outcome]:
    """The outcomes on the differences that need no plan."""
    for difference in current.data.differences:
        text, spec = difference.text, current.data.checks[difference.text]
        message = f"{PARITY.name} gives no reason"
        yield judged("difference", f"{text}: reason", text, bool(difference.reason), message)
        yield from _check_inputs_differ(current, text, difference.inputs, spec)


def _check_inputs_differ(
    current: View, text: str, inputs: Sequence[Named], spec: Mapping[str, Any]
) -> Iterator[Outcome]:
    for named in inputs:
        where = f"{text}: {named.pattern}"
        by_stack = {stack: named.among(variables) for stack, variables in current.variables.items()}
        message = "no module declares it"
        yield judged("difference", where, named, any(by_stack.values()), message)
        if "only" in spec:
            have = {stack for stack, names in by_stack.items() if names}
            message = f"declared on {' and '.join(sorted(have))}, not on {spec['only']} only"
            yield judged("difference", where, named, have == {spec["only"]}, message)
        for kind in _kinds(spec):
            for name in named.among(current.mine):
                other = current.theirs.get(name)
                right = other is None or getattr(current.mine[name], kind) != getattr(other, kind)
                message = f"{name} is of one {kind} on both; take the stale entry away"
                yield judged("difference", f"{where}: {name}: {kind}", named, right, message)


def _check_shown(current: View, shown: Shown, plans: Mapping[str, Planned]) -> Iterator[Outcome]:
    """The outcomes on plans that show a difference: a refusal, a value, or no change."""
    for text, case in shown.items():
        planned = plans[_name(_set(current.own, case))]
        if "refused" in case:
            right = any(re.search(case["refused"], str(e)) for e in planned.result.errors)
            message = f"not refused for {case['refused']}: {planned.result}"
            yield judged("difference", f"{text}: refused", case, right, message)
        else:
            start = plans.get(_name(current.own.smallest))
            yield from _check_seen(current, text, case, start, planned)


def _check_seen(
    current: View, text: str, case: Mapping[str, Any], start: Planned | None, end: Planned
) -> Iterator[Outcome]:
    if end.meaning is None:
        yield Outcome("difference", text, "failed", f"refused: {end.result}")
        return
    for key, expected in (("shows", True), ("lacks", False)):
        for part in parity_effects.expected([case.get(key) or {}]):
            right = current.data.shown(current.own, part, end.meaning) is expected
            message = f"{part} is {'not in' if expected else 'in'} the plan"
            yield judged("difference", f"{text}: {part}", case, right, message)
    if case.get("unchanged") and start:
        found = semantic_diff.changes(start.meaning or {}, end.meaning)
        message = "; ".join(map(str, found[:5]))
        yield judged("difference", f"{text}: unchanged", case, not found, message)


# ---- The contract ----


def concerned(stack: Stack, inputs: Iterable[str]) -> frozenset[str]:
    """The rows and differences that set one of the inputs."""
    expected = set(inputs)
    data = parity_effects.load()
    rows = {effect.capability for effect in data.of(stack) if expected & set(effect.inputs)}
    return frozenset(rows) | {
        text
        for text, spec in data.checks.items()
        if expected & set((spec.get(stack.name) or {}).get("set") or {})
    }


def outcomes(
    session: Session,
    stack: Stack,
    *,
    clauses: Collection[str] | None = None,
    only: Collection[str] | None = None,
) -> Iterator[Outcome]:
    """The outcomes of the parity contract on a stack, with the module of ``session.source``.

    Args:
        session: a session of resolved plans.
        stack: the stack to check.
        clauses: the clauses to check, all if None. The ``STATIC`` ones need no plan.
        only: the rows and differences to plan, by their text, all if None.

    Raises:
        EffectError: the session gives plain plans, the data is malformed, or effects that are
            planned together interfere.
        ParityError: a row of the table is malformed.
        HclError: a module does not parse.
    """
    expected = set(CLAUSES if clauses is None else clauses)
    current = view(session, stack)
    yield from (found for found in static(current) if found.clause in expected)
    if expected <= STATIC:
        return
    if not session.choice.resolved:
        raise EffectError("parity needs a session of resolved plans; use providers.resolved_choice")
    yield from (
        found for found in _behaviour(session, current, expected, only) if found.clause in expected
    )


def input_changes(session: Session, stack: Stack) -> Iterator[tuple[str, list[Change]]]:
    """The changes of the plan that each input causes, by the effects of the table.

    An effect that must be planned with others gives only the parts that its rows name. An effect
    with a root of its own is left out.

    Raises:
        EffectError: see :func:`outcomes`.
    """
    data = parity_effects.load()
    rows = data.of(stack)
    ends = _ends(rows, apart=False)
    plans = _planned(session, stack, rows, ends, {})
    for effect in rows:
        if effect.extra:
            continue
        before, after = plans[_name(effect.start)].meaning, plans[_name(ends[effect.where])].meaning
        if before is None or after is None:
            raise EffectError(f"{effect.where}: a plan is refused")
        found = semantic_diff.changes(before, after)
        for name in effect.inputs:
            parts = [*effect.must.get(name, ()), *effect.may]
            fits = [data.matcher(stack, Expected(part.part)) for part in parts]
            alone = effect.renames or (len(effect.inputs) == 1 and not effect.together)
            yield name, [c for c in found if alone or any(fit(c) for fit in fits)]


def static(current: View) -> Iterator[Outcome]:
    """The outcomes of the static clauses."""
    yield from _check_declared(current)
    yield from _check_notes(current)
    yield from _check_twins(current)
    yield from _check_secrets(current)
    yield from _check_listed(current)
    yield from _check_exercised(current)


def _behaviour(
    session: Session, current: View, clauses: Collection[str], only: Collection[str] | None
) -> Iterator[Outcome]:
    rows = [
        effect
        for effect in current.data.of(current.own)
        if {*clauses} - STATIC - {"difference"} and (only is None or effect.capability in only)
    ]
    shown = {
        text: spec[current.own.name]
        for text, spec in current.data.checks.items()
        if "difference" in clauses and current.own.name in spec and (only is None or text in only)
    }
    ends = _ends(rows, apart=False)
    found = [*_looked_at(session, current, rows, ends, shown)]
    apart = _ends(rows, apart=True)
    if ends != apart and any(outcome.verdict != "passed" for outcome in found):
        # Separate plans tell which effect it is.
        together, found = found, [*_looked_at(session, current, rows, apart, shown)]
        if all(outcome.verdict == "passed" for outcome in found):
            unexpected = next(str(outcome) for outcome in together if outcome.verdict != "passed")
            raise EffectError(
                f"{PARITY.name}: only with all effects marked `together`, {unexpected}. "
                "Remove the mark from the effect that shares its parts with another"
            )
    yield from found
    yield from _check_written(current)


def _looked_at(
    session: Session, current: View, rows: Sequence[Effect], ends: Ends, shown: Shown
) -> Iterator[Outcome]:
    plans = _planned(session, current.own, rows, ends, shown)
    yield from _check_effects(current.data, rows, ends, plans)
    yield from _check_polarity(current, rows, ends, plans)
    yield from _check_shown(current, shown, plans)
