"""The parity contract: the parity table against the modules and what they plan.

:func:`outcomes` says of one stack what holds; the other one is there to compare inputs with. What
the table alone says is checked without a plan, each row's effect with two plans of the row's data.
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
    laid_over,
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
    "declared": "every input that the table names is one of the module",
    "type": "an input has the type that its row implies",
    "default": "an input has the default that its row implies",
    "secret": "an input is sensitive and ephemeral just where its row says (secret)",
    "listed": "every input of the module is in a row or in a difference with a reason",
    "exercised": "every row has an effect, every effect a row, every input an effect that sets it",
    "changes": "an input that is set changes what its row names",
    "nothing-else": "an input that is set changes nothing but what its row names",
    "polarity": "of two opposite switches the safe value is the default and guards",
    "difference": "what the README says the clouds force apart still differs",
}
# Those that need no plan.
STATIC = frozenset({"declared", "type", "default", "secret", "listed", "exercised"})

_CALLED = "module.litellm"


@dataclass(frozen=True, slots=True)
class View:
    """The parity data and the variables of both modules by stack; ``own`` is in question."""

    own: Stack
    data: Effects
    variables: Mapping[str, Mapping[str, declarations.Variable]]

    @property
    def other(self) -> Stack:
        """The stack to compare with."""
        (stack,) = (held for held in STACKS.values() if held != self.own)
        return stack

    @property
    def mine(self) -> Mapping[str, declarations.Variable]:
        """The variables of the stack in question."""
        return self.variables[self.own.name]

    @property
    def theirs(self) -> Mapping[str, declarations.Variable]:
        """The variables of the other stack."""
        return self.variables[self.other.name]

    @property
    def named(self) -> Iterator[tuple[Row, Named, tuple[str, ...]]]:
        """Each row's inputs on the stack, with the declared ones that a pattern stands for."""
        for row in self.data.rows:
            for named in row.inputs[self.own.name]:
                yield row, named, named.among(self.mine)

    def differing(self, kind: str) -> frozenset[str]:
        """The inputs whose ``kind``, type or default, differs as a difference says."""
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


def view(held: Session, stack: Stack) -> View:
    """The view on a stack, modules taken from ``held.source`` where it has them."""
    modules = {s.name: held.source.get(s.name, s.folder) for s in STACKS.values()}
    return View(
        stack,
        parity_effects.load(),
        {name: declarations.variables(module) for name, module in modules.items()},
    )


# ---- What is declared ----


def _check_declared(seen: View) -> Iterator[Outcome]:
    for row, named, names in seen.named:
        said = f"{PARITY.name} names it, variables.tf does not declare it"
        yield judged("declared", f"{row.capability}: {named.pattern}", names, bool(names), said)


def _check_notes(seen: View) -> Iterator[Outcome]:
    """What a row says of an input itself: a type in brackets, a value, that it is a secret."""
    for row, named, names in seen.named:
        for name in names:
            where, held = f"{row.capability}: {name}", seen.mine[name]
            if named.type:
                said = f"{held.type}, the row says {named.type}"
                yield judged("type", where, held, held.type == named.type, said)
            if named.value:
                said = f"{held.type}, while the row sets it to {named.value}"
                yield judged("type", where, held, held.type == _type_of(named.value), said)
                right = held.default != named.value or name in seen.differing("default")
                said = f"{held.default} is the default already, the row sets it to {named.value}"
                yield judged("default", where, held, right, said)
            if named.secret:
                said = f"{held.type}, a secret is a string"
                yield judged("type", where, held, held.type == "string", said)
                said = f"{held.default}, a secret is empty if it is not given"
                yield judged("default", where, held, held.default == '""', said)


def _type_of(literal: str) -> str:
    value = yaml.safe_load(literal)
    return "bool" if isinstance(value, bool) else "number" if isinstance(value, int) else "string"


def _twins(seen: View) -> Iterator[tuple[str, str]]:
    """Inputs of the stack and what stands for each on the other, under whatever name."""
    own, other = seen.own.name, seen.other.name
    yield from ((name, name) for name in seen.mine if name in seen.theirs)
    pairs = [(pair[own], pair[other]) for pair in seen.data.twins]
    for row in seen.data.rows:
        cells = row.inputs[own], row.inputs[other]
        if all(len(cell) == 1 for cell in cells) and row.capability not in seen.data.polarity:
            pairs.append((cells[0][0].pattern, cells[1][0].pattern))
    for mine, theirs in pairs:
        before, _, after = mine.partition("*")
        for name in Named(mine).among(seen.mine):
            stem = name.removeprefix(before).removesuffix(after)
            if theirs.replace("*", stem) != name:
                yield name, theirs.replace("*", stem)


def _check_twins(seen: View) -> Iterator[Outcome]:
    for kind in ("type", "default"):
        for name, counterpart in _twins(seen):
            if name in seen.differing(kind):
                continue
            mine, theirs = getattr(seen.mine[name], kind), seen.theirs.get(counterpart)
            other = getattr(theirs, kind) if theirs else "not declared"
            said = (
                f"{mine}, and {counterpart} of {seen.other.name} is {other}; make them one, or "
                "list the difference with its reason"
            )
            yield judged(kind, name, seen.mine[name], theirs is not None and mine == other, said)


def _check_secrets(seen: View) -> Iterator[Outcome]:
    said_to_be = {name for _, named, names in seen.named if named.secret for name in names}
    for name, held in seen.mine.items():
        right = {held.sensitive, held.ephemeral} == {name in said_to_be}
        said = (
            f"sensitive = {held.sensitive}, ephemeral = {held.ephemeral}; its row says "
            f"{'(secret)' if name in said_to_be else 'nothing of a secret'}"
        )
        yield judged("secret", name, held, right, said)


def _check_listed(seen: View) -> Iterator[Outcome]:
    listed = {name for _, _, names in seen.named for name in names}
    for difference in seen.data.differences:
        if difference.reason:
            listed |= {n for named in difference.inputs for n in named.among(seen.mine)}
    for name in seen.mine:
        said = "in no row of the parity table, and in no difference with a reason"
        yield judged("listed", name, name, name in listed, said)


def _check_exercised(seen: View) -> Iterator[Outcome]:
    in_row: dict[str, set[str]] = {row.capability: set() for row in seen.data.rows}
    for row, _, inputs in seen.named:
        in_row[row.capability] |= set(inputs)
    set_by: dict[str, set[str]] = {capability: set() for capability in in_row}
    for effect in seen.data.of(seen.own):
        odd = set(effect.inputs) - in_row.get(effect.capability, set())
        right = effect.capability in in_row and not odd
        said = f"the table has no such row, or it does not name {', '.join(sorted(odd))}"
        yield judged("exercised", effect.where, effect, right, said)
        set_by.setdefault(effect.capability, set()).update(effect.inputs)
    for capability, names in in_row.items():
        for name in sorted(names):
            said = f"no effect in {PARITY.name} sets it"
            right = name in set_by[capability]
            yield judged("exercised", f"{capability}: {name}", name, right, said)


# ---- What is planned ----


@dataclass(frozen=True, slots=True)
class Planned:
    """What a plan gave, and what it means; None for one that was refused."""

    result: PlanResult
    meaning: Meaning | None


Shown = Mapping[str, Mapping[str, Any]]
"""By the text of a difference, what shows it on the stack."""
Ends = Mapping[str, Mapping[str, Any]]
"""By :attr:`Effect.where`, the inputs of the plan that shows the effect."""


def _set(stack: Stack, case: Mapping[str, Any]) -> Mapping[str, Any]:
    return laid_over(stack.smallest, case.get("set") or {})


def _name(inputs: Mapping[str, Any], extra: Mapping[str, Any] | None = None) -> str:
    """A case's name: what is the same is planned once."""
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
    """What each effect is planned with; those marked `together` share one plan unless `apart`."""
    shared = [effect for effect in rows if effect.together and not apart]
    inputs = {name: value for effect in shared for name, value in effect.inputs.items()}
    together = laid_over(shared[0].start, inputs) if shared else {}
    return {effect.where: together if effect in shared else effect.end for effect in rows}


def _planned(
    held: Session, stack: Stack, rows: Sequence[Effect], ends: Ends, shown: Shown
) -> Mapping[str, Planned]:
    """All plans by :func:`_name`: in batches, or alone what is refused or has a root of its own."""
    alone = [_case(stack, e.without, e.extra) for e in rows if e.opens]
    alone += [_case(stack, e.end, e.extra) for e in rows if e.extra]
    alone += [_case(stack, _set(stack, case), {}) for case in shown.values() if "refused" in case]
    many = [e.start for e in rows] + [ends[e.where] for e in rows if not e.extra]
    many += [_set(stack, case) for case in shown.values() if "refused" not in case]
    if any("unchanged" in case for case in shown.values()):
        many.append(stack.smallest)
    results = planning.plan_batch(held, stack, {_name(inputs): inputs for inputs in many})
    found = {name: _understood(result, {}) for name, result in results.items()}
    for case in {case.name: case for case in alone}.values():
        found[case.name] = _understood(planning.plan(held, case), case.extra)
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
        # A root that calls the module hands no outputs on.
        start = {a: values for a, values in start.items() if not a.startswith("output.")}
    yield from _check_must(data, effect, semantic_diff.changes(start, after.meaning))
    start = semantic_diff.renamed(start, effect.renames)
    yield from _check_rest(data, effect, group, semantic_diff.changes(start, after.meaning))


def _check_opens(effect: Effect, without: PlanResult) -> Iterator[Outcome]:
    right = any(re.search(effect.opens, str(error)) for error in without.errors)
    for name in effect.inputs:
        said = f"without it the plan is not refused for {effect.opens}: {without}"
        yield judged("changes", f"{effect.where}: {name}", without, right, said)


def _check_must(data: Effects, effect: Effect, found: Sequence[Change]) -> Iterator[Outcome]:
    for name, parts in effect.must.items():
        for part in parts:
            near = [*filter(data.matcher(effect.stack, Expected(part.part)), found)]
            right = any(map(data.matcher(effect.stack, part), near))
            there = "; ".join(map(str, near[:3])) or "nothing changes"
            said = f"set, it does not change {part}; there {there}"
            yield judged("changes", f"{effect.where}: {name}: {part}", found, right, said)


def _check_rest(
    data: Effects, effect: Effect, group: Sequence[Effect], found: Sequence[Change]
) -> Iterator[Outcome]:
    named = [part for one in group for parts in one.must.values() for part in parts]
    named += [part for one in group for part in one.may]
    fits = [data.matcher(effect.stack, part) for part in named]
    others = [str(change) for change in found if not any(f(change) for f in fits)]
    said = f"{', '.join(effect.inputs)} also change {len(others)}: {'; '.join(others[:20])}"
    yield judged("nothing-else", effect.where, found, not others, said)


# ---- Opposite switches ----


def _check_polarity(
    seen: View, rows: Sequence[Effect], ends: Ends, plans: Mapping[str, Planned]
) -> Iterator[Outcome]:
    for capability in seen.data.polarity.keys() & {effect.capability for effect in rows}:
        by_stack = seen.data.polarity[capability]
        spec = by_stack[seen.own.name]
        name, safe = spec["input"], text_of(spec["safe"])
        where, held = f"{capability}: {name}", seen.mine.get(name)
        said = f"the default is {held.default if held else 'not declared'}, and {safe} is safe"
        right = held is not None and held.default == safe
        yield judged("polarity", f"{where}: default", spec, right, said)
        sides = {text_of(of_stack["safe"]) for of_stack in by_stack.values()}
        said = f"{PARITY.name} calls {', '.join(sides)} safe on both, which is not opposite"
        yield judged("polarity", f"{where}: opposite", spec, len(sides) == len(STACKS), said)
        (effect,) = (e for e in rows if name in e.inputs)
        start, end = plans[_name(effect.start)], plans[_name(ends[effect.where])]
        yield from _check_guards(seen, where, spec, {"safe": start, "not safe": end})


def _check_guards(
    seen: View, where: str, spec: Mapping[str, Any], plans: Mapping[str, Planned]
) -> Iterator[Outcome]:
    for side, planned in plans.items():
        for guard in parity_effects.expected([spec["guards"]]):
            held = planned.meaning
            right = held is not None and (
                seen.data.shown(seen.own, guard, held) is (side == "safe")
            )
            said = f"{guard} is {'not in' if side == 'safe' else 'still in'} the plan"
            yield judged("polarity", f"{where}: {side}: {guard.part}", spec, right, said)


# ---- Differences ----


def _check_written(seen: View) -> Iterator[Outcome]:
    """What is to be told of the differences without a plan."""
    for difference in seen.data.differences:
        text, spec = difference.text, seen.data.checks[difference.text]
        said = f"{PARITY.name} gives no reason"
        yield judged("difference", f"{text}: reason", text, bool(difference.reason), said)
        yield from _check_inputs_differ(seen, text, difference.inputs, spec)


def _check_inputs_differ(
    seen: View, text: str, inputs: Sequence[Named], spec: Mapping[str, Any]
) -> Iterator[Outcome]:
    for named in inputs:
        where = f"{text}: {named.pattern}"
        by_stack = {stack: named.among(held) for stack, held in seen.variables.items()}
        said = "no module declares it"
        yield judged("difference", where, named, any(by_stack.values()), said)
        if "only" in spec:
            have = {stack for stack, names in by_stack.items() if names}
            said = f"declared on {' and '.join(sorted(have))}, not on {spec['only']} only"
            yield judged("difference", where, named, have == {spec["only"]}, said)
        for kind in _kinds(spec):
            for name in named.among(seen.mine):
                other = seen.theirs.get(name)
                right = other is None or getattr(seen.mine[name], kind) != getattr(other, kind)
                said = f"{name} is of one {kind} on both; take the stale entry away"
                yield judged("difference", f"{where}: {name}: {kind}", named, right, said)


def _check_shown(seen: View, shown: Shown, plans: Mapping[str, Planned]) -> Iterator[Outcome]:
    """What is to be seen in a plan: a refusal, a value, or that nothing changes."""
    for text, case in shown.items():
        planned = plans[_name(_set(seen.own, case))]
        if "refused" in case:
            right = any(re.search(case["refused"], str(e)) for e in planned.result.errors)
            said = f"not refused for {case['refused']}: {planned.result}"
            yield judged("difference", f"{text}: refused", case, right, said)
        else:
            start = plans.get(_name(seen.own.smallest))
            yield from _check_seen(seen, text, case, start, planned)


def _check_seen(
    seen: View, text: str, case: Mapping[str, Any], start: Planned | None, end: Planned
) -> Iterator[Outcome]:
    if end.meaning is None:
        yield Outcome("difference", text, "failed", f"refused: {end.result}")
        return
    for key, wanted in (("shows", True), ("lacks", False)):
        for part in parity_effects.expected([case.get(key) or {}]):
            right = seen.data.shown(seen.own, part, end.meaning) is wanted
            said = f"{part} is {'not in' if wanted else 'in'} the plan"
            yield judged("difference", f"{text}: {part}", case, right, said)
    if case.get("unchanged") and start:
        found = semantic_diff.changes(start.meaning or {}, end.meaning)
        said = "; ".join(map(str, found[:5]))
        yield judged("difference", f"{text}: unchanged", case, not found, said)


# ---- The contract ----


def concerned(stack: Stack, inputs: Iterable[str]) -> frozenset[str]:
    """The rows with an effect, and the differences, that set one of the inputs."""
    wanted = set(inputs)
    data = parity_effects.load()
    rows = {effect.capability for effect in data.of(stack) if wanted & set(effect.inputs)}
    return frozenset(rows) | {
        text
        for text, spec in data.checks.items()
        if wanted & set((spec.get(stack.name) or {}).get("set") or {})
    }


def outcomes(
    held: Session,
    stack: Stack,
    *,
    clauses: Collection[str] | None = None,
    only: Collection[str] | None = None,
) -> Iterator[Outcome]:
    """What the parity contract says of a stack, its module taken from ``held.source``.

    Args:
        held: a resolved session.
        stack: the stack in question; the other one is only compared with.
        clauses: those to look at, all if None. The ``STATIC`` ones need no plan.
        only: the rows and differences to plan, by their text, all if None.

    Raises:
        EffectError: the session does not resolves an apply, the data do not read, or effects to be
            planned together are in each other's way.
        ParityError: a row of the table does not read.
        HclError: a module does not parse.
    """
    wanted = set(CLAUSES if clauses is None else clauses)
    seen = view(held, stack)
    yield from (found for found in static(seen) if found.clause in wanted)
    if wanted <= STATIC:
        return
    if not held.choice.resolved:
        raise EffectError("parity needs a session whose plans hold what an apply makes known")
    yield from (found for found in _behaviour(held, seen, wanted, only) if found.clause in wanted)


def static(seen: View) -> Iterator[Outcome]:
    """What the table says of the declared inputs."""
    yield from _check_declared(seen)
    yield from _check_notes(seen)
    yield from _check_twins(seen)
    yield from _check_secrets(seen)
    yield from _check_listed(seen)
    yield from _check_exercised(seen)


def _behaviour(
    held: Session, seen: View, clauses: Collection[str], only: Collection[str] | None
) -> Iterator[Outcome]:
    rows = [
        effect
        for effect in seen.data.of(seen.own)
        if {*clauses} - STATIC - {"difference"} and (only is None or effect.capability in only)
    ]
    shown = {
        text: spec[seen.own.name]
        for text, spec in seen.data.checks.items()
        if "difference" in clauses and seen.own.name in spec and (only is None or text in only)
    }
    ends = _ends(rows, apart=False)
    found = [*_looked_at(held, seen, rows, ends, shown)]
    apart = _ends(rows, apart=True)
    if ends != apart and any(outcome.verdict != "passed" for outcome in found):
        # Planned apart they tell which one it is.
        together, found = found, [*_looked_at(held, seen, rows, apart, shown)]
        if all(outcome.verdict == "passed" for outcome in found):
            odd = next(str(outcome) for outcome in together if outcome.verdict != "passed")
            raise EffectError(
                f"{PARITY.name}: only with all marked `together` set, {odd}; take the mark "
                "off the one whose parts another one has too"
            )
    yield from found
    yield from _check_written(seen)


def _looked_at(
    held: Session, seen: View, rows: Sequence[Effect], ends: Ends, shown: Shown
) -> Iterator[Outcome]:
    plans = _planned(held, seen.own, rows, ends, shown)
    yield from _check_effects(seen.data, rows, ends, plans)
    yield from _check_polarity(seen, rows, ends, plans)
    yield from _check_shown(seen, shown, plans)
